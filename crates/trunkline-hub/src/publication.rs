//! [`Publication`]: one message accepted into a channel.

use std::sync::Arc;

use bytes::Bytes;

use crate::identity::ClientInfo;

/// One message accepted into a channel: immutable, and shared by all who receive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "brokers make them of what they have stored")]
pub struct Publication {
    /// Its place in the stream, from 1; 0 in a channel without history.
    pub offset: u64,
    /// The payload.
    pub data: Bytes,
    /// The client that published it, if one did.
    pub info: Option<Arc<ClientInfo>>,
    /// What its publisher said beside the payload, in the order of the keys.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// When it was accepted, in milliseconds since 1970.
    pub time_ms: i64,
}

impl Publication {
    /// Bytes of memory that it takes, about: what bounds on history and on outboxes count.
    pub fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(|(key, value)| key.len() + value.len() + 32).sum();
        let info = self.info.as_ref().map_or(0, |it| it.conn_info.len() + it.chan_info.len());
        size_of::<Self>() + self.data.len() + tags + info
    }
}
