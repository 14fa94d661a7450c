//! [`Waiting`]: what a partition does once the disk has a record.

use std::sync::Arc;

use trunkline_hub::broker::RequestId;
use trunkline_hub::{ChannelName, Epoch, HistoryFilter, HistoryOptions, Publication};

use crate::broker::Caller;
use crate::broker::stream::Version;

/// What is to be done once the disk has all records up to `place`.
pub(super) struct Waiting {
    pub(super) place: u64,
    pub(super) from: Caller,
    pub(super) id: RequestId,
    pub(super) channel: ChannelName,
    pub(super) action: Action,
}

pub(super) enum Action {
    /// Keep and deliver.
    Publish {
        publication: Arc<Publication>,
        options: HistoryOptions,
        epoch: Epoch,
        before: Version,
        key: Option<Arc<str>>,
    },
    /// Answer as the publication with the same key was.
    Repeat(Arc<str>),
    /// Answer with the top: the version was not new.
    Suppress,
    RemoveHistory,
    Attach(HistoryOptions, HistoryFilter),
    History(HistoryOptions, HistoryFilter),
}
