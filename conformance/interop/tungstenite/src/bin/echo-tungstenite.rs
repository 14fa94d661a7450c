//! An echo of tokio-tungstenite as its own examples have it: default settings, and nothing that the library does
//! not do by itself.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ws://{}", listener.local_addr()?);
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(echo(tcp));
    }
}

async fn echo(tcp: TcpStream) -> Option<()> {
    let mut ws = tokio_tungstenite::accept_async(tcp).await.ok()?;
    while let Some(message) = ws.next().await {
        let message = message.ok()?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await.ok()?;
        }
    }
    Some(())
}
