//! Upgrades of requests that hyper has read: the same verdicts as our own server's, and the socket
//! back.

#![cfg(feature = "hyper")]

#[path = "support/http.rs"]
mod http_support;
mod support;

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use trunkline::deflate::DeflateConfig;
use trunkline::handshake::{Acceptance, OriginPolicy, Refusal, ServerConfig, Subprotocols};
use trunkline::upgrade::{HttpUpgrade, Rejection, UpgradeError, Upgrading, asks_for_websocket};
use trunkline::{Acceptor, CloseCode, Connector, Message, Role, WebSocket};

use http_support::{serve, *};
use support::*;

/// Says everything back.
async fn echo(mut ws: WebSocket) {
    while let Some(message) = ws.recv().await.unwrap() {
        ws.send(message).await.unwrap();
    }
}

/// Upgrades, and echoes; tells over what.
fn echo_over(
    acceptor: &Acceptor,
    mut request: Request<Incoming>,
    over: mpsc::UnboundedSender<String>,
) -> Answer {
    match acceptor.upgrade(&mut request) {
        Ok((response, upgrading)) => {
            tokio::spawn(async move {
                let ws = upgrading.await.unwrap();
                over.send(format!("{:?}", ws.stream())).unwrap();
                echo(ws).await;
            });
            response
        }
        Err(rejection) => rejection.into_response(),
    }
}

/// An echo server on hyper.
async fn serve_echo(acceptor: Acceptor) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (over, told) = mpsc::unbounded_channel();
    let address = serve(move |request| {
        let answer = echo_over(&acceptor, request, over.clone());
        async { answer }
    })
    .await;
    (address, told)
}

async fn check_echo(ws: &mut WebSocket, text: &str) {
    ws.send(text).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text(text)));
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/chat")
}

#[tokio::test]
async fn connection_runs_on_the_socket_that_hyper_read_from() {
    let (address, mut told) = serve_echo(Acceptor::new()).await;
    let mut ws = trunkline::connect(&url(address)).await.unwrap();
    check_echo(&mut ws, "hello").await;
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "Transport(\"Tcp\")");
}

/// As axum's does: it looks at the first bytes to tell HTTP/1.1 from HTTP/2.
#[tokio::test]
async fn connection_runs_on_the_socket_of_a_server_for_more_than_one_version_of_http() {
    let (listener, address) = listen().await;
    let (over, mut told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let acceptor = Acceptor::new();
        let service = service_fn(|request| {
            let answer = echo_over(&acceptor, request, over.clone());
            async { Ok::<_, std::convert::Infallible>(answer) }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        builder.serve_connection_with_upgrades(TokioIo::new(tcp), service).await.unwrap();
    });
    // The version is told from the first bytes, which are few here: the rest is read from the socket.
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let whole = [REQUEST, &frame(Role::Client, TEXT, b"early")].concat();
    for byte in whole {
        tcp.write_all(&[byte]).await.unwrap();
    }
    read_head(&mut tcp).await;
    assert_eq!(read_frame(Role::Server, &mut tcp).await, Some((TEXT, b"early".to_vec())));
    assert_eq!(told.recv().await.unwrap(), "Transport(\"Tcp\")");
}

/// One that is neither a TCP socket nor of ours stays in the boxes of the server, and works.
#[tokio::test]
async fn connection_runs_on_whatever_hyper_read_from() {
    let (client, server) = duplex(100_000);
    let (over, mut told) = mpsc::unbounded_channel();
    let acceptor = Acceptor::new();
    tokio::spawn(serve_connection(server, move |request| {
        let answer = echo_over(&acceptor, request, over.clone());
        async { answer }
    }));
    let mut raw = client;
    let early = frame(Role::Client, TEXT, b"early");
    raw.write_all(&[REQUEST, &early].concat()).await.unwrap();
    read_head(&mut raw).await;
    assert_eq!(read_frame(Role::Server, &mut raw).await, Some((TEXT, b"early".to_vec())));
    let large = vec![7; 500_000];
    let (mut from_server, mut to_server) = tokio::io::split(raw);
    let (_, answer) = tokio::join!(
        async { to_server.write_all(&frame(Role::Client, BINARY, &large)).await.unwrap() },
        read_frame(Role::Server, &mut from_server),
    );
    assert_eq!(answer, Some((BINARY, large)));
    to_server.write_all(&close_frame(Role::Client, 1000, "")).await.unwrap();
    let closed = read_frame(Role::Server, &mut from_server).await;
    assert_eq!(closed, Some((CLOSE, 1000u16.to_be_bytes().to_vec())));
    assert_eq!(from_server.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(told.recv().await.unwrap(), "Transport(\"Handed\")");
}

/// What [`Upgrading::over`] gives for a server over a pipe.
async fn over<S>(early: &[u8]) -> Result<WebSocket<S>, UpgradeError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut raw, server) = duplex(4096);
    let (sender, mut upgradings) = mpsc::unbounded_channel();
    tokio::spawn(serve_connection(server, move |mut request| {
        let (response, upgrading): (Answer, Upgrading) =
            Acceptor::new().upgrade(&mut request).unwrap();
        sender.send(upgrading).unwrap();
        async { response }
    }));
    raw.write_all(&[REQUEST, early].concat()).await.unwrap();
    read_head(&mut raw).await;
    upgradings.recv().await.unwrap().over::<S>().await
}

