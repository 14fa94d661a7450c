//! One message to many receivers, none of whom waits for another.
//!
//! A publication is encoded once, as a [`Prepared`], and put into the outbox of each receiver: one
//! pointer each, and no allocation once the outboxes have grown to what they hold. The publisher does
//! not wait for anyone: an outbox has a bound, and what happens beyond it was said when its receiver
//! subscribed ([`SlowReceiver`]).
//!
//! ```text
//!                      ┌─▶ outbox ─▶ Subscription ─ relay ─▶ WebSocket ─ one write for all that waits
//!   publish ─ Prepared ┼─▶ outbox ─▶ Subscription ─ forward ─▶ Writer
//!                      └─▶ outbox ─▶ Subscription ─ next ─▶ anything else
//! ```
//!
//! A receiver is woken when its outbox has been empty and is not any more. What gathers until it comes
//! round leaves in one write: the faster publications come, the fewer writes each of them costs.

mod outbox;
mod subscription;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use trunkline_proto::{CloseCode, Limit, Message, Prepared};

use crate::observe;
use outbox::Outbox;
pub use subscription::{Subscription, TooSlow};

/// Messages that may wait for one receiver, a second's worth for those who follow something at a
/// thousand a second: pointers of 8 KiB in all.
const MESSAGES: usize = 1024;

/// Bytes that may wait for one receiver: 16 times what its connection has under way, seconds of most
/// feeds over most lines.
const BYTES: usize = 1 << 20;

/// Somewhere to publish messages, for all who have subscribed. Cloning it gives another way to the same
/// place.
///
/// All receivers get the publications in one order, whoever publishes. Publishing takes a lock for as
/// long as it takes to hand out one pointer per receiver, and never waits for a receiver.
///
/// # Examples
/// A chat room; `said.relay` sends what others say while it waits for what this member says:
/// ```no_run
/// use trunkline::{Broadcast, CloseCode, Error, Server, SlowReceiver, WebSocket};
///
/// async fn join(mut ws: WebSocket, room: Broadcast) -> Result<(), Error> {
///     let mut said = room.subscribe(SlowReceiver::Close(CloseCode::POLICY_VIOLATION));
///     while let Some(message) = said.relay(&mut ws).await? {
///         room.publish(message);
///     }
///     Ok(())
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let room = Broadcast::new();
/// let server = Server::bind("127.0.0.1:9001").await?;
/// server.serve(move |ws, _| join(ws, room.clone())).await;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Broadcast(Arc<Receivers>);

/// What becomes of publications for a receiver whose outbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReceiver {
    /// It does not get the new one. For whom the beginning matters more than the end.
    DropNewest,
    /// It does not get the oldest that waits. For those who can do with a part, the newer the better.
    DropOldest,
    /// It gets the newest only: there is one place in its outbox. What its connection has queued already
    /// still comes before. For prices, positions, states.
    Latest,
    /// Its connection is closed with this code, and what waited for it is dropped. For those who can do
    /// with nothing less than all of it, and will come back to ask for what they have missed.
    Close(CloseCode),
}

/// How much may wait for one receiver, and what happens beyond that.
///
/// ```
/// use trunkline::{Broadcast, Limit, ReceiverLimits, SlowReceiver};
///
/// let news = Broadcast::new();
/// let limits = ReceiverLimits::new(SlowReceiver::DropOldest).with_messages(Limit::at_most(100));
/// let mut subscription = news.subscribe(limits);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReceiverLimits {
    slow: SlowReceiver,
    messages: Limit,
    bytes: Limit,
}

impl ReceiverLimits {
    /// The defaults: 1024 messages and 1 MiB.
    pub fn new(slow: SlowReceiver) -> Self {
        let (messages, bytes) = (Limit::at_most(MESSAGES), Limit::at_most(BYTES));
        Self { slow, messages, bytes }
    }

    /// Messages that may wait; one always may.
    #[must_use]
    pub fn with_messages(mut self, max: Limit) -> Self {
        self.messages = max;
        self
    }

    /// Bytes of payload that may wait; one message always may, however large. Messages are shared: those
    /// that wait for many are in memory once.
    #[must_use]
    pub fn with_bytes(mut self, max: Limit) -> Self {
        self.bytes = max;
        self
    }
}

