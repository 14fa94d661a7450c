//! [`Results`]: what came of publications with an idempotency key.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use trunkline_hub::{ChannelName, StreamPosition};

use super::moment::Moment;

/// How long a result is kept, as in Centrifugo: longer than anybody tries again.
pub(super) const TTL: Duration = Duration::from_secs(300);

/// Positions by channel and key, the last five minutes of them.
#[derive(Debug, Default)]
pub(super) struct Results {
    by_key: HashMap<Arc<str>, Option<StreamPosition>>,
    /// In the order in which they expire, which is that in which they came.
    order: VecDeque<(Moment, Arc<str>)>,
    /// How many were forgotten early because there were too many.
    forgotten: u64,
}

impl Results {
    /// The name of a result. Names of channels have no control characters, so no two are the same.
    pub(super) fn name(channel: &ChannelName, key: &str) -> Arc<str> {
        [channel.as_str(), "\0", key].concat().into()
    }

    /// What came of the first publication with this name.
    pub(super) fn find(&self, name: &str) -> Option<Option<StreamPosition>> {
        self.by_key.get(name).copied()
    }

    /// Remembers what came of a publication, and at most `max` such results.
    pub(super) fn add(
        &mut self,
        name: Arc<str>,
        result: Option<StreamPosition>,
        max: usize,
        now: Moment,
    ) {
        self.by_key.insert(Arc::clone(&name), result);
        self.order.push_back((now.after(TTL), name));
        if self.order.len() > max {
            self.pop();
            self.forgotten += 1;
        }
    }

    /// Forgets those that are old enough.
    pub(super) fn expire(&mut self, now: Moment) {
        while self.expires().is_some_and(|it| it <= now) {
            self.pop();
        }
    }

    /// When the oldest expires.
    pub(super) fn expires(&self) -> Option<Moment> {
        self.order.front().map(|(moment, _)| *moment)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// How many were forgotten early.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn pop(&mut self) {
        let Some((_, name)) = self.order.pop_front() else { return };
        self.by_key.remove(&name);
        if self.order.len() < self.order.capacity() / 4 {
            self.order.shrink_to(self.order.len() * 2);
            self.by_key.shrink_to(self.order.len() * 2);
        }
    }
}
