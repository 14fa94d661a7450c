//! [`Subscription`]: the receiver's end of a [`Broadcast`](super::Broadcast).

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{CloseCode, Message, Prepared, QueueErrorKind};

use super::{Receiver, Receivers};
use crate::driver::Driver;
use crate::error::Error;
use crate::split::Writer;
use crate::websocket::{WebSocket, poll_recv};

/// Publications that are taken out of the outbox at a time, so that its lock is taken once for many
/// and not held while they are queued: then they may be compressed.
const TAKEN_AT_ONCE: usize = 16;

/// What a frame's header has at most, mask included.
const HEADER_BYTES_MAX: usize = 14;

/// Rounds of filling and writing in one poll. Then it is the turn of other tasks, however fast
/// publications come.
const ROUNDS_PER_POLL: usize = 64;

/// What has been published since [`subscribe`](super::Broadcast::subscribe) and was not received yet.
/// Dropping it leaves.
///
/// [`relay`](Self::relay) is for a task that has the whole connection, [`forward`](Self::forward) for one that
/// has its [`Writer`], [`next`](Self::next) for anything else.
///
/// ```
/// # use trunkline::{Broadcast, Error, SlowReceiver, WebSocket};
/// /// Tells prices, and does not listen.
/// async fn tell(ws: WebSocket, prices: Broadcast) -> Result<(), Error> {
///     let (mut reader, mut writer) = ws.split();
///     let mut news = prices.subscribe(SlowReceiver::Latest);
///     tokio::select! {
///         told = news.forward(&mut writer) => told,
///         // Answers pings, and knows when the client is gone.
///         received = reader.recv() => received.map(|_| ()),
///     }
/// }
/// ```
pub struct Subscription {
    receivers: Arc<Receivers>,
    receiver: Arc<Receiver>,
}

/// What came of filling a connection's queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// Nothing is left, or nothing can be sent.
    All,
    /// The connection takes no more for now.
    UpToHighWater,
}

impl Subscription {
    pub(super) fn new(receivers: Arc<Receivers>, receiver: Arc<Receiver>) -> Self {
        Self { receivers, receiver }
    }

    /// Publications that this receiver has not got because it was slow.
    pub fn dropped(&self) -> u64 {
        self.receiver.lock().dropped()
    }

    /// Publications that wait to be received.
    pub fn waiting(&self) -> usize {
        self.receiver.lock().len()
    }

