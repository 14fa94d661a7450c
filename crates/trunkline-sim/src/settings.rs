//! The settings of all hubs: tight, so that clients run into every bound.

use std::time::Duration;

use trunkline_hub::limits::{Limits, Rate};
use trunkline_hub::{Allowed, ChannelOptions, HistoryOptions, Namespaces, Overflow, RecoveryMode};

use crate::client::CACHE;

/// Tight, so that clients run into them.
pub(crate) fn limits(write_delay: Duration) -> Limits {
    let plenty = Rate { per_second: 1e6, burst: 1e6 };
    Limits {
        outbox_entries: 24,
        outbox_bytes: 4_000,
        join_buffer: 4,
        recovery_publications: 8,
        command_rate: plenty,
        publish_rate: plenty,
        write_delay,
        ..Limits::default()
    }
}

/// One for each way that a channel can be.
pub(crate) fn namespaces() -> Namespaces {
    let all = Allowed { clients: true, subscribers: true, anonymous: true };
    let history = HistoryOptions {
        size: 12,
        ttl: Duration::from_secs(300),
        meta_ttl: Duration::from_secs(3600),
    };
    let plain = ChannelOptions {
        presence: true,
        join_leave: true,
        subscribe: all,
        publish: all,
        history_read: all,
        presence_read: all,
        overflow: Overflow::DropOldest,
        ..ChannelOptions::default()
    };
    let recovering = ChannelOptions {
        history,
        force_recovery: true,
        overflow: Overflow::Disconnect,
        ..plain.clone()
    };
    let asked = ChannelOptions {
        force_recovery: false,
        allow_recovery: true,
        allow_positioning: true,
        ..recovering.clone()
    };
    let cache = ChannelOptions { recovery_mode: RecoveryMode::Cache, ..recovering.clone() };
    let every = Duration::from_millis(300);
    let latest = ChannelOptions { overflow: Overflow::LatestOnly { every }, ..plain.clone() };
    Namespaces::new(recovering)
        .with("asked", asked)
        .with(CACHE, cache)
        .with("plain", plain)
        .with("latest", latest)
}
