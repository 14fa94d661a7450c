//! Messages, control frames and chunks into bytes (RFC 6455 §5, §6.1).

use std::time::Instant;

use bytes::Bytes;

use crate::close::CloseCode;
use crate::connection::Connection;
use crate::error::{QueueError, QueueErrorKind};
use crate::event::{CloseInfo, Initiator};
use crate::frame::{CONTROL_PAYLOAD_MAX, FrameHeader, MaskKey, OpCode};
use crate::message::{Message, MessageKind, Outgoing, Prepared, Utf8Stream};
use crate::state::{CloseSent, Failed, State};
use crate::transmit::REFERENCE_FROM;

/// A close frame's reason is what two bytes of code leave of a control frame's payload (§5.5.1).
const CLOSE_REASON_MAX: usize = CONTROL_PAYLOAD_MAX - 2;

/// The answer to the newest ping (§5.5.3). At most one waits behind one that is being written: a
/// peer that pings without reading pins 250 bytes.
#[derive(Debug, Default)]
pub(super) struct Pong {
    /// The payload of the pong that is not among the bytes to write yet, as the one before it still is. Seldom is there
    /// one: a thin pointer takes half the room of one that knows a length.
    pending: Option<Box<Box<[u8]>>>,
    /// Where the last pong among the bytes to write ends.
    written_at: u64,
}

impl Pong {
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |payload| payload.len())
    }
}

/// A message that is being sent in chunks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streaming {
    kind: MessageKind,
    begun: bool,
    compressed: bool,
    utf8: Utf8Stream,
}

