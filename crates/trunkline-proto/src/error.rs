//! What can go wrong, by whose fault it is: [`ProtocolError`] the peer's, [`QueueError`] the caller's.

use std::fmt;

use crate::close::CloseCode;
use crate::message::Outgoing;

/// A rule that the peer broke. The connection is over; the peer is told with [`Self::close_code`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProtocolError {
    /// RSV2 or RSV3 was set, or RSV1 where no extension gives it a meaning (RFC 6455 §5.2, RFC 7692 §6).
    ReservedBits,
    /// An opcode that RFC 6455 §5.2 reserves.
    ReservedOpCode(u8),
    /// A close, ping or pong without FIN (§5.5).
    FragmentedControlFrame,
    /// A control frame had more than 125 bytes of payload (§5.5).
    ControlFrameTooLong,
    /// A length that was not in its shortest form, or had its top bit set (§5.2).
    PayloadLength,
    /// A client sent a frame without a mask (§5.1).
    UnmaskedFrame,
    /// A server sent a masked frame (§5.1).
    MaskedFrame,
    /// A continuation frame where no message was under way (§5.4).
    UnexpectedContinuation,
    /// A new message began inside an unfinished one (§5.4).
    ExpectedContinuation,
    /// A close frame with a payload of one byte (§5.5.1).
    CloseFrameLength,
    /// A close code that must not stand in a close frame (§7.4).
    InvalidCloseCode(u16),
    /// A close reason that is not UTF-8 (§5.5.1).
    InvalidCloseReason,
    /// Text that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A compressed message that does not inflate (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A frame longer than [`Limits::frame_bytes`](crate::limits::Limits::frame_bytes).
    FrameTooBig {
        /// The bound that was set.
        limit: usize,
    },
    /// A message longer than [`Limits::message_bytes`](crate::limits::Limits::message_bytes), after inflation.
    MessageTooBig {
        /// The bound that was set.
        limit: usize,
    },
    /// More short fragments in one message than [`Limits::tiny_fragments`](crate::limits::Limits::tiny_fragments).
    TooManyTinyFragments,
    /// More empty fragments in one message than [`Limits::empty_fragments`](crate::limits::Limits::empty_fragments).
    TooManyEmptyFragments,
}

impl ProtocolError {
    /// The code that tells the peer (§7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidCloseReason => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyTinyFragments | Self::TooManyEmptyFragments => CloseCode::POLICY_VIOLATION,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bit set without an extension that uses it"),
            Self::ReservedOpCode(bits) => write!(f, "reserved opcode {bits}"),
            Self::FragmentedControlFrame => f.write_str("fragmented control frame"),
            Self::ControlFrameTooLong => f.write_str("control frame longer than 125 bytes"),
            Self::PayloadLength => f.write_str("payload length not in its shortest form"),
            Self::UnmaskedFrame => f.write_str("unmasked frame from a client"),
            Self::MaskedFrame => f.write_str("masked frame from a server"),
            Self::UnexpectedContinuation => {
                f.write_str("continuation without a message to continue")
            }
            Self::ExpectedContinuation => f.write_str("new message inside an unfinished one"),
            Self::CloseFrameLength => f.write_str("close frame with a payload of one byte"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} must not be sent"),
            Self::InvalidCloseReason => f.write_str("close reason is not UTF-8"),
            Self::InvalidUtf8 => f.write_str("text is not UTF-8"),
            Self::InvalidDeflate => f.write_str("compressed message does not inflate"),
            Self::FrameTooBig { limit } => write!(f, "frame exceeds frame_bytes = {limit}"),
            Self::MessageTooBig { limit } => write!(f, "message exceeds message_bytes = {limit}"),
            Self::TooManyTinyFragments => f.write_str("too many short fragments (tiny_fragments)"),
            Self::TooManyEmptyFragments => {
                f.write_str("too many empty fragments (empty_fragments)")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Why a message was not queued. The message comes back with it.
#[derive(Debug)]
pub struct QueueError<'m> {
    kind: QueueErrorKind,
    outgoing: Outgoing<'m>,
}

/// The reason in a [`QueueError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum QueueErrorKind {
    /// As much as [`Limits::send_high_water_bytes`](crate::limits::Limits::send_high_water_bytes) waits to be
    /// written: queue it again once some has been.
    Full,
    /// The connection is closing or closed: no more messages can be sent (§5.5.1).
    Closed,
    /// A message is being sent in chunks: finish it first (§5.4).
    Streaming,
    /// Chunks of a text message that are not UTF-8 together (§5.6).
    InvalidUtf8,
}

impl<'m> QueueError<'m> {
    pub(crate) fn new(kind: QueueErrorKind, outgoing: Outgoing<'m>) -> Self {
        Self { kind, outgoing }
    }

    /// Why the message was not taken.
    pub fn kind(&self) -> QueueErrorKind {
        self.kind
    }

    /// The message that was not taken.
    pub fn into_outgoing(self) -> Outgoing<'m> {
        self.outgoing
    }
}

impl fmt::Display for QueueErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "send queue is above its high-water mark",
            Self::Closed => "connection is closing",
            Self::Streaming => "another message is being sent in chunks",
            Self::InvalidUtf8 => "chunks of a text message are not UTF-8",
        })
    }
}

impl std::error::Error for QueueErrorKind {}

impl fmt::Display for QueueError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl std::error::Error for QueueError<'_> {}

/// A deadline that passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Timeout {
    /// The peer neither answered a ping nor sent anything else
    /// ([`Settings::keepalive_timeout`](crate::limits::Settings::keepalive_timeout)).
    Keepalive,
    /// The peer sent no message for [`Settings::idle_timeout`](crate::limits::Settings::idle_timeout).
    Idle,
    /// The peer did not finish a message in [`Settings::unfinished_message_timeout`](crate::limits::Settings::unfinished_message_timeout).
    UnfinishedMessage,
    /// The transport took nothing for [`Settings::write_timeout`](crate::limits::Settings::write_timeout).
    Write,
    /// The closing handshake took longer than [`Settings::close_timeout`](crate::limits::Settings::close_timeout).
    Close,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keepalive => "peer did not answer a ping (keepalive_timeout)",
            Self::Idle => "peer sent nothing for too long (idle_timeout)",
            Self::UnfinishedMessage => {
                "peer did not finish a message in time (unfinished_message_timeout)"
            }
            Self::Write => "peer took no bytes for too long (write_timeout)",
            Self::Close => "peer did not complete the close in time (close_timeout)",
        })
    }
}

impl std::error::Error for Timeout {}
