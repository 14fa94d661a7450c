//! Messages that cost no copy: whole in the input where it lies, whole in a shared buffer, or large
//! enough to be read to where they belong. All else goes through `receive.rs`, which also says what
//! is wrong: here, whatever looks odd is left alone.

use std::time::Instant;

use bytes::{Buf, BufMut, BytesMut};

use crate::Role;
use crate::connection::receive::Frame;
use crate::connection::{Connection, Input, Sending};
use crate::error::ProtocolError;
use crate::frame::{FrameHeader, HEADER_BYTES_MAX, MaskKey, OpCode};
use crate::limits::Limits;
use crate::message::{
    Assembler, BEHIND, InPlace, Masked, Message, MessageKind, Received, Text, from_utf8,
};

/// A whole message up to this size is handed out where it lies; a larger one is unmasked into memory
/// of its own on the way, which saves a pass over its bytes for whoever keeps it.
const IN_PLACE_MAX: u16 = 8 << 10;

/// Where this much of a payload is to come, it is read to where it belongs: one pass over its bytes less.
/// Below, a read that also brings what follows saves a system call.
const FILL_FROM: u64 = 64 << 10;

/// At most this much at a time, so that it is still in the cache when it is unmasked.
const FILL_MAX: usize = 1 << 20;

/// FIN and the opcode of text and binary: the first byte of nearly every frame there is.
const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;

/// The bytes of a masking key.
const KEY_LEN: usize = 4;

/// The longest message that may be handed out where it lies, without a further look at the limits.
pub(super) fn in_place_max(limits: &Limits) -> u16 {
    let max = limits.message_bytes.max().min(limits.frame_bytes.max());
    u16::try_from(max).map_or(IN_PLACE_MAX, |max| max.min(IN_PLACE_MAX))
}

/// What [`Connection::fill_payload`] has done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Filled<R> {
    /// What the filling function gave.
    pub result: R,
    /// The message, if it is complete.
    pub message: Option<Message>,
    /// Bytes that came behind the payload: they come first in the next input.
    pub behind: BytesMut,
}