impl Connection {
    /// Queues a message to be written. Take the bytes with [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    /// The message, and why it was not taken: as much as [`Limits::send_high_water_bytes`] waits
    /// already, the connection is closing, or another message is being sent in chunks.
    ///
    /// [`Limits::send_high_water_bytes`]: crate::limits::Limits::send_high_water_bytes
    // Always: left to itself the compiler does so for some callers, and the others move the message twice.
    #[inline(always)]
    pub fn queue<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), QueueError<'m>> {
        let message = message.into();
        if let Some(kind) = self.refusal() {
            return Err(QueueError::new(kind, message));
        }
        self.push(message);
        Ok(())
    }

    /// The same, but however much waits: for whoever was told before that there is room, and has
    /// seen a pong take it since.
    ///
    /// # Errors
    /// The message, and why it was not taken: the connection is closing, or another message is being
    /// sent in chunks.
    #[inline(always)]
    pub fn queue_promised<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), QueueError<'m>> {
        let message = message.into();
        match self.refusal() {
            None | Some(QueueErrorKind::Full) => {}
            Some(kind) => return Err(QueueError::new(kind, message)),
        }
        self.push(message);
        Ok(())
    }

    /// Whether a borrowed message can be queued, and takes nothing but a header and a copy: it is neither compressed
    /// nor masked, and nothing has to go before it.
    #[inline]
    pub(super) fn sends_plain_frames(&self) -> bool {
        self.state.can_send()
            && self.streaming.is_none()
            && self.compression.is_none()
            && self.masks.is_none()
            && !self.pong.is_pending()
    }

    /// Queues such a message if it is short and there is room for it. Whether it is.
    #[inline(always)]
    pub(super) fn push_plain(&mut self, kind: MessageKind, payload: &[u8]) -> bool {
        debug_assert!(self.sends_plain_frames(), "something else has to be done");
        self.transmit.push_plain(kind, payload)
    }

    #[inline(always)]
    fn push(&mut self, message: Outgoing<'_>) {
        self.push_pending_pong();
        match message {
            Outgoing::Text(text) => self.push_borrowed(MessageKind::Text, text.as_bytes()),
            Outgoing::Binary(bytes) => self.push_borrowed(MessageKind::Binary, bytes),
            Outgoing::Message(message) => self.push_message(message),
            Outgoing::Prepared(prepared) => self.push_prepared(prepared),
        }
    }

    /// Why a message would not be taken now, or `None` if it would.
    #[inline]
    pub fn refusal(&self) -> Option<QueueErrorKind> {
        if !self.state.can_send() {
            Some(QueueErrorKind::Closed)
        } else if self.streaming.is_some() {
            Some(QueueErrorKind::Streaming)
        } else if self.is_above_high_water() {
            Some(QueueErrorKind::Full)
        } else {
            None
        }
    }

    /// Whether as much waits to be written as [`Limits::send_high_water_bytes`] allows.
    ///
    /// [`Limits::send_high_water_bytes`]: crate::limits::Limits::send_high_water_bytes
    #[inline]
    pub fn is_above_high_water(&self) -> bool {
        // With nothing waiting there is always room for one message.
        self.transmit.waiting() >= self.settings.limits.send_high_water_bytes.max().max(1)
    }

    /// Queues a part of a message that is sent as it is made: one frame for each part, so that pongs
    /// go in between. All parts of a message are of one `kind`; the first call begins it, the call
    /// with `last` ends it, and until then no other message can be queued.
    ///
    /// # Errors
    /// As for [`queue`](Self::queue), and [`QueueErrorKind::InvalidUtf8`] where the parts of a text
    /// are not UTF-8 together; a part may end inside a character, the last may not. Nothing was
    /// queued: the message can go on with other bytes.
    /// A part of another kind than the first is [`QueueErrorKind::Streaming`].
    pub fn queue_chunk(
        &mut self,
        kind: MessageKind,
        chunk: &[u8],
        last: bool,
    ) -> Result<(), QueueErrorKind> {
        match self.refusal() {
            None | Some(QueueErrorKind::Streaming) => {}
            Some(refusal) => return Err(refusal),
        }
        if self.is_above_high_water() {
            return Err(QueueErrorKind::Full);
        }
        // A copy, so that a refused chunk leaves no trace.
        let mut streaming = match &self.streaming {
            Some(streaming) if streaming.kind != kind => return Err(QueueErrorKind::Streaming),
            Some(streaming) => **streaming,
            None => Streaming::begin(kind, self.compression.is_some()),
        };
        streaming.check(chunk, last)?;
        self.push_pending_pong();
        let opcode = if streaming.begun { OpCode::Continuation } else { kind.into() };
        let rsv1 = streaming.compressed && !streaming.begun;
        match &mut self.compression {
            Some(compression) => {
                let compressed = compression.compress_chunk(chunk, last);
                self.push_frame(opcode, last, rsv1, &compressed);
            }
            None => self.push_frame(opcode, last, rsv1, chunk),
        }
        streaming.begun = true;
        self.streaming = if last { None } else { Some(Box::new(streaming)) };
        Ok(())
    }

    /// Sends a ping. Its pong comes as [`Event::Pong`](crate::Event::Pong) and sets
    /// [`round_trip`](Self::round_trip); a newer ping takes the place of an unanswered one. Does
    /// nothing once the connection is closing.
    pub fn ping(&mut self, now: Instant) {
        if self.is_open() {
            let payload = self.keepalive.on_ping_sent(now);
            self.push_frame(OpCode::Ping, true, false, &payload);
        }
    }

    /// Begins to close: nothing can be queued any more. What the peer still sends is received until
    /// its own close comes, or [`Settings::close_timeout`] passes. Does nothing if closing has begun.
    ///
    /// A `reason` of more than 123 bytes is cut at the end of a character.
    ///
    /// [`Settings::close_timeout`]: crate::limits::Settings::close_timeout
    pub fn close(&mut self, code: CloseCode, reason: &str, now: Instant) {
        if !self.is_open() {
            return;
        }
        // The last chance to answer the newest ping: nothing follows a close frame.
        if let Some(payload) = self.pong.pending.take() {
            self.push_frame(OpCode::Pong, true, false, &payload);
        }
        let reason = truncate(reason, CLOSE_REASON_MAX);
        self.push_close_frame(Some(code), reason);
        let info =
            CloseInfo { initiator: Initiator::Local, code: Some(code), reason: reason.into() };
        let deadline = self.close_deadline(now);
        self.state = State::CloseSent(Box::new(CloseSent { info, deadline }));
    }

    /// Closes because something is wrong: what the peer still sends is not read.
    pub(super) fn fail_with(&mut self, code: CloseCode, reason: &str, now: Instant) {
        self.frame = None;
        self.assembler = None;
        if self.is_open() {
            self.push_close_frame(Some(code), truncate(reason, CLOSE_REASON_MAX));
        }
        if !self.is_closed() {
            let deadline = self.close_deadline(now);
            self.state = State::Failed(Box::new(Failed { deadline }));
        }
    }

    /// When to stop waiting for what closes the connection; never, if that is beyond the end of time.
    /// Once closing has begun, nothing that the peer sends puts it off.
    pub(super) fn close_deadline(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Open => now.checked_add(self.settings.close_timeout),
            closing => closing.deadline(),
        }
    }

    pub(super) fn push_close_frame(&mut self, code: Option<CloseCode>, reason: &str) {
        let payload = code
            .map(|code| [&code.get().to_be_bytes(), reason.as_bytes()].concat())
            .unwrap_or_default();
        self.push_frame(OpCode::Close, true, false, &payload);
    }

    /// Answers a ping: at once if no earlier pong waits to be written, else in the place of whatever
    /// pong comes after that one.
    pub(super) fn queue_pong(&mut self, payload: &[u8]) {
        if !self.is_open() {
            return;
        }
        if self.transmit.is_past(self.pong.written_at) {
            self.pong.pending = None;
            self.push_pong_frame(payload);
        } else {
            self.pong.pending = Some(Box::new(payload.into()));
        }
    }

    /// Moves the pending pong among the bytes to write once the one before it has been written.
    #[inline]
    pub(super) fn push_pending_pong(&mut self) {
        if self.pong.is_pending() {
            self.push_pong();
        }
    }

    #[inline(never)]
    fn push_pong(&mut self) {
        if self.transmit.is_past(self.pong.written_at)
            && let (Some(payload), true) = (self.pong.pending.take(), self.is_open())
        {
            self.push_pong_frame(&payload);
        }
    }

    fn push_pong_frame(&mut self, payload: &[u8]) {
        self.push_frame(OpCode::Pong, true, false, payload);
        self.pong.written_at = self.transmit.end();
    }

    #[inline(always)]
    fn push_borrowed(&mut self, kind: MessageKind, payload: &[u8]) {
        match self.compressed(payload) {
            Some(compressed) => self.push_frame(kind.into(), true, true, &compressed),
            None => self.push_frame(kind.into(), true, false, payload),
        }
    }

    #[inline(never)]
    fn push_message(&mut self, message: Message) {
        let kind = message.kind();
        if let Some(compressed) = self.compressed(message.as_bytes()) {
            self.push_payload(kind, true, compressed.into());
        } else {
            self.push_payload(kind, false, message.into_bytes());
        }
    }

    #[inline(never)]
    fn push_prepared(&mut self, prepared: &Prepared) {
        let message = prepared.message();
        let compression = self.compression.as_mut().filter(|it| it.wants(message.len()));
        match (&self.masks, compression) {
            (None, Some(compression)) => {
                self.transmit.push_encoded(&compression.prepared_frame(prepared))
            }
            (None, None) => self.transmit.push_encoded(prepared.frame()),
            // A client masks each frame with a key of its own (§5.3), so there is no frame to share.
            (Some(_), _) => self.push_borrowed(message.kind(), message.as_bytes()),
        }
    }

    /// The payload compressed, if that was agreed on and is worth it.
    #[inline]
    fn compressed(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let compression = self.compression.as_mut()?;
        compression.wants(payload.len()).then(|| compression.compress(payload))
    }

    /// Queues a whole message whose payload may be kept instead of copied.
    fn push_payload(&mut self, kind: MessageKind, rsv1: bool, payload: Bytes) {
        if self.masks.is_some() || payload.len() < REFERENCE_FROM {
            return self.push_frame(kind.into(), true, rsv1, &payload);
        }
        let header = FrameHeader {
            fin: true,
            rsv1,
            opcode: kind.into(),
            mask: None,
            payload_len: payload.len() as u64,
        };
        self.transmit.push_referenced(&header, payload);
    }

    /// Queues one frame with a copy of `payload`, masked if this is a client.
    #[inline]
    fn push_frame(&mut self, opcode: OpCode, fin: bool, rsv1: bool, payload: &[u8]) {
        let mask = self.masks.as_ref().map(|masks| masks.next_key());
        let header = FrameHeader { fin, rsv1, opcode, mask, payload_len: payload.len() as u64 };
        match mask {
            None => self.transmit.push_frame(&header, |out| out.extend_from_slice(payload)),
            Some(key) => self.push_masked_frame(&header, key, payload),
        }
    }

    #[inline(never)]
    fn push_masked_frame(&mut self, header: &FrameHeader, key: MaskKey, payload: &[u8]) {
        self.transmit.push_frame(header, |out| key.apply_to_copy(payload, out));
    }
}

impl Streaming {
    fn begin(kind: MessageKind, compressed: bool) -> Self {
        Self { kind, begun: false, compressed, utf8: Utf8Stream::default() }
    }

    fn check(&mut self, chunk: &[u8], last: bool) -> Result<(), QueueErrorKind> {
        if self.kind == MessageKind::Binary {
            return Ok(());
        }
        let valid = self.utf8.push(chunk, |_| ()).is_ok() && (!last || self.utf8.is_at_boundary());
        if valid { Ok(()) } else { Err(QueueErrorKind::InvalidUtf8) }
    }
}

/// The longest beginning of `text` that has at most `max` bytes and ends with a character.
fn truncate(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}
