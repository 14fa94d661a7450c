//! One publication into many outboxes: all that this does for each is to add a shared entry, and to
//! name the session among those that are to be written. Nobody's full outbox makes anybody wait.

use std::rc::Rc;
use std::sync::Arc;

use crate::broker::{Delivery, Event, Outcome};
use crate::channel::ChannelId;
use crate::error::{Disconnect, Unsubscribed};
use crate::hub::{Hub, SMALL_ENTRY_BYTES};
use crate::identity::ClientInfo;
use crate::now::Now;
use crate::options::Overflow;
use crate::position::{Epoch, StreamPosition};
use crate::publication::Publication;
use crate::reply::{Entry, Push, PushBody, SharedPush};
use crate::session::{Place, SessionId};

/// How a publication stands to where the channel is.
enum Order {
    /// It is the next one, or there is no order to keep.
    Next,
    /// It was delivered before.
    Again,
    /// One is missing, or the stream has begun anew.
    Gap,
}

impl<E: Default> Hub<E> {
    /// Something has happened on a channel that this hub is attached to.
    pub fn handle_delivery(&mut self, now: Now, delivery: Delivery) {
        let Some(id) = self.channels.id(&delivery.channel) else { return };
        match delivery.event {
            Event::Publication { publication, epoch } => {
                self.handle_publication(now, id, publication, epoch);
            }
            Event::Join(info) => self.tell(id, &info, PushBody::Join(Arc::clone(&info))),
            Event::Leave(info) => self.tell(id, &info, PushBody::Leave(Arc::clone(&info))),
        }
    }

    fn handle_publication(
        &mut self,
        now: Now,
        id: ChannelId,
        publication: Arc<Publication>,
        epoch: Epoch,
    ) {
        self.counts.publications += 1;
        let someone_was_told = self.someone_was_told(id);
        let Some(channel) = self.channels.get_mut(id) else { return };
        let at = StreamPosition { offset: publication.offset, epoch };
        match order(channel.position, at, someone_was_told) {
            Order::Again => {
                return self.hold_back(id, &publication, epoch);
            }
            Order::Next => {}
            Order::Gap => self.lose_position(id),
        }
        self.hold_back(id, &publication, epoch);
        let Some(channel) = self.channels.get_mut(id) else { return };
        if at.offset > 0 && (channel.position.is_some() || !channel.live.is_empty()) {
            channel.position = Some(at);
        }
        if channel.live.is_empty() {
            return self.catch_up(id, at.offset);
        }
        let weight = publication.weight();
        let push =
            Push { channel: Some(channel.name.clone()), body: PushBody::Publication(publication) };
        let shared = Rc::new(SharedPush { push, encoded: E::default() });
        match channel.options.overflow {
            Overflow::Disconnect => self.fan_out(id, &shared, weight),
            Overflow::DropOldest => self.fan_out_dropping(id, &shared, weight),
            Overflow::LatestOnly { .. } => self.fan_out_latest(now, id, &shared, weight),
        }
        self.gather.arm(now);
        self.catch_up(id, at.offset);
    }

    /// The hot path: everyone who is live, once.
    fn fan_out(&mut self, id: ChannelId, shared: &Rc<SharedPush<E>>, weight: usize) {
        let Some(channel) = self.channels.get(id) else { return };
        let limits = &*self.settings.limits;
        let mut slow = Vec::new();
        self.counts.deliveries += channel.live.len() as u64;
        for &member in &channel.live {
            let Some(egress) = self.sessions.egress_mut(member) else { continue };
            let entry = Entry::Push(Rc::clone(shared));
            if egress.outbox.push(entry, weight, limits, &mut self.spare).is_err() {
                slow.push(member);
            } else {
                self.gather.mark(egress, member, &mut self.marked);
            }
        }
        for member in slow {
            self.end_slow(member);
        }
    }