impl From<SlowReceiver> for ReceiverLimits {
    fn from(slow: SlowReceiver) -> Self {
        Self::new(slow)
    }
}

/// What has been published, and what of it was not received, see [`Broadcast::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BroadcastCounts {
    /// Who is there now.
    pub receivers: usize,
    /// Publications.
    pub published: u64,
    /// Publications that one of the receivers has not got because it was slow, summed over all.
    pub dropped: u64,
    /// Receivers that were cut off because they were slow.
    pub cut_off: u64,
}

#[derive(Default)]
struct Receivers(Mutex<List>);

#[derive(Default)]
struct List {
    receivers: Vec<Arc<Receiver>>,
    /// Memory for those who are to be woken: kept, so that publishing allocates nothing.
    wakers: Vec<Waker>,
    counts: BroadcastCounts,
}

/// One who has subscribed.
struct Receiver {
    outbox: Mutex<Outbox>,
    /// Where it is in the list; changes under the lock of that.
    position: AtomicUsize,
}

impl Broadcast {
    /// Nobody is there yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins: the subscription gets whatever is published from now on. `limits` are a [`SlowReceiver`],
    /// or [`ReceiverLimits`] where the defaults do not do.
    pub fn subscribe(&self, limits: impl Into<ReceiverLimits>) -> Subscription {
        let outbox = Mutex::new(Outbox::new(limits.into()));
        let mut list = self.0.lock();
        let position = AtomicUsize::new(list.receivers.len());
        let receiver = Arc::new(Receiver { outbox, position });
        list.receivers.push(Arc::clone(&receiver));
        drop(list);
        Subscription::new(Arc::clone(&self.0), receiver)
    }

    /// Publishes a message to all who have subscribed.
    pub fn publish(&self, message: impl Into<Message>) {
        // Nobody is to pay for the encoding where nobody is there.
        if self.0.lock().count_for_nobody() {
            return;
        }
        self.publish_prepared(&Prepared::new(message));
    }

    /// The same for a message that has been encoded already, because it goes to several places.
    pub fn publish_prepared(&self, message: &Prepared) {
        let (mut wakers, dropped, cut_off) = self.0.lock().offer(message);
        // Without the lock: an executor may run a task where it is woken.
        wakers.drain(..).for_each(Waker::wake);
        observe::published(dropped, cut_off);
        if wakers.capacity() > 0 {
            self.0.lock().keep(wakers);
        }
    }

    /// What has happened so far.
    pub fn counts(&self) -> BroadcastCounts {
        let list = self.0.lock();
        BroadcastCounts { receivers: list.receivers.len(), ..list.counts }
    }
}

impl Receivers {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of them leaves.
    fn remove(&self, receiver: &Receiver) {
        let mut list = self.lock();
        let position = receiver.position.load(Ordering::Relaxed);
        list.receivers.swap_remove(position);
        if let Some(moved) = list.receivers.get(position) {
            moved.position.store(position, Ordering::Relaxed);
        }
    }
}

impl List {
    /// Whether nobody is there; then that was it.
    fn count_for_nobody(&mut self) -> bool {
        let nobody = self.receivers.is_empty();
        self.counts.published += u64::from(nobody);
        nobody
    }

    /// Puts a publication into all outboxes, and gives those who are to be woken for it; how many
    /// publications were dropped for it, and how many receivers cut off. The one lock makes for one order.
    fn offer(&mut self, message: &Prepared) -> (Vec<Waker>, u64, u64) {
        let mut wakers = std::mem::take(&mut self.wakers);
        let before = self.counts;
        self.counts.published += 1;
        for receiver in &self.receivers {
            let offered = receiver.lock().offer(message);
            wakers.extend(offered.waker);
            self.counts.dropped += offered.dropped;
            self.counts.cut_off += u64::from(offered.cut_off);
        }
        let BroadcastCounts { dropped, cut_off, .. } = self.counts;
        (wakers, dropped - before.dropped, cut_off - before.cut_off)
    }

    fn keep(&mut self, wakers: Vec<Waker>) {
        if wakers.capacity() > self.wakers.capacity() {
            self.wakers = wakers;
        }
    }
}

impl Receiver {
    fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}
