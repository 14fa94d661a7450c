//! Every bound of a partition, its default and the reason for it.

use std::time::Duration;

/// What one partition may keep. A node has as many partitions as threads with hubs: whoever configures
/// a node divides by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerLimits {
    /// Channels that something is known of: 1 000 000, about 400 MiB if each has an empty history.
    /// Beyond, whoever needs another one is told 111 (too many requests, temporary).
    pub channels: usize,
    /// Bytes of publications that one channel keeps: 1 MiB. The oldest make room.
    pub channel_bytes: usize,
    /// Bytes of publications that all channels keep: 256 MiB. The oldest of all make room, which is
    /// counted in [`BrokerStats::evicted`](super::BrokerStats).
    pub history_bytes: usize,
    /// Clients whose presence is kept, counted once per channel: 1 000 000, about 150 MiB. Beyond,
    /// whoever comes is told 111.
    pub presences: usize,
    /// Results that are kept for publications with an idempotency key: 250 000, which is 830 a second
    /// for the five minutes that they are kept. Beyond, the oldest is forgotten early, which is counted
    /// in [`BrokerStats::forgotten_results`](super::BrokerStats).
    pub results: usize,
    /// The longest idempotency key and the longest version epoch in bytes: 256, room for any UUID or
    /// hash with a prefix. Beyond, the publication fails with 106.
    pub key_bytes: usize,
    /// How long the position of a channel is known that was looked at but never published to: 60 s, or as
    /// long as other positions if that is shorter. So those who make up names cannot fill the partition.
    pub unused_ttl: Duration,
}

impl Default for BrokerLimits {
    fn default() -> Self {
        Self {
            channels: 1_000_000,
            channel_bytes: 1 << 20,
            history_bytes: 256 << 20,
            presences: 1_000_000,
            results: 250_000,
            key_bytes: 256,
            unused_ttl: Duration::from_secs(60),
        }
    }
}
