//! Bytes into events: frames (RFC 6455 §5), fragments (§5.4), control frames (§5.5).

use std::time::Instant;

use crate::Role;
use crate::close::CloseCode;
use crate::connection::compression::Corrupt;
use crate::connection::{Connection, Input};
use crate::error::ProtocolError;
use crate::event::{Chunk, CloseInfo, Event, Initiator};
use crate::frame::{FrameHeader, MaskKey, OpCode};
use crate::limits::Limit;
use crate::message::{Assembler, MessageKind, Received, from_utf8};
use crate::state::{Closed, State};

/// A data frame whose header has been read and whose payload has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) fin: bool,
    /// Turned to the next byte of payload.
    pub(super) key: Option<MaskKey>,
    /// Bytes of payload that have not been taken.
    pub(super) remaining: u64,
    /// How many of them, at the front of the input, are unmasked already: the inflater takes less
    /// at a time than there is.
    pub(super) unmasked: usize,
}

/// What one step brought. None of it borrows from the connection, so that steps can be repeated.
enum Step<'i> {
    NeedInput,
    Again,
    Event(Event<'i>),
    Inflated { kind: MessageKind, last: bool },
}

impl Connection {
    /// Takes bytes from the front of `input` until something has happened that the application
    /// should hear, or until there is nothing more to understand.
    ///
    /// `None` asks for more bytes: those that are left in `input` must come first next time. Once
    /// [closed](Self::is_closed), input is discarded.
    ///
    /// # Errors
    /// The rule that the peer broke, once. A close frame with [`ProtocolError::close_code`] is queued
    /// by then: write it before the transport is closed, so that the peer learns what was wrong (§7.1.7).
    #[inline]
    pub fn poll_event<'e, 'i: 'e>(
        &'e mut self,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Result<Option<Event<'e>>, ProtocolError> {
        if let Some(message) = self.poll_message(input, now) {
            return Ok(Some(Event::Message(message)));
        }
        self.poll_event_in_steps(input, now)
    }

