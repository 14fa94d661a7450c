//! Messages that cost no copy: whole in the input where it lies, whole in a shared buffer, or large
//! enough to be read to where they belong. All else goes through `receive.rs`, which also says what
//! is wrong: here, whatever looks odd is left alone.

use std::time::Instant;

use bytes::{Buf, BufMut, BytesMut};

use crate::Role;
use crate::connection::{Connection, Input};
use crate::error::ProtocolError;
use crate::frame::{FrameHeader, MaskKey, OpCode};
use crate::limits::Limits;
use crate::message::{BEHIND, InPlace, Masked, Message, MessageKind, Received, Text, from_utf8};

/// A whole message up to this size is handed out where it lies; a larger one is unmasked into memory
/// of its own on the way, which saves a pass over its bytes for whoever keeps it.
const IN_PLACE_MAX: usize = 8 << 10;

/// Where this much of a payload is to come, it is read to where it belongs: one pass over its bytes less.
/// Below, a read that also brings what follows saves a system call.
const FILL_FROM: u64 = 64 << 10;

/// At most this much at a time, so that it is still in the cache when it is unmasked.
const FILL_MAX: usize = 1 << 20;

/// FIN and the opcode of text and binary: the first byte of nearly every frame there is.
const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;

/// The longest message that may be handed out where it lies, without a further look at the limits.
pub(super) fn in_place_max(limits: &Limits) -> usize {
    IN_PLACE_MAX.min(limits.message_bytes.max()).min(limits.frame_bytes.max())
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
    pub behind: Vec<u8>,
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
        self.poll_messages(input, now, |next| {
            message = Some(next.unmask());
            false
        });
        message
    }

    /// Takes such messages off the front of `input` one after the other and hands them to `each`, until
    /// that gives `false` or something else follows. Many small messages are fastest this way: what does
    /// not change from one to the next is looked at once, and whoever copies them anyway unmasks them in
    /// the same pass.
    #[inline]
    pub fn poll_messages<'i>(
        &mut self,
        input: &mut Input<'i>,
        now: Instant,
        mut each: impl FnMut(InPlace<'i>) -> bool,
    ) {
        if !self.is_between_messages() {
            return;
        }
        let (role, max) = (self.role, self.in_place_max);
        let before = input.len();
        while let Some((kind, payload)) = take_message(role, max, input) {
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
            if !each(message) {
                break;
            }
        }
        if input.len() < before {
            self.left_bytes = 0;
            self.keepalive.on_bytes(now);
            self.keepalive.on_message(now);
        }
    }

    /// Takes the next message off the front of `input` without a copy, if it is a single frame that is
    /// all there, of `min` bytes at the least and not compressed.
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
        if input.len() < min || !self.is_between_messages() {
            return Ok(None);
        }
        let Some((kind, payload)) = self.take_shared(input, min) else { return Ok(None) };
        self.left_bytes = 0;
        self.keepalive.on_bytes(now);
        self.keepalive.on_message(now);
        let payload = payload.freeze();
        match kind {
            MessageKind::Binary => Ok(Some(Message::Binary(payload))),
            MessageKind::Text => match Text::from_utf8(payload) {
                Some(text) => Ok(Some(Message::Text(text))),
                None => Err(self.fail(ProtocolError::InvalidUtf8, now)),
            },
        }
    }

    /// The unmasked payload of the frame at the front of `input`, if nothing is wrong with it.
    fn take_shared(&self, input: &mut BytesMut, min: usize) -> Option<(MessageKind, BytesMut)> {
        let (header, header_len) = FrameHeader::parse(input).ok()??;
        let kind = match header.opcode {
            OpCode::Text => MessageKind::Text,
            OpCode::Binary => MessageKind::Binary,
            _ => return None,
        };
        let payload_len = usize::try_from(header.payload_len).ok()?;
        let is_plain = header.fin && !header.rsv1;
        let is_masked = header.mask.is_some();
        if !is_plain || is_masked != (self.role == Role::Server) || payload_len < min {
            return None;
        }
        if self.check_size(&header, true).is_err() || input.len() - header_len < payload_len {
            return None;
        }
        let mut frame = input.split_to(header_len + payload_len);
        frame.advance(header_len);
        if let Some(key) = header.mask {
            key.apply(&mut frame);
        }
        Some((kind, frame))
    }

    /// Lets `fill` append the next bytes of the transport to the message that is coming in, where they
    /// need no copy: if they can only be payload of a large binary message that is wanted whole.
    ///
    /// `now` is asked for the time after bytes have come. `None`, without calling `fill`, where the next
    /// bytes have to go through [`poll_event`](Self::poll_event). Nothing may be left of earlier inputs.
    pub fn fill_payload<R>(
        &mut self,
        fill: impl FnOnce(&mut bytes::buf::Limit<&mut Vec<u8>>) -> R,
        now: impl FnOnce() -> Instant,
    ) -> Option<Filled<R>> {
        let mut frame = self.frame?;
        let message = self.assembler.as_mut().filter(|it| !it.is_compressed())?;
        if frame.remaining.max(message.len() as u64) < FILL_FROM {
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
        let room = (payload.capacity() - before).min(FILL_MAX).min(expected.saturating_add(BEHIND));
        let result = fill(&mut (&mut *payload).limit(room));
        let behind = payload.split_off(payload.len().min(before.saturating_add(expected)));
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
    let bytes = input.remaining();
    let ([first, second], rest) = bytes.split_first_chunk()?;
    let kind = match *first {
        WHOLE_TEXT => MessageKind::Text,
        WHOLE_BINARY => MessageKind::Binary,
        _ => return None,
    };
    // Without the bit that says "masked"; where it is not as it should be, no length comes out.
    let short_len = match role {
        Role::Server => second.checked_sub(0x80)?,
        Role::Client => *second,
    };
    let (payload_len, rest) = match short_len {
        0..=125 => (usize::from(short_len), rest),
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(Some(u16::from_be_bytes(*len)).filter(|len| *len > 125)?), rest)
        }
        _ => return None,
    };
    let (key, rest) = match role {
        Role::Server => {
            rest.split_first_chunk().map(|(key, rest)| (Some(MaskKey::new(*key)), rest))?
        }
        Role::Client => (None, rest),
    };
    if payload_len > max || rest.len() < payload_len {
        return None;
    }
    let header_len = bytes.len() - rest.len();
    let payload = input.take(header_len + payload_len).get_mut(header_len..)?;
    Some((kind, Masked::new(payload, key)))
}
