//! The smallest server: says back what it hears, to any number of clients.
//!
//! `cargo run --example echo_server`, then `cargo run --example echo_client`.

use std::error::Error;

use trunkline::{Batch, Server, WebSocket};

/// Says back what comes in, many messages at a time.
pub async fn echo(mut ws: WebSocket) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut batch = Batch::new();
    while ws.recv_many(&mut batch).await? > 0 {
        ws.feed_all(&batch).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001").await?.serve(|ws, _| echo(ws)).await;
    Ok(())
}
