//! What clients ask: as it came, borrowed from the frame, before anybody has judged it.

use std::borrow::Cow;

/// One command of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the protocol has these two")]
pub struct Incoming<'a> {
    /// What the client calls it, for the reply; 0 for what is not answered.
    pub id: u32,
    /// What it asks.
    pub request: Request<'a>,
}

/// What a command asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever drives a session has to think of each")]
pub enum Request<'a> {
    /// To be let in.
    Connect(Box<ConnectRequest<'a>>),
    /// To be subscribed, perhaps with a token.
    Subscribe(Box<SubscribeRequest<'a>>),
    /// Something that needs no token.
    Action(Action<'a>),
    /// To stay connected, with a new token.
    Refresh {
        /// The token.
        token: Cow<'a, str>,
    },
    /// To stay subscribed, with a new token.
    SubRefresh(SubRefreshRequest<'a>),
    /// A ping of the client's own, which no SDK sends: error 108.
    Ping,
    /// The answer to a ping of the server: a command without an id.
    Pong,
    /// Nothing that we know, under an id: 3501.
    Unknown,
}

/// What may be done without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each becomes a command of the hub")]
#[expect(missing_docs, reason = "named as in the protocol")]
pub enum Action<'a> {
    Unsubscribe { channel: Cow<'a, str> },
    Publish(PublishRequest<'a>),
    Presence { channel: Cow<'a, str> },
    PresenceStats { channel: Cow<'a, str> },
    History(HistoryRequest<'a>),
    Send { data: &'a [u8] },
    Rpc { method: Cow<'a, str>, data: &'a [u8] },
}

/// Who wants to be let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest<'a> {
    /// The connection token; empty if there is none.
    pub token: Cow<'a, str>,
    /// Something for whoever lets it in.
    pub data: &'a [u8],
    /// Where it has got to in channels that it was subscribed to without asking.
    pub subs: Vec<(Cow<'a, str>, SubscribeRequest<'a>)>,
    /// What the client is called.
    pub name: Cow<'a, str>,
    /// Which version of it this is.
    pub version: Cow<'a, str>,
    /// Headers that it would send if a browser let it.
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What it can do: see the protocol.
    pub flag: i64,
}

/// A wish to be subscribed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeRequest<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// The subscription token; empty if there is none.
    pub token: Cow<'a, str>,
    /// It wants what came since `offset` in `epoch`.
    pub recover: bool,
    /// The epoch of its position.
    pub epoch: Cow<'a, str>,
    /// The offset of its position.
    pub offset: u64,
    /// Something for whoever permits it.
    pub data: &'a [u8],
    /// It wants to hear of publications that are lost while it is connected.
    pub positioned: bool,
    /// It wants to be able to recover later.
    pub recoverable: bool,
    /// It wants to be told who comes and goes.
    pub join_leave: bool,
    /// It takes deltas of this form.
    pub delta: Cow<'a, str>,
    /// It wants only publications with certain tags.
    pub is_filtered: bool,
    /// What it can do: see the protocol.
    pub flag: i64,
    /// Which kind of subscription; 0 for a stream.
    pub kind: i32,
}

/// A payload for a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishRequest<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// The payload.
    pub data: &'a [u8],
    /// Which kind of channel it takes it for; 0 for a stream.
    pub kind: i32,
}

/// A question about the past of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryRequest<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// At most so many publications; 0 for the position alone, less for as many as are allowed.
    pub limit: i32,
    /// Those after this offset and epoch; before, if reversed.
    pub since: Option<(u64, Cow<'a, str>)>,
    /// The newest first.
    pub reverse: bool,
}

/// A new token for a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubRefreshRequest<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// The token.
    pub token: Cow<'a, str>,
}
