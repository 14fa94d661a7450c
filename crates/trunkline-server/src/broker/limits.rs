//! Every bound of a partition, its default and the reason for it.

use std::time::Duration;

/// Bytes of an idempotency key, and of a version epoch: 255, as of the name of a channel. Room for any UUID
/// or hash with a prefix.
pub const KEY_BYTES_MAX: usize = 255;

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
    /// The longest idempotency key and the longest version epoch in bytes: [`KEY_BYTES_MAX`]. Beyond, the
    /// publication fails with 106.
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
            key_bytes: KEY_BYTES_MAX,
            unused_ttl: Duration::from_secs(60),
        }
    }
}

impl BrokerLimits {
    /// What a node may keep in all its partitions: four times what one may by default, 1 GiB of
    /// publications.
    pub fn of_node() -> Self {
        let Self {
            channels,
            channel_bytes,
            history_bytes,
            presences,
            results,
            key_bytes,
            unused_ttl,
        } = Self::default();
        Self {
            channels: 4 * channels,
            channel_bytes,
            history_bytes: 4 * history_bytes,
            presences: 4 * presences,
            results: 4 * results,
            key_bytes,
            unused_ttl,
        }
    }

    /// The share of one of so many partitions.
    #[must_use]
    pub fn divided_by(self, partitions: u16) -> Self {
        let share = |all: usize| all.div_ceil(usize::from(partitions.max(1)));
        Self {
            channels: share(self.channels),
            history_bytes: share(self.history_bytes),
            presences: share(self.presences),
            results: share(self.results),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_together_keep_what_a_node_may() {
        let node = BrokerLimits::of_node();
        let share = node.clone().divided_by(3);
        assert!(share.history_bytes * 3 >= node.history_bytes);
        assert!(share.history_bytes < node.history_bytes / 2);
        assert_eq!(share.channel_bytes, node.channel_bytes, "a channel lives in one of them");
    }
}
