//! Servers that refuse, answer something else, or break off: what the client is told of it.

mod support;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline::handshake::HandshakeError;
use trunkline::tls::ClientTls;
use trunkline::{ConnectError, Connector, Fault, Stage};

use support::certificates::Authority;
use support::*;

/// Connects to a server that reads the request and says `answer`.
async fn answered(connector: &Connector, answer: &'static str) -> (String, ConnectError) {
    let address = serve(move |mut tcp| async move {
        read_head(&mut tcp).await;
        let _ = tcp.write_all(answer.as_bytes()).await;
    });
    let host = format!("localhost:{}", address.await.port());
    let url = format!("ws://{host}/chat?token=secret");
    let error = connector.connect(&url).await.unwrap_err();
    assert_shows_no_secret(&error);
    (host, error)
}

#[track_caller]
fn assert_shows_no_secret(error: &ConnectError) {
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown += &format!(" {error} {error:?}");
        source = error.source();
    }
    assert!(!shown.contains("secret"), "{shown}");
    assert!(!shown.contains(['\r', '\n', '\x1b']), "{shown:?}");
}

#[tokio::test]
async fn refusal_says_what_its_status_means() {
    for (status, fault, is_retryable, expect) in [
        ("400 x", Fault::Caller, false, "400 Bad Request"),
        (
            "401 x",
            Fault::Caller,
            false,
            "401 Unauthorized: it wants credentials, such as an `Authorization` header",
        ),
        (
            "403 x",
            Fault::Caller,
            false,
            "403 Forbidden: the credentials, or the lack of them, or the `Origin` do not allow it",
        ),
        ("404 x", Fault::Caller, false, "404 Not Found: nothing is at /chat"),
        ("408 x", Fault::Network, true, "408 Request Timeout"),
        ("418 I'm a secret", Fault::Caller, false, "418"),
        (
            "426 x",
            Fault::Caller,
            false,
            "426 Upgrade Required: it wants another version of WebSocket, or a proxy in between \
             drops `Upgrade`",
        ),
        ("429 x", Fault::Caller, true, "429 Too Many Requests: too many attempts, try again later"),
        ("500 x", Fault::Peer, true, "500 Internal Server Error"),
        ("501 x", Fault::Peer, false, "501"),
        (
            "502 x",
            Fault::Peer,
            true,
            "502 Bad Gateway: a proxy on the way does not reach the server",
        ),
        (
            "503 x",
            Fault::Peer,
            true,
            "503 Service Unavailable: it cannot serve for now, try again later",
        ),
        (
            "200 OK",
            Fault::Peer,
            false,
            "200 OK: it takes this for a plain request: is there a WebSocket at /chat, and does \
             every proxy on the way pass `Upgrade` on?",
        ),
    ] {
        let answer =
            format!("HTTP/1.1 {status}\r\nX-Id: secret\r\nContent-Length: 6\r\n\r\nsecret");
        let (host, error) = answered(&Connector::new(), answer.leak()).await;
        assert_eq!(error.to_string(), format!("{host} refused with status {expect}"));
        assert_eq!((error.stage(), error.fault()), (Stage::Handshake, fault), "{error}");
        assert_eq!((error.is_retryable(), error.is_timeout()), (is_retryable, false), "{error}");
        let response = error.response().expect("it can be read");
        assert_eq!(response.status().to_string(), status[..3]);
        assert_eq!(response.header("x-id"), Some(&b"secret"[..]));
        assert_eq!(response.body(), b"secret");
    }
}

#[tokio::test]
async fn credentials_that_were_sent_are_told_to_be_wrong() {
    let connector = Connector::new().with_header("Authorization", "Bearer secret").unwrap();
    let (host, error) = answered(&connector, "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n").await;
    let expect =
        format!("{host} refused with status 401 Unauthorized: it does not accept the credentials");
    assert_eq!(error.to_string(), expect);
}

