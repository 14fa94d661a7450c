//! `publish` and `broadcast`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trunkline_hub::broker::Publish;
use trunkline_hub::{HistoryOptions, StreamPosition};

use super::error::channel;
use super::{Api, ApiError, BATCH_MAX};
use crate::broker::KEY_BYTES_MAX;

/// What is published, and where: `publish` has a channel, `broadcast` has channels.
#[derive(Deserialize)]
pub(super) struct PublishRequest<'a> {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: String,
    #[serde(default)]
    skip_history: bool,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    idempotency_key: String,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    version_epoch: String,
}

/// Where it is in the stream; nothing in a channel without history.
#[derive(Serialize, Default)]
pub(super) struct Published {
    #[serde(skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    epoch: String,
}

#[derive(Serialize)]
pub(super) struct Broadcast {
    responses: Vec<Response>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    Result(Published),
    Error(ApiError),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Api {
    pub(super) async fn publish(&self, request: PublishRequest<'_>) -> Result<Published, ApiError> {
        let publish = request.publication()?;
        self.publish_to(&request.channel, publish).await
    }

    /// Publishes into each channel; one that cannot be published into does not keep the others from it.
    pub(super) async fn broadcast(
        &self,
        request: PublishRequest<'_>,
    ) -> Result<Broadcast, ApiError> {
        if request.channels.len() > BATCH_MAX {
            let why = format!("a broadcast has at most {BATCH_MAX} channels");
            return Err(ApiError::bad_request(why));
        }
        let publish = request.publication()?;
        let mut responses = Vec::with_capacity(request.channels.len());
        for channel in &request.channels {
            let published = self.publish_to(channel, publish.clone()).await;
            responses.push(published.map_or_else(Response::Error, Response::Result));
        }
        Ok(Broadcast { responses })
    }

    async fn publish_to(&self, name: &str, publish: Publish) -> Result<Published, ApiError> {
        let channel = channel(name)?;
        let options = self.options(&channel)?;
        let skips = publish.history == SKIPPED;
        let history = if skips { HistoryOptions::default() } else { options.history };
        let position = self.node.publish(channel, Publish { history, ..publish }).await?;
        Ok(position.map_or_else(Published::default, Published::at))
    }
}

/// Marks a publication that is to skip the history, until the options of its channel are known.
const SKIPPED: HistoryOptions = HistoryOptions {
    size: usize::MAX,
    ttl: std::time::Duration::ZERO,
    meta_ttl: std::time::Duration::ZERO,
};

impl PublishRequest<'_> {
    fn publication(&self) -> Result<Publish, ApiError> {
        let data = match (self.data, self.b64data.as_str()) {
            (Some(data), "") => Bytes::copy_from_slice(data.get().as_bytes()),
            (None, text) if !text.is_empty() => {
                let decoded = STANDARD.decode(text);
                decoded.map_err(|_| ApiError::bad_request("b64data is not Base64"))?.into()
            }
            (None, _) => return Err(ApiError::bad_request("there is no data")),
            (Some(_), _) => return Err(ApiError::bad_request("there is data and b64data")),
        };
        for (name, key) in
            [("idempotency_key", &self.idempotency_key), ("version_epoch", &self.version_epoch)]
        {
            if key.len() > KEY_BYTES_MAX {
                let why = format!("{name} has more than {KEY_BYTES_MAX} bytes");
                return Err(ApiError::bad_request(why));
            }
        }
        let key = &self.idempotency_key;
        Ok(Publish {
            data,
            info: None,
            tags: self.tags.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            idempotency_key: (!key.is_empty()).then(|| key.as_str().into()),
            version: self.version,
            version_epoch: self.version_epoch.as_str().into(),
            history: if self.skip_history { SKIPPED } else { HistoryOptions::default() },
        })
    }
}

impl Published {
    fn at(position: StreamPosition) -> Self {
        Self { offset: position.offset, epoch: position.epoch.as_str().to_owned() }
    }
}
