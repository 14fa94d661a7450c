//! [`Fragile`]: a broker with a mistake in it, for tests.

use std::time::Instant;

use trunkline_hub::Now;
use trunkline_hub::broker::{Operation, Request};

use super::{Broker, BrokerStats, Caller, ChannelPattern, ChannelSummary, Outlet};

/// It does not survive publications into `fatal`.
pub(crate) struct Fragile(pub(crate) Box<dyn Broker + Send>);

impl Broker for Fragile {
    fn handle_request(&mut self, now: Now, from: Caller, it: Request, outlet: &mut dyn Outlet) {
        let is_fatal =
            it.channel.as_str() == "fatal" && matches!(it.operation, Operation::Publish(_));
        assert!(!is_fatal, "the mistake");
        self.0.handle_request(now, from, it, outlet);
    }

    fn handle_wake(&mut self, now: Now, outlet: &mut dyn Outlet) {
        self.0.handle_wake(now, outlet);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Now, outlet: &mut dyn Outlet) {
        self.0.handle_timeout(now, outlet);
    }

    fn channels(&self, pattern: &ChannelPattern) -> Vec<ChannelSummary> {
        self.0.channels(pattern)
    }

    fn stats(&self) -> BrokerStats {
        self.0.stats()
    }
}