#[tokio::test]
async fn redirect_names_its_location_without_secrets() {
    for (location, shown) in [
        ("https://other.example/chat", "it points to https://other.example/chat"),
        ("/chat/", "it points to /chat/"),
        ("/chat?token=secret", "it points to /chat"),
        ("/chat#secret", "it points to /chat"),
        ("https://user:secret@other.example/", "it points to ...other.example/"),
        ("//secret@other.example/", "it points to ...other.example/"),
        ("https:\\\\secret@other.example/", "it points to ...other.example/"),
        ("/\u{e9}\u{85}a", "it points to /a"),
    ] {
        for (status, phrase) in [
            (301, "Moved Permanently"),
            (302, "Found"),
            (307, "Temporary Redirect"),
            (308, "Permanent Redirect"),
        ] {
            let answer =
                format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            let (host, error) = answered(&Connector::new(), answer.leak()).await;
            assert_eq!(
                error.to_string(),
                format!(
                    "{host} refused with status {status} {phrase}: {shown}, and redirects are \
                     followed only by a `connect` with `with_redirects`"
                )
            );
            assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));
            assert_eq!(error.response().unwrap().location(), Some(location.as_bytes()));
        }
    }
    let (_, error) =
        answered(&Connector::new(), "HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n").await;
    assert!(error.to_string().ends_with(": it points elsewhere without saying where"), "{error}");

    let long = format!("HTTP/1.1 302 x\r\nLocation: /{}\r\n\r\n", "a".repeat(8000));
    let (_, error) = answered(&Connector::new(), long.leak()).await;
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn plain_to_a_tls_port_is_told_if_the_server_says_so_in_http() {
    for body in [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Client sent an HTTP request to an HTTPS server.\n",
    ] {
        let answer = format!("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{body}");
        let (host, error) = answered(&Connector::new(), answer.leak()).await;
        let expect = format!(
            "{host} refused with status 400 Bad Request: this port speaks TLS: write wss:// in the \
             URL"
        );
        assert_eq!(error.to_string(), expect);
    }
}

/// SEC-HC-10: a body of any length is read up to 64 KiB.
#[tokio::test]
async fn sec_hc_10_body_of_a_refusal_is_cut() {
    let address = serve(|mut tcp| async move {
        read_head(&mut tcp).await;
        let _ = tcp.write_all(b"HTTP/1.1 403 x\r\n\r\n").await;
        while tcp.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let url = format!("ws://localhost:{}/", address.await.port());
    let error = trunkline::connect(&url).await.unwrap_err();
    let response = error.response().unwrap();
    assert_eq!((response.body().len(), response.is_body_cut()), (64 << 10, true));
}

#[tokio::test]
async fn answer_that_is_no_http_is_told() {
    for (answer, reason) in [
        (
            "SSH-2.0-OpenSSH_9.2 secret\r\n\r\n",
            "the status line is not of the form `HTTP/1.1 101 reason`",
        ),
        ("HTTP/1.1 200 OK\nsecret: a\n\n", "a line ends with LF alone: end lines with CRLF"),
    ] {
        let (host, error) = answered(&Connector::new(), answer).await;
        assert_eq!(error.to_string(), format!("{host} does not answer in HTTP/1.1: {reason}"));
        assert_eq!((error.stage(), error.fault()), (Stage::Handshake, Fault::Peer));
        assert!(!error.is_retryable() && error.response().is_none());
        let source = std::error::Error::source(&error).unwrap().downcast_ref();
        assert!(matches!(source, Some(HandshakeError::Head(_))), "{source:?}");
    }
}

#[tokio::test]
async fn upgrade_that_breaks_a_rule_is_told() {
    let (host, error) = answered(
        &Connector::new(),
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: secret\r\n\r\n",
    )
    .await;
    let expect = format!(
        "{host} does not speak WebSocket as agreed: the server's `Sec-WebSocket-Accept` does not go \
         with the key: is a cache or a proxy in between?"
    );
    assert_eq!(error.to_string(), expect);
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Peer, false));
}

#[tokio::test]
async fn header_that_cannot_be_sent_is_the_callers() {
    let (host, port) = ("localhost", echo().await.port());
    let connector = Connector::new().with_header("Sec-WebSocket-Key", "secret").unwrap();
    let error = connector.connect(&format!("ws://{host}:{port}/")).await.unwrap_err();
    let expect = "the request cannot be made: header \"Sec-WebSocket-Key\" is written by the handshake \
                  itself: leave it out";
    assert_eq!(error.to_string(), expect);
    assert_eq!((error.stage(), error.fault()), (Stage::Request, Fault::Caller));
    assert_shows_no_secret(&error);
}