impl Connection {
    /// Takes the next message off the front of `input` if it is a single frame that is all there, of
    /// 8 KiB at the most and not compressed: the case that has to be fast.
    ///
    /// Anything else is left for [`poll_event`](Self::poll_event): so whoever gathers messages with
    /// this can still answer them before a close, an error or a ping that comes behind them is heard.
    #[inline]
    pub fn poll_message<'i>(
        &mut self,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Option<Received<'i>> {
        let mut message = None;
        self.poll_messages(input, now, |next, _| {
            message = Some(next.unmask());
            false
        });
        message
    }

    /// Takes such messages off the front of `input` one after the other and hands them to `each`, until
    /// that gives `false` or something else follows. Many small messages are fastest this way: what does
    /// not change from one to the next is looked at once, and whoever copies them anyway unmasks them in
    /// the same pass.
    ///
    /// An answer can be queued at once: what `each` is given beside the message takes it.
    #[inline]
    pub fn poll_messages<'i>(
        &mut self,
        input: &mut Input<'i>,
        now: Instant,
        mut each: impl FnMut(InPlace<'i>, Sending<'_>) -> bool,
    ) {
        if !self.is_between_messages() {
            return;
        }
        let (role, max) = (self.role, usize::from(self.in_place_max));
        let is_plain = self.sends_plain_frames();
        let before = input.len();
        // What is known not to be looked at by anybody else stays in registers.
        let mut rest = std::mem::replace(input, Input::new(&mut []));
        while let Some((kind, payload)) = take_message(role, max, &mut rest) {
            let message = match kind {
                MessageKind::Binary => InPlace::Binary(payload),
                MessageKind::Text => match from_utf8(payload.unmask()) {
                    Ok(text) => InPlace::Text(text),
                    Err(_) => {
                        self.text_is_invalid = true;
                        break;
                    }
                },
            };
            if !each(message, Sending::new(self, is_plain)) {
                break;
            }
        }
        *input = rest;
        if input.len() < before {
            self.left_bytes = 0;
            self.keepalive.on_bytes(now);
            self.keepalive.on_message(now);
        }
    }

    /// Whether [`poll_event`](Self::poll_event) has something to say without another byte:
    /// [`poll_messages`](Self::poll_messages) came upon a text that is none behind those that it took.
    #[inline]
    pub fn has_event(&self) -> bool {
        self.text_is_invalid
    }

    /// Takes the next message off the front of `input` without a copy, if it is a single frame that is
    /// all there, of `min` bytes at the least and not compressed.
    ///
    /// If only the beginning of such a message is there, and it is binary, takes `input` over altogether
    /// to go on with it there, where there is room for the rest: `min` bytes must have come, or the peer
    /// has sent a message before that was as large as `input` can become.
    ///
    /// The message keeps all of `input`'s memory alive for as long as it lives, so `min` should be a
    /// fair share of that. Anything else is left for [`poll_event`](Self::poll_event).
    ///
    /// # Errors
    /// A text that is not UTF-8, as [`poll_event`](Self::poll_event) tells it.
    pub fn poll_shared(
        &mut self,
        input: &mut BytesMut,
        min: usize,
        now: Instant,
    ) -> Result<Option<Message>, ProtocolError> {
        if !self.is_between_messages() {
            return Ok(None);
        }
        let Some((header, header_len)) = self.parse_shareable(input, min) else { return Ok(None) };
        let payload_len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        if input.len() - header_len < payload_len {
            self.adopt(&header, header_len, input, min, now);
            return Ok(None);
        }
        let mut payload = input.split_to(header_len + payload_len);
        payload.advance(header_len);
        self.take_shared(&header, payload, now).map(Some)
    }

    /// The capacity of an input that has room for a message of so many bytes: its header comes before
    /// it, and something may follow.
    pub const fn room_for(payload_bytes: usize) -> usize {
        payload_bytes.saturating_add(HEADER_BYTES_MAX + BEHIND)
    }

    /// The header of the frame at the front of `input` if it may be handed on as it lies there.
    fn parse_shareable(&self, input: &[u8], min: usize) -> Option<(FrameHeader, usize)> {
        let (header, header_len) = FrameHeader::parse(input).ok()??;
        let is_data = matches!(header.opcode, OpCode::Text | OpCode::Binary);
        let is_plain = header.fin && !header.rsv1;
        let is_masked = header.mask.is_some();
        let is_in_order = is_data && is_plain && is_masked == (self.role == Role::Server);
        let is_large = header.payload_len >= min as u64;
        let is_allowed = is_in_order && is_large && self.check_size(&header, true).is_ok();
        is_allowed.then_some((header, header_len))
    }

    /// Hands on a payload that is all there.
    fn take_shared(
        &mut self,
        header: &FrameHeader,
        mut payload: BytesMut,
        now: Instant,
    ) -> Result<Message, ProtocolError> {
        self.on_payload(header.mask, &mut payload, now);
        let payload = payload.freeze();
        if header.opcode == OpCode::Binary {
            return Ok(Message::Binary(payload));
        }
        match Text::from_utf8(payload) {
            Some(text) => Ok(Message::Text(text)),
            None => Err(self.fail(ProtocolError::InvalidUtf8, now)),
        }
    }

    /// Goes on with a payload where its beginning lies. Not with text: it is checked as it comes.
    fn adopt(
        &mut self,
        header: &FrameHeader,
        header_len: usize,
        input: &mut BytesMut,
        min: usize,
        now: Instant,
    ) {
        let arrived = input.len() - header_len;
        let remaining = header.payload_len - arrived as u64;
        let has_room = (input.capacity() - input.len()) as u64 >= remaining;
        let is_paid_for = arrived >= min || input.capacity() <= Self::room_for(self.filled_bytes);
        // A header alone pins nothing, see `Assembler::binary_with_room`.
        if header.opcode != OpCode::Binary || arrived == 0 || !has_room || !is_paid_for {
            return;
        }
        // What is left of the input is a hold on its memory, for whoever wants to use it again.
        let hold = input.split_off(input.capacity());
        let mut payload = std::mem::replace(input, hold);
        payload.advance(header_len);
        self.on_payload(header.mask, &mut payload, now);
        let key = header.mask.map(|key| key.advanced(arrived));
        self.frame = Some(Frame { fin: true, key, remaining, unmasked: 0 });
        self.assembler = Some(Box::new(Assembler::adopted(payload, now)));
    }

    fn on_payload(&mut self, key: Option<MaskKey>, payload: &mut [u8], now: Instant) {
        self.left_bytes = 0;
        self.keepalive.on_bytes(now);
        self.keepalive.on_message(now);
        if let Some(key) = key {
            key.apply(payload);
        }
    }

    /// Lets `fill` append the next bytes of the transport to the message that is coming in, where they
    /// need no copy: if they can only be payload of a large binary message that is wanted whole.
    ///
    /// `now` is asked for the time after bytes have come. `None`, without calling `fill`, where the next
    /// bytes have to go through [`poll_event`](Self::poll_event). Nothing may be left of earlier inputs.
    pub fn fill_payload<R>(
        &mut self,
        fill: impl FnOnce(&mut bytes::buf::Limit<&mut BytesMut>) -> R,
        now: impl FnOnce() -> Instant,
    ) -> Option<Filled<R>> {
        let mut frame = self.frame?;
        let message = self.assembler.as_mut().filter(|it| !it.is_compressed())?;
        // The rest of a large message, however small, is read to where the message lies. Where more
        // fragments follow, a short one is not: reads of many at once spare a system call for each.
        let is_rest = frame.fin && message.len() as u64 >= FILL_FROM;
        if frame.remaining < FILL_FROM && !is_rest {
            return None;
        }
        // A message that was to be streamed, and is not any more, has not been measured by its header.
        let promised = frame.remaining.saturating_add(message.len() as u64);
        if !self.settings.limits.message_bytes.allows_u64(promised) {
            return None;
        }
        let payload = message.binary_with_room(frame.remaining, frame.fin)?;
        let before = payload.len();
        let expected = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
        // What comes behind takes the room behind it along, which only a message that ends can spare.
        let wanted = expected.saturating_add(if frame.fin { BEHIND } else { 0 });
        let room = (payload.capacity() - before).min(FILL_MAX).min(wanted);
        let result = fill(&mut (&mut *payload).limit(room));
        let behind = match before.saturating_add(expected) {
            end if end < payload.len() => payload.split_off(end),
            _ => BytesMut::new(),
        };
        let filled = payload.get_mut(before..).unwrap_or_default();
        if filled.is_empty() {
            return Some(Filled { result, message: None, behind });
        }
        if let Some(key) = &mut frame.key {
            key.apply(filled);
            *key = key.advanced(filled.len());
        }
        frame.remaining -= filled.len() as u64;
        let now = now();
        self.keepalive.on_bytes(now);
        self.keepalive.on_message(now);
        self.frame = Some(frame).filter(|frame| frame.remaining > 0);
        let is_complete = self.frame.is_none() && frame.fin;
        let complete = if is_complete { self.assembler.take() } else { None };
        if let Some(message) = &complete {
            self.filled_bytes = message.len();
        }
        let message = complete.and_then(|message| message.finish().ok());
        Some(Filled { result, message, behind })
    }

    /// Whether the next frame may be a message that is wanted whole.
    #[inline]
    fn is_between_messages(&self) -> bool {
        self.frame.is_none()
            && self.assembler.is_none()
            && !self.streamed
            && !self.text_is_invalid
            && self.state.can_receive()
    }
}

