//! The extractor for axum, in servers of `axum::serve` on real sockets.

#![cfg(feature = "axum")]

#[path = "support/http.rs"]
mod http_support;
mod support;

use std::net::SocketAddr;

use axum::extract::{FromRef, FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use trunkline::axum::WebSocketUpgrade;
use trunkline::deflate::DeflateConfig;
use trunkline::handshake::{Acceptance, OriginPolicy, Refusal, Subprotocols};
use trunkline::upgrade::{Rejection, UpgradeError};
use trunkline::{Acceptor, CloseCode, Connector, Message, Role, WebSocket};

use http_support::{ask, header, listen, upgrade_with};
use support::*;

async fn serve(app: Router) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(say_back)
}

async fn say_back(mut ws: WebSocket) {
    while let Ok(Some(message)) = ws.recv().await {
        if ws.send(message).await.is_err() {
            return;
        }
    }
}

async fn check_echo(ws: &mut WebSocket, text: &str) {
    ws.send(text).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text(text)));
}

fn protocols(names: &[&'static str]) -> Subprotocols {
    Subprotocols::new(names.iter().copied()).unwrap()
}

#[tokio::test]
async fn connection_runs_on_the_socket_that_axum_has_accepted() {
    let (sender, mut over) = mpsc::unbounded_channel();
    let tell = async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |ws| {
            sender.send(format!("{:?}", ws.stream())).unwrap();
            say_back(ws).await;
        })
    };
    let address = serve(Router::new().route("/chat", any(tell))).await;
    let mut ws = trunkline::connect(&format!("ws://{address}/chat")).await.unwrap();
    check_echo(&mut ws, "hello").await;
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(over.recv().await.unwrap(), "Transport(\"Tcp\")");
}

#[tokio::test]
async fn frames_in_the_same_segment_as_the_request_are_delivered() {
    let address = serve(Router::new().route("/chat", any(echo))).await;
    for len in [5, 70_000] {
        let payload = vec![b'x'; len];
        let mut tcp = TcpStream::connect(address).await.unwrap();
        let early = frame(Role::Client, TEXT, &payload);
        tcp.write_all(&[upgrade_with(&[]).as_bytes(), &early].concat()).await.unwrap();
        read_head(&mut tcp).await;
        assert_eq!(read_frame(Role::Server, &mut tcp).await, Some((TEXT, payload)));
    }
}

