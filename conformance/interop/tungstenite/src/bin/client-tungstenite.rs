//! Clients of tokio-tungstenite with its defaults, and nothing that the library does not do by itself:
//! `client-tungstenite URL AT_ONCE`.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, at_once] = &words[..] else { panic!("client-tungstenite URL AT_ONCE") };
    let at_once: usize = at_once.parse().expect("a number");
    let clients = (0..at_once).map(|_| async {
        loop {
            let _ = echo(url).await;
        }
    });
    futures_util::future::join_all(clients).await;
}

async fn echo(url: &str) -> Option<()> {
    let (mut ws, _) = connect_async(url).await.ok()?;
    ws.send(Message::text("hello")).await.ok()?;
    while let Some(message) = ws.next().await {
        let message = message.ok()?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await.ok()?;
        }
    }
    Some(())
}
