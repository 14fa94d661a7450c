//! `info`: this node, as Centrifugo describes one.

use std::collections::BTreeSet;

use serde::Serialize;

use super::methods::Everything;
use super::{Api, ApiError};

#[derive(Serialize)]
pub(super) struct Info {
    nodes: Vec<NodeInfo>,
}

#[derive(Serialize)]
struct NodeInfo {
    uid: String,
    name: String,
    version: &'static str,
    num_clients: usize,
    num_users: usize,
    num_subs: usize,
    num_channels: usize,
    uptime: u64,
}

impl Api {
    pub(super) async fn info(&self, _: Everything) -> Result<Info, ApiError> {
        let parts = self.node.on_each(|state, _| {
            let users: Vec<_> = state.hub.users().cloned().collect();
            let channels: Vec<_> = state.hub.channels().map(|(name, _)| name.clone()).collect();
            (state.hub.gauges(), users, channels)
        });
        let (mut users, mut channels) = (BTreeSet::new(), BTreeSet::new());
        let (mut clients, mut subscriptions) = (0, 0);
        for (gauges, its_users, its_channels) in parts.await {
            clients += gauges.sessions;
            subscriptions += gauges.subscriptions;
            users.extend(its_users);
            channels.extend(its_channels);
        }
        let node = NodeInfo {
            uid: self.reception.node_uid().to_owned(),
            name: self.reception.node_name().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            num_clients: clients,
            num_users: users.len(),
            num_subs: subscriptions,
            num_channels: channels.len(),
            uptime: self.reception.uptime().as_secs(),
        };
        Ok(Info { nodes: vec![node] })
    }
}
