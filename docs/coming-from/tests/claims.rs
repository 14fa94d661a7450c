//! What the pages say of behaviour is so: the same bytes, to a server of each library.
//!
//! Each server reads messages until the end. The client speaks bytes by hand, over a pipe, with the clock
//! stopped: an hour costs nothing.

use std::time::Duration;

use allocation_counter::measure;
use axum::extract::ws as axum_ws;
use axum::{Router, routing::any};
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;

/// Room in the pipe: more than any test writes.
const ROOM: usize = 8 << 20;

const AN_HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Library {
    Tungstenite,
    Axum,
    FastWebSockets,
    Trunkline,
}

use Library::{Axum, FastWebSockets, Trunkline, Tungstenite};

/// What a server was given by its library.
#[derive(PartialEq, Eq, Debug)]
enum Seen {
    Message(usize),
    Control,
    Error,
}

type Tell = UnboundedSender<Seen>;

/// Serves one connection. Its own tasks may outlive it.
async fn serve(library: Library, stream: DuplexStream, tell: Tell) {
    match library {
        Tungstenite => tungstenite_server(stream, tell).await,
        Axum => axum_server(stream, tell).await,
        FastWebSockets => fastwebsockets_server(stream, tell).await,
        Trunkline => trunkline_server(stream, tell).await,
    }
}

async fn tungstenite_server(stream: DuplexStream, tell: Tell) {
    use tungstenite::Message;
    let Ok(mut ws) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(message) = ws.next().await {
        let seen = match message {
            Ok(Message::Text(_) | Message::Binary(_)) => Seen::Message(message.unwrap().len()),
            Ok(_) => Seen::Control,
            Err(_) => Seen::Error,
        };
        let _ = tell.send(seen);
    }
}

async fn axum_server(stream: DuplexStream, tell: Tell) {
    let upgrade = async move |upgrade: axum_ws::WebSocketUpgrade| {
        upgrade.on_upgrade(async move |mut ws| {
            use axum_ws::Message;
            while let Some(message) = ws.recv().await {
                let seen = match message {
                    Ok(Message::Text(text)) => Seen::Message(text.len()),
                    Ok(Message::Binary(bytes)) => Seen::Message(bytes.len()),
                    Ok(_) => Seen::Control,
                    Err(_) => Seen::Error,
                };
                let _ = tell.send(seen);
            }
        })
    };
    let app = TowerToHyperService::new(Router::new().route("/", any(upgrade)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), app);
    let _ = connection.with_upgrades().await;
}

