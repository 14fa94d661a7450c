//! What waits goes to the stream, with as few calls as that takes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::Connection;

use super::{Driver, Phase, again, disconnected_or, is_hang_up};
use crate::error::Error;
use crate::scratch;
/// A frame whose payload is referenced takes two slices, and is at least 4 KiB long: 16 of them
/// reach the default high-water mark.
const SLICES: usize = 32;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Writes what waits, as far as the transport takes it. Errors show in the next read or flush.
    #[inline]
    pub(super) fn try_flush(&mut self, cx: &mut Context<'_>) {
        if (self.conn.wants_transmit() || self.unflushed)
            && let Poll::Ready(Err(error)) = self.poll_write(cx)
        {
            self.on_write_error(error);
        }
    }

    #[cold]
    fn on_write_error(&mut self, error: io::Error) {
        // The peer may have said why before it hung up: reading goes on to the end.
        if !is_hang_up(&error) {
            self.end(Err(error.into()));
        }
    }

    /// Ready once the transport has taken everything that waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.obey();
        loop {
            match self.poll_write(cx) {
                Poll::Ready(written) => return Poll::Ready(written.map_err(disconnected_or)),
                Poll::Pending => self.read_ahead(cx),
            }
            let acted = self.poll_deadline(cx) || self.poll_order(cx);
            match &self.phase {
                Phase::Ending(ending) => {
                    if let Err(error) = &ending.outcome {
                        return Poll::Ready(Err(again(error)));
                    }
                }
                Phase::Ended => return Poll::Ready(Err(Error::Disconnected)),
                Phase::Running => {}
            }
            if !acted {
                return Poll::Pending;
            }
        }
    }

    /// Ready once a message can be queued, or cannot be any more.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.conn.is_above_high_water() {
            return Poll::Ready(Ok(()));
        }
        self.life.waits_for_room();
        let flushed = ready!(self.poll_flush(cx));
        self.life.has_room();
        Poll::Ready(flushed)
    }

    /// The same for a `Sink`, which may queue one message then, whatever comes in between.
    #[cfg(feature = "stream")]
    pub(crate) fn poll_promise(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.room_is_promised {
            ready!(self.poll_room(cx))?;
            self.room_is_promised = true;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.conn.wants_transmit() {
            let stream = Pin::new(&mut self.stream);
            let written = match self.conn.poll_transmit_contiguous() {
                Some([]) => break,
                Some(bytes) => stream.poll_write(cx, bytes),
                None => Self::poll_write_slices(&mut self.conn, stream, cx),
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => {
                    self.unflushed = true;
                    self.conn.transmitted(bytes, self.clock.came_about());
                }
                Poll::Ready(Err(error)) => {
                    self.write_failed = true;
                    self.life.write_failed(is_hang_up(&error));
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    self.on_stall();
                    return Poll::Pending;
                }
            }
        }
        self.reclaim_buffer();
        if self.unflushed {
            return self.poll_flush_stream(cx);
        }
        Poll::Ready(Ok(()))
    }

    /// The stream takes nothing at the moment.
    #[inline(never)]
    fn on_stall(&mut self) {
        let now = self.clock.look(&mut self.conn);
        self.conn.transmitted(0, now);
        self.reclaim_buffer();
    }

    /// Has the stream get rid of what it took: one that buffers can be stuck with it.
    fn poll_flush_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
            let now = self.clock.look(&mut self.conn);
            self.conn.flush_stalled(now);
            return Poll::Pending;
        };
        flushed?;
        self.unflushed = false;
        self.conn.flushed();
        Poll::Ready(Ok(()))
    }

    /// Writes headers and the large payloads between them with one call. Apart, for the room that it takes on
    /// the stack.
    #[inline(never)]
    fn poll_write_slices(
        conn: &mut Connection,
        stream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = conn.poll_transmit(&mut slices);
        match &slices[..filled] {
            slices if stream.is_write_vectored() => stream.poll_write_vectored(cx, slices),
            [slice, ..] => stream.poll_write(cx, slice),
            [] => Poll::Ready(Ok(0)),
        }
    }

    #[inline(always)]
    fn reclaim_buffer(&mut self) {
        if let Some(buffer) = self.conn.reclaim_buffer() {
            scratch::give_write(buffer);
        }
    }
}