#[tokio::test]
async fn stream_of_a_known_type_is_given_back() {
    let early = frame(Role::Client, TEXT, b"early");
    let mut ws: WebSocket<DuplexStream> = over(&early).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("early")));
}

#[tokio::test]
async fn stream_of_another_type_is_not_given_back() {
    let error = over::<TcpStream>(b"").await.unwrap_err();
    assert!(matches!(error, UpgradeError::OtherStream { .. }), "{error:?}");
    assert!(error.to_string().contains("TcpStream"), "{error}");
}

/// The reader of HTTP may have taken them from the socket already, or in part.
#[tokio::test]
async fn frames_in_the_same_segment_as_the_request_are_delivered() {
    let (address, _told) = serve_echo(Acceptor::new()).await;
    for len in [5, 126, 5000, 70_000, 300_000] {
        let payload = vec![b'x'; len];
        let mut tcp = TcpStream::connect(address).await.unwrap();
        let whole = [
            REQUEST,
            &frame(Role::Client, TEXT, &payload),
            &frame(Role::Client, PING, b"?"),
            &frame(Role::Client, TEXT, b"bird")[..3],
        ];
        tcp.write_all(&whole.concat()).await.unwrap();
        read_head(&mut tcp).await;
        assert_eq!(read_frame(Role::Server, &mut tcp).await, Some((TEXT, payload)));
        assert_eq!(read_frame(Role::Server, &mut tcp).await, Some((PONG, b"?".to_vec())));
        tcp.write_all(&frame(Role::Client, TEXT, b"bird")[3..]).await.unwrap();
        assert_eq!(read_frame(Role::Server, &mut tcp).await, Some((TEXT, b"bird".to_vec())));
    }
}

#[tokio::test]
async fn request_for_a_page_and_then_an_upgrade_share_a_connection() {
    let acceptor = Acceptor::new();
    let (over, _told) = mpsc::unbounded_channel();
    let address = serve(move |request| {
        let answer = match asks_for_websocket(&request) {
            true => echo_over(&acceptor, request, over.clone()),
            false => Response::new(Full::from("a page")),
        };
        async { answer }
    })
    .await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let head = read_head(&mut tcp).await;
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
        let mut page = [0; 6];
        tcp.read_exact(&mut page).await.unwrap();
        assert_eq!(&page, b"a page");
    }
    let mut ws = trunkline::connect_over("ws://localhost/", tcp).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
}

