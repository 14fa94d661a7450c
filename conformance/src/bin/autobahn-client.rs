//! The client that Autobahn's fuzzing server tests: it asks how many cases there are, and in each
//! echoes every message until the connection ends.
//!
//! `AUTOBAHN_URL` is the address of the suite (`ws://127.0.0.1:9001`), `AUTOBAHN_AGENT` the name of
//! this client in its reports.

use std::error::Error;

use tokio::net::TcpStream;
use trunkline::deflate::DeflateConfig;
use trunkline::{CloseCode, Connector, WebSocket};

/// The longest messages of the suite: 9.1.6 and 9.2.6.
const MESSAGE_BYTES: usize = 16 << 20;

type Failure = Box<dyn Error + Send + Sync>;

struct Suite {
    url: String,
    agent: String,
    connector: Connector,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let suite = Suite {
        url: setting("AUTOBAHN_URL")?,
        agent: setting("AUTOBAHN_AGENT")?,
        connector: Connector::new()
            .with_message_bytes(MESSAGE_BYTES)
            .with_compression(DeflateConfig::default()),
    };
    for case in 1..=suite.case_count().await? {
        // How a case ends is the suite's to judge: many of them break the rules on purpose.
        let _ = suite.run_case(case).await;
    }
    suite.update_reports().await
}

impl Suite {
    async fn case_count(&self) -> Result<u32, Failure> {
        let mut ws = self.connect("/getCaseCount").await?;
        let message =
            ws.recv().await?.ok_or("the suite closed without saying how many cases there are")?;
        let count = message.as_text().ok_or("the number of cases is not text")?.parse()?;
        ws.close(CloseCode::NORMAL, "").await?;
        Ok(count)
    }

    async fn run_case(&self, case: u32) -> Result<(), Failure> {
        let mut ws = self.connect(&format!("/runCase?case={case}&agent={}", self.agent)).await?;
        while let Some(message) = ws.recv().await? {
            ws.feed(message).await?;
        }
        Ok(())
    }

    async fn update_reports(&self) -> Result<(), Failure> {
        let mut ws = self.connect(&format!("/updateReports?agent={}", self.agent)).await?;
        while ws.recv().await?.is_some() {}
        Ok(())
    }

    async fn connect(&self, path: &str) -> Result<WebSocket<TcpStream>, Failure> {
        let address = self.url.strip_prefix("ws://").ok_or("AUTOBAHN_URL must begin with ws://")?;
        let tcp = TcpStream::connect(address.trim_end_matches('/')).await?;
        tcp.set_nodelay(true)?;
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        Ok(self.connector.connect_over(&url, tcp).await?)
    }
}

fn setting(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}
