//! Fragments into a message (RFC 6455 §5.4).
//!
//! A message in the making is one contiguous buffer that grows with the bytes that came, never with
//! the length that a header claims: what an unfinished message pins is what its sender sent.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::error::ProtocolError;
use crate::frame::{HEADER_BYTES_MAX, MaskKey};
use crate::limits::{Limits, TINY_FRAGMENT_BYTES};
use crate::message::utf8::InvalidUtf8;
use crate::message::{Message, MessageKind, Utf8Stream};

/// Reserved at once on the word of a header. More only once a quarter of it has come, or for a peer that
/// has kept its word: see [`Assembler::earn`].
const RESERVE_ON_PROMISE: usize = 64 << 10;

/// Room at the end of a message for what follows it. A read that leaves some of it empty has emptied the
/// transport, and the next one, which would only say so, is spared.
pub(crate) const BEHIND: usize = HEADER_BYTES_MAX;

/// Text is unmasked, checked and copied in pieces of this size, which stay in the first-level cache.
const TEXT_BLOCK: usize = 8 << 10;

/// The message that is being received.
#[derive(Debug)]
pub(crate) struct Assembler {
    kind: MessageKind,
    compressed: bool,
    started: Instant,
    tiny_fragments: usize,
    empty_fragments: usize,
    /// Bytes that may be reserved on the word of a header, because the peer has sent as many before.
    earned: usize,
    /// What the message may have in all. No room is made beyond it: while a buffer grows, the old one and the new
    /// one are there at once, and together they stay below twice this.
    bytes_max: usize,
    utf8: Utf8Stream,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Text(String),
    Binary(BytesMut),
    /// The application takes the payload as it comes; only the check of text is kept.
    Streamed {
        /// Whether any of it has been handed on.
        begun: bool,
    },
}

impl Assembler {
    /// Begins a message that is kept until it is whole.
    pub(crate) fn whole(kind: MessageKind, compressed: bool, now: Instant) -> Self {
        let body = match kind {
            MessageKind::Text => Body::Text(String::new()),
            MessageKind::Binary => Body::Binary(BytesMut::new()),
        };
        Self::with_body(kind, compressed, now, body)
    }

    /// Begins a message whose payload is handed on as it comes.
    pub(crate) fn streamed(kind: MessageKind, compressed: bool, now: Instant) -> Self {
        Self::with_body(kind, compressed, now, Body::Streamed { begun: false })
    }

    /// Goes on with a binary message in the buffer that its beginning lies in.
    pub(crate) fn adopted(begun: BytesMut, now: Instant) -> Self {
        Self::with_body(MessageKind::Binary, false, now, Body::Binary(begun))
    }

    /// The same message, to be kept until it is whole, if nothing of it has been handed on yet.
    pub(crate) fn into_whole(self) -> Self {
        match self.body {
            Body::Streamed { begun: false } => {
                Self::whole(self.kind, self.compressed, self.started)
            }
            _ => self,
        }
    }

    fn with_body(kind: MessageKind, compressed: bool, started: Instant, body: Body) -> Self {
        Self {
            kind,
            compressed,
            started,
            tiny_fragments: 0,
            empty_fragments: 0,
            earned: RESERVE_ON_PROMISE,
            bytes_max: usize::MAX,
            utf8: Utf8Stream::default(),
            body,
        }
    }

    /// Allows as much to be reserved at once as an earlier message of this peer had: it has paid for it
    /// with bytes, and holds them once at a time.
    pub(crate) fn earn(&mut self, bytes: usize) {
        self.earned = self.earned.max(bytes);
    }

    /// Says how long the message may get. Whoever pushes has checked that it does not get longer.
    pub(crate) fn bound(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    pub(crate) fn kind(&self) -> MessageKind {
        self.kind
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self.body, Body::Streamed { .. })
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Bytes of payload kept so far.
    pub(crate) fn len(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.len() + self.utf8.begun_len(),
            Body::Binary(bytes) => bytes.len(),
            Body::Streamed { .. } => 0,
        }
    }

