//! What a client may ask of the hub. Tokens have been judged by then: what they say is here, they are not.

use std::sync::Arc;

use bytes::Bytes;

use crate::channel_name::ChannelName;
use crate::position::{Epoch, StreamPosition};
use crate::user_rates::UserRates;

/// Who connects, and with what.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever authenticates makes them")]
pub struct Connect {
    /// The user; empty if it has not said who it is.
    pub user: Arc<str>,
    /// What others are told about the connection.
    pub info: Bytes,
    /// What is returned to the client.
    pub data: Bytes,
    /// What servers are told about the connection, and clients never.
    pub meta: Bytes,
    /// When the connection expires, in seconds since 1970.
    pub expire_at: Option<i64>,
    /// Whether the client renews it (it is told when), or a server does.
    pub client_side_refresh: bool,
    /// Channels that it is subscribed to without asking.
    pub subscriptions: Vec<ServerSubscription>,
    /// Where the client has got to in such channels, from its last connection.
    pub recover: Vec<(ChannelName, StreamPosition)>,
    /// What the user's sessions on all hubs may do together; `None` if nobody counts.
    pub rates: Option<Arc<UserRates>>,
}

/// A subscription that the client has not asked for.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever authenticates makes them")]
pub struct ServerSubscription {
    /// The channel.
    pub channel: ChannelName,
    /// What its token or the API says of it.
    pub rights: SubscribeRights,
}

/// What a token, or a server, says about one subscription. An option that is `Some` wins over the namespace's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever authenticates makes them")]
pub struct SubscribeRights {
    /// What others are told about this subscription.
    pub info: Bytes,
    /// What is returned to the client.
    pub data: Bytes,
    /// When the subscription expires, in seconds since 1970.
    pub expire_at: Option<i64>,
    /// Whether presence is kept of it.
    pub presence: Option<bool>,
    /// Whether its coming and going is told.
    pub join_leave: Option<bool>,
    /// Whether it is told of others' coming and going.
    pub force_push_join_leave: Option<bool>,
    /// Whether it is recoverable.
    pub force_recovery: Option<bool>,
    /// Whether it is positioned.
    pub force_positioning: Option<bool>,
}

/// What a connected client may ask.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Subscribe to a channel.
    Subscribe(Subscribe),
    /// End a subscription.
    Unsubscribe {
        /// The channel.
        channel: ChannelName,
    },
    /// Publish into a channel.
    Publish {
        /// The channel.
        channel: ChannelName,
        /// The payload.
        data: Bytes,
    },
    /// Who is subscribed?
    Presence {
        /// The channel.
        channel: ChannelName,
    },
    /// How many are subscribed?
    PresenceStats {
        /// The channel.
        channel: ChannelName,
    },
    /// What was published?
    History(History),
    /// A message to the server, which nobody answers.
    Send {
        /// The payload.
        data: Bytes,
    },
    /// A call of a method of the server.
    Rpc {
        /// The method.
        method: Box<str>,
        /// The payload.
        data: Bytes,
    },
    /// The connection's token has been renewed; for the same user, which the caller has checked.
    Refresh(Refreshed),
    /// A subscription's token has been renewed.
    SubRefresh {
        /// The channel.
        channel: ChannelName,
        /// What the new token says.
        rights: SubscribeRights,
    },
}

/// A wish to be subscribed.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "dialects make them")]
pub struct Subscribe {
    /// The channel.
    pub channel: ChannelName,
    /// What its subscription token says, if there was one and it was good.
    pub token: Option<SubscribeRights>,
    /// Where the client has got to, if it wants what came since.
    pub recover: Option<StreamPosition>,
    /// The client wants to hear of publications that are lost while it is connected.
    pub positioned: bool,
    /// The client wants to be able to recover later.
    pub recoverable: bool,
    /// The client wants to be told who comes and goes.
    pub join_leave: bool,
    /// The client would rather have an error than a subscription that could not be recovered.
    pub reject_unrecovered: bool,
}

impl Subscribe {
    /// A plain subscription, without a token or recovery.
    pub const fn new(channel: ChannelName) -> Self {
        Self {
            channel,
            token: None,
            recover: None,
            positioned: false,
            recoverable: false,
            join_leave: false,
            reject_unrecovered: false,
        }
    }
}

/// A question about the past of a channel.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "dialects make them")]
pub struct History {
    /// The channel.
    pub channel: ChannelName,
    /// Which part of it.
    pub filter: HistoryFilter,
}

/// Which part of a channel's history is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "dialects and brokers share it")]
pub struct HistoryFilter {
    /// At most so many publications. `Some(0)` asks for the top position alone, `None` for as many as
    /// are allowed.
    pub limit: Option<usize>,
    /// Those after this position; before it, if reversed. A position of another epoch selects nothing,
    /// one of no epoch is taken to be of the stream's. Where those right after it are not kept any
    /// more, the first that is comes with an offset that shows the gap.
    pub since: Option<StreamPosition>,
    /// The newest first.
    pub reverse: bool,
}

/// What a new connection token says.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever authenticates makes them")]
pub struct Refreshed {
    /// What others are told about the connection from now on; `None` leaves it.
    pub info: Option<Bytes>,
    /// When the connection expires, in seconds since 1970; `None`: it does not.
    pub expire_at: Option<i64>,
}

impl Command {
    /// The channel it is about, if it is about one.
    pub const fn channel(&self) -> Option<&ChannelName> {
        match self {
            Self::Subscribe(Subscribe { channel, .. })
            | Self::Unsubscribe { channel }
            | Self::Publish { channel, .. }
            | Self::Presence { channel }
            | Self::PresenceStats { channel }
            | Self::History(History { channel, .. })
            | Self::SubRefresh { channel, .. } => Some(channel),
            Self::Send { .. } | Self::Rpc { .. } | Self::Refresh(_) => None,
        }
    }
}

impl Default for StreamPosition {
    fn default() -> Self {
        Self { offset: 0, epoch: Epoch::NONE }
    }
}
