//! What the application hears.

use std::fmt;
use std::time::Duration;

use crate::close::CloseCode;
use crate::message::{MessageKind, Received, Text};

/// Something that happened on a connection.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole message.
    Message(Received<'a>),
    /// A part of a message that is received as a stream, see
    /// [`Connection::receive_streamed`](crate::Connection::receive_streamed).
    Chunk(Chunk<'a>),
    /// A ping came in. Its pong is on the way, unless this end has begun to close; there is nothing to do.
    Ping(&'a [u8]),
    /// A pong came in, with the round-trip time if it answers our newest ping.
    Pong(Option<Duration>),
    /// The peer's close frame came in and both sides have now closed: no message follows, and none
    /// can be sent. What waits should still be written.
    Closed,
}

/// A part of a message, in order and without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk<'a> {
    /// Text or binary: the same for all chunks of a message.
    pub kind: MessageKind,
    /// The bytes. Those of text are UTF-8 all together; a chunk may end inside a character.
    pub bytes: &'a [u8],
    /// Whether the message ends with this chunk. The last chunk may be empty.
    pub last: bool,
}

/// How a connection was closed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseInfo {
    /// Who sent the first close frame.
    pub initiator: Initiator,
    /// The code in that frame, or `None` if it had none (RFC 6455 §7.1.5: 1005).
    pub code: Option<CloseCode>,
    /// The reason in that frame, possibly empty.
    pub reason: Text,
}

/// Who began to close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Initiator {
    /// This end.
    Local,
    /// The other end.
    Peer,
}

impl fmt::Debug for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseInfo({self})")
    }
}

impl fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.initiator {
            Initiator::Local => "closed by this end",
            Initiator::Peer => "closed by the peer",
        };
        match self.code {
            Some(code) if self.reason.is_empty() => write!(f, "{by} with {code}"),
            Some(code) => write!(f, "{by} with {code}: {:?}", self.reason.as_str()),
            None => write!(f, "{by} without a code"),
        }
    }
}
