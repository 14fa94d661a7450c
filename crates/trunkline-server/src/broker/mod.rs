//! Who sequences publications, keeps history and presence, and delivers to hubs.
//!
//! ```text
//!   hub ──┐                ┌─▶ stream     offset, epoch, the last publications
//!   hub ──┼─▶ partition ───┼─▶ presence   who is subscribed
//!   API ──┘       │        └─▶ results    what came of a publication with an idempotency key
//!                 └─▶ Outlet: answers to whoever asked, deliveries to all who are attached
//! ```
//!
//! A process has as many partitions as threads with hubs, and a channel lives in one of them. Only the
//! thread of a partition touches it, so there is no lock; whoever calls from elsewhere sends a message
//! to that thread. What is asked and answered is in [`trunkline_hub::broker`].

mod agenda;
mod channel;
mod homes;
mod ledger;
mod limits;
mod log;
mod memory;
mod moment;
mod operation;
mod partition;
mod pattern;
mod presence;
mod reserved;
mod results;
mod stats;
mod stream;

use std::time::Instant;

use trunkline_hub::Now;
use trunkline_hub::broker::{Answer, Delivery, Request};

pub use homes::Homes;
pub use limits::{BrokerLimits, KEY_BYTES_MAX};
pub use log::{
    Fsync, Log, LogBroker, LogMeter, LogOptions, LogReport, LogStats, Medium, OpenError, Opened,
    Partitions,
};
pub use memory::MemoryBroker;
pub use pattern::ChannelPattern;
pub use stats::{BrokerStats, ChannelSummary};

/// Whom a partition answers: a hub, or the HTTP API. Whoever drives the partition numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller(pub u16);

/// Where a partition's words go. Implemented by whoever drives it; must not block.
pub trait Outlet {
    /// What came of one of `to`'s requests.
    fn answer(&mut self, to: Caller, answer: Answer);

    /// What happened on a channel that `to` is attached to. Cheap to clone.
    fn deliver(&mut self, to: Caller, delivery: Delivery);
}

/// One partition of a broker: a machine that is fed by one thread.
///
/// Besides what [`trunkline_hub::broker`] promises to hubs, a publication goes to every attached
/// caller before its publisher is told that it was accepted, and by the same outlet, so that a client
/// sees its own publication before the reply if both take the same way.
pub trait Broker {
    /// Does what is asked. The answer comes now or later, by `outlet` of this call or of another.
    fn handle_request(&mut self, now: Now, from: Caller, request: Request, outlet: &mut dyn Outlet);

    /// Goes on with what waited for a disk, or for another process. To be called after the waker that
    /// the broker was made with was called; does nothing in memory.
    fn handle_wake(&mut self, now: Now, outlet: &mut dyn Outlet);

    /// When [`handle_timeout`](Self::handle_timeout) has something to do; `None`: not before another call.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Forgets what has expired. One call does a bounded piece of work: if more is due,
    /// [`poll_timeout`](Self::poll_timeout) stays in the past.
    fn handle_timeout(&mut self, now: Now, outlet: &mut dyn Outlet);

    /// The channels of this partition whose names match, in no order. Looks at all of them.
    fn channels(&self, pattern: &ChannelPattern) -> Vec<ChannelSummary>;

    /// What the partition keeps and has done so far, for metrics.
    fn stats(&self) -> BrokerStats;
}
