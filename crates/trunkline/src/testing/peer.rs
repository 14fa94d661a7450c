//! A peer that follows a script.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::handshake::{Acceptance, Refusal};
use trunkline_proto::{Message, MessageKind, Role};

use super::playing::{Playing, play};
use super::{BoxError, ROOM, both, pipe, transport};
use crate::client::Connector;
use crate::server::Acceptor;
use crate::websocket::WebSocket;

/// How long a peer waits for what it expects. Longer than the 40 seconds after which a silent connection
/// is given up, so that a script can expect that; short enough that a test that waits in vain fails.
const WITHIN: Duration = Duration::from_secs(60);

/// The other end of a connection under test: it does step by step what its script says, and tells which
/// step was not met by what it got. It speaks frames by hand, so it can also do what no library would.
///
/// A script plays as a server ([`client`](Self::client) makes the client that talks to it,
/// [`serve`](Self::serve) takes any stream) or as a client ([`server`](Self::server),
/// [`connect`](Self::connect)). It is played by the future that these give: join it with the code under
/// test, or spawn it. After the last step the peer hangs up.
///
/// Pings that come in are answered, and pongs that are not expected are passed over, wherever the script
/// stands; see [`ignore_pings`](Self::ignore_pings).
///
/// ```
/// use trunkline::{Connector, testing::Peer};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let peer = Peer::script()
///     .expect_text("subscribe prices")
///     .send_fragments(trunkline::MessageKind::Text, ["pri", "ce 42"])
///     .expect_close(1000);
/// let (mut ws, playing) = peer.client(&Connector::new()).await?;
///
/// let code_under_test = async {
///     ws.send("subscribe prices").await.unwrap();
///     assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("price 42"));
///     ws.close(trunkline::CloseCode::NORMAL, "").await.unwrap();
/// };
/// let ((), played) = tokio::join!(code_under_test, playing);
/// played?;
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a script does nothing until it is played"]
pub struct Peer {
    pub(super) handshake: Handshake,
    pub(super) steps: Vec<Step>,
    pub(super) answers_pings: bool,
    pub(super) within: Duration,
}

/// How the peer opens the connection.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    pub(super) url: String,
    pub(super) path: Option<String>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) answer: Answer,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Accept(Acceptance),
    Refuse(Refusal),
    Raw(Arc<[u8]>),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Expect(Expected),
    SendFrame(u8, Vec<u8>),
    SendRaw(Vec<u8>),
    Wait(Duration),
    HalfClose,
    HangUp,
    GoSilent,
}

#[derive(Clone, Debug)]
pub(super) enum Expected {
    Message(Message),
    AnyMessage,
    Ping,
    Pong(Vec<u8>),
    Close(Option<u16>),
    End,
}

impl Peer {
    /// A peer that opens the connection and hangs up: add what it does in between.
    pub fn script() -> Self {
        let handshake = Handshake {
            url: "ws://localhost/".to_owned(),
            path: None,
            headers: Vec::new(),
            answer: Answer::Accept(Acceptance::new()),
        };
        Self { handshake, steps: Vec::new(), answers_pings: true, within: WITHIN }
    }

    /// How long each step may take to be met, and the handshake. Default: 60 seconds.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Leaves all pings unanswered.
    pub fn ignore_pings(mut self) -> Self {
        self.answers_pings = false;
        self
    }

