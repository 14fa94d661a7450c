//! TLS on top of a stream that leads to the server, and what its failures mean.

use std::fmt::Write;
use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use tokio_rustls::{TlsConnector, TlsStream};

use super::error::{ConnectError, Fault, Stage, in_words};
use super::timeouts::Budget;
use crate::tls::{ALPN_HTTP_1_1, ClientTls};
use crate::transport::Transport;

/// Encrypts `stream`, and checks that its other end is `host`: a name, or an address without brackets.
pub(super) async fn secure(
    tls: &ClientTls,
    host: &str,
    stream: Transport,
    budget: &Budget,
) -> Result<Transport, ConnectError> {
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        let message = format!("TLS knows no host of the name {host}: it is no name of the DNS");
        return Err(ConnectError::caller(Stage::Url, message));
    };
    let connected = budget.run(Stage::Tls, async {
        let config = tls.config().await.map_err(|invalid| {
            ConnectError::caller(Stage::Tls, invalid.to_string()).caused_by(invalid)
        })?;
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| failed(host, error))
    });
    let connected = connected.await;
    let stream = connected
        .map_err(|elapsed| ConnectError::elapsed(elapsed, format!("TLS with {host}")))??;
    match stream.get_ref().1.alpn_protocol() {
        None | Some(ALPN_HTTP_1_1) => Ok(TlsStream::from(stream).into()),
        // Only a configuration of the caller's own can offer another one.
        Some(_) => Err(ConnectError::caller(
            Stage::Tls,
            "the `ClientConfig` offers a protocol (ALPN) other than http/1.1, and the server chose it",
        )),
    }
}

fn failed(host: &str, error: io::Error) -> ConnectError {
    explain(host, error).unwrap_or_else(|error| {
        let message = format!("TLS with {host} broke off: {}: ", in_words(&error))
            + "does the server speak TLS on this port?";
        ConnectError::network(Stage::Tls, message).caused_by(error)
    })
}

/// What an error of rustls means; another one comes back. Servers of TLS 1.3 judge a client's certificate
/// after the client is done, so such an error can also come with the answer to the first request.
pub(super) fn explain(host: &str, error: io::Error) -> Result<ConnectError, io::Error> {
    let Some(reason) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return Err(error);
    };
    let (fault, message) = match reason {
        Error::InvalidCertificate(reason) => (Fault::Peer, about_certificate(host, reason)),
        Error::AlertReceived(alert) => about_alert(host, *alert),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => {
            let message =
                format!("{host} does not speak TLS on this port: is it a port for ws:// URLs?");
            (Fault::Peer, message)
        }
        Error::PeerIncompatible(_) => {
            (Fault::Peer, format!("{host} speaks TLS only in ways that are not safe any more"))
        }
        _ => (Fault::Peer, format!("TLS with {host} failed: {reason}")),
    };
    let busy = matches!(reason, Error::AlertReceived(AlertDescription::InternalError));
    Ok(ConnectError::new(Stage::Tls, fault, message).retryable(busy).caused_by(reason.clone()))
}

fn about_certificate(host: &str, reason: &CertificateError) -> String {
    use CertificateError as Reason;
    match reason {
        Reason::Expired | Reason::ExpiredContext { .. } => {
            let mut message = format!("the certificate of {host} has expired");
            if let Reason::ExpiredContext { time, not_after } = reason {
                let days = time.as_secs().saturating_sub(not_after.as_secs()) / 86_400;
                let _ = write!(message, " {days} days ago");
            }
            message + ": the server needs a new one, unless the clock of this machine is wrong"
        }
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => {
            format!(
                "the certificate of {host} is not valid yet: is the clock of this machine right?"
            )
        }
        Reason::NotValidForName => {
            format!("the certificate is not for {host}: is this the right host?")
        }
        Reason::NotValidForNameContext { presented, .. } => {
            let names = names(presented);
            format!("the certificate is for {names}, not for {host}: is this the right host?")
        }
        Reason::UnknownIssuer => format!(
            "the certificate of {host} is from an authority that is not trusted: if it should be, give \
             its root certificate to `ClientTls::with_root_pem`; the server may also have left out an \
             intermediate certificate"
        ),
        Reason::BadSignature => format!(
            "the certificate of {host} names an authority that is trusted, which has not signed it: if \
             the authority has a new key, trust its new root certificate; or somebody is in between"
        ),
        Reason::Revoked => format!("the certificate of {host} has been revoked"),
        _ => format!("the certificate of {host} cannot be accepted: {reason}"),
    }
}

/// Names that a certificate claims to be for: the first few, and nothing that could garble a log.
fn names(presented: &[String]) -> String {
    const SHOWN_MAX: usize = 3;
    const LENGTH_MAX: usize = 80;
    let shown = presented.iter().take(SHOWN_MAX).map(|name| {
        // They come as `DnsName("example.com")`.
        let name = name.split('"').nth(1).unwrap_or(name);
        name.chars().filter(char::is_ascii_graphic).take(LENGTH_MAX).collect::<String>()
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match presented.len() {
        0 => "no name at all".into(),
        count if count > SHOWN_MAX => format!("{shown} and {} more", count - SHOWN_MAX),
        _ => shown,
    }
}

fn about_alert(host: &str, alert: AlertDescription) -> (Fault, String) {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => (
            Fault::Caller,
            format!(
                "{host} wants a certificate of its client: give one to `ClientTls::with_identity_pem`"
            ),
        ),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => (
            Fault::Caller,
            format!(
                "{host} does not accept the certificate of its client, or the lack of one (alert \
                 {alert:?}): see `ClientTls::with_identity_pem`"
            ),
        ),
        Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion => (
            Fault::Peer,
            format!(
                "{host} and this client have no way of TLS in common, or it wants a certificate of its \
                 client (alert {alert:?})"
            ),
        ),
        Alert::UnrecognisedName => {
            (Fault::Peer, format!("{host} is not a name that the server there goes by"))
        }
        Alert::NoApplicationProtocol => {
            (Fault::Peer, format!("{host} does not speak HTTP/1.1 on this port"))
        }
        Alert::Unknown(number) => {
            (Fault::Peer, format!("{host} broke off TLS with an alert of number {number}"))
        }
        _ => (Fault::Peer, format!("{host} broke off TLS with alert {alert:?}")),
    }
}
