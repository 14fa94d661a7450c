//! [`Stream`] and [`Sink`]: connections for whoever works with the futures crates.
//!
//! A stream gives what `recv` does, and ends where that gives `None`. A sink takes messages as `feed`
//! does, is flushed as by `flush`, and closes with 1000. So everything that those promise holds here:
//! nothing is lost if a future over them is dropped, and above the high-water mark a sink is not ready.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{CloseCode, Message, QueueError};

use crate::driver::Driver;
use crate::error::{Error, SendError};
use crate::split::{Reader, Writer};
use crate::streaming::MessageReader;
use crate::tasks::{Half, Tasks};
use crate::websocket::{WebSocket, owned, poll_recv};

/// Who uses a whole connection as a stream and a sink: what `futures` splits may go to two tasks.
#[derive(Default)]
pub(crate) struct Users {
    tasks: Tasks,
    /// Somebody receives with the stream.
    streams: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Polls for one of two tasks, so that neither takes the other one's wake-up.
    fn poll_half<R>(
        &mut self,
        half: Half,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let driver = self.driver_mut();
        let mut users = driver.users.take().unwrap_or_default();
        users.streams |= half == Half::Reader;
        users.tasks.about_to_poll(half, cx);
        let was_running = driver.is_running();
        let result = poll(driver, &mut users.tasks.context());
        let has_ended = was_running && !driver.is_running();
        users.tasks.polled(half, result.is_ready(), has_ended);
        driver.users = Some(users);
        result
    }
}

/// Messages as they come in: what [`WebSocket::recv`] gives. After `None` or an error it has ended.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_half(Half::Reader, cx, poll_recv).map(Result::transpose)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.driver().has_ended()
    }
}

/// Messages to send. Closing it closes the connection with 1000: if it is used as a [`Stream`] too, that
/// goes on to give what the peer still sends, until it has closed as well; otherwise what still comes is
/// thrown away until then, as by [`WebSocket::close`].
///
/// ```
/// use futures_util::{SinkExt, StreamExt, TryStreamExt};
/// use trunkline::{SendError, WebSocket};
/// # async fn echo(ws: WebSocket) -> Result<(), SendError> {
///
/// let (sink, stream) = StreamExt::split(ws);
/// stream.err_into().forward(sink).await
/// # }
/// ```
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let room = self.get_mut().poll_half(Half::Writer, cx, Driver::poll_promise);
        room.map_err(SendError::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.get_mut().driver_mut().queue_promised(message).map_err(refused)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let flushed = self.get_mut().poll_half(Half::Writer, cx, Driver::poll_flush);
        flushed.map_err(SendError::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let me = self.get_mut();
        let driver = me.driver_mut();
        let streams = driver.users.as_ref().is_some_and(|users| users.streams);
        if driver.connection().is_open() {
            driver.begin_close(CloseCode::NORMAL, "");
            // Whoever waits for messages has a deadline now.
            if let Some(users) = &driver.users {
                users.tasks.wake(Half::Reader);
            }
        }
        let closed = me.poll_half(Half::Writer, cx, |driver, cx| {
            if streams { driver.poll_flush(cx) } else { driver.poll_close(cx) }
        });
        closed.map_err(SendError::from)
    }
}

/// Messages as they come in: what [`Reader::recv`] gives. After `None` or an error it has ended.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Reader<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx, poll_recv).map(Result::transpose)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Reader<S> {
    fn is_terminated(&self) -> bool {
        self.has_ended()
    }
}

/// Messages to send. Closing it closes the connection with 1000, as [`Writer::close`] does.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Writer<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll(cx, Driver::poll_promise).map_err(SendError::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.queue_promised(message).map_err(refused)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll(cx, Driver::poll_flush).map_err(SendError::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.begin_close(CloseCode::NORMAL, "");
        self.poll_closed(cx).map_err(SendError::from)
    }
}

/// The parts of a message as they come in: what [`MessageReader::chunk`] gives.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for MessageReader<'_, S> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(cx).map(Result::transpose)
    }
}

/// The message comes back to whoever gave it away.
fn refused(error: QueueError<'_>) -> SendError {
    SendError::refused(error.kind(), owned(error.into_outgoing()))
}