#[tokio::test]
async fn both_sides_know_the_subprotocol() {
    let protocols = |names: &[&'static str]| Subprotocols::new(names.iter().copied()).unwrap();
    for (offered, spoken, expect) in [
        (&["a", "b"][..], &["b", "a"][..], Some("b")),
        (&["a"], &["b"], None),
        (&["a"], &[], None),
        (&[], &["a"], None),
    ] {
        let (sender, mut servers) = mpsc::unbounded_channel();
        let acceptor = Acceptor::new().with_subprotocols(protocols(spoken));
        let address = serve(move |mut request| {
            let (response, upgrading) = acceptor.upgrade(&mut request).unwrap();
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(upgrading.await.unwrap()) });
            async { response }
        })
        .await;
        let connector = Connector::new().with_subprotocols(protocols(offered));
        let client = connector.connect(&url(address)).await.unwrap();
        let server = servers.recv().await.unwrap();
        assert_eq!((client.subprotocol(), server.subprotocol()), (expect, expect));
    }
}

#[tokio::test]
async fn compression_is_agreed_on_if_both_sides_want_it() {
    for (client_wants, server_wants) in [(true, true), (true, false), (false, true)] {
        let mut acceptor = Acceptor::new();
        if server_wants {
            acceptor = acceptor.with_compression(DeflateConfig::default());
        }
        let (address, _told) = serve_echo(acceptor).await;
        let mut connector = Connector::new();
        if client_wants {
            connector = connector.with_compression(DeflateConfig::default());
        }
        let mut ws = connector.connect(&url(address)).await.unwrap();
        assert_eq!(ws.is_compressed(), client_wants && server_wants);
        check_echo(&mut ws, &"hello ".repeat(1000)).await;
    }
}

#[tokio::test]
async fn limits_of_the_acceptor_hold() {
    let acceptor = Acceptor::new().with_message_bytes(1000);
    let (sender, mut ends) = mpsc::unbounded_channel();
    let address = serve(move |mut request| {
        let (response, upgrading) = acceptor.upgrade(&mut request).unwrap();
        let sender = sender.clone();
        tokio::spawn(async move {
            let mut ws: WebSocket = upgrading.await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().len(), 1000);
            sender.send(ws.recv().await.unwrap_err())
        });
        async { response }
    })
    .await;
    let mut ws = trunkline::connect(&url(address)).await.unwrap();
    ws.send(&[0; 1000][..]).await.unwrap();
    ws.send(&[0; 1001][..]).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::MESSAGE_TOO_BIG));
    drop(ws);
    assert!(ends.recv().await.unwrap().is_protocol());
}

