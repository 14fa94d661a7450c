//! Two halves of a connection, for two tasks.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "stream")]
use trunkline_proto::QueueError;
use trunkline_proto::{CloseCode, CloseInfo, Message, MessageKind, Outgoing};

use crate::access::{Access, Shared};
use crate::batch::{Batch, poll_recv_many};
use crate::driver::{Driver, OwnedDriver};
use crate::error::{Error, SendError};
use crate::incoming::{Incoming, poll_recv_incoming};
use crate::streaming::{MessageReader, MessageWriter};
use crate::tasks::Half;
use crate::transport::Transport;
use crate::websocket::{WebSocket, poll_feed, poll_recv};

/// The half of a [`WebSocket`] that receives, made by [`WebSocket::split`].
///
/// It answers pings, sees to the closing handshake and keeps the deadlines. If it is dropped, the
/// [`Writer`] does so as far as it is used, and throws away what comes in.
pub struct Reader<S = Transport> {
    halves: Arc<Halves<S>>,
}

/// The half of a [`WebSocket`] that sends, made by [`WebSocket::split`]. There is one: tasks of which several
/// send give their messages to the one that has it, by a `tokio::sync::mpsc`, say.
///
/// Unlike with a whole connection, nothing promises that what was fed is written before the next
/// [`flush`](Self::flush) or [`send`](Self::send): end a row of [`feed`](Self::feed)s with one of them.
pub struct Writer<S = Transport> {
    halves: Arc<Halves<S>>,
}

struct Halves<S> {
    shared: Shared<S>,
    /// A copy, so that asking for it takes no lock.
    subprotocol: Option<Box<str>>,
}

pub(crate) fn split<S>(driver: OwnedDriver<S>) -> (Reader<S>, Writer<S>) {
    let subprotocol = driver.subprotocol().map(Into::into);
    let shared = Shared::new(driver);
    let halves = Arc::new(Halves { shared, subprotocol });
    (Reader { halves: Arc::clone(&halves) }, Writer { halves })
}