    #[inline(never)]
    fn poll_event_in_steps<'e, 'i: 'e>(
        &'e mut self,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Result<Option<Event<'e>>, ProtocolError> {
        // What was left is offered again with each call, and is no news of the peer.
        if input.len() > usize::from(std::mem::take(&mut self.left_bytes)) {
            self.keepalive.on_bytes(now);
        }
        if std::mem::take(&mut self.text_is_invalid) {
            return Err(self.fail(ProtocolError::InvalidUtf8, now));
        }
        if let (None, Some(compression)) = (&self.frame, &mut self.compression) {
            compression.release();
        }
        let (kind, last) = loop {
            if !self.state.can_receive() {
                input.discard();
                return Ok(None);
            }
            match self.step(input, now) {
                Ok(Step::Again) => {}
                Ok(Step::NeedInput) => {
                    // A header and what a control frame has behind it, at the most.
                    self.left_bytes = input.len().try_into().unwrap_or(u16::MAX);
                    return Ok(None);
                }
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Inflated { kind, last }) => break (kind, last),
                Err(error) => return Err(self.fail(error, now)),
            }
        };
        let bytes = self.compression.as_ref().map_or(&[][..], |it| it.inflated());
        Ok(Some(Event::Chunk(Chunk { kind, bytes, last })))
    }

    fn step<'i>(&mut self, input: &mut Input<'i>, now: Instant) -> Result<Step<'i>, ProtocolError> {
        match self.frame {
            None => self.begin_frame(input, now),
            Some(frame) if self.assembler.as_ref().is_some_and(|it| it.is_compressed()) => {
                self.inflate_payload(frame, input, now)
            }
            Some(frame) => self.take_payload(frame, input, now),
        }
    }

    fn begin_frame<'i>(
        &mut self,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Result<Step<'i>, ProtocolError> {
        let Some((header, header_len)) = FrameHeader::parse(input.remaining())? else {
            return Ok(Step::NeedInput);
        };
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::UnmaskedFrame),
            (Role::Client, Some(_)) => return Err(ProtocolError::MaskedFrame),
            _ => {}
        }
        if !header.opcode.is_control() {
            return self.begin_data_frame(&header, header_len, input, now);
        }
        if header.rsv1 {
            return Err(ProtocolError::ReservedBits);
        }
        match take_whole(&header, header_len, input) {
            Some(payload) => self.on_control_frame(header.opcode, payload, now),
            None => Ok(Step::NeedInput),
        }
    }

    fn begin_data_frame<'i>(
        &mut self,
        header: &FrameHeader,
        header_len: usize,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Result<Step<'i>, ProtocolError> {
        let first = match (header.opcode, &self.assembler) {
            (OpCode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (OpCode::Continuation, Some(_)) => None,
            (_, Some(_)) => return Err(ProtocolError::ExpectedContinuation),
            (OpCode::Text, None) => Some(MessageKind::Text),
            (_, None) => Some(MessageKind::Binary),
        };
        // RFC 7692 §6: the bit belongs to the message, so it stands on its first fragment only.
        if header.rsv1 && (first.is_none() || self.compression.is_none()) {
            return Err(ProtocolError::ReservedBits);
        }
        self.check_size(header, first.is_some())?;
        input.take(header_len);
        if let Some(kind) = first {
            let begin = if self.streamed { Assembler::streamed } else { Assembler::whole };
            let mut message = begin(kind, header.rsv1, now);
            message.earn(self.filled_bytes);
            message.bound(self.settings.limits.message_bytes.max());
            self.assembler = Some(Box::new(message));
        }
        if let (Some(message), true) = (&mut self.assembler, first.is_none() || !header.fin) {
            message.on_fragment(header.payload_len, &self.settings.limits)?;
        }
        self.frame = Some(Frame {
            fin: header.fin,
            key: header.mask,
            remaining: header.payload_len,
            unmasked: 0,
        });
        Ok(Step::Again)
    }

    /// Checks what a header promises, before a byte of it is taken.
    pub(super) fn check_size(
        &self,
        header: &FrameHeader,
        first: bool,
    ) -> Result<(), ProtocolError> {
        let limits = &self.settings.limits;
        if !limits.frame_bytes.allows_u64(header.payload_len) {
            return Err(ProtocolError::FrameTooBig { limit: limits.frame_bytes.max() });
        }
        let (so_far, inflates_or_streams) = match &self.assembler {
            Some(message) => (message.len(), message.is_compressed() || message.is_streamed()),
            None => (0, (first && header.rsv1) || self.streamed),
        };
        // The size of a compressed message is checked while it inflates.
        if inflates_or_streams
            || limits.message_bytes.allows_u64(header.payload_len.saturating_add(so_far as u64))
        {
            Ok(())
        } else {
            Err(ProtocolError::MessageTooBig { limit: limits.message_bytes.max() })
        }
    }

    /// Takes what is there of a payload that is not compressed.
    fn take_payload<'i>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Result<Step<'i>, ProtocolError> {
        let available = usize::try_from(frame.remaining).unwrap_or(usize::MAX).min(input.len());
        if available == 0 && frame.remaining > 0 {
            return Ok(Step::NeedInput);
        }
        let Some(message) = &mut self.assembler else { return Ok(Step::Again) };
        // A message that was to be streamed, and is not any more, has not been measured by its header.
        let limit = self.settings.limits.message_bytes;
        if !message.is_streamed() && !limit.allows(message.len().saturating_add(available)) {
            return Err(ProtocolError::MessageTooBig { limit: limit.max() });
        }
        let room = limit.max().saturating_sub(message.len()) as u64;
        let piece = input.take(available);
        message
            .push_masked(piece, frame.key, frame.remaining.min(room), frame.fin)
            .map_err(|_| ProtocolError::InvalidUtf8)?;
        let piece: &'i [u8] = piece;
        frame.key = frame.key.map(|key| key.advanced(available));
        frame.remaining -= available as u64;
        let (kind, streamed) = (message.kind(), message.is_streamed());
        let frame_ends = frame.remaining == 0;
        self.frame = if frame_ends { None } else { Some(frame) };
        let last = frame_ends && frame.fin;
        let empty = piece.is_empty() && !last;
        if !empty {
            self.keepalive.on_message(now);
        }
        if streamed {
            if last {
                message.check_end().map_err(|_| ProtocolError::InvalidUtf8)?;
                self.assembler = None;
            }
            let chunk = Chunk { kind, bytes: piece, last };
            return Ok(if empty { Step::Again } else { Step::Event(Event::Chunk(chunk)) });
        }
        if last { self.finish_message() } else { Ok(Step::Again) }
    }

    /// Inflates the next step of a compressed payload.
    fn inflate_payload<'i>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'i>,
        now: Instant,
    ) -> Result<Step<'i>, ProtocolError> {
        let (Some(message), Some(compression)) = (&mut self.assembler, &mut self.compression)
        else {
            return Ok(Step::Again);
        };
        let (mut message_ends, mut is_corrupt) = (false, false);
        let holds_more = compression.may_hold_more();
        if frame.remaining > 0 || holds_more {
            let available = usize::try_from(frame.remaining).unwrap_or(usize::MAX).min(input.len());
            if available == 0 && !holds_more {
                return Ok(Step::NeedInput);
            }
            let payload = input.remaining_mut().get_mut(..available).unwrap_or_default();
            if let Some(key) = frame.key {
                key.advanced(frame.unmasked)
                    .apply(payload.get_mut(frame.unmasked..).unwrap_or_default());
                frame.unmasked = available;
            }
            let taken = compression.inflate(payload).unwrap_or_else(|Corrupt| {
                is_corrupt = true;
                0
            });
            is_corrupt |= available > 0 && taken == 0 && compression.inflated().is_empty();
            input.take(taken);
            frame.key = frame.key.map(|key| key.advanced(taken));
            frame.unmasked = frame.unmasked.saturating_sub(taken);
            frame.remaining -= taken as u64;
        } else if frame.fin {
            message_ends = compression.finish().unwrap_or_else(|Corrupt| {
                is_corrupt = true;
                false
            });
        } else {
            compression.release();
        }
        let inflated = compression.inflated();
        let frame_ends = match frame.fin {
            true => message_ends,
            false => frame.remaining == 0 && !compression.may_hold_more(),
        };
        self.frame = if frame_ends { None } else { Some(frame) };
        // What is wrong first is told, wherever the input was cut: bytes that came out are looked at
        // before what kept others from coming.
        push_inflated(message, inflated, self.settings.limits.message_bytes)?;
        if is_corrupt {
            return Err(ProtocolError::InvalidDeflate);
        }
        let kind = message.kind();
        let empty = inflated.is_empty() && !message_ends;
        if !empty {
            self.keepalive.on_message(now);
        }
        if message.is_streamed() {
            if message_ends {
                message.check_end().map_err(|_| ProtocolError::InvalidUtf8)?;
                self.assembler = None;
            }
            return Ok(if empty {
                Step::Again
            } else {
                Step::Inflated { kind, last: message_ends }
            });
        }
        if message_ends {
            compression.release();
            return self.finish_message();
        }
        Ok(Step::Again)
    }

    fn finish_message<'i>(&mut self) -> Result<Step<'i>, ProtocolError> {
        let Some(message) = self.assembler.take() else { return Ok(Step::Again) };
        let message = message.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
        Ok(Step::Event(Event::Message(Received::Whole(message))))
    }

    fn on_control_frame<'i>(
        &mut self,
        opcode: OpCode,
        payload: &'i [u8],
        now: Instant,
    ) -> Result<Step<'i>, ProtocolError> {
        match opcode {
            OpCode::Ping => {
                self.queue_pong(payload);
                Ok(Step::Event(Event::Ping(payload)))
            }
            OpCode::Pong => Ok(Step::Event(Event::Pong(self.keepalive.on_pong(payload, now)))),
            _ => {
                self.on_close_frame(payload, now)?;
                Ok(Step::Event(Event::Closed))
            }
        }
    }

    /// §5.5.1: the first close frame is answered with the same code; after the second it is over.
    fn on_close_frame(&mut self, payload: &[u8], now: Instant) -> Result<(), ProtocolError> {
        let (code, reason) = parse_close(payload)?;
        let deadline = self.close_deadline(now);
        self.frame = None;
        self.assembler = None;
        let info = match std::mem::replace(&mut self.state, State::Open) {
            State::CloseSent(sent) => sent.info,
            _ => {
                self.push_close_frame(code, "");
                CloseInfo { initiator: Initiator::Peer, code, reason: reason.into() }
            }
        };
        self.state = State::Closed(Box::new(Closed { info, deadline }));
        Ok(())
    }

    /// Tells the peer which rule it broke and stops listening.
    #[cold]
    pub(super) fn fail(&mut self, error: ProtocolError, now: Instant) -> ProtocolError {
        self.fail_with(error.close_code(), &error.to_string(), now);
        error
    }

    /// The next message, and those after it, come in chunks ([`Event::Chunk`]) while `streamed` is
    /// true, and whole otherwise. A message that has begun is not affected, except that one of which
    /// no chunk has been handed out yet comes whole after `false`.
    ///
    /// A streamed message may be of any length; each of its chunks is at most what one input brought,
    /// or 16 KiB of inflated bytes. Not asking for the next chunk is the backpressure.
    pub fn receive_streamed(&mut self, streamed: bool) {
        self.streamed = streamed;
        if !streamed && let Some(message) = self.assembler.take_if(|it| it.is_streamed()) {
            self.assembler = Some(Box::new(message.into_whole()));
        }
    }

    /// Whether a message has begun that is received in chunks.
    pub fn is_receiving_streamed(&self) -> bool {
        self.assembler.as_ref().is_some_and(|it| it.is_streamed())
    }
}

