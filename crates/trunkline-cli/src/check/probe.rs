//! What asks: connections to the server, with a handshake that may be wrong on purpose.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use trunkline::deflate::DeflateConfig;
use trunkline::handshake::{ClientConfig, ClientHandshake, HandshakeError, Opened, Response, Url};
use trunkline::{Connector, Transport};

use super::frame::{BINARY, PING, TEXT, frame};
use super::rule::Finding;
use super::wire::{Heard, Patience, Wire};
use crate::args::Check;
use crate::dial;
use crate::exit::{Exit, Failure};

/// A server that reacts at all does so within this many times the way there and back, or this long.
const ROUND_TRIPS_BEFORE_ASKING: u32 = 8;
const LEAST_BEFORE_ASKING: Duration = Duration::from_millis(250);

/// How connections to the server are made, and what is known about it.
pub(super) struct Probe {
    connector: Connector,
    address: String,
    url: Url,
    config: ClientConfig,
    patience: Patience,
    /// What the server does with messages in general.
    pub(super) manner: Manner,
}

/// What a server does with a message that is in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Manner {
    pub(super) echoes_text: bool,
    pub(super) echoes_binary: bool,
    /// The code that it closes with when it gets a message.
    pub(super) closes_with: Option<u16>,
}

/// What a server answers to a handshake.
pub(super) enum Answer {
    /// It switched, and everything about that is in order.
    Opened(Box<Wire>, Box<Opened>),
    /// It switched, and something about that is wrong.
    Wrong(HandshakeError),
    Refused(Box<Response>),
    /// It hung up without an answer, or with one that cannot be read.
    Cut,
    Silent,
}