#[tokio::test]
async fn page_and_then_an_upgrade_share_a_connection_and_a_path() {
    async fn page_or_echo(upgrade: Option<WebSocketUpgrade>) -> Response {
        match upgrade {
            Some(upgrade) => echo(upgrade).await,
            None => "a page".into_response(),
        }
    }
    let address = serve(Router::new().route("/", any(page_or_echo))).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let mut page = [0; 6];
    tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut page).await.unwrap();
    assert_eq!(&page, b"a page");
    let mut ws = trunkline::connect_over("ws://localhost/", tcp).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    // A request that means to ask for one, and does it badly, is told so.
    let bad = upgrade_with(&[("Sec-WebSocket-Version", "12")]).replace("/chat", "/");
    assert!(ask(address, &bad).await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn others_are_rejected_with_a_text_that_says_why() {
    let address = serve(Router::new().route("/chat", any(echo))).await;
    let table = [
        (400, upgrade_with(&[("Sec-WebSocket-Key", "")]), "Sec-WebSocket-Key is missing"),
        (400, upgrade_with(&[("Sec-WebSocket-Version", "")]), "send 13"),
        (403, upgrade_with(&[("Origin", "https://evil.example")]), "origin"),
        (405, upgrade_with(&[]).replace("GET", "POST"), "GET"),
        (426, upgrade_with(&[("Sec-WebSocket-Version", "8")]), "13"),
        (426, upgrade_with(&[("Connection", "")]), "Connection: Upgrade"),
        (426, upgrade_with(&[("Upgrade", "h2c")]), "Upgrade: websocket"),
    ];
    for (status, request, why) in table {
        let answer = ask(address, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(header(&answer, "Content-Type"), Some("text/plain; charset=utf-8"));
        assert_eq!(header(&answer, "Connection"), Some("close"));
        assert!(answer.split_once("\r\n\r\n").unwrap().1.contains(why), "{answer}");
    }
    let answer = ask(address, &upgrade_with(&[("Sec-WebSocket-Version", "8")])).await;
    assert_eq!(header(&answer, "Sec-WebSocket-Version"), Some("13"));
}

#[tokio::test]
async fn acceptor_in_an_extension_holds_for_all_routes() {
    let acceptor = Acceptor::new()
        .with_subprotocols(protocols(&["b"]))
        .with_compression(DeflateConfig::default())
        .with_origin(OriginPolicy::list(["https://app.example.com"]).unwrap())
        .with_message_bytes(1000);
    let app = Router::new().route("/a", any(echo)).route("/b", any(echo));
    let address = serve(app.layer(Extension(acceptor))).await;
    for path in ["/a", "/b"] {
        let connector = Connector::new()
            .with_subprotocols(protocols(&["a", "b"]))
            .with_compression(DeflateConfig::default());
        let mut ws = connector.connect(&format!("ws://{address}{path}")).await.unwrap();
        assert_eq!((ws.subprotocol(), ws.is_compressed()), (Some("b"), true));
        check_echo(&mut ws, &"x".repeat(1000)).await;
        ws.send(&*"x".repeat(1001)).await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), None);
        assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::MESSAGE_TOO_BIG));
        let same = upgrade_with(&[("Origin", "http://localhost")]).replace("/chat", path);
        assert!(ask(address, &same).await.starts_with("HTTP/1.1 403 "));
    }
}

#[derive(Clone)]
struct App {
    acceptor: Acceptor,
}

impl FromRef<App> for Acceptor {
    fn from_ref(app: &App) -> Self {
        app.acceptor.clone()
    }
}

#[tokio::test]
async fn acceptor_may_be_kept_in_the_state() {
    async fn handler(State(acceptor): State<Acceptor>, upgrade: WebSocketUpgrade) -> Response {
        upgrade.with_acceptor(acceptor).on_upgrade(say_back)
    }
    let acceptor = Acceptor::new().with_subprotocols(protocols(&["b"]));
    let app = Router::new().route("/chat", any(handler)).with_state(App { acceptor });
    let connector = Connector::new().with_subprotocols(protocols(&["a", "b"]));
    let address = serve(app).await;
    let ws = connector.connect(&format!("ws://{address}/chat")).await.unwrap();
    assert_eq!(ws.subprotocol(), Some("b"));
}

/// A handler may allow what is not allowed elsewhere, and the other way round.
#[tokio::test]
async fn setters_of_a_handler_come_before_the_acceptor_of_all() {
    async fn handler(upgrade: WebSocketUpgrade) -> Response {
        upgrade
            .with_origin(OriginPolicy::list(["https://app.example.com"]).unwrap())
            .with_subprotocols(protocols(&["b"]))
            .with_compression(DeflateConfig::default())
            .with_message_bytes(1000)
            .on_upgrade(say_back)
    }
    let address = serve(Router::new().route("/chat", any(handler))).await;
    let of = |origin| upgrade_with(&[("Origin", origin)]);
    assert!(ask(address, &of("http://localhost")).await.starts_with("HTTP/1.1 403 "));
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(of("https://app.example.com").as_bytes()).await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with(b"HTTP/1.1 101 "));
    let connector = Connector::new()
        .with_subprotocols(protocols(&["a", "b"]))
        .with_compression(DeflateConfig::default());
    let mut ws = connector.connect(&format!("ws://{address}/chat")).await.unwrap();
    assert_eq!((ws.subprotocol(), ws.is_compressed()), (Some("b"), true));
    ws.send(&[0; 1001][..]).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::MESSAGE_TOO_BIG));
}

