//! `trunkline serve` or `trunkline echo` as a process of its own, its HTTP API and its metrics.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::Failure;
use crate::client::{dial, source};
use crate::process::Usage;

const API_KEY: &str = "soak";

/// How long the server may take for what is not under load.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    arguments: Vec<String>,
    address: SocketAddr,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// `trunkline serve` with the settings of the soak, and some more.
    pub(crate) async fn serve(settings: &[&str]) -> Result<Self, Failure> {
        let config = std::env::var("SOAK_CONFIG")?;
        let mut arguments = vec!["serve".to_owned(), "--config".to_owned(), config];
        for setting in settings {
            arguments.extend(["--set".to_owned(), (*setting).to_owned()]);
        }
        Self::start(arguments, "127.0.0.1:0".parse()?).await
    }

    /// `trunkline echo`.
    pub(crate) async fn echo(flags: &[&str]) -> Result<Self, Failure> {
        let arguments = std::iter::once(&"echo").chain(flags).map(|it| (*it).to_owned()).collect();
        Self::start(arguments, "127.0.0.1:0".parse()?).await
    }

    async fn start(arguments: Vec<String>, listen: SocketAddr) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::var_os("TRUNKLINE").ok_or("TRUNKLINE is not set")?)
            .args(&arguments)
            .args(["--listen", &listen.to_string()])
            .env("TRUNKLINE_HTTP_API_KEY", API_KEY)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let address = timeout(PATIENCE, listening(&mut stdout)).await??;
        Ok(Self { arguments, address, child, stdout })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        Ok(Usage::of(self.pid())?)
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and a new one at the same address.
    pub(crate) async fn kill_and_start_again(&mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        let Self { child, stdout, .. } = Self::start(self.arguments.clone(), self.address).await?;
        (self.child, self.stdout) = (child, stdout);
        Ok(())
    }

    /// The figures of `/metrics`, without the `trunkline_` that all have.
    pub(crate) async fn metrics(&self) -> Result<HashMap<String, u64>, Failure> {
        let (_, body) = self.ask("GET /metrics", "", "").await?;
        let figures = body.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("trunkline_")?.split_once(' ')?;
            Some((name.to_owned(), value.parse::<f64>().ok()? as u64))
        });
        Ok(figures.collect())
    }

    /// The result of a request to the HTTP API.
    pub(crate) async fn api(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        let headers = format!("X-API-Key: {API_KEY}\r\nContent-Type: application/json\r\n");
        let request = format!("POST /api/{method}");
        let (status, body) = self.ask(&request, &headers, &params.to_string()).await?;
        if status != 200 {
            return Err(format!("{method}: {status} {body}").into());
        }
        let mut answer: Value = serde_json::from_str(&body)?;
        match answer.get("error") {
            Some(error) => Err(error.to_string().into()),
            None => Ok(answer["result"].take()),
        }
    }

    pub(crate) async fn publish(&self, channel: &str, data: Value) -> Result<u64, Failure> {
        let result = self.api("publish", &json!({ "channel": channel, "data": data })).await?;
        result["offset"].as_u64().ok_or_else(|| format!("no offset: {result}").into())
    }

    /// Status and body of a plain HTTP answer.
    pub(crate) async fn ask(
        &self,
        line: &str,
        headers: &str,
        body: &str,
    ) -> Result<(u16, String), Failure> {
        timeout(PATIENCE, ask(self.address, line, headers, body)).await?
    }

    /// Waits until all these gauges are 0. Those that are not when patience ends.
    pub(crate) async fn come_to_rest(
        &self,
        gauges: &[&str],
        patience: Duration,
    ) -> Result<Vec<String>, Failure> {
        let started = Instant::now();
        loop {
            let metrics = self.metrics().await?;
            let value = |name: &str| metrics.get(name).copied().unwrap_or(u64::MAX);
            let left = gauges.iter().filter(|name| value(name) > 0);
            let left: Vec<_> = left.map(|name| format!("{name} {}", value(name))).collect();
            if left.is_empty() || started.elapsed() > patience {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Waits for the line in which a server says where it listens.
async fn listening(stdout: &mut BufReader<ChildStdout>) -> Result<SocketAddr, Failure> {
    let mut line = String::new();
    while stdout.read_line(&mut line).await? > 0 {
        if line.starts_with("listening on")
            && let Some((_, address)) = line.trim().split_once("://")
        {
            return Ok(address.trim_end_matches('/').parse()?);
        }
        line.clear();
    }
    Err("the server has not started".into())
}

async fn ask(
    to: SocketAddr,
    line: &str,
    headers: &str,
    body: &str,
) -> Result<(u16, String), Failure> {
    // No address asks so often that it is turned away.
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let from = source(30_000 + ASKED.fetch_add(1, Ordering::Relaxed) % 1_000);
    let mut tcp = dial(from, to, None).await?;
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {to}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    tcp.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no whole answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// A folder of its own, gone with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("trunkline-soak-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
