//! What was received.

use std::fmt;

use bytes::Bytes;

use crate::frame::MaskKey;
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

/// A small message where it lies in the input, see
/// [`Connection::poll_messages`](crate::Connection::poll_messages).
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "text or binary: there is nothing else")]
pub enum InPlace<'i> {
    /// Text, which had to be unmasked to be checked.
    Text(&'i str),
    /// Bytes as they came.
    Binary(Masked<'i>),
}

impl<'i> InPlace<'i> {
    /// The message, unmasked where it lies.
    #[inline]
    pub fn unmask(self) -> Received<'i> {
        match self {
            Self::Text(text) => Received::Text(text),
            Self::Binary(bytes) => Received::Binary(bytes.unmask()),
        }
    }
}

/// A payload where it lies in the input, still masked if a client sent it.
pub struct Masked<'i> {
    payload: &'i mut [u8],
    key: Option<MaskKey>,
}

impl<'i> Masked<'i> {
    pub(crate) fn new(payload: &'i mut [u8], key: Option<MaskKey>) -> Self {
        Self { payload, key }
    }

    /// Bytes of payload.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// Unmasks it where it lies.
    #[inline]
    pub fn unmask(self) -> &'i [u8] {
        if let Some(key) = self.key {
            key.apply(self.payload);
        }
        self.payload
    }

    /// Appends it to `out`, unmasked: one pass over the bytes.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        match self.key {
            Some(key) => key.apply_to_copy(self.payload, out),
            None => out.extend_from_slice(self.payload),
        }
    }
}

impl fmt::Debug for Masked<'_> {
    /// Shows the size: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({} bytes)", self.len())
    }
}
