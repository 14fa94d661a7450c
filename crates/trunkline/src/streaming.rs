//! Messages larger than memory: received and sent in parts.

use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{CloseCode, Event, MessageKind, QueueErrorKind};

use crate::access::Access;
use crate::driver::{Next, Sink};
use crate::error::{Error, SendError};

/// Frames of a message that is sent in parts have at most this much payload, so that a pong never
/// waits behind more.
const FRAME_BYTES: usize = 64 << 10;

/// A message that is received in chunks, see [`WebSocket::recv_streamed`](crate::WebSocket::recv_streamed).
///
/// Not asking for the next chunk is the backpressure: nothing is read meanwhile.
pub struct MessageReader<'a, S> {
    access: Access<'a, S>,
    kind: MessageKind,
    /// The chunk that showed that there is a message.
    first: Option<Bytes>,
    /// What comes first is the rest of a message whose reader was dropped.
    skips_rest: bool,
    ended: bool,
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
            first: None,
            skips_rest: false,
            ended: false,
        };
        reader.skips_rest = reader.access.with(|driver| {
            driver.receive_streamed(true);
            driver.connection().is_receiving_streamed()
        });
        match reader.receive().await? {
            Some(chunk) => reader.first = Some(chunk),
            None if reader.ended => return Ok(None),
            None => {}
        }
        Ok(Some(reader))
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
        loop {
            let chunk = match self.first.take() {
                Some(first) => first,
                None if self.ended => return Ok(None),
                None => self.receive().await?.ok_or(Error::Disconnected)?,
            };
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    /// Receives one chunk as it comes; `None` if the connection has been closed.
    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        let Self { access, skips_rest, .. } = self;
        let received = poll_fn(|cx| {
            access.poll(cx, |driver, cx| {
                ready!(driver.poll_turn(cx));
                driver.handed_out(1);
                if let Some(message) = driver.pop_ahead() {
                    return Poll::Ready(Ok(Some((message.kind(), message.into_bytes(), true))));
                }
                let mut one = OneChunk { taken: None, skips_rest: &mut *skips_rest };
                driver.poll_events(cx, &mut one).map_ok(|_| one.taken)
            })
        })
        .await;
        let Ok(Some((kind, bytes, last))) = received else {
            self.ended = true;
            return received.map(|_| None);
        };
        self.kind = kind;
        self.ended = last;
        Ok(Some(bytes))
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

/// A message that is sent in parts, see [`WebSocket::send_streamed`](crate::WebSocket::send_streamed).
///
/// End it with [`finish`](Self::finish). If it is dropped before, the connection is closed with 1011:
/// half a message must not pass for a whole one.
pub struct MessageWriter<'a, S> {
    access: Access<'a, S>,
    kind: MessageKind,
    finished: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> MessageWriter<'a, S> {
    pub(crate) fn begin(mut access: Access<'a, S>, kind: MessageKind) -> Result<Self, SendError> {
        match access.with(|driver| driver.connection().refusal()) {
            None | Some(QueueErrorKind::Full) => Ok(Self { access, kind, finished: false }),
            Some(refusal) => Err(SendError::refused(refusal, None)),
        }
    }

    /// Sends the next part, waiting while too much is queued. It goes out in frames of at most 64 KiB.
    ///
    /// # Errors
    /// If the connection is closing or broke, or if the parts of a text are not UTF-8 together.
    ///
    /// # Cancel safety
    /// If the future is dropped, some of the part may have been queued and the rest not: the message
    /// should then be given up.
    pub async fn write(&mut self, part: &[u8]) -> Result<(), SendError> {
        for chunk in part.chunks(FRAME_BYTES) {
            self.queue(chunk, false).await?;
        }
        Ok(())
    }

    /// Ends the message and waits until the transport has taken all of it.
    ///
    /// # Errors
    /// If the connection is closing or broke, or if a text ends inside a character.
    ///
    /// # Cancel safety
    /// If the future is dropped, so is the writer.
    pub async fn finish(mut self) -> Result<(), SendError> {
        self.queue(&[], true).await?;
        self.finished = true;
        let flushed = poll_fn(|cx| self.access.poll(cx, |driver, cx| driver.poll_flush(cx))).await;
        flushed.map_err(|error| SendError::broken(error, None))
    }

    async fn queue(&mut self, chunk: &[u8], last: bool) -> Result<(), SendError> {
        let kind = self.kind;
        let queued = poll_fn(|cx| {
            self.access.poll(cx, |driver, cx| {
                if let Err(error) = ready!(driver.poll_room(cx)) {
                    return Poll::Ready(Err(SendError::broken(error, None)));
                }
                driver.before_queue();
                let queued = driver.connection_mut().queue_chunk(kind, chunk, last);
                Poll::Ready(queued.map_err(|kind| SendError::refused(kind, None)))
            })
        });
        queued.await
    }
}

impl<S> Drop for MessageWriter<'_, S> {
    fn drop(&mut self) {
        if !self.finished {
            self.access.with(|driver| {
                if driver.connection().refusal() == Some(QueueErrorKind::Streaming) {
                    driver.begin_close(CloseCode::INTERNAL_ERROR, "message was not finished");
                }
            });
        }
    }
}

impl<S> fmt::Debug for MessageWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter").field("kind", &self.kind).finish_non_exhaustive()
    }
}
