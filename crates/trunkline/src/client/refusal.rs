//! What an answer that is no WebSocket means.

use std::borrow::Cow;

use trunkline_proto::handshake::{ClientConfig, HandshakeError, Response, Url};

use super::error::{ConnectError, Fault, Stage};

/// Bytes of a `Location` that are shown.
const LOCATION_MAX: usize = 200;

/// `first` is the first byte of the answer, if there was one.
pub(super) fn explain(
    url: &Url,
    config: &ClientConfig,
    error: HandshakeError,
    first: Option<u8>,
) -> ConnectError {
    let who = url.authority();
    match error {
        HandshakeError::Refused(response) => refused(url, config, response),
        HandshakeError::UnexpectedEnd => {
            let hint = match first {
                None if !url.is_secure() => ": does this port speak TLS (wss://)?",
                _ => "",
            };
            let message = format!("{who} closed the connection before its answer was whole{hint}");
            ConnectError::network(Stage::Handshake, message).caused_by(error)
        }
        // What a server of TLS says to plain HTTP is a record of type 20 to 23 (RFC 8446 §5.1).
        HandshakeError::Head(_) if !url.is_secure() && matches!(first, Some(20..=23)) => {
            let message = format!("{who} speaks TLS on this port: write wss:// in the URL");
            ConnectError::caller(Stage::Handshake, message).caused_by(error)
        }
        HandshakeError::Head(reason) => {
            let message = format!("{who} does not answer in HTTP/1.1: {reason}");
            ConnectError::new(Stage::Handshake, Fault::Peer, message).caused_by(error)
        }
        error => {
            let message = format!("{who} does not speak WebSocket as agreed: {error}");
            ConnectError::new(Stage::Handshake, Fault::Peer, message).caused_by(error)
        }
    }
}

fn refused(url: &Url, config: &ClientConfig, response: Box<Response>) -> ConnectError {
    let status = response.status();
    let fault = match status {
        408 => Fault::Network,
        300..=499 => Fault::Caller,
        _ => Fault::Peer,
    };
    let phrase = phrase(status).map(|phrase| format!(" {phrase}")).unwrap_or_default();
    let advice = advice(url, config, &response);
    let separator = if advice.is_empty() { "" } else { ": " };
    let message =
        format!("{} refused with status {status}{phrase}{separator}{advice}", url.authority());
    ConnectError::new(Stage::Handshake, fault, message)
        .retryable(matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504))
        .answered(response)
}

/// In our words: the server's own reach the caller in the response, but not the log.
fn phrase(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        421 => "Misdirected Request",
        425 => "Too Early",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return None,
    })
}

fn advice(url: &Url, config: &ClientConfig, response: &Response) -> Cow<'static, str> {
    let path = || url.target().split('?').next().unwrap_or_default();
    Cow::Borrowed(match response.status() {
        300..=399 => return redirect(response).into(),
        400 if wants_tls(url, response) => "this port speaks TLS: write wss:// in the URL",
        401 if url.credentials().is_some() || config.headers.contains("Authorization") => {
            "it does not accept the credentials"
        }
        401 => "it wants credentials, such as an `Authorization` header",
        403 => "the credentials, or the lack of them, or the `Origin` do not allow it",
        404 | 410 => return format!("nothing is at {}", path()).into(),
        426 => "it wants another version of WebSocket, or a proxy in between drops `Upgrade`",
        429 => "too many attempts, try again later",
        502 | 504 => "a proxy on the way does not reach the server",
        503 => "it cannot serve for now, try again later",
        200..=299 | 405 => {
            let path = path();
            return format!(
                "it takes this for a plain request: is there a WebSocket at {path}, and does every \
                 proxy on the way pass `Upgrade` on?"
            )
            .into();
        }
        _ => "",
    })
}

/// nginx and Go's server say so in plain HTTP.
fn wants_tls(url: &Url, response: &Response) -> bool {
    let body = String::from_utf8_lossy(response.body());
    !url.is_secure() && (body.contains("HTTPS port") || body.contains("HTTPS server"))
}

/// Where the answer points, without what may be secret: neither user nor query is shown.
fn redirect(response: &Response) -> String {
    let Some(location) = response.location() else {
        return "it points elsewhere without saying where".into();
    };
    let location = String::from_utf8_lossy(location);
    let location = location.split(['?', '#']).next().unwrap_or_default();
    // Everything in front of the last @ may be a password, however the URL is written.
    let (cut, location) = match location.rsplit_once('@') {
        Some((_, behind)) => ("...", behind),
        None => ("", location),
    };
    let shown: String =
        location.chars().filter(char::is_ascii_graphic).take(LOCATION_MAX).collect();
    format!(
        "it points to {cut}{shown}, and redirects are followed only by a `connect` with \
         `with_redirects`"
    )
}
