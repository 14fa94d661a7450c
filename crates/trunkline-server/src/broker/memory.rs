//! [`MemoryBroker`]: a partition that forgets everything with its process.

use std::time::Instant;

use trunkline_hub::Now;
use trunkline_hub::broker::{Answer, Request};

use super::partition::Partition;
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
}

impl Broker for MemoryBroker {
    fn handle_request(
        &mut self,
        now: Now,
        from: Caller,
        request: Request,
        outlet: &mut dyn Outlet,
    ) {
        let Request { id, channel, operation } = request;
        let outcome = self.partition.handle_operation(now, from, channel, operation, outlet);
        if let Some(outcome) = outcome {
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
