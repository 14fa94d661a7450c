//! [`Life`]: an open connection, from the handshake to its end.

use std::time::Instant;

use trunkline_proto::message::InPlace;
use trunkline_proto::{CloseCode, CloseInfo, Event, Message, MessageKind, Outgoing, Role};

#[cfg(any(feature = "tracing", feature = "metrics"))]
use super::record::{Ending, Record};
use super::scope::Scope;
use crate::error::Error;

/// What is told of an open connection. Without either feature it is nothing, and so is all that it does.
pub(crate) struct Life {
    scope: Scope,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    record: Record,
}

impl Life {
    /// A connection has opened, in the span that `scope` is.
    pub(crate) fn begin(role: Role, scope: Scope, compressed: bool, now: Instant) -> Self {
        tell!(debug, parent: &scope.span, compressed, "connection opened");
        Self {
            scope,
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            record: Record::begin(role, now),
        }
    }

    /// The span of the connection, for whoever is about to serve it.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Something has come in.
    #[inline]
    pub(crate) fn heard(&mut self, event: &Event<'_>) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        match event {
            Event::Chunk(chunk) => self.record.received(chunk.kind, chunk.bytes.len(), chunk.last),
            Event::Pong(Some(round_trip)) => self.record.round_trip(*round_trip),
            _ => {}
        }
    }

    /// The same for a message that was put together.
    #[inline]
    pub(crate) fn heard_message(&mut self, message: &Message) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        self.record.received(message.kind(), message.len(), true);
    }

    /// The same for a message where it lies.
    #[inline]
    pub(crate) fn heard_in_place(&mut self, message: &InPlace<'_>) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        match message {
            InPlace::Text(text) => self.record.received(MessageKind::Text, text.len(), true),
            InPlace::Binary(bytes) => self.record.received(MessageKind::Binary, bytes.len(), true),
        }
    }

    /// A message has been queued, or a part of one.
    #[inline]
    pub(crate) fn sent(&mut self, size: Size) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        self.record.sent(size.kind, size.bytes, size.whole);
    }

    /// Bytes have come in: now and then the recorder hears of all that has been counted.
    #[inline]
    pub(crate) fn read(&mut self, now: impl FnOnce() -> Instant) {
        #[cfg(feature = "metrics")]
        self.record.flush_if_due(now());
    }

    /// A message waits for room in the queue; from the first time on it is the same one, until
    /// [`has_room`](Self::has_room).
    #[inline]
    pub(crate) fn waits_for_room(&mut self) {
        #[cfg(feature = "metrics")]
        self.record.waits_for_room();
    }

    #[inline]
    pub(crate) fn has_room(&mut self) {
        #[cfg(feature = "metrics")]
        self.record.has_room();
    }

    /// A write has failed: if the connection is dropped without having been received from again, that is
    /// why.
    pub(crate) fn write_failed(&mut self, hang_up: bool) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        self.record.write_failed(hang_up);
    }

    /// The receiver does not keep up with a [`Broadcast`](crate::Broadcast), and is cut off.
    pub(crate) fn too_slow(&self, code: CloseCode) {
        tell!(info, parent: &self.scope.span, code = code.get(), "receiver too slow");
    }

    /// It is over.
    pub(crate) fn ended(&mut self, info: Option<&CloseInfo>, outcome: Result<(), &Error>) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        self.tell_end(Ending::of(info, outcome));
    }
}

/// What is counted of a message, taken before the message is given away.
pub(crate) struct Size {
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    kind: MessageKind,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    bytes: usize,
    /// Whether the message ends here.
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    whole: bool,
}

impl Size {
    #[inline]
    pub(crate) fn of(message: &Outgoing<'_>) -> Self {
        Self {
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            kind: message.kind(),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            bytes: message.as_bytes().len(),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            whole: true,
        }
    }

    pub(crate) fn of_chunk(kind: MessageKind, chunk: &[u8], last: bool) -> Self {
        Self {
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            kind,
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            bytes: chunk.len(),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            whole: last,
        }
    }
}

#[cfg(any(feature = "tracing", feature = "metrics"))]
impl Life {
    fn tell_end(&mut self, ending: Ending<'_>) {
        if self.record.end(&ending) {
            tell!(
                info,
                parent: &self.scope.span,
                outcome = ending.outcome,
                code = ending.code.map(CloseCode::get),
                by = ending.by(),
                error = ending.error.map(|error| super::events::chain(error)),
                duration_ms = self.record.duration_ms(),
                messages_in = self.record.incoming.messages(),
                messages_out = self.record.outgoing.messages(),
                bytes_in = self.record.incoming.bytes(),
                bytes_out = self.record.outgoing.bytes(),
                "connection ended"
            );
        }
    }
}

#[cfg(any(feature = "tracing", feature = "metrics"))]
impl Drop for Life {
    fn drop(&mut self) {
        self.tell_end(self.record.ending_if_dropped());
    }
}