/// What our own server answers to `request`.
async fn own_answer(acceptor: &Acceptor, request: &str) -> String {
    let (mut raw, server) = duplex(100_000);
    raw.write_all(request.as_bytes()).await.unwrap();
    raw.shutdown().await.unwrap();
    acceptor.accept(server).await.unwrap_err();
    let mut answer = String::new();
    raw.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Each rule once: hyper's request is answered as one that we have read ourselves.
#[tokio::test]
async fn refusals_are_those_of_our_own_server() {
    let (address, _told) = serve_echo(Acceptor::new()).await;
    let post = upgrade_with(&[]).replace("GET ", "POST ");
    let put = upgrade_with(&[("Content-Length", "5")]) + "hello";
    let table = [
        (400, upgrade_with(&[("Sec-WebSocket-Key", "")])),
        (400, upgrade_with(&[("Sec-WebSocket-Key", "c2hvcnQ=")])),
        (400, upgrade_with(&[("Sec-WebSocket-Version", "")])),
        (400, upgrade_with(&[("Sec-WebSocket-Protocol", "a, a")])),
        (400, upgrade_with(&[("Sec-WebSocket-Extensions", "a; =")])),
        (400, upgrade_with(&[("Host", "")])),
        (400, upgrade_with(&[("Host", "a/b")])),
        (400, put),
        (403, upgrade_with(&[("Origin", "https://evil.example")])),
        (403, upgrade_with(&[("Origin", "null")])),
        (405, post),
        (426, upgrade_with(&[("Sec-WebSocket-Version", "8")])),
        (426, upgrade_with(&[("Connection", "")])),
        (426, upgrade_with(&[("Connection", "keep-alive")])),
        (426, upgrade_with(&[("Upgrade", "")])),
        (426, upgrade_with(&[("Upgrade", "websocketx")])),
        (505, upgrade_with(&[]).replace("HTTP/1.1", "HTTP/1.0")),
        (414, upgrade_with(&[]).replace("/chat", &format!("/{}", "x".repeat(8 << 10)))),
        (431, upgrade_with(&[("Cookie", &"x".repeat(16 << 10))])),
    ];
    for (status, request) in table {
        let (got, own) =
            (ask(address, &request).await, own_answer(&Acceptor::new(), &request).await);
        let start = if status == 505 { "HTTP/1.0" } else { "HTTP/1.1" };
        assert!(got.starts_with(&format!("{start} {status} ")), "{request}{got}");
        assert!(own.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{own}");
        for name in ["Connection", "Upgrade", "Allow", "Sec-WebSocket-Version", "Content-Type"] {
            // hyper says nothing more of it to a client of HTTP/1.0, which does not know it.
            if status != 505 || name != "Connection" {
                assert_eq!(header(&got, name), header(&own, name), "{name} of {status}");
            }
        }
        let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        assert_eq!(body(&got), body(&own), "{request}");
    }
}

#[tokio::test]
async fn other_versions_are_told_which_one_is_spoken() {
    let (address, _told) = serve_echo(Acceptor::new()).await;
    let answer = ask(address, &upgrade_with(&[("Sec-WebSocket-Version", "12")])).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert_eq!(header(&answer, "Sec-WebSocket-Version"), Some("13"));
}

#[tokio::test]
async fn origins_are_judged_by_the_policy_of_the_acceptor() {
    let policy = OriginPolicy::list(["https://app.example.com"]).unwrap();
    let (address, _told) = serve_echo(Acceptor::new().with_origin(policy)).await;
    let of = |origin| upgrade_with(&[("Origin", origin)]);
    for origin in ["http://localhost", "https://app.example.com.evil.example", "null"] {
        assert!(ask(address, &of(origin)).await.starts_with("HTTP/1.1 403 "), "{origin}");
    }
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(of("https://app.example.com").as_bytes()).await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with(b"HTTP/1.1 101 "));
}

#[tokio::test]
async fn limits_of_the_head_are_those_of_the_acceptor() {
    let mut config = ServerConfig::default();
    config.limits.headers = trunkline::Limit::at_most(7);
    let (address, _told) = serve_echo(Acceptor::new().with_config(config)).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(upgrade_with(&[("a", "1"), ("b", "2")]).as_bytes()).await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with(b"HTTP/1.1 101 "));
    let answer = ask(address, &upgrade_with(&[("a", "1"), ("b", "2"), ("c", "3")])).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("7 header"), "{answer}");
}

