//! [`MemoryBroker`]: a partition that forgets everything with its process.

use std::time::Instant;

use trunkline_hub::Now;
use trunkline_hub::broker::{Answer, Event, Operation, Outcome, Request};

use super::partition::Partition;
use super::presence::Presence;
use super::{Broker, BrokerLimits, BrokerStats, Caller, ChannelPattern, ChannelSummary, Outlet};

/// A partition in memory. Every answer comes within the call that asks.
///
/// Epochs are new in every process: who comes back after a restart is told that it may have missed
/// something.
#[derive(Debug)]
pub struct MemoryBroker {
    partition: Partition,
}

impl MemoryBroker {
    /// An empty partition. `entropy` gives random numbers, of which epochs are made.
    pub fn new(
        limits: BrokerLimits,
        entropy: impl FnMut() -> u64 + Send + 'static,
        now: Now,
    ) -> Self {
        Self { partition: Partition::new(limits, Box::new(entropy), now.instant) }
    }

    fn outcome(
        &mut self,
        now: Now,
        from: Caller,
        request: Request,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        let (partition, channel) = (&mut self.partition, request.channel);
        Some(match request.operation {
            Operation::Attach { history, filter } => {
                partition.attach(now, from, &channel, history, &filter)
            }
            Operation::Detach => {
                partition.detach(now, from, &channel);
                return None;
            }
            Operation::Publish(publish) => partition.publish(now, channel, publish, outlet),
            Operation::History { history, filter } => {
                partition.history(now, &channel, history, &filter)
            }
            Operation::RemoveHistory => {
                partition.remove_history(now, &channel);
                Outcome::Done
            }
            Operation::AddPresence { info, ttl_ms } => {
                partition.add_presence(now, &channel, info, ttl_ms)
            }
            Operation::RemovePresence { client } => {
                partition.remove_presence(now, &channel, client);
                Outcome::Done
            }
            Operation::Presence => {
                let list = partition.presence(now, &channel, Presence::list);
                Outcome::Presence(list.unwrap_or_default())
            }
            Operation::PresenceStats => {
                let stats = partition.presence(now, &channel, Presence::stats);
                Outcome::PresenceStats(stats.unwrap_or_default())
            }
            Operation::Join(info) => {
                partition.tell(channel, Event::Join(info), outlet);
                return None;
            }
            Operation::Leave(info) => {
                partition.tell(channel, Event::Leave(info), outlet);
                return None;
            }
        })
    }
}

impl Broker for MemoryBroker {
    fn handle_request(
        &mut self,
        now: Now,
        from: Caller,
        request: Request,
        outlet: &mut dyn Outlet,
    ) {
        let id = request.id;
        if let Some(outcome) = self.outcome(now, from, request, outlet) {
            outlet.answer(from, Answer { id, outcome });
        }
    }

    fn handle_wake(&mut self, _: Now, _: &mut dyn Outlet) {}

    fn poll_timeout(&self) -> Option<Instant> {
        self.partition.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Now, _: &mut dyn Outlet) {
        self.partition.handle_timeout(now);
    }

    fn channels(&self, pattern: &ChannelPattern) -> Vec<ChannelSummary> {
        self.partition.channels(pattern)
    }

    fn stats(&self) -> BrokerStats {
        self.partition.stats()
    }
}
