//! [`MessageWriter`]: a message that is sent as it is made.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{CloseCode, MessageKind, QueueErrorKind};

use super::FRAME_BYTES;
use crate::access::Access;
use crate::driver::Driver;
use crate::error::SendError;

/// Writes shorter than this are gathered into frames of this size. A frame of a few bytes costs more
/// than they are worth, and peers limit how many such frames a message may have, as we do.
const GATHERED_BYTES: usize = 4 << 10;

/// A message that is sent in parts, see [`WebSocket::send_streamed`](crate::WebSocket::send_streamed).
///
/// End it with [`finish`](Self::finish). If it is dropped before, the connection is closed with 1011:
/// half a message must not pass for a whole one.
///
/// It is an [`AsyncWrite`] too, which `shutdown` finishes: so anything that writes can write a message.
/// Whatever is wrong comes as the [`io::Error`] that a [`SendError`] turns into. Unlike parts that are
/// given to [`write`](Self::write), small writes are gathered into larger frames, which
/// [`flush`](Self::flush) sends at once; text is checked by then, not with each write.
///
/// # Cancel safety
/// As tokio says of its writers: a `write`, `flush` or `shutdown` that is dropped has done nothing yet,
/// or can be called again. `write_all` and `copy` have written some part by then: the message should
/// then be given up.
///
/// # Examples
/// ```
/// use tokio::io::AsyncWriteExt;
/// use trunkline::{MessageKind, WebSocket};
/// # async fn upload(ws: &mut WebSocket) -> Result<(), Box<dyn std::error::Error>> {
///
/// let file = tokio::fs::File::open("video.mp4").await?;
/// let mut file = tokio::io::BufReader::with_capacity(64 << 10, file);
/// let mut message = ws.send_streamed(MessageKind::Binary)?;
/// tokio::io::copy_buf(&mut file, &mut message).await?;
/// message.shutdown().await?;
/// # Ok(()) }
/// ```
pub struct MessageWriter<'a, S> {
    access: Access<'a, S>,
    kind: MessageKind,
    /// Small writes that wait for more.
    gathered: Vec<u8>,
    finished: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> MessageWriter<'a, S> {
    pub(crate) fn begin(mut access: Access<'a, S>, kind: MessageKind) -> Result<Self, SendError> {
        match access.with(|driver| driver.connection().refusal()) {
            None | Some(QueueErrorKind::Full) => {
                Ok(Self { access, kind, gathered: Vec::new(), finished: false })
            }
            Some(refusal) => Err(SendError::refused(refusal, None)),
        }
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Sends the next part, waiting while too much is queued. It goes out in frames of at most 64 KiB,
    /// and of its own: many parts of a few bytes are better written as to any [`AsyncWrite`], with
    /// `write_all`.
    ///
    /// # Errors
    /// If the connection is closing or broke, or if the parts of a text are not UTF-8 together.
    ///
    /// # Cancel safety
    /// If the future is dropped, some of the part may have been queued and the rest not: the message
    /// should then be given up.
    pub async fn write(&mut self, part: &[u8]) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_gathered(cx, false)).await?;
        for chunk in part.chunks(FRAME_BYTES) {
            poll_fn(|cx| self.poll_queue(cx, chunk, false)).await?;
        }
        Ok(())
    }

    /// Waits until the transport has taken all that was written so far.
    ///
    /// # Errors
    /// If the connection is closing or broke, or if the parts of a text are not UTF-8 together.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was not written stays queued.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_written(cx, false)).await
    }

    /// Ends the message and waits until the transport has taken all of it.
    ///
    /// # Errors
    /// If the connection is closing or broke, or if a text ends inside a character.
    ///
    /// # Cancel safety
    /// If the future is dropped, so is the writer.
    pub async fn finish(mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_written(cx, true)).await
    }

    /// Ready once the transport has taken what was gathered, and everything before it.
    fn poll_written(&mut self, cx: &mut Context<'_>, last: bool) -> Poll<Result<(), SendError>> {
        ready!(self.poll_gathered(cx, last))?;
        let flushed = ready!(self.access.poll(cx, Driver::poll_flush));
        Poll::Ready(flushed.map_err(|error| SendError::broken(error, None)))
    }

    /// Queues what was gathered, if anything was, or as the end of the message.
    fn poll_gathered(&mut self, cx: &mut Context<'_>, last: bool) -> Poll<Result<(), SendError>> {
        if self.finished || (self.gathered.is_empty() && !last) {
            return Poll::Ready(Ok(()));
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        let queued = self.poll_queue(cx, &gathered, last);
        if matches!(queued, Poll::Ready(Ok(()))) {
            gathered.clear();
            self.finished = last;
        }
        self.gathered = gathered;
        queued
    }

    /// Queues a frame once there is room.
    fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        chunk: &[u8],
        last: bool,
    ) -> Poll<Result<(), SendError>> {
        let kind = self.kind;
        self.access.poll(cx, |driver, cx| {
            if let Err(error) = ready!(driver.poll_room(cx)) {
                return Poll::Ready(Err(SendError::broken(error, None)));
            }
            driver.before_queue();
            let queued = driver.queue_chunk(kind, chunk, last);
            Poll::Ready(queued.map_err(|kind| SendError::refused(kind, None)))
        })
    }

    /// Takes some of `bytes`: a large piece as a frame, a small one to those that were gathered before.
    fn poll_take(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, SendError>> {
        if self.gathered.len() == GATHERED_BYTES {
            ready!(self.poll_gathered(cx, false))?;
        }
        if self.gathered.is_empty() && bytes.len() >= GATHERED_BYTES {
            let chunk = bytes.get(..FRAME_BYTES).unwrap_or(bytes);
            ready!(self.poll_queue(cx, chunk, false))?;
            return Poll::Ready(Ok(chunk.len()));
        }
        let room = GATHERED_BYTES - self.gathered.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.gathered.extend_from_slice(taken);
        Poll::Ready(Ok(taken.len()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MessageWriter<'_, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.finished {
            let finished = "message was finished: begin another one";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, finished)));
        }
        self.get_mut().poll_take(cx, bytes).map_err(io::Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx, false).map_err(io::Error::from)
    }

    /// Ends the message, as [`finish`](MessageWriter::finish) does; the connection stays open.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx, true).map_err(io::Error::from)
    }
}

impl<S> Drop for MessageWriter<'_, S> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let gathered = !self.gathered.is_empty();
        let closes = self.access.with(|driver| {
            let begun = driver.connection().refusal() == Some(QueueErrorKind::Streaming);
            if begun || gathered {
                driver.begin_close(CloseCode::INTERNAL_ERROR, "message was not finished");
            }
            begun || gathered
        });
        if closes {
            // Should nobody use this half any more, the other one says so, if it waits.
            self.access.wake_reader();
        }
    }
}

impl<S> fmt::Debug for MessageWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter").field("kind", &self.kind).finish_non_exhaustive()
    }
}