    /// As [`fan_out`](Self::fan_out), with the oldest of the channel making room for the newest.
    fn fan_out_dropping(&mut self, id: ChannelId, shared: &Rc<SharedPush<E>>, weight: usize) {
        let Some(channel) = self.channels.get(id) else { return };
        let members = channel.live.clone();
        let limits = Arc::clone(&self.settings.limits);
        for member in members {
            let Some(egress) = self.sessions.egress_mut(member) else { continue };
            let entry = || Entry::Push(Rc::clone(shared));
            self.counts.deliveries += 1;
            if egress.outbox.push(entry(), weight, &limits, &mut self.spare).is_err() {
                let Some(name) = &shared.push.channel else { continue };
                match egress.outbox.drop_oldest(name, weight, &limits) {
                    Ok(dropped) => self.counts.dropped += dropped as u64,
                    // Other things fill the outbox; then the newest is what is dropped.
                    Err(_) => {
                        self.counts.dropped += 1;
                        continue;
                    }
                }
                self.enqueue(member, entry(), weight);
            } else {
                self.gather.mark(egress, member, &mut self.marked);
            }
        }
    }

    /// The newest replaces the one that waits, and goes out when its time has come.
    fn fan_out_latest(
        &mut self,
        now: Now,
        id: ChannelId,
        shared: &Rc<SharedPush<E>>,
        weight: usize,
    ) {
        let Some(channel) = self.channels.get(id) else { return };
        let moment = self.clock.moment(now.instant);
        for member in channel.live.clone() {
            let Some(egress) = self.sessions.egress_mut(member) else { continue };
            let latest = egress.latest.get_or_insert_default();
            let replaced = latest.replace(moment, id, Rc::clone(shared), weight);
            self.counts.dropped += u64::from(replaced);
            self.release_latest(now, member);
            self.arm(member);
        }
    }

    /// Puts the newest publications of slow channels into the outbox, as far as their time has come and
    /// the outbox is empty: a client that does not read has one of each waiting.
    pub(crate) fn release_latest(&mut self, now: Now, id: SessionId) {
        let Some(egress) = self.sessions.egress_mut(id) else { return };
        let Some(newest) = egress.latest.as_deref_mut() else { return };
        newest.due = None;
        let moment = self.clock.moment(now.instant);
        let limits = &*self.settings.limits;
        let may_write = egress.outbox.is_empty();
        let mut released = 0;
        for (channel, latest) in &mut newest.channels {
            if latest.push.is_none() {
                continue;
            }
            if latest.due > moment {
                let due = latest.due;
                newest.due = Some(newest.due.map_or(due, |it| it.min(due)));
                continue;
            }
            // Looked at again when the outbox has been written.
            if !may_write {
                continue;
            }
            let Some(push) = &latest.push else { continue };
            let entry = Entry::Push(Rc::clone(push));
            // It stays the newest where those of other channels have filled the outbox.
            if egress.outbox.push(entry, latest.weight, limits, &mut self.spare).is_err() {
                continue;
            }
            latest.push = None;
            released += 1;
            let overflow = self.channels.get(*channel).map(|it| it.options.overflow);
            if let Some(Overflow::LatestOnly { every }) = overflow {
                latest.due = moment.after(every);
            }
        }
        self.counts.deliveries += released;
        if released > 0 {
            self.mark(id);
        }
    }

    /// Keeps a publication for those who are not live yet.
    fn hold_back(&mut self, id: ChannelId, publication: &Arc<Publication>, epoch: Epoch) {
        let Some(channel) = self.channels.get(id) else { return };
        let max = self.settings.limits.join_buffer;
        for &member in &channel.joining {
            let Some(session) = self.sessions.get_mut(member) else { continue };
            let Some(subscription) = session.subscription_mut(id) else { continue };
            let Place::Joining { joining, .. } = &mut subscription.place else { continue };
            // One more than fits makes a gap that is noticed when the subscription is completed.
            if joining.held_back.len() <= max {
                joining.held_back.push((Arc::clone(publication), epoch));
            }
        }
    }

    /// Whether there is anybody who counts on what follows: who is live, or ahead of the channel.
    pub(crate) fn someone_was_told(&self, id: ChannelId) -> bool {
        let Some(channel) = self.channels.get(id) else { return false };
        let is_ahead = |member: &SessionId| {
            let subscription = self.sessions.get(*member).and_then(|it| it.subscription(id));
            subscription.is_some_and(|it| matches!(it.place, Place::Ahead { .. }))
        };
        !channel.live.is_empty() || channel.joining.iter().any(is_ahead)
    }

    /// Those who were ahead of the channel and are not any more get everything from now on.
    fn catch_up(&mut self, id: ChannelId, offset: u64) {
        let Some(channel) = self.channels.get(id) else { return };
        if channel.joining.is_empty() {
            return;
        }
        for member in channel.joining.clone() {
            let subscription = self.sessions.get(member).and_then(|it| it.subscription(id));
            if let Some(Place::Ahead { offset: ahead, .. }) = subscription.map(|it| &it.place)
                && *ahead <= offset
            {
                self.move_to_live(member, id);
            }
        }
    }

