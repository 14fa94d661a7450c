//! How shards speak to each other: one inbox each.
//!
//! What a partition has accepted reaches every shard that wants it, so nothing in an inbox can be
//! dropped. The bound is at the other end: while any inbox holds more than [`INBOX_MESSAGES_MAX`], no
//! publication is accepted anywhere, and its publisher is told 111 and may try again.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use trunkline_hub::broker::{Answer, Delivery, Operation, Request};
use trunkline_hub::{ChannelName, Now};

use super::Shard;
use super::ask::Reply;
use crate::broker::Caller;

/// Messages in an inbox beyond which publications are refused: some 10 MiB, and at a million a second
/// as much as a shard does in a sixteenth of a second.
pub(crate) const INBOX_MESSAGES_MAX: usize = 65_536;

/// Something to be done on the thread of a shard.
pub(crate) type Act = Box<dyn FnOnce(&Shard, Now) + Send>;

/// Something that starts a task on the thread of a shard.
pub(crate) type SpawnTask = Box<dyn FnOnce(Rc<Shard>) + Send>;

/// Something for a shard to do.
pub(crate) enum Message {
    /// A hub asks the partition of this shard.
    Request { from: Caller, request: Request },
    /// A partition answers the hub of this shard.
    Answer(Answer),
    /// Something has happened on a channel to which the hub of this shard is attached.
    Delivery(Delivery),
    /// Somebody who is no hub asks the partition of this shard.
    Ask { channel: ChannelName, operation: Operation, reply: Reply },
    /// The partition has something to go on with.
    WakeBroker,
    /// Anything else that is to be done where the shard is.
    Run(Act),
    /// A task that is to live where the shard is.
    Spawn(SpawnTask),
    /// The thread is to end; tasks that are left end with it.
    Stop,
}

/// Where to put messages for one shard.
#[derive(Clone)]
pub(crate) struct Sender {
    queue: mpsc::UnboundedSender<Message>,
    depth: Arc<AtomicUsize>,
    /// How many inboxes of this process are too full.
    congested: Arc<AtomicUsize>,
}

/// Where a shard takes its messages from.
pub(crate) struct Receiver {
    queue: mpsc::UnboundedReceiver<Message>,
    depth: Arc<AtomicUsize>,
    congested: Arc<AtomicUsize>,
}

/// The two ends of an inbox.
pub(crate) fn inbox(congested: &Arc<AtomicUsize>) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let depth = Arc::new(AtomicUsize::new(0));
    (
        Sender { queue: sender, depth: Arc::clone(&depth), congested: Arc::clone(congested) },
        Receiver { queue: receiver, depth, congested: Arc::clone(congested) },
    )
}

impl Sender {
    /// Puts a message in. A shard that has ended loses it, as it has lost all else.
    pub(crate) fn send(&self, message: Message) {
        let before = self.depth.fetch_add(1, Ordering::Relaxed);
        if before == INBOX_MESSAGES_MAX {
            self.congested.fetch_add(1, Ordering::Relaxed);
        }
        if self.queue.send(message).is_err() {
            self.depth.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Receiver {
    /// Takes up to `max` messages, waiting for the first. None if there will be none any more.
    pub(crate) async fn recv_many(&mut self, messages: &mut Vec<Message>, max: usize) -> usize {
        let taken = self.queue.recv_many(messages, max).await;
        let before = self.depth.fetch_sub(taken, Ordering::Relaxed);
        if before > INBOX_MESSAGES_MAX && before - taken <= INBOX_MESSAGES_MAX {
            self.congested.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }
}
