//! An axum server with a WebSocket that says back what it hears.
//!
//! `cargo run --example axum --features axum`, then `trunkline connect ws://127.0.0.1:9004/echo`. Ctrl-C ends
//! it: connections are closed with 1001, and waited for.

use std::future::Future;

use axum::response::Response;
use axum::routing::{any, get};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use trunkline::axum::WebSocketUpgrade;
use trunkline::{Acceptor, Drain, DrainHandle, Drained};

/// Serves until `stop`, and then for as long as connections need to close, at most 8 seconds.
pub async fn serve<F>(listener: TcpListener, stop: F) -> std::io::Result<Drained>
where
    F: Future<Output = ()> + Send + 'static,
{
    let connections = DrainHandle::new();
    // For all routes. A handler can set its own: `upgrade.with_message_bytes(..)`.
    let acceptor =
        Acceptor::new().with_message_bytes(64 << 10).with_drain_handle(connections.clone());
    let app = Router::new()
        .route("/", get("hello\n"))
        .route("/echo", any(echo))
        .layer(Extension(acceptor));
    // This waits for requests, and connections that were upgraded are none any more.
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(connections.drain(Drain::new()).await)
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        while let Ok(Some(message)) = ws.recv().await {
            if ws.send(message).await.is_err() {
                return;
            }
        }
    })
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9004").await?;
    let stop = async { tokio::signal::ctrl_c().await.expect("signals can be listened to") };
    println!("{:?}", serve(listener, stop).await?);
    Ok(())
}
