//! Our clients for `conformance/security/clients.py`, with default settings and compression offered:
//! `echo-client URL AT_ONCE` connects over and over, says hello, and sends back what it hears.

use std::env;
use std::error::Error;

use tokio::task::JoinSet;
use trunkline::deflate::DeflateConfig;
use trunkline::{Connector, Outgoing};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [url, at_once] = &words[..] else { return Err("echo-client URL AT_ONCE".into()) };
    let connector = Connector::new().with_compression(DeflateConfig::default());
    let mut clients = JoinSet::new();
    for _ in 0..at_once.parse()? {
        clients.spawn(keep_connecting(connector.clone(), url.clone()));
    }
    clients.join_all().await;
    Ok(())
}

/// What the other end does wrong is counted there.
async fn keep_connecting(connector: Connector, url: String) {
    loop {
        let _ = echo(&connector, &url).await;
    }
}

async fn echo(connector: &Connector, url: &str) -> Result<(), Failure> {
    let mut ws = connector.connect(url).await?;
    ws.send("hello").await?;
    while let Some(message) = ws.recv().await? {
        ws.send(Outgoing::from(message)).await?;
    }
    Ok(())
}
