//! [`Links`]: which channel lives on which shard, and the way there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trunkline_hub::ChannelName;

use super::{Message, Receiver, Sender, inbox};
use crate::broker::Homes;

/// The ways to all shards of this process.
#[derive(Clone)]
pub(crate) struct Links(Arc<Shared>);

struct Shared {
    senders: Vec<Sender>,
    homes: Homes,
    congested: Arc<AtomicUsize>,
}

impl Links {
    /// Ways to `shards` shards, among which `homes` divides the channels, and where each of them takes its
    /// messages from.
    pub(crate) fn new(shards: u16, homes: Homes) -> (Self, Vec<Receiver>) {
        let congested = Arc::default();
        let (senders, receivers) = (0..shards).map(|_| inbox(&congested)).unzip();
        (Self(Arc::new(Shared { senders, homes, congested })), receivers)
    }

    /// The shard whose partition sequences the publications of `channel`.
    pub(crate) fn home(&self, channel: &ChannelName) -> u16 {
        self.0.homes.of(channel)
    }

    pub(crate) fn send(&self, shard: u16, message: Message) {
        if let Some(sender) = self.0.senders.get(usize::from(shard)) {
            sender.send(message);
        }
    }

    pub(crate) fn shards(&self) -> u16 {
        u16::try_from(self.0.senders.len()).unwrap_or(u16::MAX)
    }

    pub(crate) fn is_congested(&self) -> bool {
        self.0.congested.load(Ordering::Relaxed) > 0
    }
}
