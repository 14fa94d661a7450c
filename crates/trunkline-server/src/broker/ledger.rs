//! [`Ledger`]: what all channels of a partition keep together, and which is to be looked at when.

use trunkline_hub::{ChannelName, Epoch};

use super::agenda::Agenda;
use super::channel::Channel;
use super::moment::Moment;
use super::stream::Kept;
use super::{BrokerLimits, BrokerStats};

/// The sums over all channels, and the order among them.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) limits: BrokerLimits,
    /// Channels by when something of them expires, or earlier.
    pub(super) waiting: Agenda,
    /// Channels by the age of the oldest publication they keep, or older.
    pub(super) ages: Agenda,
    kept: Kept,
    presences: usize,
    pub(super) accepted: u64,
    pub(super) evicted: u64,
    pub(super) refused: u64,
    /// Streams that ended, for a log; `None` if there is none.
    pub(super) ended: Option<Vec<(ChannelName, Epoch)>>,
}

/// What one channel keeps before it is changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    kept: Kept,
    presences: usize,
}

impl Ledger {
    pub(super) fn new(limits: BrokerLimits) -> Self {
        Self {
            limits,
            waiting: Agenda::default(),
            ages: Agenda::default(),
            kept: Kept::default(),
            presences: 0,
            accepted: 0,
            evicted: 0,
            refused: 0,
            ended: None,
        }
    }

    /// Drops what has expired of a channel that is about to be used, and notes what is left.
    pub(super) fn open(
        &mut self,
        name: &ChannelName,
        channel: &mut Channel,
        now: Moment,
    ) -> Before {
        let before = Before::of(channel);
        channel.expire(now);
        if channel.stream_ends(self.limits.unused_ttl).is_some_and(|it| it <= now) {
            self.end_stream(name, channel);
        }
        before
    }

    /// Books what has become of a channel, and when it is to be looked at next. Says whether anything
    /// is known of it.
    pub(super) fn close(
        &mut self,
        name: &ChannelName,
        channel: &mut Channel,
        before: Before,
    ) -> bool {
        let Before { kept, presences } = Before::of(channel);
        self.kept.change(before.kept, kept);
        self.presences = self.presences - before.presences + presences;
        if let Some(stream) = &mut channel.stream
            && let Some(oldest) = stream.oldest()
        {
            self.ages.add(oldest, name, &mut stream.age);
        }
        if let Some(next) = channel.next(self.limits.unused_ttl) {
            self.waiting.add(next, name, &mut channel.wait);
        }
        let is_something = !channel.is_nothing();
        if !is_something {
            self.waiting.remove(name, &mut channel.wait);
        }
        is_something
    }

    /// Forgets the stream of a channel, position and all.
    pub(super) fn end_stream(&mut self, name: &ChannelName, channel: &mut Channel) {
        if let Some(mut stream) = channel.stream.take() {
            self.ages.remove(name, &mut stream.age);
            if let Some(ended) = &mut self.ended {
                ended.push((name.clone(), stream.position().epoch));
            }
        }
    }

    /// Whether one more client may be present.
    pub(super) const fn is_room_for_presence(&self) -> bool {
        self.presences < self.limits.presences
    }

    /// Whether publications have to make room.
    pub(super) const fn is_over_budget(&self) -> bool {
        self.kept.bytes > self.limits.history_bytes
    }

    /// The sums.
    pub(super) fn stats(&self) -> BrokerStats {
        BrokerStats {
            publications: self.kept.publications,
            history_bytes: self.kept.bytes,
            presences: self.presences,
            accepted: self.accepted,
            evicted: self.evicted,
            refused: self.refused,
            ..BrokerStats::default()
        }
    }
}

impl Before {
    pub(super) fn of(channel: &Channel) -> Self {
        Self { kept: channel.kept(), presences: channel.presences() }
    }
}
