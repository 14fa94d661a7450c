//! `trunkline serve` as a process of its own, its HTTP API, and tokens that it takes.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

const SECRET: &[u8] = b"the suites of the SDKs know this secret too";
const API_KEY: &str = "the suites of the SDKs";

/// A token of this user, good for so many seconds, which may be negative.
pub fn token(user: &str, ttl: i64) -> String {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs();
    let claims = json!({ "sub": user, "exp": now.cast_signed() + ttl }).to_string();
    let signed = [&br#"{"alg":"HS256"}"#[..], claims.as_bytes()]
        .map(|it| BASE64URL_NOPAD.encode(it))
        .join(".");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length is a key");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
}

pub struct Server {
    data: PathBuf,
    port: u16,
    running: Option<(Child, BufReader<ChildStdout>)>,
}

impl Server {
    /// One with no data, on a free port.
    pub async fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "trunkline-sdks-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let mut server = Self { data: std::env::temp_dir().join(name), port: 0, running: None };
        server.start_again().await;
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it with the data and on the port of before.
    pub async fn start_again(&mut self) {
        let listen = format!("127.0.0.1:{}", self.port);
        let data = format!("data.dir={}", self.data.display());
        // The SDK renews no token, so the suite would wait 25 s for the end of one.
        let hurry = "client.expired_close_delay=1s";
        let config = std::env::var_os("SERVER_CONFIG").expect("SERVER_CONFIG, see sdks.sh");
        let mut child =
            Command::new(std::env::var_os("TRUNKLINE").expect("TRUNKLINE, see sdks.sh"))
                .args(["serve", "--listen", &listen, "--set", &data, "--set", hurry, "--config"])
                .arg(config)
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("trunkline starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        while stdout.read_line(&mut line).await.expect("trunkline writes text") > 0 {
            if let Some((_, port)) = line.trim().rsplit_once("http://127.0.0.1:")
                && line.starts_with("listening on")
            {
                self.port = port.parse().expect("a port");
                self.running = Some((child, stdout));
                return;
            }
            line.clear();
        }
        panic!("the server has not started");
    }

    /// Ends it at once, as `kill -9` does.
    pub async fn kill(&mut self) {
        let (mut child, _) = self.running.take().expect("it runs");
        child.kill().await.expect("it can be killed");
    }

    /// The result of a request to the HTTP API.
    pub async fn api(&self, method: &str, params: Value) -> Value {
        let mut tcp =
            TcpStream::connect(("127.0.0.1", self.port)).await.expect("the server listens");
        let body = params.to_string();
        let request = format!(
            "POST /api/{method} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {API_KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        tcp.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        let mut answer: Value = serde_json::from_str(body).expect("JSON");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process goes with its handle; what it still writes does not matter.
        self.running = None;
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