    /// Bytes of memory that the message holds on to.
    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.capacity(),
            Body::Binary(bytes) => bytes.capacity(),
            Body::Streamed { .. } => 0,
        }
    }

    /// Counts one fragment with `payload_len` bytes against the limits.
    pub(crate) fn on_fragment(
        &mut self,
        payload_len: u64,
        limits: &Limits,
    ) -> Result<(), ProtocolError> {
        if self.is_streamed() {
            return Ok(());
        }
        if payload_len == 0 {
            self.empty_fragments += 1;
            if !limits.empty_fragments.allows(self.empty_fragments) {
                return Err(ProtocolError::TooManyEmptyFragments);
            }
        }
        if payload_len < TINY_FRAGMENT_BYTES as u64 {
            self.tiny_fragments += 1;
            if !limits.tiny_fragments.allows(self.tiny_fragments) {
                return Err(ProtocolError::TooManyTinyFragments);
            }
        }
        Ok(())
    }

    /// Takes a masked piece of the payload; `expected` bytes of its frame are still to come, this
    /// piece included, and `fin` says that no other frame follows.
    pub(crate) fn push_masked(
        &mut self,
        piece: &mut [u8],
        key: Option<MaskKey>,
        expected: u64,
        fin: bool,
    ) -> Result<(), InvalidUtf8> {
        let room = self.room(self.len() + piece.len(), expected, fin);
        match (&mut self.body, key) {
            (Body::Binary(bytes), key) => {
                if bytes.capacity() - bytes.len() < piece.len() {
                    make_room(bytes, room);
                }
                if let Some(key) = key {
                    key.apply(piece);
                }
                bytes.extend_from_slice(piece);
                Ok(())
            }
            (Body::Text(text), mut key) => {
                make_room_for_text(text, self.utf8.begun_len(), piece.len(), room);
                for block in piece.chunks_mut(TEXT_BLOCK) {
                    if let Some(key) = &mut key {
                        key.apply(block);
                        *key = key.advanced(block.len());
                    }
                    self.utf8.push(block, |valid| text.push_str(valid))?;
                }
                Ok(())
            }
            (Body::Streamed { .. }, key) => {
                if let Some(key) = key {
                    key.apply(piece);
                }
                self.check_streamed(piece)
            }
        }
    }

    /// The payload so far, with room for more of it, if it can be read to where it belongs: text has
    /// to be checked on the way.
    pub(crate) fn binary_with_room(&mut self, expected: u64, fin: bool) -> Option<&mut BytesMut> {
        let room = self.room(self.len(), expected, fin);
        // Not before the first bytes have come: a header alone reserves nothing.
        let Body::Binary(bytes) = &mut self.body else { return None };
        if bytes.is_empty() {
            return None;
        }
        if bytes.capacity() == bytes.len() {
            make_room(bytes, room);
        }
        Some(bytes)
    }

    /// How much to reserve once the room is used up, when `arrived` bytes of the message have come
    /// and `expected` of this frame have not been stored.
    fn room(&self, arrived: usize, expected: u64, fin: bool) -> usize {
        let promised = usize::try_from(expected)
            .unwrap_or(usize::MAX)
            .min(arrived.saturating_mul(4).max(self.earned));
        match fin {
            true if promised as u64 == expected => promised.saturating_add(BEHIND),
            true => promised,
            // Where more frames follow, doubling keeps a message of many short ones from being moved
            // once for each of them.
            false => promised.max(self.doubled()),
        }
    }

    /// Room that doubles the message, as far as it may grow.
    fn doubled(&self) -> usize {
        self.len().min(self.bytes_max.saturating_sub(self.len()))
    }

    /// Takes a piece of the payload that an extension has already turned back.
    pub(crate) fn push_plain(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let room = piece.len().max(self.doubled());
        match &mut self.body {
            Body::Binary(bytes) => {
                if bytes.capacity() - bytes.len() < piece.len() {
                    make_room(bytes, room);
                }
                bytes.extend_from_slice(piece);
                Ok(())
            }
            Body::Text(text) => {
                make_room_for_text(text, self.utf8.begun_len(), piece.len(), room);
                self.utf8.push(piece, |valid| text.push_str(valid))
            }
            Body::Streamed { .. } => self.check_streamed(piece),
        }
    }

    fn check_streamed(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        // An empty piece is not handed on, so nothing has begun with it.
        if !piece.is_empty() {
            self.body = Body::Streamed { begun: true };
        }
        match self.kind {
            MessageKind::Text => self.utf8.push(piece, |_| ()),
            MessageKind::Binary => Ok(()),
        }
    }

    /// Checks that the message may end here.
    pub(crate) fn check_end(&self) -> Result<(), InvalidUtf8> {
        if self.utf8.is_at_boundary() { Ok(()) } else { Err(InvalidUtf8) }
    }

    /// The message, once its last fragment is in; empty if it was handed on as it came.
    pub(crate) fn finish(self) -> Result<Message, InvalidUtf8> {
        self.check_end()?;
        Ok(match self.body {
            Body::Text(text) => Message::Text(text.into()),
            Body::Binary(bytes) => Message::Binary(bytes.freeze()),
            Body::Streamed { .. } => Message::Binary(Bytes::new()),
        })
    }
}

/// Makes room in text, of which the first `begun` bytes of a character may have been kept back.
fn make_room_for_text(text: &mut String, begun: usize, piece_len: usize, room: usize) {
    if text.capacity() - text.len() < begun + piece_len {
        text.reserve_exact(room.saturating_add(begun));
    }
}

/// Makes room for exactly so many bytes more: what grows by itself grows to twice its size.
fn make_room(bytes: &mut BytesMut, room: usize) {
    let mut larger = BytesMut::with_capacity(bytes.len().saturating_add(room));
    larger.extend_from_slice(bytes);
    *bytes = larger;
}