/// A request that can be changed before it is sent.
pub(super) struct Request {
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Probe {
    /// Meets the server.
    pub(super) async fn new(address: &str, args: &Check) -> Result<Self, Failure> {
        let connector = dial::connector(address, &args.dial, None)?;
        let url = if address.starts_with("ws+unix:") { "ws://localhost/" } else { address };
        let patience = Patience { whole: args.patience, before_asking: LEAST_BEFORE_ASKING };
        let mut probe = Self {
            connector,
            address: address.to_owned(),
            url: Url::parse(url).map_err(|error| Failure::usage(error.to_string()))?,
            config: dial::config(&args.dial)?,
            patience,
            manner: Manner::default(),
        };
        // A handshake as the library makes it: if that fails, its error says more than ours would.
        let connected = probe.connector.connect(address).await;
        drop(connected.map_err(|error| dial::failure(&error))?);
        probe.meet().await.map_err(|finding| {
            Failure::new(Exit::Lost, format!("the server cannot be asked: {}", finding.note))
        })?;
        Ok(probe)
    }

    /// Finds out how fast the server answers, and what it does with messages.
    async fn meet(&mut self) -> Result<(), Finding> {
        let mut wire = self.open().await?;
        let asked = Instant::now();
        wire.send(&frame(PING, b"how far?")).await;
        while !matches!(wire.hear().await, Heard::Pong(_) | Heard::Nothing | Heard::End) {}
        let asking = (asked.elapsed() * ROUND_TRIPS_BEFORE_ASKING).max(LEAST_BEFORE_ASKING);
        self.patience.before_asking = asking.min(self.patience.whole);
        self.manner.echoes_text = self.is_echoed(TEXT).await?;
        self.manner.echoes_binary = self.is_echoed(BINARY).await?;
        Ok(())
    }

    async fn is_echoed(&mut self, first: u8) -> Result<bool, Finding> {
        const MESSAGE: &[u8] = b"trunkline check";
        let mut wire = self.open().await?;
        wire.send(&frame(first, MESSAGE)).await;
        loop {
            match wire.hear().await {
                Heard::Message(is_text, payload) if payload == MESSAGE => {
                    return Ok(is_text == (first == TEXT));
                }
                Heard::Close(code, _) => {
                    self.manner.closes_with = code;
                    return Ok(false);
                }
                Heard::End | Heard::Nothing | Heard::Broke(_) => return Ok(false),
                _ => {}
            }
        }
    }

    /// An open connection without extensions.
    pub(super) async fn open(&self) -> Result<Box<Wire>, Finding> {
        self.open_with(None).await.map(|(wire, _)| wire)
    }

    /// An open connection, with what the server answered.
    pub(super) async fn open_with(
        &self,
        deflate: Option<DeflateConfig>,
    ) -> Result<(Box<Wire>, Box<Opened>), Finding> {
        match self.shake_hands(deflate, |_| ()).await? {
            Answer::Opened(wire, opened) => Ok((wire, opened)),
            other => Err(Finding::untested(format!("no connection: {}", other.told()))),
        }
    }

    /// Asks for a WebSocket in a way that `change` makes of the right one.
    pub(super) async fn shake_hands(
        &self,
        deflate: Option<DeflateConfig>,
        change: impl FnOnce(&mut Request) + Send,
    ) -> Result<Answer, Finding> {
        let (handshake, mut request) = self.request(deflate.clone())?;
        change(&mut request);
        let mut stream = self.dial().await?;
        let until = Instant::now() + self.patience.whole;
        let _ = timeout_at(until, stream.write_all(&request.encode())).await;
        Ok(self.answer(handshake, stream, deflate, until).await)
    }

    /// The same, a byte at a time.
    pub(super) async fn shake_hands_slowly(&self) -> Result<Answer, Finding> {
        let (handshake, request) = self.request(None)?;
        let mut stream = self.dial().await?;
        let until = Instant::now() + self.patience.whole;
        for byte in request.encode() {
            let _ = timeout_at(until, stream.write_all(&[byte])).await;
            let _ = timeout_at(until, stream.flush()).await;
            tokio::task::yield_now().await;
        }
        Ok(self.answer(handshake, stream, None, until).await)
    }

    async fn dial(&self) -> Result<Transport, Finding> {
        let dialled = self.connector.dial(&self.address).await;
        dialled.map_err(|error| Finding::untested(format!("no connection: {error}")))
    }

    fn request(
        &self,
        deflate: Option<DeflateConfig>,
    ) -> Result<(ClientHandshake, Request), Finding> {
        let mut config = self.config.clone();
        config.deflate = deflate;
        let made = ClientHandshake::new(&self.url, Arc::new(config), nonce());
        let handshake = made.map_err(|error| Finding::untested(error.to_string()))?;
        let request = Request::read(handshake.request());
        Ok((handshake, request))
    }

    async fn answer(
        &self,
        mut handshake: ClientHandshake,
        mut stream: Transport,
        deflate: Option<DeflateConfig>,
        until: Instant,
    ) -> Answer {
        let _ = timeout_at(until, stream.flush()).await;
        let mut bytes = [0; 4096];
        loop {
            let read = match timeout_at(until, stream.read(&mut bytes)).await {
                Ok(Ok(read @ 1..)) => read,
                Ok(_) => return Answer::from(handshake.handle_eof()),
                Err(_) => {
                    return match handshake.handle_eof() {
                        HandshakeError::UnexpectedEnd => Answer::Silent,
                        error => Answer::from(error),
                    };
                }
            };
            match handshake.handle_input(&bytes[..read]) {
                Err(error) => return Answer::from(error),
                Ok(progress) => {
                    if let Some(opened) = progress.done {
                        let early = bytes[progress.taken..read].to_vec();
                        let params = deflate.zip(opened.agreement.deflate);
                        let wire = Wire::new(stream, early, self.patience, params);
                        return Answer::Opened(Box::new(wire), Box::new(opened));
                    }
                }
            }
        }
    }
}

impl From<HandshakeError> for Answer {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Refused(response) => Self::Refused(response),
            HandshakeError::UnexpectedEnd | HandshakeError::Head(_) => Self::Cut,
            other => Self::Wrong(other),
        }
    }
}

impl Answer {
    /// What the server did, in a few words.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Opened(..) => "switched to WebSocket".into(),
            Self::Wrong(error) => format!("switched to WebSocket, but {error}"),
            Self::Refused(response) => format!("answered {}", response.status()),
            Self::Cut => "hung up without an answer".into(),
            Self::Silent => "did not answer".into(),
        }
    }
}

impl Request {
    /// What [`ClientHandshake`] has made.
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self { first, headers: headers.map(|(name, value)| (name.into(), value.into())).collect() }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
        out.into_bytes()
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(it, _)| !it.eq_ignore_ascii_case(name));
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.into(), value.into()));
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }
}

/// 16 bytes that differ from request to request: nobody is protected by them here.
fn nonce() -> [u8; 16] {
    (u128::from(random()) << 64 | u128::from(random())).to_be_bytes()
}

/// A number that nobody could have expected.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
