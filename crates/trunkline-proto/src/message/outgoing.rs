//! What can be sent.

use bytes::Bytes;

use crate::message::{Message, MessageKind, Prepared, Received, Text};

/// A message on its way out: borrowed, owned, or encoded beforehand.
///
/// What sends takes anything that turns into one: `&str`, `String`, `&[u8]`, `Vec<u8>`, `Bytes`, [`Text`],
/// [`Message`], `&Message`, [`Received`] and `&Prepared`.
///
/// Borrowed payloads are copied behind their header when they are queued. Large owned ones are
/// written from where they lie.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outgoing<'m> {
    /// Text to copy.
    Text(&'m str),
    /// Bytes to copy.
    Binary(&'m [u8]),
    /// A message to keep until it is written.
    Message(Message),
    /// A message that goes to many, encoded once.
    Prepared(&'m Prepared),
}

impl Outgoing<'_> {
    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
            Self::Message(message) => message.kind(),
            Self::Prepared(prepared) => prepared.message().kind(),
        }
    }

    /// The payload of any kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
            Self::Message(message) => message.as_bytes(),
            Self::Prepared(prepared) => prepared.message().as_bytes(),
        }
    }

    /// The message, copied if it was borrowed.
    pub fn into_message(self) -> Message {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes.into(),
            Self::Message(message) => message,
            Self::Prepared(prepared) => prepared.message().clone(),
        }
    }
}

impl<'m> From<&'m str> for Outgoing<'m> {
    fn from(text: &'m str) -> Self {
        Self::Text(text)
    }
}

impl<'m> From<&'m [u8]> for Outgoing<'m> {
    fn from(bytes: &'m [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'m, const N: usize> From<&'m [u8; N]> for Outgoing<'m> {
    fn from(bytes: &'m [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'m> From<&'m String> for Outgoing<'m> {
    fn from(text: &'m String) -> Self {
        Self::Text(text)
    }
}

impl<'m> From<&'m Prepared> for Outgoing<'m> {
    fn from(prepared: &'m Prepared) -> Self {
        Self::Prepared(prepared)
    }
}

impl<'m> From<&'m Message> for Outgoing<'m> {
    /// Shares the payload: only the reference count is touched.
    fn from(message: &'m Message) -> Self {
        Self::Message(message.clone())
    }
}

impl From<Message> for Outgoing<'_> {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Text> for Outgoing<'_> {
    fn from(text: Text) -> Self {
        Self::Message(text.into())
    }
}

impl From<String> for Outgoing<'_> {
    fn from(text: String) -> Self {
        Self::Message(text.into())
    }
}

impl From<Bytes> for Outgoing<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Message(bytes.into())
    }
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Message(bytes.into())
    }
}

impl<'m> From<Received<'m>> for Outgoing<'m> {
    fn from(received: Received<'m>) -> Self {
        match received {
            Received::Text(text) => Self::Text(text),
            Received::Binary(bytes) => Self::Binary(bytes),
            Received::Whole(message) => Self::Message(message),
        }
    }
}
