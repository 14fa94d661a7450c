//! The contract between hubs and the broker, which sequences publications and keeps history and presence.
//!
//! ```text
//!    hub ──Request──▶ broker          the broker of a channel gives each publication its offset,
//!    hub ◀──Answer─── broker          and delivers it to every hub that is attached to the channel
//!    hub ◀─Delivery── broker
//! ```
//!
//! # What a hub may count on
//! - After `Attached` every publication of the channel is delivered to it, in the order of the
//!   offsets, until it detaches. Those that were accepted before may or may not come.
//! - A `Page` shows at least all publications that were delivered to anybody before it was asked for.
//!
//! - Each delivery comes once per attached hub, however often the hub asked to be attached.
//! - A publication is delivered before its publisher is told that it was accepted.
//!
//! # What it may not
//! Answers come late, in any order, twice, or never; deliveries come before or after answers that
//! know them already; a broker that lost its state begins a new epoch. Hubs give up on a request by
//! themselves after [`Limits::broker_timeout`](crate::limits::Limits).

use std::sync::Arc;

use bytes::Bytes;

use crate::channel_name::ChannelName;
use crate::command::HistoryFilter;
use crate::error::CommandError;
use crate::identity::{ClientId, ClientInfo};
use crate::options::HistoryOptions;
use crate::position::{Epoch, StreamPosition};
use crate::publication::Publication;
use crate::reply::{HistoryPage, PresenceStats};

/// What a hub calls one of its requests. Not used again by the same hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a number")]
pub struct RequestId(pub u64);

/// What a hub wants of the broker of a channel.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "brokers take them apart")]
pub struct Request {
    /// Comes back in the answer.
    pub id: RequestId,
    /// The channel.
    pub channel: ChannelName,
    /// What is wanted.
    pub operation: Operation,
}

/// What is wanted.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "brokers do each of them")]
pub enum Operation {
    /// Deliver to this hub what happens on the channel from now on, and tell what is kept of the
    /// past (`Page`). Asking again is no error and has the same answer.
    Attach {
        /// How to make the stream if there is none.
        history: HistoryOptions,
        /// Which part of the past.
        filter: HistoryFilter,
    },
    /// Deliver no more. Not answered. What was sent on its way before may still come.
    Detach,
    /// Accept a publication.
    Publish(Publish),
    /// Tell what is kept of the past (`Page`).
    History {
        /// How to make the stream if there is none.
        history: HistoryOptions,
        /// Which part.
        filter: HistoryFilter,
    },
    /// Forget the past; offsets go on, so that who recovers from before is told that it cannot (`Done`).
    RemoveHistory,
    /// Keep in mind that this client is subscribed, for so many milliseconds or up to a second longer
    /// (`Done`). Asking again puts the end off and replaces what is known of the client.
    AddPresence {
        /// Who.
        info: Arc<ClientInfo>,
        /// How long without another word, in milliseconds.
        ttl_ms: u64,
    },
    /// This client is not subscribed any more (`Done`).
    RemovePresence {
        /// Who.
        client: ClientId,
    },
    /// Who is subscribed (`Presence`)?
    Presence,
    /// How many are (`PresenceStats`)?
    PresenceStats,
    /// Tell all that this client has come. Not answered.
    Join(Arc<ClientInfo>),
    /// Tell all that this client has gone. Not answered.
    Leave(Arc<ClientInfo>),
}

/// A publication that wants to be accepted (`Published`).
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever publishes makes them")]
pub struct Publish {
    /// The payload. Kept in the history as it is: it should not be a small part of a large buffer,
    /// which would be kept with it.
    pub data: Bytes,
    /// The client that publishes it, if one does.
    pub info: Option<Arc<ClientInfo>>,
    /// What is said beside the payload.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// A second one in the same channel with this key within five minutes is not accepted again: its
    /// answer is the first's.
    pub idempotency_key: Option<Box<str>>,
    /// A publication with a version that is not above that of the last accepted one that had a version
    /// is suppressed: it is answered with the top of the stream, and nobody hears of it. 0: none. Means
    /// nothing in a channel without history.
    pub version: u64,
    /// Versions of another epoch than the last one's count anew; an empty one is any.
    pub version_epoch: Box<str>,
    /// What is kept of the stream, from now on and of what it has already. Without history the
    /// publication has no position, and a stream that there was before ends: a client that recovers
    /// must not take it for whole.
    pub history: HistoryOptions,
}

/// What the broker says to a request.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "brokers make them")]
pub struct Answer {
    /// Which request.
    pub id: RequestId,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "brokers make them, hubs take them apart")]
pub enum Outcome {
    /// What is kept of the past; for `Attach`, deliveries follow from here. Without history nothing is
    /// kept, and the top is offset 0 of no epoch.
    Page(HistoryPage),
    /// The publication was accepted; it has this position, or none in a channel without history. If it
    /// was suppressed, the position is the top of the stream.
    Published(Option<StreamPosition>),
    /// It was done.
    Done,
    /// Who is subscribed.
    Presence(Vec<Arc<ClientInfo>>),
    /// How many are.
    PresenceStats(PresenceStats),
    /// It was not done, and nothing has changed: a hub that was not attached before is not now.
    Failed(CommandError),
}

/// What happened on a channel that a hub is attached to.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "brokers make them")]
pub struct Delivery {
    /// The channel.
    pub channel: ChannelName,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "brokers make them, hubs take them apart")]
pub enum Event {
    /// A publication was accepted.
    Publication {
        /// Its content, with its offset.
        publication: Arc<Publication>,
        /// The epoch of that offset; [`Epoch::NONE`] in a channel without history.
        epoch: Epoch,
    },
    /// Somebody has subscribed.
    Join(Arc<ClientInfo>),
    /// Somebody has left.
    Leave(Arc<ClientInfo>),
}
