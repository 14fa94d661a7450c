//! `wss://` URLs, against servers that speak TLS, or do not.

mod support;

use std::sync::Arc;

use rcgen::date_time_ymd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trunkline::tls::{ClientTls, InvalidTls, rustls};
use trunkline::{CloseCode, ConnectError, Connector, Fault, Message, Stage, WebSocket};

use rustls::version::{TLS12, TLS13};
use support::certificates::Authority;
use support::*;

/// Trusts `authority` and nobody else.
fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::new().without_platform_roots().with_root_pem(authority.pem()).unwrap()
}

async fn connect_to(host: &str, port: u16, tls: ClientTls) -> Result<WebSocket, ConnectError> {
    let connector = Connector::new().with_tls(tls);
    connector.connect(&format!("wss://{host}:{port}/chat?token=secret")).await
}

async fn hello(mut ws: WebSocket) {
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
}

#[track_caller]
fn assert_tls(error: &ConnectError, fault: Fault, expect: &str) {
    assert_eq!(error.to_string(), expect);
    assert_eq!((error.stage(), error.fault()), (Stage::Tls, fault), "{error:?}");
    assert!(!error.is_timeout());
}

#[tokio::test]
async fn wss_is_encrypted_and_its_server_known() {
    let authority = Authority::new();
    let address = tls_echo(authority.server("localhost")).await;
    for tls in [trusting(&authority), ClientTls::new().with_root_pem(authority.pem()).unwrap()] {
        let ws = connect_to("localhost", address.port(), tls).await.unwrap();
        let session = ws.stream().tls().expect("it is TLS");
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(ws.stream().tcp().unwrap().peer_addr().unwrap(), address);
        assert!(ws.stream().tcp().unwrap().nodelay().unwrap());
        hello(ws).await;
    }
}

#[tokio::test]
async fn address_in_the_url_is_what_the_certificate_has_to_be_for() {
    let authority = Authority::new();
    let address = tls_echo(authority.server("127.0.0.1")).await;
    hello(connect_to("127.0.0.1", address.port(), trusting(&authority)).await.unwrap()).await;
    let error = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Tls);
}

/// More than TLS and the socket take at once.
#[tokio::test]
async fn large_message_passes_tls_in_both_directions() {
    let authority = Authority::new();
    let address = tls_echo(authority.server("localhost")).await;
    let mut ws = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap();
    let message = Message::binary(vec![7; 1 << 20]);
    ws.send(message.clone()).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(message));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn expired_certificate_is_refused() {
    let authority = Authority::new();
    let expired = authority.sign("localhost", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let address = tls_echo(expired.server()).await;
    let error = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
    let since = std::time::UNIX_EPOCH + secs(1_609_459_200);
    let days = since.elapsed().unwrap().as_secs() / 86_400;
    let expect = format!(
        "the certificate of localhost has expired {days} days ago: the server needs a new one, unless \
         the clock of this machine is wrong"
    );
    assert_tls(&error, Fault::Peer, &expect);
    assert!(!error.is_retryable());
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.is::<rustls::Error>(), "{source:?}");
}

#[tokio::test]
async fn certificate_that_is_not_valid_yet_is_refused() {
    let authority = Authority::new();
    let early = authority.sign("localhost", |params| params.not_before = date_time_ymd(2999, 1, 1));
    let address = tls_echo(early.server()).await;
    let error = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
    let expect =
        "the certificate of localhost is not valid yet: is the clock of this machine right?";
    assert_tls(&error, Fault::Peer, expect);
}

#[tokio::test]
async fn certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let address = tls_echo(authority.server("other.example")).await;
    let error = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
    let expect = "the certificate is for other.example, not for localhost: is this the right host?";
    assert_tls(&error, Fault::Peer, expect);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn names_in_a_certificate_are_told_up_to_three() {
    let authority = Authority::new();
    let many = authority.sign("a.example", |params| {
        for name in ["b.example", "c.example", "d.example", "e.example"] {
            let name = name.try_into().unwrap();
            params.subject_alt_names.push(rcgen::SanType::DnsName(name));
        }
    });
    let address = tls_echo(many.server()).await;
    let error = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
    let expect = "the certificate is for a.example, b.example, c.example and 2 more, not for \
                  localhost: is this the right host?";
    assert_tls(&error, Fault::Peer, expect);
}

