//! HTTP servers on real sockets, and requests that are written by hand.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub type Answer = Response<Full<Bytes>>;

/// A request for a WebSocket with these headers besides, or instead of those of the same name; an empty
/// value leaves a header out.
pub fn upgrade_with(headers: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("Host", "localhost"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    fields.retain(|(name, _)| headers.iter().all(|(other, _)| name != other));
    fields.extend(headers.iter().filter(|(_, value)| !value.is_empty()));
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET /chat HTTP/1.1\r\n{lines}\r\n")
}

pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves one connection of HTTP/1.1 with hyper, up to its end or its upgrade.
pub fn serve_connection<S, F, Fut>(stream: S, handler: F) -> impl Future<Output = ()> + Send
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> Fut + Send + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answering = handler(request);
        async { Ok::<_, Infallible>(answering.await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    async {
        let _ = connection.with_upgrades().await;
    }
}

/// Serves whoever comes, for as long as the runtime lives.
pub async fn serve<F, Fut>(handler: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve_connection(tcp, handler.clone()));
        }
    });
    address
}

/// What a server answers to `request`, which is all that a client ever sends, up to the end of the
/// connection.
pub async fn ask(address: SocketAddr, request: &str) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The value of a header in an answer.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n").expect("a whole head");
    let mut fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    fields.find(|(other, _)| name.eq_ignore_ascii_case(other)).map(|(_, value)| value)
}
