//! What a client is sent: replies to its commands, and pushes that it did not ask for.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::channel_name::ChannelName;
use crate::error::{CommandError, Unsubscribed};
use crate::identity::{ClientId, ClientInfo};
use crate::position::StreamPosition;
use crate::publication::Publication;

/// One thing that waits in an outbox. `E` is where the dialects keep the encoded forms of a push, so
/// that it is encoded once for all who receive it.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "dialects encode each of them")]
pub enum Entry<E> {
    /// The answer to a command.
    Reply(Box<Reply>),
    /// Something that happened, shared by all who are told.
    Push(Rc<SharedPush<E>>),
    /// "Are you there?"
    Ping,
}

/// A push and its encoded forms.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a push and its encoded forms, and no more")]
pub struct SharedPush<E> {
    /// What happened.
    pub push: Push,
    /// Its encoded forms, made by the first outbox that needs them.
    pub encoded: E,
}

/// The answer to the command that had this id.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "dialects encode it")]
pub struct Reply {
    /// What the client called its command.
    pub id: u32,
    /// What came of it.
    pub result: Result<ReplyBody, CommandError>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "dialects encode each of them")]
#[expect(missing_docs, reason = "named as the commands are")]
pub enum ReplyBody {
    Connect(Box<Connected>),
    Subscribe(Box<Subscribed>),
    Unsubscribe,
    Publish,
    Presence(Vec<Arc<ClientInfo>>),
    PresenceStats(PresenceStats),
    History(HistoryPage),
    Refresh(Refresh),
    SubRefresh {
        /// Seconds until the subscription expires; `None`: it does not.
        ttl_s: Option<u32>,
    },
}

/// The session is connected.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "dialects encode it")]
pub struct Connected {
    /// Which connection this is.
    pub client: ClientId,
    /// Seconds until the client has to renew its token; `None`: it need not.
    pub ttl_s: Option<u32>,
    /// What the token or the configuration says to the client.
    pub data: Bytes,
    /// The subscriptions that it has without asking.
    pub subscriptions: Vec<(ChannelName, Subscribed)>,
    /// Seconds between pings of the server; 0: none.
    pub ping_s: u32,
    /// Whether pings have to be answered.
    pub pong: bool,
}

/// A session is subscribed.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "dialects encode it")]
pub struct Subscribed {
    /// Seconds until the client has to renew the subscription's token; `None`: it need not.
    pub ttl_s: Option<u32>,
    /// It can be recovered after a disconnect.
    pub recoverable: bool,
    /// Lost publications are noticed while it is connected.
    pub positioned: bool,
    /// Where the stream is: the top, or if it was recovered, where the client had got to before
    /// `publications`. `None` in a channel without positions.
    pub position: Option<StreamPosition>,
    /// What the client missed, in order.
    pub publications: Vec<Arc<Publication>>,
    /// Nothing was missed besides `publications`.
    pub recovered: bool,
    /// The client asked for recovery.
    pub was_recovering: bool,
    /// What the token says to the client.
    pub data: Bytes,
}

/// How many are subscribed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "dialects encode it")]
pub struct PresenceStats {
    /// Connections.
    pub clients: u32,
    /// Different users among them.
    pub users: u32,
}

/// A part of the past of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "brokers make it, dialects encode it")]
pub struct HistoryPage {
    /// In the order that was asked for.
    pub publications: Vec<Arc<Publication>>,
    /// The top of the stream.
    pub top: StreamPosition,
}

/// A token was renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "dialects encode it")]
pub struct Refresh {
    /// Which connection this is.
    pub client: ClientId,
    /// Seconds until the next time; `None`: it does not expire any more.
    pub ttl_s: Option<u32>,
}

/// Something that happened, on a channel or to the session.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "dialects encode it")]
pub struct Push {
    /// The channel; `None` for what is about the session as a whole.
    pub channel: Option<ChannelName>,
    /// What happened.
    pub body: PushBody,
}

/// What happened.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "dialects encode each of them")]
pub enum PushBody {
    /// A publication.
    Publication(Arc<Publication>),
    /// Somebody subscribed.
    Join(Arc<ClientInfo>),
    /// Somebody left.
    Leave(Arc<ClientInfo>),
    /// The subscription has ended.
    Unsubscribe(Unsubscribed),
    /// A server has subscribed the session.
    Subscribe(Box<Subscribed>),
    /// A message to this session alone.
    Message(Bytes),
    /// A server has changed when the connection expires.
    Refresh {
        /// Seconds until then; `None`: it does not.
        ttl_s: Option<u32>,
    },
}
