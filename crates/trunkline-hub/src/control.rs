//! What servers ask of the sessions of a user: through the API, not through a client's socket.

use std::sync::Arc;

use bytes::Bytes;

use crate::channel_name::ChannelName;
use crate::command::{Refreshed, ServerSubscription, SubscribeRights};
use crate::connect::ttl_s;
use crate::error::{CommandError, Disconnect, Unsubscribed};
use crate::hub::{Hub, SMALL_ENTRY_BYTES, seconds};
use crate::identity::{Annotation, ClientId};
use crate::now::Now;
use crate::position::StreamPosition;
use crate::reply::{Push, PushBody, Refresh, ReplyBody};
use crate::session::SessionId;

/// Which sessions are meant.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "the API makes them")]
pub struct Selector {
    /// Those of this user.
    pub user: Arc<str>,
    /// This one alone.
    pub client: Option<ClientId>,
    /// All but these.
    pub except: Vec<ClientId>,
}

/// One session as operators see it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionView {
    /// Which connection it is.
    pub client: ClientId,
    /// Whose; empty if it has not said so.
    pub user: Arc<str>,
    /// The channels it is on.
    pub channels: Vec<ChannelName>,
    /// Since when, in milliseconds since 1970.
    pub opened_unix_ms: i64,
    /// What waits to be written to it.
    pub outbox_bytes: usize,
    /// The same as a number of entries.
    pub outbox_entries: usize,
}

impl<E: Default> Hub<E> {
    /// Closes the sessions that are meant. How many that were.
    pub fn disconnect(&mut self, selector: &Selector, disconnect: &Disconnect) -> usize {
        let sessions = self.select(selector);
        for session in &sessions {
            self.end(*session, disconnect.clone());
        }
        sessions.len()
    }

    /// Takes the sessions that are meant off a channel, or off all if none is named, and tells them.
    pub fn unsubscribe_by_server(&mut self, selector: &Selector, channel: Option<&ChannelName>) {
        for session in self.select(selector) {
            let Some(it) = self.sessions.get(session) else { continue };
            let named = channel.map(|channel| self.channels.id(channel));
            let ids: Vec<_> = it
                .subscriptions
                .iter()
                .map(|it| it.channel)
                .filter(|id| named.is_none_or(|named| named == Some(*id)))
                .collect();
            for id in ids {
                self.end_subscription(session, id, Unsubscribed::ByServer);
            }
        }
    }

    /// Subscribes the sessions that are meant to a channel, and tells them.
    ///
    /// # Errors
    /// If the channel's namespace does not exist, or the rights have expired.
    pub fn subscribe_by_server(
        &mut self,
        now: Now,
        selector: &Selector,
        subscription: &ServerSubscription,
        recover: Option<StreamPosition>,
    ) -> Result<(), CommandError> {
        self.options(&subscription.channel)?;
        for session in self.select(selector) {
            match self.begin_push_join(now, session, subscription.clone(), recover) {
                Ok(()) | Err(CommandError::AlreadySubscribed) => {}
                Err(error) => return Err(error),
            }
            self.arm(session);
        }
        Ok(())
    }

    /// Changes when the sessions that are meant expire, and tells them; `None` for `expire_at` means
    /// never.
    pub fn refresh_by_server(&mut self, now: Now, selector: &Selector, refreshed: &Refreshed) {
        for session in self.select(selector) {
            match self.refresh(now, session, refreshed.clone()) {
                Ok(ReplyBody::Refresh(Refresh { ttl_s, .. })) => {
                    let push = Push { channel: None, body: PushBody::Refresh { ttl_s } };
                    self.push(session, push, SMALL_ENTRY_BYTES);
                }
                _ => self.end(session, Disconnect::EXPIRED),
            }
            self.arm(session);
        }
    }

