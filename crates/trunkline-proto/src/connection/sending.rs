//! The side of a connection that sends, for whoever answers while messages are being taken off an input.

use crate::connection::Connection;
use crate::error::QueueError;
use crate::message::Outgoing;

/// What a [`Connection`] can do while it receives: queue messages. Nothing that is done with it changes what is
/// received.
#[derive(Debug)]
pub struct Sending<'c>(&'c mut Connection);

impl<'c> Sending<'c> {
    pub(super) fn new(conn: &'c mut Connection) -> Self {
        Self(conn)
    }

    /// As [`Connection::queue_promised`].
    ///
    /// # Errors
    /// The message, and why it was not taken.
    #[inline(always)]
    pub fn queue_promised<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), QueueError<'m>> {
        self.0.queue_promised(message)
    }

    /// As [`Connection::is_above_high_water`].
    #[inline]
    pub fn is_above_high_water(&self) -> bool {
        self.0.is_above_high_water()
    }

    /// As [`Connection::wants_transmit`].
    #[inline]
    pub fn wants_transmit(&self) -> bool {
        self.0.wants_transmit()
    }

    /// As [`Connection::lend_buffer`].
    #[inline]
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.0.lend_buffer(buffer);
    }
}
