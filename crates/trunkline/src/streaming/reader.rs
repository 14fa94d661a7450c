//! [`MessageReader`]: a message that is received as it comes in.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use trunkline_proto::{Event, MessageKind};

use crate::access::Access;
use crate::driver::{Next, Sink};
use crate::error::{CollectError, Error};

/// A message that is received in chunks, see [`WebSocket::recv_streamed`](crate::WebSocket::recv_streamed).
///
/// Not asking for the next chunk is the backpressure: nothing is read meanwhile.
///
/// It is an [`AsyncRead`] and an [`AsyncBufRead`] too, which end where the message does; the latter
/// spares a copy. If the connection ends first, that is an error and never the end: the [`io::Error`]
/// that an [`Error`] turns into, and again for whoever asks again.
///
/// # Cancel safety
/// As tokio says of its readers: a `read` or `fill_buf` that is dropped loses nothing. `copy` has read
/// some part by then.
///
/// # Examples
/// ```
/// use tokio::io::AsyncReadExt;
/// use trunkline::WebSocket;
/// # async fn download(ws: &mut WebSocket) -> Result<(), Box<dyn std::error::Error>> {
///
/// let Some(message) = ws.recv_streamed().await? else { return Ok(()) };
/// let mut file = tokio::fs::File::create("upload.mp4").await?;
/// // A message may be of any length: how much of it is wanted is for the application to say.
/// tokio::io::copy_buf(&mut message.take(1 << 30), &mut file).await?;
/// # Ok(()) }
/// ```
pub struct MessageReader<'a, S> {
    access: Access<'a, S>,
    kind: MessageKind,
    /// What has been received and not been taken.
    chunk: Bytes,
    rest: Rest,
    /// What comes first is the rest of a message whose reader was dropped.
    skips_rest: bool,
}

/// What there is behind the current chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// More, or the end.
    Coming,
    /// Nothing: the message is whole.
    Ended,
    /// Nothing: the connection ended before the message did.
    Cut,
}

/// Takes one chunk.
struct OneChunk<'a> {
    taken: Option<(MessageKind, Bytes, bool)>,
    skips_rest: &'a mut bool,
}

impl Sink for OneChunk<'_> {
    fn on_event(&mut self, event: Event<'_>) -> Next {
        match event {
            Event::Chunk(chunk) if *self.skips_rest => {
                *self.skips_rest = !chunk.last;
                return Next::Any;
            }
            Event::Chunk(chunk) => {
                self.taken = Some((chunk.kind, Bytes::copy_from_slice(chunk.bytes), chunk.last))
            }
            // It had begun before anyone asked for chunks.
            Event::Message(message) => {
                self.taken = Some((message.kind(), message.into_message().into_bytes(), true));
            }
            _ => return Next::Any,
        }
        Next::Nothing
    }

    fn is_satisfied(&self) -> bool {
        self.taken.is_some()
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> MessageReader<'a, S> {
    /// Waits for the next message.
    pub(crate) async fn next(access: Access<'a, S>) -> Result<Option<Self>, Error> {
        // Made first: should this future be dropped, so is the reader, and messages come whole again.
        let mut reader = Self {
            access,
            kind: MessageKind::Binary,
            chunk: Bytes::new(),
            rest: Rest::Coming,
            skips_rest: false,
        };
        reader.skips_rest = reader.access.with(|driver| {
            driver.receive_streamed(true);
            driver.connection().is_receiving_streamed()
        });
        poll_fn(|cx| reader.poll_receive(cx)).await?;
        Ok((reader.rest != Rest::Cut).then_some(reader))
    }

    /// Text or binary. The chunks of a text are UTF-8 all together; each may end inside a character.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Receives the next part of the message, never empty, or `None` once it has ended.
    ///
    /// # Errors
    /// How the connection ended before the message did; a peer that closes in the middle of a message
    /// has [`Disconnected`](Error::Disconnected).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Receives what has not been taken of the message into memory, if it is at most `limit` bytes.
    ///
    /// # Errors
    /// If it is longer, or how the connection ended before the message did.
    ///
    /// # Cancel safety
    /// If the future is dropped, so is the reader, and with it what had been collected.
    ///
    /// # Examples
    /// ```
    /// # use trunkline::WebSocket;
    /// # async fn receive(ws: &mut WebSocket) -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some(message) = ws.recv_streamed().await? {
    ///     let bytes = message.collect(64 << 10).await?;
    ///     println!("{} bytes", bytes.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, CollectError> {
        let mut collected = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if chunk.len() > limit - collected.len() {
                return Err(CollectError::TooLong { limit });
            }
            if collected.is_empty() && self.rest == Rest::Ended {
                return Ok(chunk);
            }
            collected.extend_from_slice(&chunk);
        }
        Ok(collected.into())
    }

    pub(crate) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Error>> {
        ready!(self.poll_fill(cx))?;
        let chunk = std::mem::take(&mut self.chunk);
        Poll::Ready(Ok(Some(chunk).filter(|chunk| !chunk.is_empty())))
    }

    /// Ready once there is something in `chunk`, or the message has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while self.chunk.is_empty() {
            match self.rest {
                Rest::Coming => ready!(self.poll_receive(cx))?,
                Rest::Ended => break,
                Rest::Cut => return Poll::Ready(Err(Error::Disconnected)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Receives one chunk as it comes; the message is cut if the connection has been closed.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { access, skips_rest, .. } = self;
        let received = ready!(access.poll(cx, |driver, cx| {
            ready!(driver.poll_turn(cx));
            driver.handed_out(1);
            if let Some(message) = driver.pop_ahead() {
                return Poll::Ready(Ok(Some((message.kind(), message.into_bytes(), true))));
            }
            let mut one = OneChunk { taken: None, skips_rest: &mut *skips_rest };
            driver.poll_events(cx, &mut one).map_ok(|_| one.taken)
        }));
        self.rest = Rest::Cut;
        if let Some((kind, chunk, last)) = received? {
            self.kind = kind;
            self.chunk = chunk;
            self.rest = if last { Rest::Ended } else { Rest::Coming };
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MessageReader<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if buf.remaining() > 0 {
            ready!(me.poll_fill(cx))?;
        }
        let taken = me.chunk.get(..buf.remaining()).unwrap_or(&me.chunk);
        buf.put_slice(taken);
        let taken = taken.len();
        me.chunk.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for MessageReader<'_, S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.get_mut();
        ready!(me.poll_fill(cx))?;
        Poll::Ready(Ok(&me.chunk))
    }

    /// Takes note that `amount` bytes have been taken.
    ///
    /// # Panics
    /// If there were not so many.
    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().chunk.advance(amount);
    }
}

impl<S> Drop for MessageReader<'_, S> {
    fn drop(&mut self) {
        self.access.with(|driver| driver.receive_streamed(false));
    }
}

impl<S> fmt::Debug for MessageReader<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader").field("kind", &self.kind).finish_non_exhaustive()
    }
}
