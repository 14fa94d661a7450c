//! What the tests share: connected pairs and peers that speak frames by hand.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod certificates;
pub mod outages;
pub mod proxies;
pub mod server;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use trunkline::handshake::{Acceptance, ServerConfig, ServerHandshake};
use trunkline::limits::Settings;
pub use trunkline::testing::frame;
use trunkline::testing::pair_over;
use trunkline::tls::rustls::ServerConfig as ServerTlsConfig;
use trunkline::{
    Acceptor, Batch, CloseCode, CloseInfo, Connector, Error, Incoming, Limit, Message, MessageKind,
    MessageReader, MessageWriter, Outgoing, Reader, Role, SendError, WebSocket, Writer,
};
use trunkline_proto::frame::{MaskKey, MaskSource};
use trunkline_proto::{Connection, Event, Input};

pub const ROLES: [Role; 2] = [Role::Server, Role::Client];
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

pub const REQUEST: &[u8] =
    b"GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Checks that the clock, stopped as it is, says that `seconds` have passed since `start`: timers have
/// a resolution of a millisecond.
#[track_caller]
pub fn assert_elapsed(start: tokio::time::Instant, seconds: u64) {
    let elapsed = start.elapsed();
    let late = elapsed.checked_sub(secs(seconds)).unwrap_or_else(|| panic!("early: {elapsed:?}"));
    assert!(late <= Duration::from_millis(5), "{elapsed:?} instead of {seconds} s");
}

/// A client and a server over an in-memory pipe with this much room in each direction.
pub async fn pair(room: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (client, server) = duplex(room);
    connect(&Connector::new(), &Acceptor::new(), client, server).await
}

pub async fn connect<C, S>(
    connector: &Connector,
    acceptor: &Acceptor,
    client: C,
    server: S,
) -> (WebSocket<C>, WebSocket<S>)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    pair_over(connector, acceptor, client, server).await.expect("they come to a connection")
}

/// Our end in `role`, connected over `ours` to a peer that is nothing but the stream `raw`.
pub async fn with_raw_peer<S, R>(
    role: Role,
    set: impl FnOnce(&mut Settings),
    ours: S,
    raw: &mut R,
) -> WebSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    let mut settings = Settings::for_role(role);
    set(&mut settings);
    match role {
        Role::Server => {
            let acceptor = Acceptor::new().with_settings(settings);
            let request = async {
                raw.write_all(REQUEST).await.unwrap();
                read_head(raw).await
            };
            tokio::join!(acceptor.accept(ours), request).0.unwrap()
        }
        Role::Client => {
            let connector = Connector::new().with_settings(settings);
            let (ours, ()) =
                tokio::join!(connector.connect_over("ws://localhost/", ours), answer(raw));
            ours.unwrap()
        }
    }
}

/// The same over a pipe of tokio's.
pub async fn raw_pair(
    role: Role,
    room: usize,
    set: impl FnOnce(&mut Settings),
) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (ours, mut raw) = duplex(room);
    let ours = with_raw_peer(role, set, ours, &mut raw).await;
    (ours, raw)
}

/// Answers a client's request with 101.
pub async fn answer<R: AsyncRead + AsyncWrite + Unpin>(raw: &mut R) {
    let response = response_to(&read_head(raw).await);
    raw.write_all(&response).await.unwrap();
}

pub fn response_to(request: &[u8]) -> Vec<u8> {
    let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
    let request = handshake.handle_input(request).unwrap().done.expect("the head is whole");
    handshake.accept(&request, &Acceptance::new()).unwrap().0
}

/// Reads up to the empty line, one byte at a time so as to take nothing behind it.
pub async fn read_head<R: AsyncRead + Unpin>(raw: &mut R) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(raw.read_u8().await.expect("a whole head"));
    }
    head
}

pub fn close_frame(from: Role, code: u16, reason: &str) -> Vec<u8> {
    frame(from, CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Reads one frame that `from` sent: its first byte and its payload. `None` at the end of the stream.
pub async fn read_frame<R: AsyncRead + Unpin>(from: Role, raw: &mut R) -> Option<(u8, Vec<u8>)> {
    let first = raw.read_u8().await.ok()?;
    let second = raw.read_u8().await.expect("a whole header");
    assert_eq!(second & 0x80 != 0, from == Role::Client, "masked as §5.1 asks for");
    let len = match second & 0x7f {
        126 => usize::from(raw.read_u16().await.unwrap()),
        127 => raw.read_u64().await.unwrap() as usize,
        len => usize::from(len),
    };
    let mut key = [0; 4];
    if from == Role::Client {
        raw.read_exact(&mut key).await.unwrap();
    }
    let mut payload = vec![0; len];
    raw.read_exact(&mut payload).await.expect("a whole payload");
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Some((first, payload))
}

/// All frames up to the end of the stream.
pub async fn read_frames<R: AsyncRead + Unpin>(from: Role, raw: &mut R) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(frame) = read_frame(from, raw).await {
        frames.push(frame);
    }
    frames
}

/// What a strict peer makes of bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    Message(Message),
    Ping(Vec<u8>),
    Pong,
    Closed(Option<u16>, String),
}

pub fn text(text: &str) -> Heard {
    Heard::Message(Message::text(text))
}

