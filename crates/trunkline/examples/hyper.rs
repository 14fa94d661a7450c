//! A server of hyper's with a page on every path but one, where a WebSocket says back what it hears.
//!
//! `cargo run --example hyper --features hyper`, then
//! `curl http://127.0.0.1:9003/` and `trunkline connect ws://127.0.0.1:9003/echo`.

use std::convert::Infallible;
use std::error::Error;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use trunkline::{Acceptor, WebSocket};

/// Serves for as long as there is somebody to wait for.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    // One for all connections: limits, origins, subprotocols and compression are set here.
    let acceptor = Acceptor::new();
    loop {
        let (tcp, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        let service = service_fn(move |request| {
            let response = answer(&acceptor, request);
            async { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
        // Without `with_upgrades` hyper would keep the connection to itself.
        tokio::spawn(connection.with_upgrades());
    }
}

fn answer(acceptor: &Acceptor, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != "/echo" {
        return Response::new(Full::from("hello\n"));
    }
    match acceptor.upgrade(&mut request) {
        Ok((response, upgrading)) => {
            // The connection opens once this answer has been written, so another task waits for it.
            tokio::spawn(async move {
                match upgrading.await {
                    Ok(ws) => echo(ws).await,
                    Err(error) => eprintln!("no connection: {error}"),
                }
            });
            response
        }
        Err(rejection) => rejection.into_response(),
    }
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
    serve(TcpListener::bind("127.0.0.1:9003").await?).await
}
