//! [`Session`]: one client as the hub knows it.

use std::sync::Arc;

use bytes::Bytes;

use crate::broker::{Outcome, RequestId};
use crate::channel::ChannelId;
use crate::egress::Egress;
use crate::identity::{Annotation, ClientInfo};
use crate::moment::Moment;
use crate::pending::Pending;
use crate::position::{Epoch, StreamPosition};
use crate::publication::Publication;
use crate::rate::Bucket;
use crate::subscriptions::Subscriptions;
use crate::user_rates::UserRates;

/// A session of one hub. Not given to another one after it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl SessionId {
    /// A small number that no other session of the hub has at the same time: where in a table to keep
    /// what belongs to it.
    pub const fn index(self) -> usize {
        self.slot as usize
    }
}

/// How far a session has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not said who it is.
    Opened,
    /// It has, and its own subscriptions are being made.
    Connecting,
    Connected,
    /// It is to be closed: its [`Egress`] says why.
    Ended,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) phase: Phase,
    /// Who it is. Others are told the same, unless a subscription adds something to it.
    pub(crate) identity: Arc<ClientInfo>,
    pub(crate) client_side_refresh: bool,
    pub(crate) connect: Option<Box<ConnectInProgress>>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) pending: Pending,
    pub(crate) times: Times,
    pub(crate) commands: Bucket,
    pub(crate) publications: Bucket,
    /// The buckets of its user, if it has one.
    pub(crate) rates: Option<Arc<UserRates>>,
    pub(crate) opened_unix_ms: i64,
}

/// A `connect` whose subscriptions are being made.
#[derive(Debug)]
pub(crate) struct ConnectInProgress {
    pub(crate) data: Bytes,
    pub(crate) ttl_s: Option<u32>,
    /// In the order of the reply.
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) unanswered: usize,
}

/// The deadlines of a session, each if there is one.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// A `connect` has to have come.
    pub(crate) stale: Option<Moment>,
    /// The next ping.
    pub(crate) ping: Option<Moment>,
    /// The pong has to have come.
    pub(crate) pong: Option<Moment>,
    /// The connection expires, grace included.
    pub(crate) expiry: Option<Moment>,
    /// A subscription expires, grace included.
    pub(crate) subscription_expiry: Option<Moment>,
    /// Presence is renewed.
    pub(crate) presence: Option<Moment>,
    /// The earliest deadline that has been armed.
    pub(crate) armed: Option<Moment>,
}

impl Times {
    pub(crate) fn next(&self) -> Option<Moment> {
        [self.stale, self.ping, self.pong, self.expiry, self.subscription_expiry, self.presence]
            .into_iter()
            .flatten()
            .min()
    }
}

/// A session on a channel.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) channel: ChannelId,
    pub(crate) place: Place,
    pub(crate) flags: Flags,
    pub(crate) info: Arc<ClientInfo>,
    /// It expires, grace included.
    pub(crate) expiry: Option<Moment>,
}

/// What a subscription is and does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) positioned: bool,
    pub(crate) recoverable: bool,
    /// Presence is kept of it.
    pub(crate) presence: bool,
    /// Others are told that it comes and goes.
    pub(crate) tells_join_leave: bool,
    /// It is told that others come and go.
    pub(crate) hears_join_leave: bool,
    /// The client has not asked for it.
    pub(crate) server_side: bool,
}

/// Where a subscription stands in its channel.
#[derive(Debug)]
pub(crate) enum Place {
    /// Among those that get publications held back for them, at this index.
    Joining { index: u32, joining: Box<Joining> },
    /// Like `Joining`; it knows more of the stream than the channel has delivered, and gets what
    /// comes after this offset.
    Ahead { index: u32, offset: u64 },
    /// Among those that get every publication, at this index.
    Live { index: u32 },
}

/// A subscription that is being made.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) recover: Option<StreamPosition>,
    pub(crate) reject_unrecovered: bool,
    pub(crate) data: Bytes,
    pub(crate) ttl_s: Option<u32>,
    /// The question to the broker that it waits for. An answer to an earlier one, of a subscription to
    /// the same channel that has ended, knows too little of the past.
    pub(crate) asked: Option<RequestId>,
    /// What the broker has said.
    pub(crate) outcome: Option<Outcome>,
    /// What was published in the meantime.
    pub(crate) held_back: Vec<(Arc<Publication>, Epoch)>,
    /// A server has asked for it, and the client will be told by a push.
    pub(crate) by_push: bool,
}