impl<S> Reader<S> {
    /// How the connection was closed, once [`recv`](Self::recv) has given `None`.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.halves.shared.lock().close_info().cloned()
    }

    /// The time between the newest answered ping and its pong; `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.halves.shared.lock().connection().round_trip()
    }

    /// Makes one connection of its two halves again.
    ///
    /// # Errors
    /// The halves, if they are not of one connection.
    pub fn reunite(self, writer: Writer<S>) -> Result<WebSocket<S>, (Self, Writer<S>)> {
        if !Arc::ptr_eq(&self.halves, &writer.halves) {
            return Err((self, writer));
        }
        let halves = Arc::clone(&self.halves);
        drop((self, writer));
        let halves = Arc::into_inner(halves).expect("both halves were given");
        Ok(WebSocket::from_driver(halves.shared.into_driver()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    /// As [`WebSocket::recv`].
    ///
    /// # Errors
    /// How the connection ended, other than by a closing handshake.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll(cx, poll_recv)).await
    }

    /// As [`WebSocket::recv_many`].
    ///
    /// # Errors
    /// How the connection ended, other than by a closing handshake.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_many(&mut self, batch: &mut Batch) -> Result<usize, Error> {
        poll_fn(|cx| self.poll(cx, |driver, cx| poll_recv_many(driver, cx, batch))).await
    }

    /// As [`WebSocket::recv_incoming`].
    ///
    /// # Errors
    /// How the connection ended, other than by a closing handshake.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_incoming(&mut self) -> Result<Option<Incoming>, Error> {
        poll_fn(|cx| self.poll(cx, poll_recv_incoming)).await
    }

    /// As [`WebSocket::recv_streamed`].
    ///
    /// # Errors
    /// How the connection ended, other than by a closing handshake.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_streamed(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::next(Access::Reader(&self.halves.shared)).await
    }

    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.halves.shared.poll(Half::Reader, cx, poll)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    /// As [`WebSocket::send`].
    ///
    /// # Errors
    /// Why it was not sent. The message is in the error if none of it was queued.
    ///
    /// # Cancel safety
    /// If the future is dropped, the message was either not queued at all, or queued whole.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.feed(message).await?;
        self.flush().await.map_err(|error| SendError::broken(error, None))
    }

    /// As [`WebSocket::feed`], except that only this half writes: see [`flush`](Self::flush).
    ///
    /// # Errors
    /// Why it was not queued, with the message.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits, the message was not queued.
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.poll(cx, |driver, cx| poll_feed(driver, cx, &mut message))).await
    }

    /// As [`WebSocket::flush`].
    ///
    /// # Errors
    /// How the connection broke.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll(cx, Driver::poll_flush)).await
    }

    /// As [`WebSocket::send_streamed`].
    ///
    /// # Errors
    /// If the connection is closing, or another such message was not finished.
    pub fn send_streamed(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S>, SendError> {
        MessageWriter::begin(Access::Writer(&self.halves.shared), kind)
    }

    /// As [`WebSocket::ping`].
    ///
    /// # Errors
    /// How the connection broke.
    ///
    /// # Cancel safety
    /// If the future is dropped, the ping is queued and written by the next call that writes.
    pub async fn ping(&mut self) -> Result<(), Error> {
        self.halves.shared.lock().ping();
        // The reader, should it wait, has a deadline now.
        self.halves.shared.wake(Half::Reader);
        self.flush().await
    }

    /// Sends what is queued and a close frame. The [`Reader`] then receives what the peer still sends,
    /// and `None` once it has closed too; if the reader was dropped, this waits for that.
    ///
    /// # Errors
    /// How the connection broke.
    ///
    /// # Cancel safety
    /// If the future is dropped, closing has begun: calling it again waits for the rest.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.begin_close(code, reason);
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    pub(crate) fn begin_close(&self, code: CloseCode, reason: &str) {
        let mut driver = self.halves.shared.lock();
        let begins = driver.connection().is_open();
        driver.begin_close(code, reason);
        drop(driver);
        if begins {
            // The reader, should it wait, has a deadline now.
            self.halves.shared.wake(Half::Reader);
        }
    }

    /// Ready once the close frame has been written; if nobody receives, once the peer has closed too.
    pub(crate) fn poll_closed(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let waits = self.halves.shared.reader_is_gone();
        self.halves.shared.poll(Half::Writer, cx, |driver, cx| {
            if waits { driver.poll_close(cx) } else { driver.poll_flush(cx) }
        })
    }

    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.halves.shared.poll_writer(cx, poll)
    }
}

impl<S> Drop for Reader<S> {
    fn drop(&mut self) {
        self.halves.shared.drop_reader();
    }
}

#[cfg(feature = "stream")]
impl<S> Reader<S> {
    /// Whether nothing is left to be received.
    pub(crate) fn has_ended(&self) -> bool {
        self.halves.shared.lock().has_ended()
    }
}

#[cfg(feature = "stream")]
impl<S> Writer<S> {
    /// Queues a message after there was room for it.
    pub(crate) fn queue_promised(&self, message: Message) -> Result<(), QueueError<'static>> {
        self.halves.shared.lock().queue_promised(message)
    }
}

macro_rules! what_both_halves_know {
    ($half:ident) => {
        impl<S> $half<S> {
            /// The subprotocol that both sides agreed on, if any.
            pub fn subprotocol(&self) -> Option<&str> {
                self.halves.subprotocol.as_deref()
            }

            /// Whether neither side has begun to close.
            fn is_open(&self) -> bool {
                self.halves.shared.lock().connection().is_open()
            }
        }

        impl<S> fmt::Debug for $half<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half)).field("is_open", &self.is_open()).finish()
            }
        }
    };
}

what_both_halves_know!(Reader);
what_both_halves_know!(Writer);
