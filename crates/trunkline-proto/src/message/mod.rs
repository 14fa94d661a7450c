//! Messages: what applications exchange (RFC 6455 §5.6).

mod assembler;
mod outgoing;
mod prepared;
mod received;
mod utf8;

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use faststr::FastStr;

pub(crate) use assembler::{Assembler, BEHIND};
pub use outgoing::Outgoing;
pub use prepared::Prepared;
pub use received::{InPlace, Masked, Received};
pub(crate) use utf8::{Utf8Stream, from_utf8};

/// Whether a message is text or binary: the one bit of meaning that a frame gives its payload (§5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 6455 §11.8 reserves the other data opcodes for an update of the protocol"
)]
pub enum MessageKind {
    /// UTF-8, opcode 1.
    Text,
    /// Any bytes, opcode 2.
    Binary,
}

/// A whole message. Cloning it shares the payload.
///
/// Control frames are not messages: pings are answered, pongs and closes are seen to.
///
/// ```
/// use trunkline_proto::Message;
///
/// for message in [Message::text("hello"), Message::binary(vec![1, 2, 3])] {
///     match message {
///         Message::Text(text) => assert_eq!(text.to_uppercase(), "HELLO"), // a `str`, but shared
///         Message::Binary(bytes) => assert_eq!(bytes[..], [1, 2, 3]),
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 6455 §11.8 reserves the other data opcodes for an update of the protocol"
)]
pub enum Message {
    /// Text, known to be valid UTF-8.
    Text(Text),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload of either kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The text, or `None` for a binary message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload of either kind, without a copy.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Bytes of payload.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty. An empty message is a message.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl fmt::Debug for Message {
    /// Shows kind and size: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes)", self.kind(), self.len())
    }
}

/// The text of a message: valid UTF-8 that is shared when cloned. It derefs to `str`.
///
/// ```
/// use trunkline_proto::Text;
///
/// let text = Text::from("a price: 42");
/// let shared = text.clone(); // no copy of what is in it
/// assert_eq!(shared.strip_prefix("a price: "), Some("42"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(FastStr);

impl Text {
    /// Text that lives as long as the program; no allocation.
    pub const fn from_static(text: &'static str) -> Self {
        Self(FastStr::from_static_str(text))
    }

    /// Text in these bytes, without a copy; `None` if they are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Option<Self> {
        FastStr::from_bytes(bytes).ok().map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the text, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(FastStr::new(text))
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}
