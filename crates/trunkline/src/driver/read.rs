//! What comes from the stream, into a buffer of the thread and from there to whoever waits for it.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::buf::Limit;
use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use trunkline_proto::Connection;

use super::decode::{Decoded, decode, decode_small, hand_over};
use super::{Driver, Next, Sink, disconnected_or};
use crate::error::Error;
use crate::scratch::{self, READ_BYTES, SHARED_FRACTION, SHARED_FROM};

/// After a large message a buffer is made for the next one, of the same size up to this: its beginning
/// then needs no copy.
const LARGE_MAX: usize = 1 << 20;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Reads once and decodes what came, where it lies; what the sink leaves goes to the inbox. Gives
    /// how many bytes came: 0 where that was the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> Poll<usize> {
        if self.inbox.is_empty()
            && let Some(read) = self.poll_fill(cx, sink)
        {
            return read;
        }
        if self.large_bytes > 0 {
            return self.poll_read_large(cx, sink);
        }
        scratch::with_read(|scratch| self.poll_read_into(cx, scratch, sink))
    }

    /// Reads into a buffer for a message as large as the last one.
    #[inline(never)]
    fn poll_read_large(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> Poll<usize> {
        let large = std::mem::take(&mut self.large_bytes);
        let mut buffer = scratch::take_large(Connection::room_for(large));
        let read = self.poll_read_into(cx, &mut buffer, sink);
        let falls_short = matches!(read, Poll::Ready(bytes) if bytes < large.min(READ_BYTES));
        if !falls_short {
            self.large_bytes = large;
        }
        read
    }

    /// Reads [`READ_BYTES`] at most, however much room there is: they are unmasked while they are still in the cache
    /// next to the processor, with the kernel's copy of them.
    #[inline(always)]
    fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        sink: &mut impl Sink,
    ) -> Poll<usize> {
        if !self.inbox.is_empty() {
            buffer.extend_from_slice(&self.inbox);
        }
        let read = pin!(self.stream.read_buf(&mut buffer.limit(READ_BYTES))).poll(cx);
        let read = self.end_unless_more(read);
        if let Poll::Ready(1..) = read {
            self.on_read(cx, buffer, sink);
        }
        read
    }

    /// Reads the payload of a large message to where it belongs, if that is what comes next; at most as much
    /// as [`poll_read_into`](Self::poll_read_into).
    fn poll_fill(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> Option<Poll<usize>> {
        let stream = &mut self.stream;
        let fill = |payload: &mut Limit<&mut BytesMut>| {
            pin!(stream.read_buf(&mut payload.limit(READ_BYTES))).poll(cx)
        };
        let filled = self.conn.fill_payload(fill, || self.clock.on_part())?;
        if !filled.behind.is_empty() {
            self.inbox = filled.behind;
        }
        if let Some(message) = filled.message {
            self.large_bytes = message.len().min(LARGE_MAX);
            hand_over(&mut self.conn, &mut self.life, message, sink);
        }
        Some(self.end_unless_more(filled.result))
    }

    /// Tells how many bytes a read brought. If it says that no more will come, this is the end.
    #[inline]
    fn end_unless_more(&mut self, read: Poll<io::Result<usize>>) -> Poll<usize> {
        match read {
            Poll::Ready(Ok(bytes @ 1..)) => Poll::Ready(bytes),
            Poll::Ready(Ok(0)) => {
                self.end(Err(Error::Disconnected));
                Poll::Ready(0)
            }
            Poll::Ready(Err(error)) => {
                self.end(Err(disconnected_or(error)));
                Poll::Ready(0)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    #[inline(always)]
    fn on_read(&mut self, cx: &mut Context<'_>, bytes: &mut BytesMut, sink: &mut impl Sink) {
        self.clock.on_read(&mut self.conn);
        self.life.read(|| self.clock.came_at(&mut self.conn));
        // Nearly always: small messages that are wanted, and nothing else.
        let (conn, life, clock) = (&mut self.conn, &mut self.life, &mut self.clock);
        let (taken, next) = decode_small(conn, life, bytes, clock, sink);
        if taken < bytes.len() || next == Next::Any || !self.inbox.is_empty() {
            self.decode_read(cx, bytes, taken, next, sink);
        }
    }

    /// Decodes what is left of a read, as far as it is wanted.
    #[inline(never)]
    fn decode_read(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut BytesMut,
        mut taken: usize,
        next: Next,
        sink: &mut impl Sink,
    ) {
        let outcome = match next {
            Next::Any => self.decode_rest(cx, bytes, &mut taken, sink),
            Next::Messages if !sink.is_satisfied() => self.decode_rest(cx, bytes, &mut taken, sink),
            Next::Messages | Next::Nothing => None,
        };
        // Right-sized, and nothing at all if everything was taken.
        let left = bytes.get(taken..).unwrap_or_default();
        if !left.is_empty() || !self.inbox.is_empty() {
            // It came now, however much later it is decoded.
            self.clock.came_at(&mut self.conn);
            self.inbox = BytesMut::from(left);
        }
        if let Some(outcome) = outcome {
            self.end(outcome);
        }
    }

    /// Decodes as long as `sink` wants more; gives the end, if it has come.
    fn decode_rest(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut BytesMut,
        taken: &mut usize,
        sink: &mut impl Sink,
    ) -> Option<Result<(), Error>> {
        let shared_from = (bytes.capacity() / SHARED_FRACTION).max(SHARED_FROM);
        loop {
            let (conn, life, clock) = (&mut self.conn, &mut self.life, &mut self.clock);
            match decode(conn, life, bytes, taken, shared_from, clock, sink) {
                Decoded::Pinged => {
                    self.try_flush(cx);
                    if sink.is_satisfied() {
                        return None;
                    }
                }
                Decoded::All | Decoded::Stopped => return None,
                Decoded::Ended(outcome) => return Some(outcome),
            }
        }
    }
}
