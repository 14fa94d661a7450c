//! The side of a connection that sends, for whoever answers while messages are being taken off an input.

use crate::connection::Connection;
use crate::error::QueueError;
use crate::message::{MessageKind, Outgoing};

/// What a [`Connection`] can do while it receives: queue messages. Nothing that is done with it changes what is
/// received.
#[derive(Debug)]
pub struct Sending<'c> {
    conn: &'c mut Connection,
    /// What [`Connection::sends_plain_frames`] said: nothing that can be done here makes it untrue.
    is_plain: bool,
}

impl<'c> Sending<'c> {
    #[inline]
    pub(super) fn new(conn: &'c mut Connection, is_plain: bool) -> Self {
        Self { conn, is_plain }
    }

    /// As [`Connection::queue_promised`].
    ///
    /// # Errors
    /// The message, and why it was not taken.
    #[inline]
    pub fn queue_promised<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), QueueError<'m>> {
        self.conn.queue_promised(message)
    }

    /// Queues a message of at most 65 535 bytes if that takes no more than a header before a copy of it, for which
    /// there is room: small answers, of which there are many, are fastest this way. As with
    /// [`queue_promised`](Self::queue_promised), however much waits.
    ///
    /// Gives whether it was queued. If not, it takes more, whatever that is:
    /// [`queue_promised`](Self::queue_promised) does it.
    #[inline(always)]
    #[must_use]
    pub fn queue_plain(&mut self, message: &Outgoing<'_>) -> bool {
        let (kind, payload) = match message {
            Outgoing::Text(text) => (MessageKind::Text, text.as_bytes()),
            Outgoing::Binary(bytes) => (MessageKind::Binary, *bytes),
            Outgoing::Message(_) | Outgoing::Prepared(_) => return false,
        };
        self.is_plain && self.conn.push_plain(kind, payload)
    }

    /// As [`Connection::is_above_high_water`].
    #[inline]
    pub fn is_above_high_water(&self) -> bool {
        self.conn.is_above_high_water()
    }

    /// As [`Connection::wants_transmit`].
    #[inline]
    pub fn wants_transmit(&self) -> bool {
        self.conn.wants_transmit()
    }

    /// As [`Connection::lend_buffer`].
    #[inline]
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.conn.lend_buffer(buffer);
    }
}
