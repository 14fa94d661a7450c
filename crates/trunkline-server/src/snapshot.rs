//! [`Snapshot`]: what all shards count, added up, for the dashboard and for Prometheus.

use std::collections::BTreeSet;
use std::sync::Arc;

use trunkline_hub::{ChannelName, Counts, Gauges};

use crate::broker::{BrokerStats, LogStats};
use crate::node::Node;
use crate::shard::State;

/// What the node was doing at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) counts: Counts,
    pub(crate) sessions: usize,
    pub(crate) subscriptions: usize,
    /// Users and channels may be on several shards, and count once.
    pub(crate) users: usize,
    pub(crate) channels: usize,
    pub(crate) broker: BrokerStats,
    /// Bytes of payload that were handed to connections.
    pub(crate) bytes_out: u64,
    /// Of the log on disk, if there is one.
    pub(crate) log: Option<LogStats>,
}

struct Part {
    counts: Counts,
    gauges: Gauges,
    broker: BrokerStats,
    users: Vec<Arc<str>>,
    channels: Vec<ChannelName>,
    bytes_out: u64,
}

impl Snapshot {
    /// Asks every shard.
    pub(crate) async fn take(node: &Node) -> Self {
        let mut snapshot = Self::default();
        let (mut users, mut channels) = (BTreeSet::new(), BTreeSet::new());
        for part in node.on_each(|state, _| Part::of(state)).await {
            snapshot.add(&part);
            users.extend(part.users);
            channels.extend(part.channels);
        }
        (snapshot.users, snapshot.channels) = (users.len(), channels.len());
        snapshot.log = node.log_stats();
        snapshot
    }

    fn add(&mut self, part: &Part) {
        self.sessions += part.gauges.sessions;
        self.bytes_out += part.bytes_out;
        self.subscriptions += part.gauges.subscriptions;
        let (sum, counts) = (&mut self.counts, &part.counts);
        sum.commands += counts.commands;
        sum.errors += counts.errors;
        sum.commands_refused_connection += counts.commands_refused_connection;
        sum.commands_refused_user += counts.commands_refused_user;
        sum.publishes_refused_connection += counts.publishes_refused_connection;
        sum.publishes_refused_user += counts.publishes_refused_user;
        sum.publications += counts.publications;
        sum.deliveries += counts.deliveries;
        sum.dropped += counts.dropped;
        sum.slow += counts.slow;
        sum.insufficient += counts.insufficient;
        sum.recovered += counts.recovered;
        sum.unrecovered += counts.unrecovered;
        let (sum, broker) = (&mut self.broker, &part.broker);
        sum.channels += broker.channels;
        sum.publications += broker.publications;
        sum.history_bytes += broker.history_bytes;
        sum.presences += broker.presences;
        sum.accepted += broker.accepted;
        sum.evicted += broker.evicted;
        sum.refused += broker.refused;
    }
}

impl Part {
    fn of(state: &State) -> Self {
        Self {
            counts: state.hub.counts(),
            gauges: state.hub.gauges(),
            broker: state.broker.stats(),
            bytes_out: state.bytes_out,
            users: state.hub.users().cloned().collect(),
            channels: state.hub.channels().map(|(name, _)| name.clone()).collect(),
        }
    }
}
