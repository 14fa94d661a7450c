//! A message for many receivers, encoded once.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "deflate")]
use std::sync::OnceLock;

use bytes::Bytes;

#[cfg(feature = "deflate")]
use crate::deflate::{EncodingKey, compress_prepared};
use crate::frame::{FrameHeader, HEADER_BYTES_MAX};
use crate::message::Message;

/// Sets of compression parameters for which a message keeps its encoding. A server has as many as
/// its peers ask for different window sizes, 15 to 9: beyond four, the rest are encoded anew.
#[cfg(feature = "deflate")]
const ENCODINGS_MAX: usize = 4;

/// A message that is encoded once and sent to many connections. Cloning it shares the encoding.
///
/// The frame that servers send, without a mask, is made at once; compressed ones are made when the
/// first connection that wants them comes, one for each set of parameters. Clients mask every frame
/// with a key of its own (RFC 6455 §5.3), so they gain nothing but the shared compression.
///
/// ```
/// use trunkline_proto::Prepared;
///
/// let price = Prepared::new("{\"price\":42}");
/// assert_eq!(price.message().as_text(), Some("{\"price\":42}"));
/// ```
#[derive(Clone)]
pub struct Prepared(Arc<Encodings>);

struct Encodings {
    message: Message,
    plain: Bytes,
    #[cfg(feature = "deflate")]
    compressed: [OnceLock<(EncodingKey, Bytes)>; ENCODINGS_MAX],
}

impl Prepared {
    /// Encodes `message` as the frame that a server sends.
    pub fn new(message: impl Into<Message>) -> Self {
        let message = message.into();
        let plain = encode(&message, false, message.as_bytes());
        Self(Arc::new(Encodings {
            message,
            plain,
            #[cfg(feature = "deflate")]
            compressed: Default::default(),
        }))
    }

    /// The message itself.
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The whole frame, not compressed, not masked: what a server sends where no compression was agreed on
    /// (RFC 6455 §5.2).
    ///
    /// ```
    /// use trunkline_proto::Prepared;
    ///
    /// assert_eq!(&**Prepared::new("hi").frame(), b"\x81\x02hi");
    /// ```
    pub fn frame(&self) -> &Bytes {
        &self.0.plain
    }

    /// The whole frame, compressed without reference to anything before it, not masked.
    #[cfg(feature = "deflate")]
    pub(crate) fn compressed_frame(&self, key: EncodingKey) -> Bytes {
        for slot in &self.0.compressed {
            let (slot_key, frame) = slot.get_or_init(|| (key, self.compress(key)));
            if *slot_key == key {
                return frame.clone();
            }
        }
        self.compress(key)
    }

    #[cfg(feature = "deflate")]
    fn compress(&self, key: EncodingKey) -> Bytes {
        let payload = compress_prepared(key, self.0.message.as_bytes());
        encode(&self.0.message, true, &payload)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.0.message).finish()
    }
}

fn encode(message: &Message, rsv1: bool, payload: &[u8]) -> Bytes {
    let header = FrameHeader {
        fin: true,
        rsv1,
        opcode: message.kind().into(),
        mask: None,
        payload_len: payload.len() as u64,
    };
    let mut bytes = [0; HEADER_BYTES_MAX];
    let len = header.encode(&mut bytes);
    [bytes.get(..len).unwrap_or(&[]), payload].concat().into()
}