#[tokio::test]
async fn handler_knows_what_the_client_asks_for_and_may_refuse_it() {
    async fn handler(
        Path(room): Path<String>,
        Query(query): Query<Vec<(String, String)>>,
        upgrade: WebSocketUpgrade,
    ) -> Result<Response, Rejection> {
        let request = upgrade.request();
        assert_eq!(request.query(), Some("name=ada"));
        assert_eq!(query, [("name".into(), "ada".into())]);
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(request.origin(), Some("http://localhost"));
        if room != "lobby" {
            return Err(Refusal::not_found("no such room").into());
        }
        let acceptance = Acceptance::new().with_subprotocol("a");
        let acceptance = acceptance.with_header("Set-Cookie", "id=1").unwrap();
        Ok(upgrade.with_acceptance(acceptance).on_upgrade(say_back))
    }
    let rooms = Router::new().route("/{room}", any(handler));
    let address = serve(Router::new().nest("/rooms", rooms)).await;
    let request =
        upgrade_with(&[("Sec-WebSocket-Protocol", "a, b"), ("Origin", "http://localhost")]);
    let of = |room| request.replace("/chat", &format!("/rooms/{room}?name=ada"));
    let answer = ask(address, &of("cellar")).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("no such room"), "{answer}");
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(of("lobby").as_bytes()).await.unwrap();
    let head = String::from_utf8(read_head(&mut tcp).await).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(header(&head, "Sec-WebSocket-Protocol"), Some("a"));
    assert_eq!(header(&head, "Set-Cookie"), Some("id=1"));
}

#[tokio::test]
async fn choice_of_a_handler_that_cannot_be_sent_is_answered_with_500() {
    async fn handler(upgrade: WebSocketUpgrade) -> Response {
        let acceptance = Acceptance::new().with_subprotocol("not offered");
        upgrade.with_acceptance(acceptance).on_upgrade(say_back)
    }
    let address = serve(Router::new().route("/chat", any(handler))).await;
    assert!(ask(address, &upgrade_with(&[])).await.starts_with("HTTP/1.1 500 "));
}

/// A handler that accepts and then answers something else.
#[tokio::test]
async fn connection_does_not_open_if_the_server_goes_on_to_the_next_request() {
    let (sender, mut errors) = mpsc::unbounded_channel();
    let handler = async move |upgrade: WebSocketUpgrade| {
        let (_, upgrading) = upgrade.accept().unwrap();
        tokio::spawn(async move { sender.send(upgrading.await.map(drop)) });
        "something else"
    };
    let address = serve(Router::new().route("/chat", any(handler))).await;
    let request = upgrade_with(&[]);
    let mut tcp = TcpStream::connect(address).await.unwrap();
    // The server knows that it will not be upgraded once the next request is there.
    tcp.write_all((request.clone() + &request).as_bytes()).await.unwrap();
    let error = errors.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, UpgradeError::Unanswered(_)), "{error:?}");
}

/// As the tests of an application do that call its handlers without a server.
#[tokio::test]
async fn request_that_no_server_has_read_is_rejected_with_500() {
    let request = http_request(&upgrade_with(&[]));
    let (mut parts, ()) = request.into_parts();
    let rejected = <WebSocketUpgrade as FromRequestParts<()>>::from_request_parts(&mut parts, &());
    assert_eq!(rejected.await.unwrap_err().status(), 500);
}

fn http_request(text: &str) -> hyper::Request<()> {
    let mut request = hyper::Request::get("/chat");
    for line in text.trim_end().split("\r\n").skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

/// axum answers requests of other methods itself where the route is for GET.
#[tokio::test]
async fn route_for_get_serves_as_well() {
    let address = serve(Router::new().route("/chat", get(echo))).await;
    let mut ws = trunkline::connect(&format!("ws://{address}/chat")).await.unwrap();
    check_echo(&mut ws, "hello").await;
    let post = upgrade_with(&[("Connection", "Upgrade, close")]).replace("GET", "POST");
    assert!(ask(address, &post).await.starts_with("HTTP/1.1 405 "));
}