#[tokio::test]
async fn certificate_of_an_unknown_authority_is_refused() {
    let stranger = Authority::new();
    let address = tls_echo(Authority::new().server("localhost")).await;
    let with_platform = ClientTls::new().with_root_pem(stranger.pem()).unwrap();
    for tls in [trusting(&stranger), with_platform] {
        let error = connect_to("localhost", address.port(), tls).await.unwrap_err();
        let expect = "the certificate of localhost is from an authority that is not trusted: if it should \
             be, give its root certificate to `ClientTls::with_root_pem`; the server may also have \
             left out an intermediate certificate";
        assert_tls(&error, Fault::Peer, expect);
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn certificate_of_an_authority_with_the_name_of_another_is_refused() {
    let (trusted, other) = (Authority::with_name("a"), Authority::with_name("a"));
    let address = tls_echo(other.server("localhost")).await;
    let error = connect_to("localhost", address.port(), trusting(&trusted)).await.unwrap_err();
    let expect = "the certificate of localhost names an authority that is trusted, which has not signed \
                  it: if the authority has a new key, trust its new root certificate; or somebody is in \
                  between";
    assert_tls(&error, Fault::Peer, expect);
}

#[tokio::test]
async fn client_without_a_certificate_is_told_that_one_is_wanted() {
    let (authority, clients) = (Authority::new(), Authority::new());
    for version in [&TLS13, &TLS12] {
        let server = authority.sign("localhost", |_| ()).server_for(&clients, version);
        let address = tls_echo(server).await;
        let error =
            connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
        let expect = "localhost wants a certificate of its client: give one to \
                      `ClientTls::with_identity_pem`";
        assert_tls(&error, Fault::Caller, expect);
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn client_with_a_certificate_is_let_in_if_it_is_the_right_one() {
    let (authority, clients) = (Authority::new(), Authority::new());
    for version in [&TLS13, &TLS12] {
        let server = authority.sign("localhost", |_| ()).server_for(&clients, version);
        let address = tls_echo(server).await;
        let client = clients.sign("client", |_| ());
        let tls = trusting(&authority).with_identity_pem(client.pem(), client.key_pem()).unwrap();
        hello(connect_to("localhost", address.port(), tls).await.unwrap()).await;

        let wrong = Authority::new().sign("client", |_| ());
        let tls = trusting(&authority).with_identity_pem(wrong.pem(), wrong.key_pem()).unwrap();
        let error = connect_to("localhost", address.port(), tls).await.unwrap_err();
        let expect = "localhost does not accept the certificate of its client, or the lack of one \
                      (alert UnknownCA): see `ClientTls::with_identity_pem`";
        assert_tls(&error, Fault::Caller, expect);
    }
}

#[tokio::test]
async fn any_certificate_is_accepted_where_danger_is_written_out() {
    let expired = Authority::new().sign("other.example", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let address = tls_echo(expired.server()).await;
    let tls = ClientTls::new().danger_accept_any_certificate();
    hello(connect_to("localhost", address.port(), tls).await.unwrap()).await;
}

#[tokio::test]
async fn configuration_of_the_callers_own_is_used_as_it_is() {
    let authority = Authority::new();
    let address = tls_echo(authority.server("localhost")).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let ws = connect_to("localhost", address.port(), Arc::clone(&config).into()).await.unwrap();
    let session = ws.stream().tls().unwrap();
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    hello(ws).await;

    let mut for_h2 = (*config).clone();
    for_h2.alpn_protocols = vec![b"h2".to_vec()];
    let server = authority.sign("localhost", |_| ()).server_speaking(b"h2");
    let address = tls_echo(server).await;
    let error = connect_to("localhost", address.port(), Arc::new(for_h2).into()).await.unwrap_err();
    let expect = "the `ClientConfig` offers a protocol (ALPN) other than http/1.1, and the server \
                  chose it";
    assert_tls(&error, Fault::Caller, expect);
}

#[tokio::test]
async fn http_1_1_is_asked_for_by_alpn() {
    let authority = Authority::new();
    let identity = authority.sign("localhost", |_| ());
    let address = tls_echo(identity.server_speaking(b"http/1.1")).await;
    let ws = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap();
    assert_eq!(ws.stream().tls().unwrap().alpn_protocol(), Some(&b"http/1.1"[..]));
    hello(ws).await;

    let address = tls_echo(identity.server_speaking(b"h2")).await;
    let error = connect_to("localhost", address.port(), trusting(&authority)).await.unwrap_err();
    assert_tls(&error, Fault::Peer, "localhost does not speak HTTP/1.1 on this port");
}

#[tokio::test]
async fn tls_to_a_plain_port_is_told() {
    let address = echo().await;
    let error = connect_to("localhost", address.port(), ClientTls::new()).await.unwrap_err();
    let expect = "localhost does not speak TLS on this port: is it a port for ws:// URLs?";
    assert_tls(&error, Fault::Peer, expect);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn plain_to_a_tls_port_is_told() {
    let address = tls_echo(Authority::new().server("localhost")).await;
    let url = format!("ws://localhost:{}/", address.port());
    let error = trunkline::connect(&url).await.unwrap_err();
    let expect =
        format!("localhost:{} speaks TLS on this port: write wss:// in the URL", address.port());
    assert_eq!(error.to_string(), expect);
    assert_eq!((error.stage(), error.fault()), (Stage::Handshake, Fault::Caller));
    assert!(!error.is_retryable());
}

/// Servers of other make say in these ways what ours never says (RFC 8446 §6).
#[tokio::test]
async fn alerts_are_told_by_what_they_mean() {
    for (alert, fault, is_retryable, expect) in [
        (
            40,
            Fault::Peer,
            false,
            "localhost and this client have no way of TLS in common, or it wants a certificate of \
             its client (alert HandshakeFailure)",
        ),
        (
            70,
            Fault::Peer,
            false,
            "localhost and this client have no way of TLS in common, or it wants a certificate of \
             its client (alert ProtocolVersion)",
        ),
        (
            42,
            Fault::Caller,
            false,
            "localhost does not accept the certificate of its client, or the lack of one (alert \
             BadCertificate): see `ClientTls::with_identity_pem`",
        ),
        (112, Fault::Peer, false, "localhost is not a name that the server there goes by"),
        (80, Fault::Peer, true, "localhost broke off TLS with alert InternalError"),
        (222, Fault::Peer, false, "localhost broke off TLS with an alert of number 222"),
    ] {
        let address = serve(move |mut tcp| async move {
            let _ = tcp.write_all(&[21, 3, 3, 0, 2, 2, alert]).await;
            let _ = tcp.shutdown().await;
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        });
        let port = address.await.port();
        let error = connect_to("localhost", port, ClientTls::new()).await.unwrap_err();
        assert_tls(&error, fault, expect);
        assert_eq!(error.is_retryable(), is_retryable);
    }
}

/// SEC-TL-02: nothing before TLS 1.2.
#[tokio::test]
async fn sec_tl_02_server_that_chooses_tls_1_1_is_refused() {
    // A ServerHello of TLS 1.1 with TLS_RSA_WITH_AES_128_CBC_SHA.
    let hello = [&[3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let message = [&[2, 0, 0, hello.len() as u8][..], &hello].concat();
    let record = [&[22, 3, 2, 0, message.len() as u8][..], &message].concat();
    let address = serve(move |mut tcp| {
        let record = record.clone();
        async move {
            let _ = tcp.write_all(&record).await;
            let _ = tcp.shutdown().await;
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        }
    });
    let error = connect_to("localhost", address.await.port(), ClientTls::new()).await.unwrap_err();
    assert_tls(&error, Fault::Peer, "localhost speaks TLS only in ways that are not safe any more");
}

#[tokio::test]
async fn server_that_is_silent_in_tls_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let short = std::time::Duration::from_millis(50);
    for (connector, setting) in [
        (Connector::new().with_tls_timeout(short), "tls_timeout (50ms)"),
        (Connector::new().with_total_timeout(short), "total_timeout (50ms)"),
    ] {
        let error = connector.connect(&url).await.unwrap_err();
        assert_eq!(error.to_string(), format!("TLS with localhost took longer than {setting}"));
        assert_eq!((error.stage(), error.fault()), (Stage::Tls, Fault::Peer));
        assert!(error.is_timeout() && error.is_retryable());
    }
}

#[tokio::test]
async fn tls_over_a_unix_socket_is_with_the_host_of_the_url() {
    let path = std::env::temp_dir().join(format!("tl-tls-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let authority = Authority::new();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server("app.example"));
    let server = tokio::spawn(async move {
        let (unix, _) = listener.accept().await.unwrap();
        let tls = acceptor.accept(unix).await.unwrap();
        let mut ws = trunkline::accept(tls).await.unwrap();
        ws.recv().await.unwrap()
    });
    let connector = Connector::new().with_tls(trusting(&authority));
    let mut ws = connector.connect_unix(&path, "wss://app.example/").await.unwrap();
    assert!(ws.stream().tls().is_some() && ws.stream().tcp().is_none());
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap(), None);
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn configuration_that_is_none_says_what_is_missing() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("a", |_| ()), authority.sign("b", |_| ()));
    let tls = ClientTls::new();
    let pem = |wanted: &str| {
        format!("no {wanted} could be read: give PEM, which has a line `-----BEGIN ...-----`")
    };
    for not_pem in
        ["", "secret", "-----BEGIN CERTIFICATE-----\nsecret!\n-----END CERTIFICATE-----\n"]
    {
        let error = tls.clone().with_root_pem(not_pem).unwrap_err();
        assert_eq!(error.to_string(), pem("certificate"));
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        let error = tls.clone().with_identity_pem(one.pem(), not_pem).unwrap_err();
        assert_eq!(error.to_string(), pem("private key"));
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let error = tls.clone().with_identity_pem(one.pem(), other.key_pem()).unwrap_err();
    assert!(matches!(error, InvalidTls::Identity(_)), "{error:?}");
    assert!(tls.clone().with_identity_pem(one.pem(), one.key_pem()).is_ok());
    let both = one.key_pem() + &one.pem();
    assert!(tls.clone().with_identity_pem(&both, &both).is_ok());

    let address = tls_echo(authority.server("localhost")).await;
    let nobody = tls.without_platform_roots();
    let error = connect_to("localhost", address.port(), nobody).await.unwrap_err();
    let expect =
        "no root is trusted: give one with `ClientTls::with_root_pem`, or keep the platform's";
    assert_tls(&error, Fault::Caller, expect);
}

#[test]
fn keys_and_certificates_are_not_shown_by_debug() {
    let identity = Authority::new().sign("a", |_| ());
    let tls = ClientTls::new().with_identity_pem(identity.pem(), identity.key_pem()).unwrap();
    let shown = format!("{:?}", Connector::new().with_tls(tls));
    assert!(shown.contains("has_identity: true"), "{shown}");
    for line in identity.key_pem().lines().chain(identity.pem().lines()) {
        assert!(!shown.contains(line), "{shown}");
    }
    assert!(!shown.contains(&format!("{:?}", identity.certificate.as_ref())), "{shown}");
}

/// The environment belongs to the whole process, so each case is a process of its own: this test again,
/// which finds in the variable what to do.
#[cfg(target_os = "linux")]
mod platform_roots {
    use std::process::Command;

    use super::*;

    const PORT: &str = "TRUNKLINE_TEST_PORT";

    /// What a process says that connects to `port` with these roots of the platform.
    async fn connect_in_a_process(roots: std::path::PathBuf, port: u16) -> String {
        let connecting = tokio::task::spawn_blocking(move || {
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "platform_roots::connects_with_the_platforms_roots",
                    "--nocapture",
                ])
                .env("SSL_CERT_FILE", roots)
                .env("SSL_CERT_DIR", "/nonexistent")
                .env(PORT, port.to_string())
                .output()
                .unwrap()
        });
        let output = connecting.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[tokio::test]
    async fn connects_with_the_platforms_roots() {
        if let Ok(port) = std::env::var(PORT) {
            let url = format!("wss://localhost:{port}/");
            return match trunkline::connect(&url).await {
                Ok(_) => println!("said: connected"),
                Err(error) => println!("said: {error}"),
            };
        }
        let authority = Authority::new();
        let port = tls_echo(authority.server("localhost")).await.port();
        let roots = std::env::temp_dir().join(format!("tl-roots-{}.pem", std::process::id()));
        let said = |output: String| {
            let line =
                output.lines().find_map(|line| Some(line.split_once("said: ")?.1.to_owned()));
            line.unwrap_or(output)
        };

        std::fs::write(&roots, authority.pem()).unwrap();
        assert_eq!(said(connect_in_a_process(roots.clone(), port).await), "connected");

        std::fs::write(&roots, Authority::new().pem()).unwrap();
        let refused = said(connect_in_a_process(roots.clone(), port).await);
        assert!(refused.contains("from an authority that is not trusted"), "{refused}");

        std::fs::write(&roots, "").unwrap();
        assert_eq!(
            said(connect_in_a_process(roots.clone(), port).await),
            "the root certificates of the platform could not be loaded: install them (the package is \
             mostly called ca-certificates), name a file of them in the environment variable \
             SSL_CERT_FILE, or give your own with `ClientTls::with_root_pem`"
        );
        std::fs::remove_file(&roots).unwrap();
    }
}
