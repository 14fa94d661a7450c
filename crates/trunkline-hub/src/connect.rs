//! How sessions begin: a client comes, says who it is, and is let in.

use std::sync::Arc;

use crate::command::Connect;
use crate::error::{CommandError, Disconnect};
use crate::hub::{Hub, seconds};
use crate::identity::{Annotation, ClientInfo};
use crate::now::Now;
use crate::pending::{Pending, Waiting, Work};
use crate::rate::Bucket;
use crate::reply::{Connected, ReplyBody};
use crate::session::{Phase, Session, SessionId, Times};
use crate::subscriptions::Subscriptions;

impl<E: Default> Hub<E> {
    /// A client has come, and has not said who it is. It has
    /// [`stale_timeout`](crate::limits::Limits::stale_timeout) to do so.
    pub fn open(&mut self, now: Now) -> SessionId {
        let (limits, moment) = (&self.settings.limits, self.clock.moment(now.instant));
        let id = self.sessions.insert(Session {
            phase: Phase::Opened,
            identity: Arc::new(ClientInfo::unknown(self.entropy.client_id())),
            client_side_refresh: false,
            connect: None,
            subscriptions: Subscriptions::default(),
            pending: Pending::default(),
            times: Times { stale: Some(moment.after(limits.stale_timeout)), ..Times::default() },
            commands: Bucket::full(limits.command_rate, moment),
            publications: Bucket::full(limits.publish_rate, moment),
            rates: None,
            opened_unix_ms: now.unix_ms,
        });
        self.arm(id);
        id
    }

    /// The client has said who it is, which somebody has judged. `id` is what it called its command.
    ///
    /// A second one closes with 3501.
    pub fn connect(&mut self, now: Now, session: SessionId, id: u32, connect: Connect) {
        self.counts.commands += 1;
        let Some(it) = self.sessions.get_mut(session) else { return };
        if it.phase != Phase::Opened {
            return self.end(session, Disconnect::BAD_REQUEST);
        }
        let ttl_s = match ttl_s(connect.expire_at, now) {
            Ok(ttl_s) => ttl_s,
            Err(error) => return self.refuse_connect(session, id, error),
        };
        if connect.subscriptions.len() > self.settings.limits.subscriptions {
            return self.end(session, Disconnect::CHANNEL_LIMIT);
        }
        it.phase = Phase::Connecting;
        it.times.stale = None;
        let identity = Arc::make_mut(&mut it.identity);
        identity.user = Arc::clone(&connect.user);
        identity.conn_info = Annotation::from(&*connect.info);
        it.rates = connect.rates.clone();
        it.client_side_refresh = connect.client_side_refresh;
        let (moment, grace) = (self.clock.moment(now.instant), self.settings.limits.expired_grace);
        it.times.expiry = ttl_s.map(|ttl_s| moment.after(seconds(ttl_s)).after(grace));
        let told = ttl_s.filter(|_| connect.client_side_refresh);
        it.pending
            .push(Waiting { id, channel: None, work: Work::Connecting }, &mut self.spare_commands);
        self.users.add(&connect.user, session);
        self.begin_pings(now, session);
        self.begin_own_subscriptions(now, session, connect, told);
        self.settle(now, session);
        self.arm(session);
    }

    /// The client may not connect, or a command of its could not even be judged: it is told `error`
    /// under the `id` of its command. The connection of a client that is not connected cannot be used
    /// for anything after that but to be closed.
    pub fn refuse_connect(&mut self, session: SessionId, id: u32, error: CommandError) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        if it.phase == Phase::Opened {
            it.phase = Phase::Connecting;
        }
        self.reply(session, id, Err(error));
    }

    /// Completes a connection if all of its own subscriptions have been made.
    pub(crate) fn settle_connect(&mut self, now: Now, session: SessionId) -> bool {
        let Some(it) = self.sessions.get_mut(session) else { return false };
        let Some(connect) = it.connect.take_if(|it| it.unanswered == 0) else { return false };
        let Some(Waiting { id, .. }) = it.pending.pop_front(&mut self.spare_commands) else {
            return false;
        };
        it.phase = Phase::Connected;
        let client = it.identity.client;
        let mut subscriptions = Vec::with_capacity(connect.channels.len());
        let mut live = Vec::with_capacity(connect.channels.len());
        for channel in connect.channels {
            let Some(name) = self.channels.get(channel).map(|it| it.name.clone()) else { continue };
            match self.complete_join(now, session, channel) {
                Ok((subscribed, rest)) => {
                    subscriptions.push((name, subscribed));
                    live.push((channel, rest));
                }
                Err(_) => {
                    self.end(session, Disconnect::SERVER_ERROR);
                    return false;
                }
            }
        }
        let limits = &self.settings.limits;
        let ping_s = u32::try_from(limits.ping_interval.as_secs()).unwrap_or(u32::MAX);
        let connected = Connected {
            client,
            ttl_s: connect.ttl_s,
            data: connect.data,
            subscriptions,
            ping_s,
            pong: ping_s > 0,
        };
        self.reply(session, id, Ok(ReplyBody::Connect(Box::new(connected))));
        for (channel, rest) in live {
            self.go_live(now, session, channel, rest);
        }
        true
    }
}

/// Seconds from now until `expire_at`.
pub(crate) fn ttl_s(expire_at: Option<i64>, now: Now) -> Result<Option<u32>, CommandError> {
    let Some(expire_at) = expire_at else { return Ok(None) };
    let ttl = expire_at.saturating_sub(now.unix_s());
    if ttl <= 0 {
        return Err(CommandError::Expired);
    }
    // Longer than a century and a third is never.
    Ok(Some(u32::try_from(ttl).unwrap_or(u32::MAX)))
}
