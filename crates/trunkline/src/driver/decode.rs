//! Bytes into events, and events into whatever is waited for: one message, a batch, a chunk.

use bytes::{Buf, BytesMut};
use trunkline_proto::message::InPlace;
use trunkline_proto::{Connection, Event, Input, Message, Received};

use super::clock::Clock;
use crate::answers::Answers;
use crate::error::Error;
use crate::observe::Life;
use crate::scratch::SHARED_FROM;

/// What is done with events as they are decoded.
pub(crate) trait Sink {
    /// Takes an event that concerns the application.
    fn on_event(&mut self, event: Event<'_>) -> Next;

    /// Takes a message that was put together, for those who answer it at once.
    fn on_message(&mut self, message: Message, _answers: Answers<'_>) -> Next {
        self.on_event(Event::Message(Received::Whole(message)))
    }

    /// Takes a small message where it lies, for those who unmask it while they copy it, or answer it at once.
    #[inline]
    fn on_in_place(&mut self, message: InPlace<'_>, _answers: Answers<'_>) -> Next {
        self.on_event(Event::Message(message.unmask()))
    }

    /// Whether there is something to show for, so that no further read is needed.
    fn is_satisfied(&self) -> bool;
}

/// What a [`Sink`] wants after an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Whatever comes.
    Any,
    /// Further messages, as long as they follow at once and whole. Not what ends the connection: the
    /// application must first be able to answer what it has.
    Messages,
    /// Nothing for now.
    Nothing,
}

/// Throws messages away.
pub(super) struct Discard;

impl Sink for Discard {
    fn on_event(&mut self, _event: Event<'_>) -> Next {
        Next::Any
    }

    fn is_satisfied(&self) -> bool {
        false
    }
}

/// Decodes `bytes` into `sink`, beginning at `from`, which is moved behind what has been taken. Messages from
/// `shared_from` bytes on are handed on in the buffer that they lie in.
pub(super) fn decode(
    conn: &mut Connection,
    life: &mut Life,
    bytes: &mut BytesMut,
    from: &mut usize,
    shared_from: usize,
    clock: &mut Clock,
    sink: &mut impl Sink,
) -> Decoded {
    loop {
        if let Some(shared) = decode_shared(conn, bytes, from, shared_from, clock) {
            match shared {
                Ok(message) => match hand_over(conn, life, message, sink) {
                    Next::Any => continue,
                    Next::Messages | Next::Nothing => return Decoded::Stopped,
                },
                Err(error) => return Decoded::Ended(Err(error)),
            }
        }
        let mut input = Input::new(bytes.get_mut(*from..).unwrap_or_default());
        let unread = input.len();
        let next = decode_in_place(conn, life, &mut input, clock, sink);
        *from += unread - input.len();
        match next {
            Ok(Next::Any) => {}
            Ok(Next::Messages | Next::Nothing) => return Decoded::Stopped,
            Err(decoded) => return decoded,
        }
    }
}

/// Decodes the small messages that a read begins with; gives how many bytes they are, and what the sink
/// wants next.
#[inline(always)]
pub(super) fn decode_small(
    conn: &mut Connection,
    life: &mut Life,
    bytes: &mut [u8],
    clock: &mut Clock,
    sink: &mut impl Sink,
) -> (usize, Next) {
    let mut input = Input::new(bytes);
    let unread = input.len();
    let next = decode_messages(conn, life, &mut input, clock, sink);
    (unread - input.len(), next.unwrap_or(Next::Any))
}

/// Takes a large message together with the buffer that it lies in, or has one that has begun go on in it.
#[inline]
fn decode_shared(
    conn: &mut Connection,
    bytes: &mut BytesMut,
    from: &mut usize,
    min: usize,
    clock: &mut Clock,
) -> Option<Result<Message, Error>> {
    if bytes.len() - *from < SHARED_FROM {
        return None;
    }
    bytes.advance(std::mem::take(from));
    let now = clock.came_at(conn);
    conn.poll_shared(bytes, min, now).map_err(Error::from).transpose()
}

/// Decodes the messages that lie there whole, as far as the sink wants them, or the next event and the
/// messages behind it.
#[inline]
fn decode_in_place(
    conn: &mut Connection,
    life: &mut Life,
    input: &mut Input<'_>,
    clock: &mut Clock,
    sink: &mut impl Sink,
) -> Result<Next, Decoded> {
    if let Some(next) = decode_messages(conn, life, input, clock, sink) {
        return Ok(next);
    }
    let now = clock.came_at(conn);
    let next = match conn.poll_event(input, now) {
        Ok(None) => return Err(Decoded::All),
        Ok(Some(ping @ Event::Ping(_))) => {
            sink.on_event(ping);
            return Err(Decoded::Pinged);
        }
        Ok(Some(Event::Closed)) => return Err(Decoded::Ended(Ok(()))),
        Ok(Some(Event::Message(message))) => {
            let message = message.into_message();
            hand_over(conn, life, message, sink)
        }
        Ok(Some(event)) => {
            life.heard(&event);
            sink.on_event(event)
        }
        Err(error) => return Err(Decoded::Ended(Err(error.into()))),
    };
    match next {
        Next::Messages => Ok(decode_messages(conn, life, input, clock, sink).unwrap_or(next)),
        Next::Any | Next::Nothing => Ok(next),
    }
}

/// Hands over a message that was put together.
pub(super) fn hand_over(
    conn: &mut Connection,
    life: &mut Life,
    message: Message,
    sink: &mut impl Sink,
) -> Next {
    life.heard_message(&message);
    sink.on_message(message, Answers::new(conn.sending(), life))
}

/// Decodes the messages that lie there whole, as far as the sink wants them; gives what it wants after
/// the last, or `None` if there was none.
#[inline]
fn decode_messages(
    conn: &mut Connection,
    life: &mut Life,
    input: &mut Input<'_>,
    clock: &mut Clock,
    sink: &mut impl Sink,
) -> Option<Next> {
    let mut next = None;
    conn.poll_messages(input, clock.came_about(), |message, sending| {
        life.heard_in_place(&message);
        let wanted = sink.on_in_place(message, Answers::new(sending, life));
        next = Some(wanted);
        wanted != Next::Nothing
    });
    if next.is_some() {
        clock.on_messages();
    }
    next
}

/// How decoding came to a stop.
pub(super) enum Decoded {
    /// Nothing more can be understood without more bytes.
    All,
    /// The sink has what it wanted.
    Stopped,
    /// A pong is to be written before the next ping takes its place.
    Pinged,
    /// The connection is over.
    Ended(Result<(), Error>),
}
