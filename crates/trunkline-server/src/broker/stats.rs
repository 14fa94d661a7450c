//! What a partition tells about itself.

use trunkline_hub::{ChannelName, StreamPosition};

/// What a partition keeps, and what it has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerStats {
    /// Channels that something is known of.
    pub channels: usize,
    /// Publications that are kept.
    pub publications: usize,
    /// Bytes of memory that they take, about.
    pub history_bytes: usize,
    /// Clients whose presence is kept, once per channel.
    pub presences: usize,
    /// Results that are kept for publications with an idempotency key.
    pub results: usize,
    /// Publications that were accepted.
    pub accepted: u64,
    /// Publications that were dropped early because of
    /// [`history_bytes`](super::BrokerLimits::history_bytes).
    pub evicted: u64,
    /// Requests that were refused because of [`channels`](super::BrokerLimits::channels) or
    /// [`presences`](super::BrokerLimits::presences).
    pub refused: u64,
    /// Results that were forgotten early because of [`results`](super::BrokerLimits::results).
    pub forgotten_results: u64,
}

/// One channel of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSummary {
    /// Its name.
    pub channel: ChannelName,
    /// How many callers are attached: hubs with subscribers, not subscribers.
    pub attached: usize,
    /// How many publications are kept.
    pub publications: usize,
    /// The top of its stream, if it has one.
    pub top: Option<StreamPosition>,
    /// How many clients are present.
    pub presences: usize,
}