    /// Receives the next message from `ws`, as [`WebSocket::recv`] does, and sends what is published
    /// meanwhile. `None` once the connection has been closed.
    ///
    /// A receiver that is too slow for [`SlowReceiver::Close`](super::SlowReceiver::Close) has its
    /// connection closed by this.
    ///
    /// # Errors
    /// How the connection ended otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a publication is still here, or queued whole by then.
    pub async fn relay<S>(&mut self, ws: &mut WebSocket<S>) -> Result<Option<Message>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        poll_fn(|cx| self.poll_relay(ws.driver_mut(), cx)).await
    }

    /// Sends what is published to `writer`, until the connection is closing.
    ///
    /// A receiver that is too slow for [`SlowReceiver::Close`](super::SlowReceiver::Close) has its
    /// connection closed by this.
    ///
    /// # Errors
    /// How the connection broke.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a publication is still here, or queued whole by then, and
    /// written by the next call that writes.
    pub async fn forward<S>(&mut self, writer: &mut Writer<S>) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // This task alone is to be woken for a publication, and not the reader's too.
        poll_fn(|task| writer.poll(task, |driver, cx| self.poll_forward(driver, cx, task))).await
    }

    /// Takes the next publication, for whoever sends it on in some other way.
    ///
    /// # Errors
    /// If this receiver was too slow for [`SlowReceiver::Close`](super::SlowReceiver::Close): there
    /// will be no more.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Prepared, TooSlow> {
        poll_fn(|cx| {
            let mut outbox = self.receiver.lock();
            loop {
                ready!(outbox.poll_some(cx)).map_err(TooSlow)?;
                if let Some(message) = outbox.pop() {
                    return Poll::Ready(Ok(message));
                }
            }
        })
        .await
    }

    /// Takes the next publication if one is there.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<Prepared>, TooSlow> {
        self.receiver.lock().try_pop().map_err(TooSlow)
    }

    fn poll_relay<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        driver: &mut Driver<S>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        for _ in 0..ROUNDS_PER_POLL {
            let filled = self.fill(driver, cx);
            if let Poll::Ready(received) = poll_recv(driver, cx) {
                return Poll::Ready(received);
            }
            // There is room again if the transport has taken what was queued.
            if filled == Filled::All || driver.connection().is_above_high_water() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_forward<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        driver: &mut Driver<S>,
        cx: &mut Context<'_>,
        task: &Context<'_>,
    ) -> Poll<Result<(), Error>> {
        for _ in 0..ROUNDS_PER_POLL {
            let filled = self.fill(driver, task);
            ready!(driver.poll_flush(cx))?;
            if driver.connection().refusal() == Some(QueueErrorKind::Closed) {
                return Poll::Ready(Ok(()));
            }
            if filled == Filled::All {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Queues what waits, as far as the connection takes it. `task` is woken for more.
    fn fill<S>(&self, driver: &mut Driver<S>, task: &Context<'_>) -> Filled {
        loop {
            match driver.connection().refusal() {
                None => {}
                // Whoever is cut off is so while the transport takes nothing.
                Some(QueueErrorKind::Full) => match self.receiver.lock().poll_cut_off(task) {
                    Poll::Ready(code) => return cut_off(driver, code),
                    Poll::Pending => return Filled::UpToHighWater,
                },
                Some(_) => return Filled::All,
            }
            match self.take(driver, task) {
                Poll::Ready(Ok(taken)) => self.queue(driver, taken),
                Poll::Ready(Err(code)) => return cut_off(driver, code),
                Poll::Pending => return Filled::All,
            }
        }
    }

    /// Takes what the connection has room for.
    fn take<S>(
        &self,
        driver: &Driver<S>,
        task: &Context<'_>,
    ) -> Poll<Result<[Option<Prepared>; TAKEN_AT_ONCE], CloseCode>> {
        let connection = driver.connection();
        let high_water = connection.settings().limits.send_high_water_bytes.max();
        let room = high_water.saturating_sub(connection.transmit_bytes());
        let mut taken = [const { None }; TAKEN_AT_ONCE];
        let mut bytes = 0_usize;
        let mut outbox = self.receiver.lock();
        ready!(outbox.poll_some(task))?;
        for slot in &mut taken {
            let Some(message) = outbox.pop() else { break };
            bytes = bytes.saturating_add(message.message().len() + HEADER_BYTES_MAX);
            *slot = Some(message);
            if bytes >= room {
                break;
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn queue<S>(&self, driver: &mut Driver<S>, taken: [Option<Prepared>; TAKEN_AT_ONCE]) {
        driver.before_queue();
        let mut taken = taken.into_iter().flatten();
        let refused = taken.find(|message| driver.queue(message).is_err());
        // Compressed, some are longer than they were.
        if let Some(refused) = refused {
            let mut outbox = self.receiver.lock();
            let rest: Vec<_> = std::iter::once(refused).chain(taken).collect();
            rest.into_iter().rev().for_each(|message| outbox.unpop(message));
        }
    }
}

fn cut_off<S>(driver: &mut Driver<S>, code: CloseCode) -> Filled {
    if driver.connection().is_open() {
        driver.life().too_slow(code);
    }
    driver.begin_close(code, "too slow");
    Filled::All
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receivers.remove(&self.receiver);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outbox = self.receiver.lock();
        f.debug_struct("Subscription")
            .field("waiting", &outbox.len())
            .field("dropped", &outbox.dropped())
            .finish()
    }
}

/// A receiver was too slow, and its connection is to be closed with this code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSlow(CloseCode);

impl TooSlow {
    /// What was said when it subscribed: [`SlowReceiver::Close`](super::SlowReceiver::Close).
    pub fn close_code(self) -> CloseCode {
        self.0
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receiver was too slow: more waited for it than its limits allow")
    }
}

impl StdError for TooSlow {}
