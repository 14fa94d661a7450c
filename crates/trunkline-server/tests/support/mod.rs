//! A server on a free port, and clients that speak JSON by hand.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::VecDeque;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use trunkline::WebSocket;
use trunkline_server::Server;
use trunkline_server::config::{Config, Sources};

pub(crate) struct Running {
    server: Server,
}

impl Running {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(config(settings)).await
    }

    /// One that runs the demos.
    pub(crate) async fn start_demo(settings: &[(&str, &str)]) -> Self {
        let mut config = config(settings);
        trunkline_server::demo::enable(&mut config);
        Self::start_with(config).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { server: Server::start_on(listener, config).await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }
}

fn config(settings: &[(&str, &str)]) -> Config {
    let sources =
        settings.iter().fold(Sources::new(), |sources, (key, value)| sources.set(*key, *value));
    sources.load().expect("a good configuration").config
}

pub(crate) struct Client {
    ws: WebSocket<TcpStream>,
    heard: VecDeque<String>,
}

impl Client {
    /// A connection, and nothing said.
    pub(crate) async fn open(server: &Running) -> Self {
        let tcp = TcpStream::connect(server.address()).await.unwrap();
        let url = format!("ws://{}/connection/websocket", server.address());
        let ws = trunkline::connect_over(&url, tcp).await.unwrap();
        Self { ws, heard: VecDeque::new() }
    }

    /// A connection that is let in.
    pub(crate) async fn connect(server: &Running) -> Self {
        let mut client = Self::open(server).await;
        client.say(r#"{"id":1,"connect":{}}"#).await;
        let reply = client.hear().await;
        assert!(reply.starts_with(r#"{"id":1,"connect":{"client":"#), "{reply}");
        client
    }

    pub(crate) async fn say(&mut self, frame: &str) {
        self.ws.send(frame).await.unwrap();
    }

    /// The next reply or push, wherever in a frame it comes.
    pub(crate) async fn hear(&mut self) -> String {
        while self.heard.is_empty() {
            let message = self.ws.recv().await.unwrap().expect("the connection is open");
            let text = message.as_text().expect("JSON is text");
            self.heard.extend(text.lines().map(str::to_owned));
        }
        self.heard.pop_front().unwrap()
    }

    /// How the server closes.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        while self.ws.recv().await.unwrap().is_some() {}
        let info = self.ws.close_info().expect("a close frame");
        (info.code.map_or(0, |it| it.get()), info.reason.to_string())
    }
}

/// An answer in HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// What is answered to a request: a line and headers, of which `Host` and `Connection` come by themselves,
/// and as much of the body as is given. All that comes until the server hangs up is read.
pub(crate) async fn request(server: &Running, head: &[&str], body: &str) -> Answer {
    request_from("127.0.0.1", server, head, body).await
}

/// The same from an address of loopback.
pub(crate) async fn request_from(
    address: &str,
    server: &Running,
    head: &[&str],
    body: &str,
) -> Answer {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    let mut tcp = socket.connect(server.address()).await.unwrap();
    let (line, headers) = head.split_first().expect("a request line");
    let mut text = format!("{line} HTTP/1.1\r\nHost: {}\r\n", server.address());
    for header in headers.iter().chain(&["Connection: close"]) {
        text += header;
        text += "\r\n";
    }
    tcp.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    Answer { status, head: head.into(), body: body.into() }
}

/// What the API answers to `body`.
pub(crate) async fn api(server: &Running, method: &str, key: &str, body: &str) -> (u16, String) {
    let (line, key) = (format!("POST /api/{method}"), format!("X-API-Key: {key}"));
    let length = format!("Content-Length: {}", body.len());
    let answer = request(server, &[&line, &key, &length], body).await;
    (answer.status, answer.body)
}