/// Takes inflated bytes up to the limit, and refuses those beyond it.
fn push_inflated(
    message: &mut Assembler,
    inflated: &[u8],
    limit: Limit,
) -> Result<(), ProtocolError> {
    let room = match message.is_streamed() {
        true => inflated.len(),
        false => limit.max().saturating_sub(message.len()),
    };
    let (allowed, beyond) = inflated.split_at_checked(room).unwrap_or((inflated, &[]));
    message.push_plain(allowed).map_err(|_| ProtocolError::InvalidUtf8)?;
    if beyond.is_empty() {
        Ok(())
    } else {
        Err(ProtocolError::MessageTooBig { limit: limit.max() })
    }
}

/// Takes a frame off the input, header and all, and gives its unmasked payload; nothing if it is not all there.
fn take_whole<'i>(
    header: &FrameHeader,
    header_len: usize,
    input: &mut Input<'i>,
) -> Option<&'i mut [u8]> {
    let frame_len = header_len.checked_add(usize::try_from(header.payload_len).ok()?)?;
    if input.len() < frame_len {
        return None;
    }
    let payload = input.take(frame_len).split_at_mut_checked(header_len)?.1;
    if let Some(key) = header.mask {
        key.apply(payload);
    }
    Some(payload)
}

/// Reads the payload of a close frame (§5.5.1, §7.4).
fn parse_close(payload: &[u8]) -> Result<(Option<CloseCode>, &str), ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok((None, ""))
        } else {
            Err(ProtocolError::CloseFrameLength)
        };
    };
    let number = u16::from_be_bytes(*code);
    let code = CloseCode::new(number).ok_or(ProtocolError::InvalidCloseCode(number))?;
    let reason = from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
    Ok((Some(code), reason))
}
