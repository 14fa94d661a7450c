//! The smallest server: says back what it hears, to any number of clients.
//!
//! `cargo run --example echo_server`, then `cargo run --example echo_client`.

use std::error::Error;

use trunkline::{Server, WebSocket};

/// Says back what comes in.
pub async fn echo(mut ws: WebSocket) -> Result<(), Box<dyn Error + Send + Sync>> {
    ws.answer(|message, answers| answers.feed(message)).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001").await?.serve(|ws, _| echo(ws)).await;
    Ok(())
}