/// Takes a message off the input if it is one whole frame of at most `max` bytes, in a spelling that
/// nothing is wrong with.
#[inline(always)]
fn take_message<'i>(
    role: Role,
    max: usize,
    input: &mut Input<'i>,
) -> Option<(MessageKind, Masked<'i>)> {
    let (mask_bit, key_len) = match role {
        Role::Server => (0x80, KEY_LEN),
        Role::Client => (0, 0),
    };
    let bytes = input.remaining();
    let [first, second, behind @ ..] = bytes else { return None };
    let kind = match *first {
        WHOLE_TEXT => MessageKind::Text,
        WHOLE_BINARY => MessageKind::Binary,
        _ => return None,
    };
    // Without the bit that says "masked"; where it is not as it should be, no length comes out.
    let (payload_len, key_at) = match second ^ mask_bit {
        short @ 0..=125 => (usize::from(short), 2),
        126 => match u16::from_be_bytes(*behind.first_chunk()?) {
            0..=125 => return None,
            len => (usize::from(len), 4),
        },
        _ => return None,
    };
    let header_len = key_at + key_len;
    let frame = bytes.get(..header_len + payload_len).filter(|_| payload_len <= max)?;
    let key = match role {
        Role::Server => Some(MaskKey::new(*frame.get(key_at..)?.first_chunk()?)),
        Role::Client => None,
    };
    let payload = input.take(header_len + payload_len).get_mut(header_len..)?;
    Some((kind, Masked::new(payload, key)))
}
