//! What can go wrong after the handshake, by whose fault it is.

use std::fmt;
use std::io;

use trunkline_proto::{Message, ProtocolError, QueueErrorKind, Timeout};

/// Why a connection ended other than by a closing handshake.
///
/// It turns into a [`SendError`], so that a function which receives and sends can give that, and into an
/// [`io::Error`].
///
/// ```
/// use trunkline::{Error, WebSocket};
///
/// async fn serve(mut ws: WebSocket) {
///     match ws.recv().await {
///         Ok(Some(message)) => println!("{} bytes", message.len()),
///         Ok(None) => println!("closed as it should be: {:?}", ws.close_info()),
///         // The other end has a bug, or means harm; it was told the code.
///         Err(Error::Protocol(broken)) => println!("{broken}: closed with {}", broken.close_code()),
///         // The weather of networks: nobody is there any more.
///         Err(error) => println!("{error}"),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule and was told so with a close frame.
    Protocol(ProtocolError),
    /// A deadline passed.
    Timeout(Timeout),
    /// The transport ended without a closing handshake: the peer, or something on the way, is gone.
    Disconnected,
    /// The transport failed.
    Io(io::Error),
}

impl Error {
    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the peer broke a rule of the protocol, or a limit.
    pub fn is_protocol(&self) -> bool {
        matches!(self, Self::Protocol(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(_) => f.write_str("peer broke the protocol"),
            Self::Timeout(_) => f.write_str("connection timed out"),
            Self::Disconnected => f.write_str("connection ended without a closing handshake"),
            Self::Io(_) => f.write_str("transport failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            Self::Timeout(error) => Some(error),
            Self::Disconnected => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<Timeout> for Error {
    fn from(error: Timeout) -> Self {
        Self::Timeout(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            Error::Disconnected => Self::new(io::ErrorKind::UnexpectedEof, error),
            Error::Timeout(_) => Self::new(io::ErrorKind::TimedOut, error),
            Error::Protocol(_) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// Why a message was not collected.
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectError {
    /// It is longer than the caller wanted it. The rest of it is thrown away; the connection goes on.
    TooLong {
        /// The bytes that the caller wanted at the most.
        limit: usize,
    },
    /// The connection ended before the message did.
    Broken(Error),
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "message is longer than {limit} bytes"),
            Self::Broken(_) => f.write_str("message was not received"),
        }
    }
}

impl std::error::Error for CollectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLong { .. } => None,
            Self::Broken(error) => Some(error),
        }
    }
}

impl From<Error> for CollectError {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl From<CollectError> for io::Error {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::TooLong { .. } => Self::new(io::ErrorKind::FileTooLarge, error),
            CollectError::Broken(error) => error.into(),
        }
    }
}

/// Why a message was not sent. If it never left the caller's hands, it comes back.
///
/// ```
/// # use trunkline::{CloseCode, Message};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let (mut ws, mut peer) = trunkline::testing::pair().await;
/// # tokio::spawn(async move { peer.recv().await });
/// ws.close(CloseCode::NORMAL, "").await?;
/// let error = ws.send(String::from("one thing more")).await.unwrap_err();
/// assert!(error.is_closed());
/// assert_eq!(error.into_message(), Some(Message::text("one thing more")));
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Debug)]
pub struct SendError(Box<Unsent>);

/// On the heap: a send that goes well then moves a word about, not the room for a message.
#[derive(Debug)]
struct Unsent {
    kind: SendErrorKind,
    message: Option<Message>,
}

/// The reason in a [`SendError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The message cannot be sent in the state that the connection is in: it is closing, or another
    /// message is being sent in chunks.
    Refused(QueueErrorKind),
    /// The connection broke before the message was written.
    Broken(Error),
}

impl SendError {
    pub(crate) fn refused(kind: QueueErrorKind, message: Option<Message>) -> Self {
        Self::new(SendErrorKind::Refused(kind), message)
    }

    pub(crate) fn broken(error: Error, message: Option<Message>) -> Self {
        Self::new(SendErrorKind::Broken(error), message)
    }

    #[cold]
    fn new(kind: SendErrorKind, message: Option<Message>) -> Self {
        Self(Box::new(Unsent { kind, message }))
    }

    /// Why.
    pub fn kind(&self) -> &SendErrorKind {
        &self.0.kind
    }

    /// Whether the connection is closing or closed, by whichever side.
    pub fn is_closed(&self) -> bool {
        matches!(self.kind(), SendErrorKind::Refused(QueueErrorKind::Closed))
    }

    /// The message, if no byte of it was queued; a borrowed one is not copied for this.
    pub fn into_message(self) -> Option<Message> {
        self.0.message
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("message was not sent")
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            SendErrorKind::Refused(kind) => Some(kind),
            SendErrorKind::Broken(error) => Some(error),
        }
    }
}

impl From<Error> for SendError {
    /// The connection broke: what ended a stream of messages that were to be sent on.
    fn from(error: Error) -> Self {
        Self::broken(error, None)
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error.0.kind {
            SendErrorKind::Refused(QueueErrorKind::Closed) => io::ErrorKind::BrokenPipe,
            SendErrorKind::Refused(QueueErrorKind::InvalidUtf8) => io::ErrorKind::InvalidData,
            SendErrorKind::Refused(QueueErrorKind::Streaming) => io::ErrorKind::ResourceBusy,
            SendErrorKind::Refused(_) => io::ErrorKind::Other,
            SendErrorKind::Broken(error) => return error.into(),
        };
        Self::new(kind, error)
    }
}