struct NoMasks;

impl MaskSource for NoMasks {
    fn next_key(&self) -> MaskKey {
        MaskKey::new([0; 4])
    }
}

/// Has the protocol machine of the other end read all that `from` sent: not a rule may be broken,
/// and not a byte may be left over.
#[track_caller]
pub fn replay(from: Role, bytes: &[u8]) -> Vec<Heard> {
    let now = Instant::now();
    let mut settings = Settings::for_role(from.peer());
    settings.limits.message_bytes = Limit::unbounded();
    let settings = Arc::new(settings);
    let mut peer = match from {
        Role::Client => Connection::server(settings, now),
        Role::Server => Connection::client(settings, Box::new(NoMasks), now),
    };
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes);
    let mut heard = Vec::new();
    while let Some(event) = peer.poll_event(&mut input, now).expect("no rule is broken") {
        heard.push(match event {
            Event::Message(message) => Heard::Message(message.into_message()),
            Event::Ping(payload) => Heard::Ping(payload.to_vec()),
            Event::Pong(_) => Heard::Pong,
            Event::Closed => {
                let info = peer.close_info().expect("closed");
                Heard::Closed(info.code.map(u16::from), info.reason.to_string())
            }
            other => panic!("unexpected {other:?}"),
        });
    }
    assert_eq!(input.len(), 0, "the last frame is whole");
    heard
}

/// Polls `future` up to `polls` times, without waiting in between, and drops it.
pub fn poll_up_to<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
    }
    None
}

/// A connection whole or in halves: what holds for one holds for the other.
pub enum Ours<S> {
    Whole(WebSocket<S>),
    Halves(Reader<S>, Writer<S>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ours<S> {
    pub fn new(ws: WebSocket<S>, split: bool) -> Self {
        if split {
            let (reader, writer) = ws.split();
            Self::Halves(reader, writer)
        } else {
            Self::Whole(ws)
        }
    }

    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        match self {
            Self::Whole(ws) => ws.recv().await,
            Self::Halves(reader, _) => reader.recv().await,
        }
    }

    pub async fn recv_many(&mut self, batch: &mut Batch) -> Result<usize, Error> {
        match self {
            Self::Whole(ws) => ws.recv_many(batch).await,
            Self::Halves(reader, _) => reader.recv_many(batch).await,
        }
    }

    pub async fn recv_incoming(&mut self) -> Result<Option<Incoming>, Error> {
        match self {
            Self::Whole(ws) => ws.recv_incoming().await,
            Self::Halves(reader, _) => reader.recv_incoming().await,
        }
    }

    pub async fn recv_streamed(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        match self {
            Self::Whole(ws) => ws.recv_streamed().await,
            Self::Halves(reader, _) => reader.recv_streamed().await,
        }
    }

    pub async fn send(&mut self, message: impl Into<Outgoing<'_>>) -> Result<(), SendError> {
        match self {
            Self::Whole(ws) => ws.send(message).await,
            Self::Halves(_, writer) => writer.send(message).await,
        }
    }

    pub async fn feed(&mut self, message: impl Into<Outgoing<'_>>) -> Result<(), SendError> {
        match self {
            Self::Whole(ws) => ws.feed(message).await,
            Self::Halves(_, writer) => writer.feed(message).await,
        }
    }

    pub fn send_streamed(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S>, SendError> {
        match self {
            Self::Whole(ws) => ws.send_streamed(kind),
            Self::Halves(_, writer) => writer.send_streamed(kind),
        }
    }

    pub async fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Whole(ws) => ws.flush().await,
            Self::Halves(_, writer) => writer.flush().await,
        }
    }

    pub async fn ping(&mut self) -> Result<(), Error> {
        match self {
            Self::Whole(ws) => ws.ping().await,
            Self::Halves(_, writer) => writer.ping().await,
        }
    }

    /// Closes, and waits for the peer to have closed too.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self {
            Self::Whole(ws) => ws.close(code, reason).await,
            Self::Halves(reader, writer) => {
                writer.close(code, reason).await?;
                while reader.recv().await?.is_some() {}
                Ok(())
            }
        }
    }

    pub fn close_info(&self) -> Option<CloseInfo> {
        match self {
            Self::Whole(ws) => ws.close_info().cloned(),
            Self::Halves(reader, _) => reader.close_info(),
        }
    }
}

/// Starts a server that echoes each connection until it is closed.
pub async fn echo() -> SocketAddr {
    serve(|tcp| async move {
        if let Ok(ws) = trunkline::accept(tcp).await {
            echo_until_closed(ws).await;
        }
    })
    .await
}

/// The same over TLS.
pub async fn tls_echo(config: Arc<ServerTlsConfig>) -> SocketAddr {
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    serve(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            if let Ok(ws) = trunkline::accept(tls).await {
                echo_until_closed(ws).await;
            }
        }
    })
    .await
}

/// Starts a server that does the same with each connection, one after the other.
pub async fn serve<F>(mut handle: impl FnMut(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            handle(tcp).await;
        }
    });
    address
}

async fn echo_until_closed<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>) {
    while let Ok(Some(message)) = ws.recv().await {
        if ws.send(message).await.is_err() {
            break;
        }
    }
}
