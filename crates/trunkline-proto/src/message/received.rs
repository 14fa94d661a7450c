//! What was received.

use bytes::Bytes;

use crate::message::{Message, MessageKind};

/// A message as it came in: still lying in the input where it was small and whole, owned where it
/// had to be put together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "borrowed or owned, text or binary: there is nothing else"
)]
pub enum Received<'a> {
    /// Text, borrowed from the input.
    Text(&'a str),
    /// Bytes, borrowed from the input.
    Binary(&'a [u8]),
    /// A message that was large, fragmented, compressed, or cut by the end of an input.
    Whole(Message),
}

impl Received<'_> {
    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
            Self::Whole(message) => message.kind(),
        }
    }

    /// The payload of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
            Self::Whole(message) => message.as_bytes(),
        }
    }

    /// The text, or `None` for a binary message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
            Self::Whole(message) => message.as_text(),
        }
    }

    /// The message as a value of its own: a copy where it was borrowed.
    pub fn into_message(self) -> Message {
        match self {
            Self::Text(text) => Message::text(text),
            Self::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
            Self::Whole(message) => message,
        }
    }
}