#[tokio::test]
async fn silent_server_is_given_up_after_the_handshake_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    let short = Duration::from_millis(50);
    for (connector, setting) in [
        (Connector::new().with_handshake_timeout(short), "handshake_timeout (50ms)"),
        (Connector::new().with_total_timeout(short), "total_timeout (50ms)"),
    ] {
        let error = connector.connect(&format!("ws://{host}/")).await.unwrap_err();
        let expect = format!("the handshake with {host} took longer than {setting}");
        assert_eq!(error.to_string(), expect);
        assert_eq!((error.stage(), error.fault()), (Stage::Handshake, Fault::Peer));
        assert!(error.is_timeout() && error.is_retryable());
    }
}

#[tokio::test]
async fn server_that_hangs_up_at_once_may_want_tls() {
    let address = serve(|mut tcp| async move {
        read_head(&mut tcp).await;
    });
    let host = format!("localhost:{}", address.await.port());
    let error = trunkline::connect(&format!("ws://{host}/")).await.unwrap_err();
    let expect = format!(
        "{host} closed the connection before its answer was whole: does this port speak TLS \
         (wss://)?"
    );
    assert_eq!(error.to_string(), expect);
    assert!(error.is_retryable());
}

/// Starts a relay that cuts each connection to `server` after so many bytes from there, or to there.
async fn relay(server: std::net::SocketAddr, from_there: u64, to_there: u64) -> u16 {
    let address = serve(move |client| async move {
        let server = TcpStream::connect(server).await.unwrap();
        let (from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let (mut down, mut up) = (from_server.take(from_there), from_client.take(to_there));
        // Whichever direction is used up takes the other with it.
        tokio::select! {
            _ = tokio::io::copy(&mut down, &mut to_client) => {}
            _ = tokio::io::copy(&mut up, &mut to_server) => {}
        }
    });
    address.await.port()
}

#[track_caller]
fn assert_cut(error: &ConnectError) {
    assert_eq!(error.fault(), Fault::Network, "{error:?}");
    assert!(error.is_retryable() && !error.is_timeout(), "{error:?}");
    let text = error.to_string();
    let is_told = match error.stage() {
        Stage::Tls => text.starts_with("TLS with localhost broke off: connection "),
        Stage::Handshake => {
            text.contains(" closed the connection before its answer was whole")
                || text.contains(" broke off: connection ")
        }
        _ => false,
    };
    assert!(is_told, "{error:?}");
}

#[tokio::test]
async fn connection_that_is_cut_in_the_answer_is_told() {
    let server = echo().await;
    // As long as an answer is: status line, three headers, an empty line.
    let whole = response_to(REQUEST).len() as u64;
    for cut in 0..whole {
        let port = relay(server, cut, u64::MAX).await;
        let error = trunkline::connect(&format!("ws://localhost:{port}/")).await.unwrap_err();
        assert_eq!(error.stage(), Stage::Handshake);
        assert_cut(&error);
    }
    let port = relay(server, whole, u64::MAX).await;
    assert!(trunkline::connect(&format!("ws://localhost:{port}/")).await.is_ok());
}

#[tokio::test]
async fn connection_that_is_cut_in_the_request_is_told() {
    let server = echo().await;
    for cut in (0..100).step_by(9) {
        let port = relay(server, u64::MAX, cut).await;
        let error = trunkline::connect(&format!("ws://localhost:{port}/")).await.unwrap_err();
        assert_eq!(error.stage(), Stage::Handshake);
        assert_cut(&error);
    }
}

#[tokio::test]
async fn connection_that_is_cut_in_tls_is_told() {
    let authority = Authority::new();
    let server = tls_echo(authority.server("localhost")).await;
    let tls = ClientTls::new().without_platform_roots().with_root_pem(authority.pem()).unwrap();
    let connect = async |from_there, to_there| {
        let port = relay(server, from_there, to_there).await;
        // A session that is resumed would be shorter.
        let tls = tls.clone().with_root_pem(authority.pem()).unwrap();
        let connector = Connector::new().with_tls(tls);
        connector.connect(&format!("wss://localhost:{port}/")).await
    };
    let mut stages = Vec::new();
    let mut cut = 0;
    while let Err(error) = connect(cut, u64::MAX).await {
        assert_cut(&error);
        stages.push(error.stage());
        cut += 37;
        assert!(cut < 10_000, "no answer is as long");
    }
    assert!(stages.is_sorted(), "{stages:?}");
    assert!(stages.contains(&Stage::Tls) && stages.contains(&Stage::Handshake), "{stages:?}");

    let mut cut = 0;
    while let Err(error) = connect(u64::MAX, cut).await {
        assert_cut(&error);
        cut += 37;
        assert!(cut < 10_000, "no request is as long");
    }
}
