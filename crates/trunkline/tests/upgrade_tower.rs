//! The layer for tower: what it takes, and what it hands on.

#![cfg(feature = "tower")]

#[path = "support/http.rs"]
mod http_support;
mod support;

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;

use axum::http::request::Parts;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tower::{Layer, ServiceExt, service_fn};
use trunkline::tower::WebSocketLayer;
use trunkline::{Acceptor, CloseCode, Message, Role, WebSocket};

use http_support::{Answer, ask, header, listen, upgrade_with};
use support::*;

/// What a layer further out knows of the client.
#[derive(Clone)]
struct User(&'static str);

async fn page(request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(Response::new(Full::from(format!("page {}", request.uri().path()))))
}

async fn greet(mut ws: WebSocket, request: Parts) {
    let User(name) = request.extensions.get().expect("somebody has put it there");
    ws.send(format!("{name} at {}", request.uri.path())).await.unwrap();
    while let Ok(Some(message)) = ws.recv().await {
        ws.send(message).await.unwrap();
    }
}

/// A server of hyper's with the layer on `path`, or on all paths.
async fn serve(acceptor: Acceptor, path: Option<&str>) -> SocketAddr {
    let mut layer = WebSocketLayer::new(acceptor, greet);
    if let Some(path) = path {
        layer = layer.with_path(path);
    }
    let service = layer.layer(service_fn(page));
    let service = service.map_request(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(User("ada"));
        request
    });
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
            tokio::spawn(connection.with_upgrades());
        }
    });
    address
}

async fn check_page(address: SocketAddr, request: &str, path: &str) {
    let answer = ask(address, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&format!("page {path}")));
}

#[tokio::test]
async fn handler_has_the_connection_and_what_outer_layers_know() {
    let address = serve(Acceptor::new(), Some("/chat")).await;
    let mut ws = trunkline::connect(&format!("ws://{address}/chat?room=1")).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("ada at /chat")));
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn all_other_requests_go_to_the_inner_service() {
    let address = serve(Acceptor::new(), Some("/chat")).await;
    let last = [("Connection", "close")];
    check_page(address, &upgrade_with(&last), "/chat").await;
    check_page(address, &upgrade_with(&[("Upgrade", ""), ("Connection", "close")]), "/chat").await;
    let h2c = upgrade_with(&[("Upgrade", "h2c"), ("Connection", "Upgrade, close")]);
    check_page(address, &h2c, "/chat").await;
    for path in ["/chat/", "/chat2", "/CHAT", "/"] {
        let request = upgrade_with(&[("Connection", "Upgrade, close")]);
        check_page(address, &request.replace("/chat", path), path).await;
    }
}

#[tokio::test]
async fn without_a_path_it_serves_all() {
    let address = serve(Acceptor::new(), None).await;
    for path in ["/", "/a/b"] {
        let mut ws = trunkline::connect(&format!("ws://{address}{path}")).await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(format!("ada at {path}"))));
    }
}

#[tokio::test]
async fn request_for_a_websocket_that_breaks_a_rule_is_refused_here() {
    let address = serve(Acceptor::new(), Some("/chat")).await;
    for (status, request) in [
        (400, upgrade_with(&[("Sec-WebSocket-Key", "")])),
        (403, upgrade_with(&[("Origin", "https://evil.example")])),
        (405, upgrade_with(&[]).replace("GET", "POST")),
        (426, upgrade_with(&[("Sec-WebSocket-Version", "8")])),
    ] {
        let answer = ask(address, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(header(&answer, "Connection"), Some("close"));
    }
}

#[tokio::test]
async fn page_and_then_an_upgrade_share_a_connection() {
    let address = serve(Acceptor::new(), Some("/chat")).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"GET /chat HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let mut page = [0; 10];
    tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut page).await.unwrap();
    assert_eq!(&page, b"page /chat");
    let early = frame(Role::Client, TEXT, b"early");
    tcp.write_all(&[upgrade_with(&[]).as_bytes(), &early].concat()).await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with(b"HTTP/1.1 101 "));
    let greeting = Some((TEXT, b"ada at /chat".to_vec()));
    assert_eq!(read_frame(Role::Server, &mut tcp).await, greeting);
    assert_eq!(read_frame(Role::Server, &mut tcp).await, Some((TEXT, b"early".to_vec())));
}

/// In front of a router of axum, whose body is another.
#[tokio::test]
async fn layer_fits_a_router_of_axum() {
    let layer = WebSocketLayer::new(Acceptor::new(), |mut ws: WebSocket, _| async move {
        let _ = ws.send("hello").await;
    });
    let page = axum::routing::get(async || "a page");
    let app = axum::Router::new().route("/", page).layer(layer.with_path("/"));
    let (listener, address) = listen().await;
    tokio::spawn(async { axum::serve(listener, app).await });
    let mut ws = trunkline::connect(&format!("ws://{address}/")).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    let answer = ask(address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("a page"), "{answer}");
}

/// Readiness and errors are those of the inner service.
#[tokio::test]
async fn inner_service_is_asked_whether_it_is_ready() {
    let layer = WebSocketLayer::new(Acceptor::new(), |_: WebSocket, _| async {});
    let full = tower::util::future_service(ready(Err::<NeverMade, _>("full")));
    let mut service = layer.layer(full);
    let asked = ServiceExt::<Request<()>>::ready(&mut service).await;
    assert_eq!(asked.err(), Some("full"));
}

type NeverMade = tower::util::BoxService<Request<()>, Response<Bytes>, &'static str>;
