//! `channels`: which are in use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Api, ApiError};
use crate::broker::ChannelPattern;

#[derive(Deserialize)]
pub(super) struct ChannelsRequest {
    #[serde(default)]
    pattern: String,
}

#[derive(Serialize)]
pub(super) struct ChannelsResult {
    channels: BTreeMap<String, ChannelInfo>,
}

#[derive(Serialize, Default)]
struct ChannelInfo {
    num_clients: usize,
}

impl Api {
    /// Channels with subscribers whose names look like `pattern`.
    pub(super) async fn channels(
        &self,
        request: ChannelsRequest,
    ) -> Result<ChannelsResult, ApiError> {
        let pattern = ChannelPattern::new(&request.pattern);
        let parts = self.node.on_each(move |state, _| {
            let channels = state.hub.channels().filter(|(name, _)| pattern.matches(name));
            channels.map(|(name, clients)| (name.as_str().to_owned(), clients)).collect::<Vec<_>>()
        });
        let mut channels: BTreeMap<String, ChannelInfo> = BTreeMap::new();
        for (name, clients) in parts.await.into_iter().flatten() {
            channels.entry(name).or_default().num_clients += clients;
        }
        Ok(ChannelsResult { channels })
    }
}
