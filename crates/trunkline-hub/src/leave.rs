//! How subscriptions and sessions end.

use std::sync::Arc;

use crate::broker::Operation;
use crate::channel::ChannelId;
use crate::channel_name::ChannelName;
use crate::error::{Disconnect, Unsubscribed};
use crate::hub::{Hub, SMALL_ENTRY_BYTES};
use crate::now::Now;
use crate::reply::{Push, PushBody};
use crate::session::{Phase, Place, SessionId, Subscription};

impl<E: Default> Hub<E> {
    /// The socket of a session is gone, or is about to be closed: the session is forgotten.
    pub fn close(&mut self, session: SessionId) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        let channels: Vec<_> = it.subscriptions.iter().map(|it| it.channel).collect();
        for channel in channels {
            self.leave(session, channel);
        }
        let Some(it) = self.sessions.remove(session) else { return };
        self.users.remove(&it.identity.user, session);
    }

    /// A session is to be closed: what waits for it is written first, unless it does not read. The
    /// first reason stays.
    pub fn end(&mut self, session: SessionId, disconnect: Disconnect) {
        let Some((it, egress)) = self.sessions.with_egress(session) else { return };
        if it.has_ended() {
            return;
        }
        if !disconnect.flushes() {
            egress.outbox.clear();
        }
        egress.ending = Some(Box::new(disconnect));
        egress.latest = None;
        it.phase = Phase::Ended;
        it.pending.clear();
        it.connect = None;
        it.times = crate::session::Times::default();
        let channels: Vec<_> = it.subscriptions.iter().map(|it| it.channel).collect();
        for channel in channels {
            self.leave(session, channel);
        }
        self.mark(session);
    }

    /// The client wants to leave a channel; if it was not there, it is not now either.
    pub(crate) fn unsubscribe(&mut self, session: SessionId, channel: &ChannelName) {
        if let Some(id) = self.channels.id(channel) {
            self.leave(session, id);
        }
    }

    /// Ends a subscription and tells the client.
    pub(crate) fn end_subscription(
        &mut self,
        session: SessionId,
        id: ChannelId,
        reason: Unsubscribed,
    ) {
        let Some(name) = self.channels.get(id).map(|it| it.name.clone()) else { return };
        self.leave(session, id);
        let push = Push { channel: Some(name), body: PushBody::Unsubscribe(reason) };
        self.push(session, push, SMALL_ENTRY_BYTES);
    }

    /// Takes a session off a channel, tells those who want to know, and forgets the channel if it was
    /// the last one.
    pub(crate) fn leave(&mut self, session: SessionId, id: ChannelId) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        let Some(index) = it.subscriptions.iter().position(|it| it.channel == id) else { return };
        match it.subscriptions.get(index).map(|it| &it.place) {
            Some(Place::Live { .. }) => self.remove_from_live(session, id),
            _ => self.remove_from_joining(session, id),
        }
        let Some((it, egress)) = self.sessions.with_egress(session) else { return };
        let was_told = !matches!(
            it.subscriptions.get(index),
            Some(Subscription { place: Place::Joining { .. }, .. })
        );
        let Some(removed) = it.subscriptions.swap_remove(index) else { return };
        let Subscription { flags, info, .. } = removed;
        it.pending.give_up_join(id);
        if let Some(newest) = &mut egress.latest {
            newest.channels.retain(|(channel, _)| *channel != id);
        }
        it.renew_subscription_expiry();
        self.subscriptions -= 1;
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.positioned -= usize::from(flags.positioned);
        let name = channel.name.clone();
        if was_told && flags.presence {
            let operation = Operation::RemovePresence { client: info.client };
            self.requests.ask(&name, operation, None);
        }
        if was_told && flags.tells_join_leave {
            self.requests.ask(&name, Operation::Leave(Arc::clone(&info)), None);
        }
        self.forget_if_empty(id, &name);
    }

    fn forget_if_empty(&mut self, id: ChannelId, name: &ChannelName) {
        let Some(channel) = self.channels.get(id) else { return };
        if channel.live.is_empty() && channel.joining.is_empty() {
            self.channels.remove(id);
            self.requests.ask(name, Operation::Detach, None);
        }
    }

    fn remove_from_live(&mut self, session: SessionId, id: ChannelId) {
        let Some(index) = self.index(session, id) else { return };
        let Some(channel) = self.channels.get_mut(id) else { return };
        if index as usize >= channel.live.len() {
            return;
        }
        channel.live.swap_remove(index as usize);
        let moved = channel.live.get(index as usize).copied();
        self.set_index(moved, id, index);
    }

    pub(crate) fn remove_from_joining(&mut self, session: SessionId, id: ChannelId) {
        let Some(index) = self.index(session, id) else { return };
        let Some(channel) = self.channels.get_mut(id) else { return };
        if index as usize >= channel.joining.len() {
            return;
        }
        channel.joining.swap_remove(index as usize);
        let moved = channel.joining.get(index as usize).copied();
        if channel.joining.is_empty() {
            channel.joining = Vec::new();
        }
        self.set_index(moved, id, index);
    }

    /// Where a session stands in its list of the channel.
    fn index(&self, session: SessionId, id: ChannelId) -> Option<u32> {
        let subscription = self.sessions.get(session)?.subscription(id)?;
        let (Place::Joining { index, .. } | Place::Ahead { index, .. } | Place::Live { index }) =
            subscription.place;
        Some(index)
    }

    /// The one that was moved into the gap learns where it stands now.
    fn set_index(&mut self, moved: Option<SessionId>, id: ChannelId, to: u32) {
        let session = moved.and_then(|moved| self.sessions.get_mut(moved));
        let Some(subscription) = session.and_then(|it| it.subscription_mut(id)) else { return };
        let (Place::Joining { index, .. } | Place::Ahead { index, .. } | Place::Live { index }) =
            &mut subscription.place;
        *index = to;
    }

    /// Everybody is to leave: see [`sessions_open`](Self::sessions_open) for doing so at a pace.
    pub fn end_all(&mut self, _now: Now, disconnect: &Disconnect) {
        for session in self.sessions_open() {
            self.end(session, disconnect.clone());
        }
    }

    /// All sessions that have not ended, in no particular order.
    pub fn sessions_open(&self) -> Vec<SessionId> {
        self.sessions.iter().filter(|(_, it)| !it.has_ended()).map(|(id, _)| id).collect()
    }
}
