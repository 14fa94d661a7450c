//! Connections that send `--window` messages each and from then on send back what comes, until the
//! process is ended.
//!
//! ```text
//! client-ours --addr IP:PORT --conns 64 --size 32 --window 1
//! ```

use std::collections::HashMap;
use std::error::Error;

use trunkline::WebSocket;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

async fn converse(mut ws: WebSocket, message: Vec<u8>, window: usize) -> Result<()> {
    for _ in 0..window {
        ws.feed(&message[..]).await?;
    }
    ws.flush().await?;
    ws.answer(|message, answers| answers.feed(message)).await?;
    Ok(())
}

async fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let flags: HashMap<&str, &str> =
        args.chunks_exact(2).map(|it| (it[0].as_str(), it[1].as_str())).collect();
    let value = |name| flags.get(name).copied().ok_or_else(|| format!("{name} is missing"));
    let number = |name| -> Result<usize> { Ok(value(name)?.parse()?) };
    let url = format!("ws://{}/", value("--addr")?);
    let (message, window) = (vec![7; number("--size")?], number("--window")?);
    for _ in 0..number("--conns")? {
        let ws = trunkline::connect(&url).await?;
        tokio::spawn(converse(ws, message.clone(), window));
    }
    std::future::pending().await
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}