/// A head measures here what it does when we read it ourselves: one byte less is refused by both.
#[tokio::test]
async fn head_is_as_long_as_on_the_wire() {
    let request = upgrade_with(&[("Cookie", "a=b")]);
    for (bytes, status) in [(request.len(), 101), (request.len() - 1, 431)] {
        let mut config = ServerConfig::default();
        config.limits.bytes = trunkline::Limit::at_most(bytes);
        let acceptor = Acceptor::new().with_config(config);
        let (mut raw, server) = duplex(100_000);
        raw.write_all(request.as_bytes()).await.unwrap();
        raw.shutdown().await.unwrap();
        assert_eq!(acceptor.accept(server).await.is_ok(), status == 101);
        let (address, _told) = serve_echo(acceptor).await;
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let head = String::from_utf8(read_head(&mut tcp).await).unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

/// SEC-HS-18: one answer, then the end; what stood behind the request is nobody's.
#[tokio::test]
async fn sec_hs_18_nothing_behind_a_refused_upgrade_is_answered() {
    let (address, _told) = serve_echo(Acceptor::new()).await;
    let refused = upgrade_with(&[("Sec-WebSocket-Version", "12")]);
    let next = "GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for behind in [0, 1, 20] {
        let answer = ask(address, &(refused.clone() + &next.repeat(behind))).await;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert_eq!(header(&answer, "Connection"), Some("close"));
    }
}

/// The answer is what the protocol and the application say, and nothing that a client has said.
#[tokio::test]
async fn answer_has_the_headers_of_the_handshake_and_of_the_application() {
    let address = serve(|mut request| {
        let upgrade = Acceptor::new().read_http_request(&mut request).unwrap();
        let acceptance = Acceptance::new().with_header("Set-Cookie", "id=1").unwrap();
        let acceptance = acceptance.with_subprotocol("b");
        let (response, upgrading) = upgrade.accept_with(&acceptance).unwrap();
        tokio::spawn(upgrading);
        async { response }
    })
    .await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let offers = [("Sec-WebSocket-Protocol", "a, b"), ("X-Own", "1"), ("Set-Cookie", "evil=1")];
    tcp.write_all(upgrade_with(&offers).as_bytes()).await.unwrap();
    let head = String::from_utf8(read_head(&mut tcp).await).unwrap();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    lines.retain(|line| !line.starts_with("date: "));
    lines[1..].sort_unstable();
    assert_eq!(
        lines,
        [
            "HTTP/1.1 101 Switching Protocols",
            "connection: Upgrade",
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol: b",
            "set-cookie: id=1",
            "upgrade: websocket",
        ]
    );
}

#[test]
fn headers_cannot_be_injected() {
    for value in ["1\r\nSet-Cookie: a=b", "1\n", "1\0"] {
        assert!(Acceptance::new().with_header("X-Own", value).is_err());
        assert!(Refusal::new(403, "no").unwrap().with_header("X-Own", value).is_err());
    }
    for name in ["Sec-WebSocket-Accept", "Connection", "Content-Length", "a b", "a:", ""] {
        assert!(Acceptance::new().with_header(name, "1").is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn application_refuses_and_the_client_reads_why() {
    let address = serve(|mut request| {
        let upgrade = Acceptor::new().read_http_request(&mut request).unwrap();
        assert_eq!(upgrade.request().path(), "/chat");
        let refusal = Refusal::unauthorized("log in first");
        let refusal = refusal.with_header("WWW-Authenticate", "Bearer").unwrap();
        let rejection = Rejection::from(refusal);
        assert_eq!(rejection.status(), 401);
        async { rejection.into_response() }
    })
    .await;
    let answer = ask(address, &upgrade_with(&[])).await;
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    assert_eq!(header(&answer, "WWW-Authenticate"), Some("Bearer"));
    assert!(answer.ends_with("\r\n\r\nlog in first"), "{answer}");
}

#[tokio::test]
async fn acceptance_that_cannot_be_sent_is_answered_with_500_and_says_why_to_the_server() {
    let address = serve(|mut request| {
        let upgrade = Acceptor::new().read_http_request(&mut request).unwrap();
        let acceptance = Acceptance::new().with_subprotocol("not offered");
        let rejection = upgrade.accept_with::<Bytes>(&acceptance).unwrap_err();
        let why = std::error::Error::source(&rejection).unwrap().to_string();
        assert!(why.contains("not offered"), "{why}");
        async { rejection.into_response() }
    })
    .await;
    let answer = ask(address, &upgrade_with(&[])).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("not offered"), "{answer}");
}

#[test]
fn rejection_refuses_whatever_its_status() {
    for (given, status) in
        [(200u16, 200u16), (404, 404), (599, 599), (101, 500), (204, 500), (600, 500)]
    {
        let rejection = Rejection::new(StatusCode::from_u16(given).unwrap(), "no");
        assert_eq!(rejection.status(), status);
        let response: Response<Bytes> = rejection.into_response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["connection"], "close");
    }
}

fn synthetic(method: Method, version: Version) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.version_mut() = version;
    *request.uri_mut() = "https://localhost/chat".parse().unwrap();
    request
}

/// RFC 8441 §5: it has no `Upgrade`, so it is told apart by its method.
#[test]
fn websocket_over_http_2_is_refused_clearly() {
    let mut connect = synthetic(Method::CONNECT, Version::HTTP_2);
    assert!(asks_for_websocket(&connect));
    let rejection = Acceptor::new().upgrade::<_, Bytes>(&mut connect).unwrap_err();
    assert_eq!(rejection.status(), 501);
    assert!(rejection.to_string().contains("HTTP/1.1"), "{rejection}");
    let mut get = synthetic(Method::GET, Version::HTTP_2);
    assert!(!asks_for_websocket(&get));
    let rejection = Acceptor::new().upgrade::<_, Bytes>(&mut get).unwrap_err();
    assert_eq!(rejection.status(), 426);
}

#[test]
fn request_without_a_connection_is_the_fault_of_the_server() {
    let mut request = Request::get("/chat");
    for (name, value) in [
        ("host", "localhost"),
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        request = request.header(name, value);
    }
    let mut request = request.body(()).unwrap();
    let rejection = Acceptor::new().upgrade::<_, Bytes>(&mut request).unwrap_err();
    assert_eq!(rejection.status(), 500);
}

#[tokio::test]
async fn server_that_keeps_its_connections_is_told_so() {
    let (mut raw, server) = duplex(4096);
    let upgrading = Arc::new(Mutex::new(None));
    let service = service_fn(|mut request: Request<Incoming>| {
        let (response, it): (Answer, _) = Acceptor::new().upgrade(&mut request).unwrap();
        *upgrading.lock().unwrap() = Some(it);
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    raw.write_all(REQUEST).await.unwrap();
    // `with_upgrades` is what is missing.
    http1::Builder::new().serve_connection(TokioIo::new(server), service).await.unwrap();
    let upgrading = upgrading.lock().unwrap().take().unwrap();
    let error = upgrading.await.unwrap_err();
    assert!(matches!(error, UpgradeError::WithoutUpgrades(_)), "{error:?}");
    assert!(error.to_string().contains("with_upgrades"), "{error}");
}

#[tokio::test]
async fn client_that_hangs_up_before_the_answer_leaves_no_connection() {
    let (mut raw, server) = duplex(4096);
    let (sender, mut upgradings) = mpsc::unbounded_channel();
    let serving = tokio::spawn(serve_connection(server, move |mut request| {
        let (_, upgrading): (Answer, _) = Acceptor::new().upgrade(&mut request).unwrap();
        sender.send(upgrading).unwrap();
        pending()
    }));
    raw.write_all(REQUEST).await.unwrap();
    let upgrading = upgradings.recv().await.unwrap();
    drop(raw);
    serving.await.unwrap();
    let error = upgrading.await.unwrap_err();
    assert!(matches!(error, UpgradeError::Unanswered(_)), "{error:?}");
}

/// Whoever awaits the connection before the answer is returned waits for himself, but not for ever.
#[tokio::test(start_paused = true)]
async fn answer_has_to_be_written_within_the_timeout_of_the_handshake() {
    let (mut raw, server) = duplex(4096);
    let (sender, mut errors) = mpsc::unbounded_channel();
    let _serving = tokio::spawn(serve_connection(server, move |mut request| {
        let (response, upgrading) = Acceptor::new().upgrade(&mut request).unwrap();
        let sender = sender.clone();
        async move {
            sender.send(upgrading.await.unwrap_err()).unwrap();
            response
        }
    }));
    let start = tokio::time::Instant::now();
    raw.write_all(REQUEST).await.unwrap();
    let error = errors.recv().await.unwrap();
    assert!(matches!(error, UpgradeError::Timeout), "{error:?}");
    assert_elapsed(start, 10);
}

#[test]
fn what_is_public_can_go_to_another_thread() {
    fn send_sync<T: Send + Sync + 'static>() {}
    send_sync::<WebSocket>();
    send_sync::<HttpUpgrade>();
    send_sync::<Upgrading>();
    send_sync::<Rejection>();
    send_sync::<UpgradeError>();
}
