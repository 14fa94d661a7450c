//! An axum server with a WebSocket that says back what it hears.
//!
//! `cargo run --example axum --features axum`, then `trunkline connect ws://127.0.0.1:9004/echo`.

use axum::response::Response;
use axum::routing::{any, get};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use trunkline::Acceptor;
use trunkline::axum::WebSocketUpgrade;

/// Serves for as long as there is somebody to wait for.
pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
    // For all routes. A handler can set its own: `upgrade.with_message_bytes(..)`.
    let acceptor = Acceptor::new().with_message_bytes(64 << 10);
    let app = Router::new()
        .route("/", get("hello\n"))
        .route("/echo", any(echo))
        .layer(Extension(acceptor));
    axum::serve(listener, app).await
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
    serve(TcpListener::bind("127.0.0.1:9004").await?).await
}
