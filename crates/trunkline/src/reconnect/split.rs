//! Two halves of a reconnecting client, for two tasks.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{CloseCode, CloseInfo, Message, Outgoing};

use super::ended::{Ended, SendError};
use super::failure::Failure;
use super::link::Link;
use super::state::State;
use super::{Reconnecting, fmt_link};
use crate::error::Error;
use crate::tasks::{Half, Waiting};
use crate::transport::Transport;

/// The half of a [`Reconnecting`] client that receives. If it is dropped, the [`Writer`] throws away what
/// comes in, as far as it is used.
pub struct Reader<S = Transport> {
    halves: Arc<Halves<S>>,
}

/// The half of a [`Reconnecting`] client that sends.
///
/// Unlike with a whole client, nothing promises that what was fed is written before the next
/// [`flush`](Self::flush) or [`send`](Self::send): end a row of [`feed`](Self::feed)s with one of them.
pub struct Writer<S = Transport> {
    halves: Arc<Halves<S>>,
}

/// The lock is held for one poll, never while either half waits.
struct Halves<S> {
    link: Mutex<Box<Link<S>>>,
    waiting: Arc<Waiting>,
    /// Wakes whichever half waits: streams and timers know one task only.
    waker: Waker,
    reader_is_gone: AtomicBool,
}

/// Messages that a writer without its reader throws away in one poll. Then it is the turn of others.
const DISCARDS_PER_POLL: usize = 64;

pub(super) fn split<S>(link: Box<Link<S>>) -> (Reader<S>, Writer<S>) {
    let waiting = Arc::new(Waiting::default());
    let waker = Waker::from(Arc::clone(&waiting));
    let reader_is_gone = AtomicBool::new(false);
    let halves = Arc::new(Halves { link: Mutex::new(link), waiting, waker, reader_is_gone });
    (Reader { halves: Arc::clone(&halves) }, Writer { halves })
}

impl<S> Halves<S> {
    fn lock(&self) -> MutexGuard<'_, Box<Link<S>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll<R>(
        &self,
        half: Half,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Link<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.waiting.register(half, cx.waker());
        let mut link = self.lock();
        let before = link.changes();
        let result = poll(&mut link, &mut Context::from_waker(&self.waker));
        let has_changed = before != link.changes();
        drop(link);
        if has_changed {
            // The other half may have waited for just that, and did not see it.
            self.waiting.wake_half(half.other());
        }
        if result.is_ready() {
            self.waiting.forget(half);
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Reader<S> {
    /// As [`Reconnecting::connected`].
    ///
    /// # Errors
    /// Why there will be no connection.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn connected(&mut self) -> Result<(), Ended> {
        poll_fn(|cx| self.halves.poll(Half::Reader, cx, Link::poll_writable)).await
    }

    /// As [`Reconnecting::recv`].
    ///
    /// # Errors
    /// Why it was given up.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Ended> {
        poll_fn(|cx| self.halves.poll(Half::Reader, cx, Link::poll_recv)).await
    }
}

impl<S> Reader<S> {
    /// Makes one client of its two halves again.
    ///
    /// # Errors
    /// The halves, if they are not of one client.
    pub fn reunite(self, writer: Writer<S>) -> Result<Reconnecting<S>, (Self, Writer<S>)> {
        if !Arc::ptr_eq(&self.halves, &writer.halves) {
            return Err((self, writer));
        }
        let halves = Arc::clone(&self.halves);
        drop((self, writer));
        let halves = Arc::into_inner(halves).expect("both halves were given");
        Ok(Reconnecting { link: halves.link.into_inner().unwrap_or_else(PoisonError::into_inner) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Writer<S> {
    /// As [`Reconnecting::connected`].
    ///
    /// # Errors
    /// Why there will be no connection.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn connected(&mut self) -> Result<(), Ended> {
        poll_fn(|cx| self.poll(cx, Link::poll_writable)).await
    }

    /// As [`Reconnecting::send`].
    ///
    /// # Errors
    /// Why it was not sent, with the message.
    ///
    /// # Cancel safety
    /// If the future is dropped, the message was either not taken at all, or it is where
    /// [`feed`](Self::feed) would have put it.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.poll(cx, |link, cx| link.poll_feed(cx, &mut message, true))).await?;
        poll_fn(|cx| self.poll(cx, Link::poll_sent)).await
    }

    /// As [`Reconnecting::feed`], except that only this half promises to write: see
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    /// Why it was not queued, with the message.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits, the message was not queued.
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.poll(cx, |link, cx| link.poll_feed(cx, &mut message, false))).await
    }