    /// As a client, asks for this URL. Default: `ws://localhost/`.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.handshake.url = url.into();
        self
    }

    /// As a server, expects to be asked for this path.
    pub fn expect_path(mut self, path: impl Into<String>) -> Self {
        self.handshake.path = Some(path.into());
        self
    }

    /// As a server, expects this header in the request.
    pub fn expect_header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.handshake.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// As a server, accepts like this: with a subprotocol, say.
    pub fn accept_with(mut self, acceptance: Acceptance) -> Self {
        self.handshake.answer = Answer::Accept(acceptance);
        self
    }

    /// As a server, refuses the connection.
    pub fn refuse(mut self, refusal: Refusal) -> Self {
        self.handshake.answer = Answer::Refuse(refusal);
        self
    }

    /// As a server, answers the request with these bytes instead.
    pub fn answer_with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.handshake.answer = Answer::Raw(bytes.as_ref().into());
        self
    }

    /// Expects this text, in however many fragments.
    pub fn expect_text(self, text: impl Into<String>) -> Self {
        self.step(Step::Expect(Expected::Message(Message::text(text.into()))))
    }

    /// Expects these bytes, in however many fragments.
    pub fn expect_binary(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Expect(Expected::Message(bytes.as_ref().into())))
    }

    /// Expects a message, whatever is in it.
    pub fn expect_message(self) -> Self {
        self.step(Step::Expect(Expected::AnyMessage))
    }

    /// Expects a ping.
    pub fn expect_ping(self) -> Self {
        self.step(Step::Expect(Expected::Ping))
    }

    /// Expects a pong with this payload.
    pub fn expect_pong(self, payload: impl AsRef<[u8]>) -> Self {
        self.step(Step::Expect(Expected::Pong(payload.as_ref().to_vec())))
    }

    /// Expects a close frame with this code, or with `None` one without a code, and answers it, unless
    /// the script itself has closed before.
    pub fn expect_close(self, code: impl Into<Option<u16>>) -> Self {
        self.step(Step::Expect(Expected::Close(code.into())))
    }

    /// Expects that the other end stops writing.
    pub fn expect_end(self) -> Self {
        self.step(Step::Expect(Expected::End))
    }

    /// Sends text.
    pub fn send_text(self, text: impl AsRef<str>) -> Self {
        self.send_frame(0x81, text.as_ref())
    }

    /// Sends bytes.
    pub fn send_binary(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send_frame(0x82, bytes)
    }

    /// Sends a message in fragments.
    pub fn send_fragments<P: AsRef<[u8]>>(
        mut self,
        kind: MessageKind,
        parts: impl IntoIterator<Item = P>,
    ) -> Self {
        let mut parts = parts.into_iter().peekable();
        let mut opcode = if kind == MessageKind::Text { 0x01 } else { 0x02 };
        while let Some(part) = parts.next() {
            let fin = if parts.peek().is_none() { 0x80 } else { 0 };
            self = self.send_frame(fin | opcode, part);
            opcode = 0x00;
        }
        self
    }

    /// Sends a ping.
    pub fn send_ping(self, payload: impl AsRef<[u8]>) -> Self {
        self.send_frame(0x89, payload)
    }

    /// Sends a pong, asked for or not.
    pub fn send_pong(self, payload: impl AsRef<[u8]>) -> Self {
        self.send_frame(0x8a, payload)
    }

    /// Sends a close frame. Which code may stand in it is not checked.
    pub fn send_close(self, code: u16, reason: &str) -> Self {
        self.send_frame(0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// Sends a frame whose first byte (FIN, RSV, opcode) and payload are as given, right or wrong.
    pub fn send_frame(self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        self.step(Step::SendFrame(first, payload.as_ref().to_vec()))
    }

    /// Sends bytes as they are: the first half of a frame, or no frame at all.
    pub fn send_raw(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::SendRaw(bytes.as_ref().to_vec()))
    }

    /// Neither reads nor writes for this time: tokio's, which a test can stop.
    pub fn wait(self, time: Duration) -> Self {
        self.step(Step::Wait(time))
    }

    /// Stops writing, and still reads.
    pub fn half_close(self) -> Self {
        self.step(Step::HalfClose)
    }

    /// Ends the stream without another word. So does the end of the script.
    pub fn hang_up(self) -> Self {
        self.step(Step::HangUp)
    }

    /// Takes what comes and answers nothing, not even pings, until the other end hangs up.
    pub fn go_silent(self) -> Self {
        self.step(Step::GoSilent)
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Plays the script as a server on this stream.
    pub fn serve<S>(self, stream: S) -> Playing
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Playing::new(play(self, Role::Server, stream))
    }

    /// Plays the script as a client on this stream.
    pub fn connect<S>(self, stream: S) -> Playing
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Playing::new(play(self, Role::Client, stream))
    }

    /// Plays the script as a server, and gives a client that is connected to it in memory.
    ///
    /// # Errors
    /// If the two do not come to a connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops both ends.
    pub async fn client(self, connector: &Connector) -> Result<(WebSocket, Playing), BoxError> {
        let url = self.handshake.path.as_deref().unwrap_or("/");
        let url = format!("ws://localhost{url}");
        let (ours, theirs) = pipe(ROOM);
        let playing = self.serve(theirs);
        open(connector.connect_over(&url, transport(ours)), playing).await
    }

    /// Plays the script as a client, and gives a server that it is connected to in memory.
    ///
    /// # Errors
    /// If the two do not come to a connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops both ends.
    pub async fn server(self, acceptor: &Acceptor) -> Result<(WebSocket, Playing), BoxError> {
        let (ours, theirs) = pipe(ROOM);
        let playing = self.connect(theirs);
        open(acceptor.accept(transport(ours)), playing).await
    }
}

/// Opens our end while the script is being played, as far as it takes.
async fn open<E: Into<BoxError>>(
    opening: impl Future<Output = Result<WebSocket, E>>,
    mut playing: Playing,
) -> Result<(WebSocket, Playing), BoxError> {
    let (opened, _) = both(opening, &mut playing).await;
    match (opened, playing.unmet()) {
        (Ok(ws), _) => Ok((ws, playing)),
        // It says more than our end knows.
        (Err(_), Some(unmet)) => Err(unmet.into()),
        (Err(error), None) => Err(error.into()),
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(Message::Text(text)) => write!(f, "text {:?}", text.as_str()),
            Self::Message(Message::Binary(bytes)) => write!(f, "binary {bytes:?}"),
            Self::AnyMessage => f.write_str("a message"),
            Self::Ping => f.write_str("a ping"),
            Self::Pong(payload) => {
                write!(f, "a pong with {:?}", payload.escape_ascii().to_string())
            }
            Self::Close(Some(code)) => write!(f, "a close with {code}"),
            Self::Close(None) => f.write_str("a close without a code"),
            Self::End => f.write_str("the end of the stream"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expect(expected) => write!(f, "expected {expected}"),
            Self::SendFrame(first, payload) => {
                write!(f, "sending a frame {first:#04x} of {} bytes", payload.len())
            }
            Self::SendRaw(bytes) => write!(f, "sending {} bytes", bytes.len()),
            Self::Wait(time) => write!(f, "waiting for {time:?}"),
            Self::HalfClose => f.write_str("half closing"),
            Self::HangUp => f.write_str("hanging up"),
            Self::GoSilent => f.write_str("being silent"),
        }
    }
}