    /// Tells those who want to hear it who has come or gone.
    fn tell(&mut self, id: ChannelId, _about: &ClientInfo, body: PushBody) {
        let Some(channel) = self.channels.get(id) else { return };
        let push = Push { channel: Some(channel.name.clone()), body };
        let shared = Rc::new(SharedPush { push, encoded: E::default() });
        for member in channel.live.clone() {
            let session = self.sessions.get(member);
            let subscription = session.and_then(|it| it.subscription(id));
            if subscription.is_some_and(|it| it.flags.hears_join_leave) {
                self.enqueue(member, Entry::Push(Rc::clone(&shared)), SMALL_ENTRY_BYTES);
            }
        }
    }

    /// Publications may have been lost. Those who want to know are told: they subscribe again, and
    /// recover.
    pub(crate) fn lose_position(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.position = None;
        let members: Vec<_> = channel.live.iter().chain(&channel.joining).copied().collect();
        for member in members {
            let session = self.sessions.get(member);
            let Some(subscription) = session.and_then(|it| it.subscription(id)) else { continue };
            // Those who are joining find out for themselves.
            let joining = matches!(subscription.place, Place::Joining { .. });
            if !subscription.flags.positioned || joining {
                continue;
            }
            self.counts.insufficient += 1;
            if subscription.flags.server_side {
                self.end(member, Disconnect::INSUFFICIENT_STATE);
            } else {
                self.end_subscription(member, id, Unsubscribed::InsufficientState);
            }
        }
    }

    /// The time has come to compare a channel's position with the broker's.
    pub(crate) fn check_position(&mut self, now: Now, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.check.due = None;
        let is_behind = channel
            .check
            .behind
            .take()
            .is_some_and(|top| channel.position.is_some_and(|at| at.offset < top));
        if channel.positioned == 0 {
            return;
        }
        let interval = self.settings.limits.position_check_interval;
        channel.check.due = Some(self.clock.moment(now.instant).after(interval));
        if is_behind {
            self.lose_position(id);
        } else {
            self.ask_position(now, id);
        }
        self.arm_channel(id);
    }

    /// Asks by attaching, so that a broker that has forgotten about this hub learns of it again.
    pub(crate) fn ask_position(&mut self, now: Now, id: ChannelId) {
        use crate::broker::Operation;
        use crate::command::HistoryFilter;
        use crate::requests::Purpose;

        let Some(channel) = self.channels.get(id) else { return };
        let name = channel.name.clone();
        let filter = HistoryFilter { limit: Some(0), since: None, reverse: false };
        let operation = Operation::Attach { history: channel.options.history, filter };
        self.ask(now, &name, operation, Some(Purpose::Check { channel: id }));
    }

    pub(crate) fn handle_check_answer(&mut self, now: Now, id: ChannelId, outcome: Outcome) {
        // An answer that does not come is asked for again at the next check.
        let Outcome::Page(page) = outcome else { return };
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.is_attached = true;
        let Some(at) = channel.position else { return };
        if at.epoch != page.top.epoch {
            return self.lose_position(id);
        }
        if page.top.offset > at.offset {
            // What is missing may be on its way.
            channel.check.behind = Some(page.top.offset);
            let timeout = self.settings.limits.broker_timeout;
            channel.check.due = Some(self.clock.moment(now.instant).after(timeout));
            self.arm_channel(id);
        }
    }

    /// The broker may have forgotten who is attached to what, because the link to it was cut or it has
    /// begun anew: attaches to every channel again, and finds out what was lost.
    pub fn reattach(&mut self, now: Now) {
        let ids: Vec<_> = self.channels.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.ask_position(now, id);
        }
    }
}

fn order(position: Option<StreamPosition>, at: StreamPosition, someone_was_told: bool) -> Order {
    let Some(position) = position else { return Order::Next };
    if at.offset == 0 {
        // The history was switched off: there is no order any more.
        return if at.epoch.is_none() { Order::Next } else { Order::Again };
    }
    if position.epoch != at.epoch || at.offset > position.offset + 1 {
        return if someone_was_told { Order::Gap } else { Order::Next };
    }
    if at.offset <= position.offset { Order::Again } else { Order::Next }
}