async fn fastwebsockets_server(stream: DuplexStream, tell: Tell) {
    let answer = service_fn(async |mut request: Request<Incoming>| {
        let (response, upgrading) = fastwebsockets::upgrade::upgrade(&mut request)?;
        let tell = tell.clone();
        tokio::spawn(async move {
            let Ok(ws) = upgrading.await else { return };
            let mut ws = FragmentCollector::new(ws);
            loop {
                let (seen, ends) = match ws.read_frame().await {
                    Ok(frame) if matches!(frame.opcode, OpCode::Text | OpCode::Binary) => {
                        (Seen::Message(frame.payload.len()), false)
                    }
                    Ok(_) => (Seen::Control, false),
                    Err(_) => (Seen::Error, true),
                };
                let _ = tell.send(seen);
                if ends {
                    return;
                }
            }
        });
        Ok::<Response<Empty<Bytes>>, fastwebsockets::WebSocketError>(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let _ = connection.with_upgrades().await;
}

async fn trunkline_server(stream: DuplexStream, tell: Tell) {
    let Ok(mut ws) = trunkline::accept(stream).await else { return };
    loop {
        let seen = match ws.recv().await {
            Ok(Some(message)) => Seen::Message(message.len()),
            Ok(None) => return,
            Err(_) => Seen::Error,
        };
        let _ = tell.send(seen);
    }
}

/// A client that speaks bytes, and what its server sees.
struct Raw {
    stream: DuplexStream,
    seen: UnboundedReceiver<Seen>,
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

impl Raw {
    fn begin(library: Library) -> Self {
        let (stream, server) = duplex(ROOM);
        let (tell, seen) = unbounded_channel();
        tokio::spawn(serve(library, server, tell));
        Self { stream, seen }
    }

    /// Asks for a connection, and gives the status of the answer.
    async fn ask(&mut self, key: &str, further: &str) -> u16 {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{further}\r\n"
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn open(library: Library) -> Self {
        let mut raw = Self::begin(library);
        assert_eq!(raw.ask(KEY, "").await, 101, "{library:?}");
        raw
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// All that comes back until the server hangs up, or nothing more comes for a day.
    async fn hear(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(Ok(read @ 1..)) = timeout(24 * AN_HOUR, self.stream.read(&mut buffer)).await {
            heard.extend_from_slice(&buffer[..read]);
        }
        heard
    }

    /// The code of the close frame that comes, if any comes.
    async fn hear_close(&mut self) -> Option<u16> {
        let heard = self.hear().await;
        let at = heard.windows(2).position(|it| it[0] == 0x88)?;
        Some(u16::from_be_bytes([heard[at + 2], heard[at + 3]]))
    }

    /// What the server is given next, if that is within an hour.
    async fn sees(&mut self) -> Option<Seen> {
        timeout(AN_HOUR, self.seen.recv()).await.ok().flatten()
    }
}

/// A frame as a client sends it, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn head(first: u8, payload_bytes: usize) -> Vec<u8> {
    let mut head = vec![first];
    match payload_bytes {
        0..126 => head.push(0x80 | payload_bytes as u8),
        126..65536 => {
            head.push(0x80 | 126);
            head.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    head.extend_from_slice(&[0; 4]);
    head
}

#[tokio::test(start_paused = true)]
async fn who_breaks_the_protocol_is_told_so() {
    for library in [Tungstenite, Axum, FastWebSockets, Trunkline] {
        let mut raw = Raw::open(library).await;
        raw.send(&frame(0x83, b"there is no opcode 3")).await;
        assert_eq!(raw.sees().await, Some(Seen::Error), "{library:?}");
        let expected = (library == Trunkline).then_some(1002);
        assert_eq!(raw.hear_close().await, expected, "{library:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_given_up() {
    for library in [Tungstenite, Axum, FastWebSockets, Trunkline] {
        let mut raw = Raw::open(library).await;
        let start = tokio::time::Instant::now();
        let seen = raw.sees().await;
        if library == Trunkline {
            assert_eq!((seen, start.elapsed().as_secs()), (Some(Seen::Error), 40));
        } else {
            assert_eq!(seen, None, "{library:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn handshake_that_does_not_come_is_given_up() {
    for library in [Tungstenite, Trunkline] {
        let mut raw = Raw::begin(library);
        let start = tokio::time::Instant::now();
        raw.send(b"GET / HTTP/1.1\r\n").await;
        let mut status = [0; 12];
        let answered = timeout(AN_HOUR, raw.stream.read_exact(&mut status)).await;
        if library == Trunkline {
            assert_eq!((&status, start.elapsed().as_secs()), (b"HTTP/1.1 408", 10));
        } else {
            assert!(answered.is_err(), "{answered:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_are_refused() {
    for library in [Tungstenite, Axum, FastWebSockets, Trunkline] {
        let status = Raw::begin(library).ask(KEY, "Origin: https://evil.example\r\n").await;
        assert_eq!(status, if library == Trunkline { 403 } else { 101 }, "{library:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn key_that_is_none_is_refused() {
    for library in [Axum, Trunkline] {
        let status = Raw::begin(library).ask("x", "").await;
        assert_eq!(status, if library == Trunkline { 400 } else { 101 }, "{library:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_have_a_limit() {
    let config = tungstenite::protocol::WebSocketConfig::default();
    assert_eq!(config.max_message_size, Some(64 << 20));
    let limits = trunkline::limits::Limits::for_role(trunkline::Role::Client);
    assert_eq!(limits.message_bytes.max(), 16 << 20);
    for library in [Tungstenite, Axum, FastWebSockets, Trunkline] {
        let mut raw = Raw::open(library).await;
        raw.send(&frame(0x82, &vec![7; (1 << 20) + 1])).await;
        if library == Trunkline {
            assert_eq!(raw.hear_close().await, Some(1009));
        } else {
            assert_eq!(raw.sees().await, Some(Seen::Message((1 << 20) + 1)), "{library:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_of_a_few_bytes_have_a_limit() {
    for library in [Tungstenite, Trunkline] {
        let mut raw = Raw::open(library).await;
        raw.send(&frame(0x02, b"7")).await;
        raw.send(&frame(0x00, b"7").repeat(2000)).await;
        raw.send(&frame(0x80, b"7")).await;
        if library == Trunkline {
            assert_eq!(raw.hear_close().await, Some(1008));
        } else {
            assert_eq!(raw.sees().await, Some(Seen::Message(2002)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn control_frames_are_no_messages() {
    for library in [Tungstenite, Axum, Trunkline] {
        let mut raw = Raw::open(library).await;
        raw.send(&frame(0x89, b"ping")).await;
        raw.send(&frame(0x82, b"message")).await;
        let first = raw.sees().await;
        let expected = if library == Trunkline { Seen::Message(7) } else { Seen::Control };
        assert_eq!(first, Some(expected), "{library:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_mask_is_refused() {
    for library in [FastWebSockets, Trunkline] {
        let mut raw = Raw::open(library).await;
        raw.send(b"\x82\x07message").await;
        if library == Trunkline {
            assert_eq!(raw.hear_close().await, Some(1002));
        } else {
            assert_eq!(raw.sees().await, Some(Seen::Message(7)));
        }
    }
}

/// A read is dropped after the header has come, and the payload comes after that.
#[tokio::test(start_paused = true)]
async fn read_that_is_dropped_loses_nothing() {
    let soon = Duration::from_millis(1);
    let frame = frame(0x82, b"\x01\x02 this is no header");
    let (header, payload) = frame.split_at(6);

    let (mut raw, server) = duplex(ROOM);
    let mut theirs = WebSocket::after_handshake(server, Role::Server);
    raw.write_all(header).await.unwrap();
    assert!(timeout(soon, theirs.read_frame()).await.is_err());
    raw.write_all(payload).await.unwrap();
    let read = timeout(soon, theirs.read_frame()).await;
    assert!(!matches!(read, Ok(Ok(frame)) if *frame.payload == *payload), "0.10 lost the header");

    let (mut peer, mut ours) = raw_and_ours(&trunkline::Acceptor::new()).await;
    peer.write_all(header).await.unwrap();
    assert!(timeout(soon, ours.recv()).await.is_err());
    peer.write_all(payload).await.unwrap();
    assert_eq!(ours.recv().await.unwrap().unwrap().as_bytes(), payload);
}

/// A connection of ours, and its raw peer.
async fn raw_and_ours(
    acceptor: &trunkline::Acceptor,
) -> (DuplexStream, trunkline::WebSocket<DuplexStream>) {
    let (stream, server) = duplex(ROOM);
    let (_, seen) = unbounded_channel();
    let mut raw = Raw { stream, seen };
    let (status, ours) = tokio::join!(raw.ask(KEY, ""), acceptor.accept(server));
    assert_eq!(status, 101);
    (raw.stream, ours.unwrap())
}

/// Fourteen bytes that promise sixty million, to servers that take messages of so many.
#[test]
fn promise_of_a_large_message_costs_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let promise = head(0x82, 60 << 20);
    let soon = Duration::from_millis(10);

    let (mut raw, server) = duplex(64);
    let mut theirs = WebSocket::after_handshake(server, Role::Server);
    let reserved = measure(|| {
        runtime.block_on(async {
            raw.write_all(&promise).await.unwrap();
            assert!(timeout(soon, theirs.read_frame()).await.is_err());
        });
    });
    assert!(reserved.bytes_max > 60 << 20, "{reserved:?}");

    let acceptor = trunkline::Acceptor::new().with_message_bytes(64 << 20);
    let (mut raw, mut ours) = runtime.block_on(raw_and_ours(&acceptor));
    let reserved = measure(|| {
        runtime.block_on(async {
            raw.write_all(&promise).await.unwrap();
            assert!(timeout(soon, ours.recv()).await.is_err());
        });
    });
    assert!(reserved.bytes_max < 512 << 10, "{reserved:?}");
}
