//! What a payload is for (RFC 6455 §5.2, §11.8).

use crate::error::ProtocolError;
use crate::message::MessageKind;

/// The opcode of a frame: one of the six that RFC 6455 defines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 6455 §5.2 reserves all others: they fail the connection"
)]
pub enum OpCode {
    /// 0: more of the message that an earlier frame began.
    Continuation,
    /// 1: a text message, or its first fragment.
    Text,
    /// 2: a binary message, or its first fragment.
    Binary,
    /// 8: the last frame that its sender sends.
    Close,
    /// 9: asks for a pong with the same payload.
    Ping,
    /// 10: answers a ping, or says "alive" unasked.
    Pong,
}

impl OpCode {
    /// The opcode in the low four bits of a frame's first byte.
    ///
    /// # Errors
    /// [`ProtocolError::ReservedOpCode`] for 3–7 and 11–15 (§5.2).
    pub const fn from_bits(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            reserved => return Err(ProtocolError::ReservedOpCode(reserved)),
        })
    }

    /// The four bits that stand for this opcode on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Whether this is close, ping or pong: short, whole, and allowed between fragments (§5.5).
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<MessageKind> for OpCode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}