impl Session {
    pub(crate) fn subscription(&self, channel: ChannelId) -> Option<&Subscription> {
        self.subscriptions.iter().find(|it| it.channel == channel)
    }

    pub(crate) fn subscription_mut(&mut self, channel: ChannelId) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|it| it.channel == channel)
    }

    /// Whether its user may do what `take` takes a token for. Nobody counts for those without a user:
    /// they are many.
    pub(crate) fn user_may(&self, take: impl FnOnce(&UserRates) -> bool) -> bool {
        self.rates.as_deref().is_none_or(take)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether commands of the client are taken, at once or when it is connected.
    pub(crate) fn is_let_in(&self) -> bool {
        match self.phase {
            // A refused `connect` leaves nothing to wait for.
            Phase::Connecting => !self.pending.is_empty(),
            Phase::Connected => true,
            Phase::Opened | Phase::Ended => false,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// What others are told of it on a channel where its subscription says `chan_info`.
    pub(crate) fn info_with(&self, chan_info: &Bytes) -> Arc<ClientInfo> {
        if chan_info.is_empty() {
            return Arc::clone(&self.identity);
        }
        let chan_info = Annotation::from(&**chan_info);
        Arc::new(ClientInfo { chan_info, ..ClientInfo::clone(&self.identity) })
    }

    /// Looks again which subscription expires first.
    pub(crate) fn renew_subscription_expiry(&mut self) {
        self.times.subscription_expiry = self.subscriptions.iter().filter_map(|it| it.expiry).min();
    }
}

/// All sessions of a hub.
#[derive(Debug)]
pub(crate) struct Sessions<E> {
    /// Of each session, or of whoever will be at its place; [`Sessions::remove`] makes the next generation of it.
    egress: Vec<Egress<E>>,
    /// The rest, at the same index.
    sessions: Vec<Option<Session>>,
    free: Vec<u32>,
    len: usize,
}

impl<E> Default for Sessions<E> {
    fn default() -> Self {
        Self { egress: Vec::new(), sessions: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<E> Sessions<E> {
    pub(crate) fn insert(&mut self, session: Session) -> SessionId {
        self.len += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.egress.push(Egress::default());
            self.sessions.push(None);
            u32::try_from(self.egress.len() - 1).expect("fewer than 2^32 sockets")
        });
        let place = self.sessions.get_mut(slot as usize).expect("it was free, or just made");
        *place = Some(session);
        let generation = self.egress.get(slot as usize).expect("likewise").generation;
        SessionId { slot, generation }
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let egress = self.egress_mut(id)?;
        *egress = Egress { generation: id.generation.wrapping_add(1), ..Egress::default() };
        let session = self.sessions.get_mut(id.slot as usize)?.take()?;
        self.free.push(id.slot);
        self.len -= 1;
        Some(session)
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.egress(id)?;
        self.sessions.get(id.slot as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.with_egress(id).map(|(session, _)| session)
    }

    /// What goes out of a session.
    #[inline]
    pub(crate) fn egress(&self, id: SessionId) -> Option<&Egress<E>> {
        self.egress.get(id.slot as usize).filter(|it| it.generation == id.generation)
    }

    #[inline]
    pub(crate) fn egress_mut(&mut self, id: SessionId) -> Option<&mut Egress<E>> {
        self.egress.get_mut(id.slot as usize).filter(|it| it.generation == id.generation)
    }

    /// A session, and what goes out of it.
    pub(crate) fn with_egress(&mut self, id: SessionId) -> Option<(&mut Session, &mut Egress<E>)> {
        let egress =
            self.egress.get_mut(id.slot as usize).filter(|it| it.generation == id.generation)?;
        Some((self.sessions.get_mut(id.slot as usize)?.as_mut()?, egress))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.egress.iter().zip(&self.sessions).enumerate().filter_map(|(slot, (it, session))| {
            let id = SessionId { slot: u32::try_from(slot).ok()?, generation: it.generation };
            session.as_ref().map(|session| (id, session))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}
