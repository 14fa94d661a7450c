//! A WebSocket in front of any service of tower, here one of hyper's: what does not ask for it goes on.
//!
//! `cargo run --example tower --features tower`, then
//! `curl http://127.0.0.1:9005/echo` and `trunkline connect ws://127.0.0.1:9005/echo`.

use std::convert::Infallible;
use std::error::Error;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use trunkline::tower::WebSocketLayer;
use trunkline::{Acceptor, WebSocket};

/// Serves for as long as there is somebody to wait for.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let echo = WebSocketLayer::new(Acceptor::new(), |ws, _request| echo(ws)).with_path("/echo");
    let service = ServiceBuilder::new().layer(echo).service(service_fn(page));
    loop {
        let (tcp, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
        tokio::spawn(connection.with_upgrades());
    }
}

async fn page(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello\n")))
}

async fn echo(mut ws: WebSocket) {
    while let Ok(Some(message)) = ws.recv().await {
        if ws.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(TcpListener::bind("127.0.0.1:9005").await?).await
}
