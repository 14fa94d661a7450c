//! `presence`, `presence_stats`, `history` and `history_remove`: what a channel remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trunkline_hub::broker::{Operation, Outcome};
use trunkline_hub::{
    ChannelOptions, ClientInfo, CommandError, Epoch, HistoryFilter, Publication, StreamPosition,
};

use super::error::channel;
use super::publish::is_zero;
use super::{Api, ApiError, Nothing};

#[derive(Deserialize)]
pub(super) struct OfChannel {
    channel: String,
}

#[derive(Deserialize)]
pub(super) struct HistoryRequest {
    channel: String,
    #[serde(default)]
    limit: i64,
    since: Option<Since>,
    #[serde(default)]
    reverse: bool,
}

#[derive(Deserialize)]
pub(super) struct Since {
    #[serde(default)]
    pub(super) offset: u64,
    #[serde(default)]
    pub(super) epoch: String,
}

#[derive(Serialize)]
pub(super) struct Presence {
    presence: BTreeMap<String, Info>,
}

#[derive(Serialize)]
pub(super) struct PresenceStats {
    num_clients: u32,
    num_users: u32,
}

#[derive(Serialize)]
pub(super) struct History {
    publications: Vec<Published>,
    offset: u64,
    epoch: String,
}

#[derive(Serialize)]
struct Published {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b64data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info>,
    #[serde(skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

/// A client as others see it.
#[derive(Serialize)]
struct Info {
    client: String,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn_info: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chan_info: Option<Box<RawValue>>,
}

impl Api {
    pub(super) async fn presence(&self, request: OfChannel) -> Result<Presence, ApiError> {
        let channel = channel(&request.channel)?;
        available(self.options(&channel)?.presence)?;
        match self.node.ask(channel, Operation::Presence).await? {
            Outcome::Presence(infos) => {
                let entry = |it: &Arc<ClientInfo>| (it.client.to_string(), Info::of(it));
                Ok(Presence { presence: infos.iter().map(entry).collect() })
            }
            _ => Err(ApiError::INTERNAL),
        }
    }

    pub(super) async fn presence_stats(
        &self,
        request: OfChannel,
    ) -> Result<PresenceStats, ApiError> {
        let channel = channel(&request.channel)?;
        available(self.options(&channel)?.presence)?;
        match self.node.ask(channel, Operation::PresenceStats).await? {
            Outcome::PresenceStats(it) => {
                Ok(PresenceStats { num_clients: it.clients, num_users: it.users })
            }
            _ => Err(ApiError::INTERNAL),
        }
    }

    /// A limit of 0 asks for the position alone, -1 for as much as is allowed.
    pub(super) async fn history(&self, request: HistoryRequest) -> Result<History, ApiError> {
        let channel = channel(&request.channel)?;
        let options = self.options(&channel)?;
        available(options.history.is_on())?;
        let max = self.reception.rules().config.client.history_max_publication_limit;
        let limit = usize::try_from(request.limit).unwrap_or(max).min(max);
        let since = request.since.map(|it| it.position()).transpose()?;
        let filter = HistoryFilter { limit: Some(limit), since, reverse: request.reverse };
        let page = self.node.history(channel, options.history, filter).await?;
        Ok(History {
            publications: page.publications.iter().map(|it| Published::of(it)).collect(),
            offset: page.top.offset,
            epoch: page.top.epoch.as_str().to_owned(),
        })
    }

    pub(super) async fn history_remove(&self, request: OfChannel) -> Result<Nothing, ApiError> {
        let channel = channel(&request.channel)?;
        available(self.options(&channel)?.history.is_on())?;
        self.node.ask(channel, Operation::RemoveHistory).await?;
        Ok(Nothing {})
    }

    pub(super) fn options(
        &self,
        channel: &trunkline_hub::ChannelName,
    ) -> Result<Arc<ChannelOptions>, ApiError> {
        let rules = self.reception.rules();
        let options = rules.namespaces.options(channel).map(Arc::clone);
        options.ok_or_else(|| CommandError::UnknownChannel.into())
    }
}

impl Since {
    pub(super) fn position(&self) -> Result<StreamPosition, ApiError> {
        let epoch = Epoch::parse(&self.epoch);
        let epoch = epoch.ok_or_else(|| ApiError::bad_request("epoch is too long"))?;
        Ok(StreamPosition { offset: self.offset, epoch })
    }
}

fn available(is_on: bool) -> Result<(), ApiError> {
    if is_on { Ok(()) } else { Err(CommandError::NotAvailable.into()) }
}

impl Published {
    fn of(publication: &Publication) -> Self {
        let data = json(&publication.data);
        let b64data = data.is_none().then(|| {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(&publication.data)
        });
        Self {
            data,
            b64data,
            info: publication.info.as_ref().map(|it| Info::of(it)),
            offset: publication.offset,
            tags: publication.tags.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        }
    }
}

impl Info {
    fn of(info: &ClientInfo) -> Self {
        Self {
            client: info.client.to_string(),
            user: info.user.to_string(),
            conn_info: json(&info.conn_info),
            chan_info: json(&info.chan_info),
        }
    }
}

/// A payload as it stands, if it is JSON.
fn json(payload: &[u8]) -> Option<Box<RawValue>> {
    serde_json::from_slice(payload).ok()
}