    /// As [`Reconnecting::flush`].
    ///
    /// # Errors
    /// If a connection broke before it took all that was queued.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was not written stays queued.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.poll(cx, Link::poll_flush)).await
    }

    /// Closes for good: sends what is queued and a close frame. The [`Reader`] then receives what the peer
    /// still sends, and `None` once it has closed too; if the reader was dropped, this waits for that.
    ///
    /// # Errors
    /// How the connection broke. It is closed for good all the same.
    ///
    /// # Cancel safety
    /// If the future is dropped, closing has begun: calling it again waits for the rest.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.halves.lock().begin_close(code, reason);
        // The reader, should it wait, has an end to wait for now.
        self.halves.waiting.wake_half(Half::Reader);
        if self.halves.reader_is_gone.load(Ordering::Acquire) {
            poll_fn(|cx| self.halves.poll(Half::Writer, cx, Link::poll_close)).await
        } else {
            poll_fn(|cx| self.halves.poll(Half::Writer, cx, Link::poll_close_written)).await
        }
    }

    /// As [`Reconnecting::unsent`].
    pub fn unsent(&self) -> usize {
        self.halves.lock().outbox.len()
    }

    /// As [`Reconnecting::take_unsent`].
    pub fn take_unsent(&mut self) -> Vec<Message> {
        self.halves.lock().outbox.take_unsent()
    }

    fn poll<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Link<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let reader_is_gone = self.halves.reader_is_gone.load(Ordering::Acquire);
        self.halves.poll(Half::Writer, cx, |link, cx| {
            if reader_is_gone {
                discard_received(link, cx);
            }
            poll(link, cx)
        })
    }
}

/// Throws away what has come in. How a connection ends shows in what is called next.
fn discard_received<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    link: &mut Link<S>,
    cx: &mut Context<'_>,
) {
    for _ in 0..DISCARDS_PER_POLL {
        let Poll::Ready(Ok(Some(_))) = link.poll_recv(cx) else { return };
    }
    cx.waker().wake_by_ref();
}

impl<S> Drop for Reader<S> {
    fn drop(&mut self) {
        self.halves.reader_is_gone.store(true, Ordering::Release);
        self.halves.waiting.wake_half(Half::Writer);
    }
}

macro_rules! what_both_halves_know {
    ($half:ident) => {
        impl<S> $half<S> {
            /// As [`Reconnecting::state`].
            pub fn state(&self) -> State {
                self.halves.lock().state()
            }

            /// As [`Reconnecting::attempts`].
            pub fn attempts(&self) -> u32 {
                self.halves.lock().attempts()
            }

            /// As [`Reconnecting::connections`].
            pub fn connections(&self) -> u64 {
                self.halves.lock().connections()
            }

            /// As [`Reconnecting::last_failure`].
            pub fn last_failure(&self) -> Option<Arc<Failure>> {
                self.halves.lock().last_failure()
            }

            /// As [`Reconnecting::close_info`].
            pub fn close_info(&self) -> Option<CloseInfo> {
                self.halves.lock().close_info().cloned()
            }
        }

        impl<S> fmt::Debug for $half<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt_link(stringify!($half), &self.halves.lock(), f)
            }
        }
    };
}

what_both_halves_know!(Reader);
what_both_halves_know!(Writer);