    /// Sends a message to the sessions that are meant, and to no channel.
    pub fn send_by_server(&mut self, selector: &Selector, data: &Bytes) {
        for session in self.select(selector) {
            let push = Push { channel: None, body: PushBody::Message(data.clone()) };
            self.push(session, push, data.len());
        }
    }

    /// The channels with subscribers of this hub, and how many.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, usize)> {
        self.channels.iter().map(|(_, it)| (&it.name, it.live.len() + it.joining.len()))
    }

    /// The users of this hub, the anonymous one left out.
    pub fn users(&self) -> impl Iterator<Item = &Arc<str>> {
        self.users.names()
    }

    /// One session as operators see it; `None` once it has ended.
    pub fn view(&self, session: SessionId) -> Option<SessionView> {
        let it = self.sessions.get(session).filter(|it| !it.has_ended())?;
        let outbox = &self.sessions.egress(session)?.outbox;
        let name = |id| self.channels.get(id).map(|it| it.name.clone());
        Some(SessionView {
            client: it.identity.client,
            user: Arc::clone(&it.identity.user),
            channels: it.subscriptions.iter().filter_map(|it| name(it.channel)).collect(),
            opened_unix_ms: it.opened_unix_ms,
            outbox_bytes: outbox.bytes(),
            outbox_entries: outbox.len(),
        })
    }

    /// The user of a session; empty if it has not said who it is.
    pub fn user(&self, session: SessionId) -> Option<&Arc<str>> {
        self.sessions.get(session).map(|it| &it.identity.user)
    }

    /// Which connection a session is.
    pub fn client(&self, session: SessionId) -> Option<ClientId> {
        self.sessions.get(session).map(|it| it.identity.client)
    }

    /// The client has renewed its token.
    pub(crate) fn refresh(
        &mut self,
        now: Now,
        session: SessionId,
        refreshed: Refreshed,
    ) -> Result<ReplyBody, CommandError> {
        let ttl_s = ttl_s(refreshed.expire_at, now)?;
        let (moment, grace) = (self.clock.moment(now.instant), self.settings.limits.expired_grace);
        let it = self.sessions.get_mut(session).ok_or(CommandError::Internal)?;
        it.times.expiry = ttl_s.map(|ttl_s| moment.after(seconds(ttl_s)).after(grace));
        if let Some(info) = refreshed.info {
            // Its subscriptions keep what they were made with.
            Arc::make_mut(&mut it.identity).conn_info = Annotation::from(&*info);
        }
        let ttl_s = ttl_s.filter(|_| it.client_side_refresh);
        Ok(ReplyBody::Refresh(Refresh { client: it.identity.client, ttl_s }))
    }

    /// The client has renewed the token of a subscription.
    pub(crate) fn sub_refresh(
        &mut self,
        now: Now,
        session: SessionId,
        channel: &ChannelName,
        rights: &SubscribeRights,
    ) -> Result<ReplyBody, CommandError> {
        let ttl_s = ttl_s(rights.expire_at, now)?;
        let id = self.channels.id(channel).ok_or(CommandError::BadRequest)?;
        let (moment, grace) = (self.clock.moment(now.instant), self.settings.limits.expired_grace);
        let it = self.sessions.get_mut(session).ok_or(CommandError::Internal)?;
        let subscription = it.subscription_mut(id).ok_or(CommandError::BadRequest)?;
        subscription.expiry = ttl_s.map(|ttl_s| moment.after(seconds(ttl_s)).after(grace));
        it.renew_subscription_expiry();
        Ok(ReplyBody::SubRefresh { ttl_s })
    }

    fn select(&self, selector: &Selector) -> Vec<SessionId> {
        let sessions = self.users.sessions(&selector.user);
        let is_meant = |id: &SessionId| {
            self.sessions.get(*id).is_some_and(|it| {
                it.is_connected()
                    && selector.client.is_none_or(|client| client == it.identity.client)
                    && !selector.except.contains(&it.identity.client)
            })
        };
        sessions.iter().copied().filter(is_meant).collect()
    }
}
