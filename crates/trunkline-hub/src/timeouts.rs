//! What happens when time has passed: pings, silence, expiry, presence that is to be renewed.

use std::sync::Arc;

use crate::broker::Answer;
use crate::deadlines::Alarm;
use crate::error::{Disconnect, Unsubscribed};
use crate::hub::{Hub, SMALL_ENTRY_BYTES};
use crate::moment::Moment;
use crate::now::Now;
use crate::reply::Entry;
use crate::session::SessionId;

impl<E: Default> Hub<E> {
    /// Does what is due. Call it when [`poll_timeout`](Self::poll_timeout) says so; at other times it
    /// does nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        self.end_rests(now);
        while let Some(id) = self.requests.overdue(now.instant) {
            self.handle_answer(now, Answer { id, outcome: Self::outcome_for_overdue() });
        }
        let moment = self.clock.moment(now.instant);
        while let Some((due, alarm)) = self.deadlines.pop(moment) {
            match alarm {
                Alarm::Session(session) => self.handle_session_alarm(now, session, due),
                Alarm::Channel(channel) => {
                    let Some(it) = self.channels.get_mut(channel) else { continue };
                    if it.check.armed != Some(due) {
                        continue;
                    }
                    it.check.armed = None;
                    if it.check.due.is_some_and(|due| due <= moment) {
                        self.check_position(now, channel);
                    } else {
                        self.arm_channel(channel);
                    }
                }
            }
        }
    }

    fn handle_session_alarm(&mut self, now: Now, session: SessionId, due: Moment) {
        let Some((it, egress)) = self.sessions.with_egress(session) else { return };
        if it.times.armed != Some(due) {
            return;
        }
        it.times.armed = None;
        let moment = self.clock.moment(now.instant);
        let has_come = |deadline: Option<Moment>| deadline.is_some_and(|it| it <= moment);
        if has_come(it.times.stale) {
            return self.end(session, Disconnect::STALE);
        }
        if has_come(it.times.pong) {
            return self.end(session, Disconnect::NO_PONG);
        }
        if has_come(it.times.expiry) {
            return self.end(session, Disconnect::EXPIRED);
        }
        let (ping, presence) = (has_come(it.times.ping), has_come(it.times.presence));
        let (expired, latest) = (
            has_come(it.times.subscription_expiry),
            has_come(egress.latest.as_ref().and_then(|it| it.due)),
        );
        if ping {
            self.ping(now, session);
        }
        if presence {
            self.renew_presence(now, session);
        }
        if expired {
            self.end_expired_subscriptions(now, session);
        }
        if latest {
            self.release_latest(now, session);
        }
        self.arm(session);
    }

    /// The first ping comes after half to all of the interval, so that those who came together are not
    /// pinged together.
    pub(crate) fn begin_pings(&mut self, now: Now, session: SessionId) {
        let interval = self.settings.limits.ping_interval;
        if interval.is_zero() {
            return;
        }
        let first = interval.mul_f64(0.5 + 0.5 * self.entropy.fraction());
        if let Some(it) = self.sessions.get_mut(session) {
            it.times.ping = Some(self.clock.moment(now.instant).after(first));
        }
    }

    fn ping(&mut self, now: Now, session: SessionId) {
        let limits = Arc::clone(&self.settings.limits);
        let Some(it) = self.sessions.get_mut(session) else { return };
        let moment = self.clock.moment(now.instant);
        it.times.ping = Some(moment.after(limits.ping_interval));
        it.times.pong = Some(moment.after(limits.pong_timeout));
        self.enqueue(session, Entry::Ping, SMALL_ENTRY_BYTES);
    }

    fn renew_presence(&mut self, now: Now, session: SessionId) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        let present: Vec<_> = it
            .subscriptions
            .iter()
            .filter(|it| it.flags.presence)
            .map(|it| (it.channel, Arc::clone(&it.info)))
            .collect();
        let next = self.clock.moment(now.instant).after(self.settings.limits.presence_interval);
        it.times.presence = (!present.is_empty()).then_some(next);
        for (channel, info) in present {
            let Some(name) = self.channels.get(channel).map(|it| it.name.clone()) else { continue };
            self.add_presence(now, &name, info);
        }
    }

    fn end_expired_subscriptions(&mut self, now: Now, session: SessionId) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        let moment = self.clock.moment(now.instant);
        let expired: Vec<_> = it
            .subscriptions
            .iter()
            .filter(|it| it.expiry.is_some_and(|expiry| expiry <= moment))
            .map(|it| (it.channel, it.flags.server_side))
            .collect();
        for (channel, server_side) in expired {
            if server_side {
                return self.end(session, Disconnect::SUBSCRIPTION_EXPIRED);
            }
            self.end_subscription(session, channel, Unsubscribed::Expired);
        }
    }
}
