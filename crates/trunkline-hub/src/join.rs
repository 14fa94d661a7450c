//! How a session gets on a channel: past and present are joined without a gap and without a double.
//!
//! From the moment at which the broker is asked for the past, publications are held back for the
//! session. When the answer is there and the session's earlier commands have been answered, it gets
//! the past, then what was held back and is not part of it, and from then on everything.

use std::sync::Arc;

use crate::broker::{Answer, Operation, Outcome};
use crate::channel::ChannelId;
use crate::channel_name::ChannelName;
use crate::command::{Connect, HistoryFilter, ServerSubscription, Subscribe, SubscribeRights};
use crate::connect::ttl_s;
use crate::error::{CommandError, Disconnect};
use crate::hub::{Hub, seconds};
use crate::now::Now;
use crate::options::{ChannelOptions, RecoveryMode};
use crate::pending::Work;
use crate::position::{Epoch, StreamPosition};
use crate::publication::Publication;
use crate::reply::{HistoryPage, Push, PushBody, ReplyBody, Subscribed};
use crate::requests::Purpose;
use crate::session::{ConnectInProgress, Flags, Joining, Place, SessionId, Subscription};

/// Publications that follow those in the reply.
type Rest = Vec<Arc<Publication>>;

impl<E: Default> Hub<E> {
    /// Begins what the command asks for; it is completed in its turn.
    pub(crate) fn begin_subscribe(
        &mut self,
        now: Now,
        session: SessionId,
        subscribe: Subscribe,
    ) -> Result<ChannelId, CommandError> {
        let options = self.options(&subscribe.channel)?;
        let asker = self.asker(session, &subscribe.channel);
        if asker.subscribed {
            return Err(CommandError::AlreadySubscribed);
        }
        let it = self.sessions.get(session).ok_or(CommandError::Internal)?;
        if it.subscriptions.len() >= self.settings.limits.subscriptions {
            return Err(CommandError::LimitExceeded);
        }
        if subscribe.token.is_none() {
            asker.may_subscribe(&subscribe.channel, &options)?;
        }
        let rights = subscribe.token.unwrap_or_default();
        let wish = Wish {
            channel: subscribe.channel,
            recover: subscribe.recover,
            reject_unrecovered: subscribe.reject_unrecovered,
            positioned: subscribe.positioned,
            recoverable: subscribe.recoverable,
            join_leave: subscribe.join_leave,
            server_side: false,
            by_push: false,
        };
        self.begin_join(now, session, &options, wish, rights)
    }

    /// Begins the subscriptions that come with the connection.
    pub(crate) fn begin_own_subscriptions(
        &mut self,
        now: Now,
        session: SessionId,
        connect: Connect,
        ttl_s: Option<u32>,
    ) {
        let mut channels = Vec::with_capacity(connect.subscriptions.len());
        let mut failed = None;
        for ServerSubscription { channel, rights } in connect.subscriptions {
            let recover = connect.recover.iter().find(|(name, _)| *name == channel);
            let wish = Wish::by_server(channel, recover.map(|(_, position)| *position), false);
            let begun = self
                .options(&wish.channel)
                .and_then(|options| self.begin_join(now, session, &options, wish, rights));
            match begun {
                Ok(channel) => channels.push(channel),
                // A channel that is named twice is subscribed once.
                Err(CommandError::AlreadySubscribed) => {}
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return self.end(session, because(error));
        }
        let unanswered = channels.iter().filter(|it| !self.is_answered(session, **it)).count();
        if let Some(it) = self.sessions.get_mut(session) {
            let connect = ConnectInProgress { data: connect.data, ttl_s, channels, unanswered };
            it.connect = Some(Box::new(connect));
        }
    }

    /// Subscribes a session to a channel without its asking; the client is told by a push.
    pub(crate) fn begin_push_join(
        &mut self,
        now: Now,
        session: SessionId,
        subscription: ServerSubscription,
        recover: Option<StreamPosition>,
    ) -> Result<(), CommandError> {
        let options = self.options(&subscription.channel)?;
        let wish = Wish::by_server(subscription.channel, recover, true);
        let channel = self.begin_join(now, session, &options, wish, subscription.rights)?;
        if self.is_answered(session, channel) {
            self.settle_push_join(now, session, channel);
        }
        Ok(())
    }

    fn begin_join(
        &mut self,
        now: Now,
        session: SessionId,
        options: &Arc<ChannelOptions>,
        wish: Wish,
        rights: SubscribeRights,
    ) -> Result<ChannelId, CommandError> {
        let ttl_s = ttl_s(rights.expire_at, now)?;
        let flags = wish.flags(options, &rights);
        let id = self.channels.enter(&wish.channel, options);
        let Some(it) = self.sessions.get_mut(session) else { return Err(CommandError::Internal) };
        let Some(channel) = self.channels.get_mut(id) else { return Err(CommandError::Internal) };
        if it.subscription(id).is_some() {
            return Err(CommandError::AlreadySubscribed);
        }
        let outcome = known_position(channel.is_attached, channel.position, flags, wish.recover);
        let is_known = outcome.is_some();
        let joining = Joining {
            recover: wish.recover.filter(|_| flags.recoverable),
            reject_unrecovered: wish.reject_unrecovered,
            data: rights.data,
            ttl_s,
            asked: None,
            outcome,
            held_back: Vec::new(),
            by_push: wish.by_push,
        };
        let index = u32::try_from(channel.joining.len()).unwrap_or(u32::MAX);
        channel.joining.push(session);
        channel.positioned += usize::from(flags.positioned);
        let info = it.info_with(&rights.info);
        let (moment, grace) = (self.clock.moment(now.instant), self.settings.limits.expired_grace);
        it.subscriptions.push(Subscription {
            channel: id,
            place: Place::Joining { index, joining: Box::new(joining) },
            flags,
            info,
            expiry: ttl_s.map(|ttl_s| moment.after(seconds(ttl_s)).after(grace)),
        });
        it.renew_subscription_expiry();
        self.subscriptions += 1;
        if !is_known {
            let recover = wish.recover.filter(|_| flags.recoverable);
            let filter = self.past(options, recover);
            let operation = Operation::Attach { history: options.history, filter };
            let purpose = Purpose::Join { session, channel: id };
            let asked = self.ask(now, &wish.channel, operation, Some(purpose));
            if let Some(joining) = self.joining_mut(session, id) {
                joining.asked = Some(asked);
            }
        }
        Ok(id)
    }

    /// Which part of the past is needed to recover.
    fn past(&self, options: &ChannelOptions, recover: Option<StreamPosition>) -> HistoryFilter {
        match (recover, options.recovery_mode) {
            (None, _) => HistoryFilter { limit: Some(0), since: None, reverse: false },
            (Some(_), RecoveryMode::Cache) => {
                HistoryFilter { limit: Some(1), since: None, reverse: true }
            }
            (Some(since), RecoveryMode::Stream) => HistoryFilter {
                limit: Some(self.settings.limits.recovery_publications),
                since: Some(since),
                reverse: false,
            },
        }
    }

    fn is_answered(&self, session: SessionId, channel: ChannelId) -> bool {
        let subscription = self.sessions.get(session).and_then(|it| it.subscription(channel));
        subscription.is_none_or(|it| match &it.place {
            Place::Joining { joining, .. } => joining.outcome.is_some(),
            Place::Ahead { .. } | Place::Live { .. } => true,
        })
    }

    pub(crate) fn handle_join_answer(
        &mut self,
        now: Now,
        session: SessionId,
        channel: ChannelId,
        answer: Answer,
    ) {
        if let Some(it) = self.channels.get_mut(channel)
            && matches!(answer.outcome, Outcome::Page(_))
        {
            it.is_attached = true;
        }
        let joining = self.joining_mut(session, channel);
        let Some(joining) = joining.filter(|it| it.asked == Some(answer.id)) else {
            // The subscription has ended in the meantime; its command still wants to be answered.
            return self.settle(now, session);
        };
        joining.outcome = Some(answer.outcome);
        let by_push = joining.by_push;
        let Some(it) = self.sessions.get_mut(session) else { return };
        if let Some(connect) = &mut it.connect
            && connect.channels.contains(&channel)
        {
            connect.unanswered = connect.unanswered.saturating_sub(1);
        }
        if by_push {
            self.settle_push_join(now, session, channel);
        } else {
            self.settle(now, session);
        }
    }

    fn joining_mut(&mut self, session: SessionId, channel: ChannelId) -> Option<&mut Joining> {
        match &mut self.sessions.get_mut(session)?.subscription_mut(channel)?.place {
            Place::Joining { joining, .. } => Some(joining),
            Place::Ahead { .. } | Place::Live { .. } => None,
        }
    }

    /// Replies to a `subscribe` whose turn it is, if its answer is there.
    pub(crate) fn settle_join(&mut self, now: Now, session: SessionId, channel: ChannelId) -> bool {
        if !self.is_answered(session, channel) {
            return false;
        }
        let completed = self.complete_join(now, session, channel);
        let Some(it) = self.sessions.get_mut(session) else { return false };
        let Some(waiting) = it.pending.pop_front(&mut self.spare_commands) else { return false };
        debug_assert!(matches!(waiting.work, Work::Joining(_)));
        match completed {
            Ok((subscribed, rest)) => {
                let body = ReplyBody::Subscribe(Box::new(subscribed));
                self.reply(session, waiting.id, Ok(body));
                self.go_live(now, session, channel, rest);
            }
            Err(error) => {
                self.leave(session, channel);
                self.reply(session, waiting.id, Err(error));
            }
        }
        true
    }

    fn settle_push_join(&mut self, now: Now, session: SessionId, channel: ChannelId) {
        let Some(name) = self.channels.get(channel).map(|it| it.name.clone()) else { return };
        match self.complete_join(now, session, channel) {
            Ok((subscribed, rest)) => {
                let weight = subscribed.publications.iter().map(|it| it.weight()).sum();
                let body = PushBody::Subscribe(Box::new(subscribed));
                self.push(session, Push { channel: Some(name), body }, weight);
                self.go_live(now, session, channel, rest);
            }
            Err(error) => self.end(session, because(error)),
        }
    }

    /// Joins past and present: what the reply says, and what follows it.
    pub(crate) fn complete_join(
        &mut self,
        _now: Now,
        session: SessionId,
        channel: ChannelId,
    ) -> Result<(Subscribed, Rest), CommandError> {
        let name = CommandError::Internal;
        let it = self.sessions.get_mut(session).ok_or(name)?;
        let subscription = it.subscription_mut(channel).ok_or(name)?;
        let flags = subscription.flags;
        let Place::Joining { joining, .. } = &mut subscription.place else { return Err(name) };
        let page = match joining.outcome.take() {
            Some(Outcome::Page(page)) => page,
            Some(Outcome::Failed(error)) => return Err(error),
            _ => return Err(name),
        };
        let mut subscribed = Subscribed {
            ttl_s: joining.ttl_s,
            recoverable: flags.recoverable,
            positioned: flags.positioned,
            position: flags.positioned.then_some(page.top),
            data: joining.data.clone(),
            was_recovering: joining.recover.is_some(),
            ..Subscribed::default()
        };
        let held_back = std::mem::take(&mut joining.held_back);
        let reject_unrecovered = joining.reject_unrecovered;
        let recover = joining.recover;
        let top = page.top;
        if let Some(since) = recover {
            let mode = self.channels.get(channel).ok_or(name)?.options.recovery_mode;
            recover_from(&mut subscribed, page, since, mode);
            let counter = if subscribed.recovered {
                &mut self.counts.recovered
            } else {
                &mut self.counts.unrecovered
            };
            *counter += 1;
            if !subscribed.recovered && reject_unrecovered {
                return Err(CommandError::UnrecoverablePosition);
            }
        }
        // Those of another epoch count in another stream.
        let of_stream = held_back.iter().filter(|(_, epoch)| *epoch == top.epoch);
        let offset = of_stream.map(|(it, _)| it.offset).fold(top.offset, u64::max);
        let rest = if flags.positioned {
            what_follows(top, held_back)?
        } else {
            held_back.into_iter().map(|(publication, _)| publication).collect()
        };
        self.advance_channel(channel, session, StreamPosition { offset, ..top })?;
        Ok((subscribed, rest))
    }

    /// Puts the subscription where it belongs: with those that are live, or with those that wait for
    /// the channel to come to where they are.
    fn advance_channel(
        &mut self,
        id: ChannelId,
        session: SessionId,
        told: StreamPosition,
    ) -> Result<(), CommandError> {
        let is_stale = |at: StreamPosition| at.epoch != told.epoch;
        if !told.epoch.is_none()
            && self.channels.get(id).is_some_and(|it| it.position.is_some_and(is_stale))
        {
            // The stream has begun anew, and those who are live have not been told.
            self.lose_position(id);
        }
        let may_advance = !self.someone_was_told(id);
        let Some(channel) = self.channels.get_mut(id) else { return Ok(()) };
        let offset = told.offset;
        if !told.epoch.is_none()
            && channel.position.is_none_or(|at| may_advance && at.offset < offset)
        {
            channel.position = Some(told);
        }
        let at = channel.position.map_or(0, |it| it.offset);
        let Some(it) = self.sessions.get_mut(session) else { return Ok(()) };
        let Some(subscription) = it.subscription_mut(id) else { return Ok(()) };
        let Place::Joining { index, .. } = subscription.place else { return Ok(()) };
        if subscription.flags.positioned && offset < at {
            // What is in between was not held back: there was too much of it, or it is still on its way
            // and will be taken for known. Asking again settles it.
            return Err(CommandError::Internal);
        }
        if subscription.flags.positioned && offset > at {
            subscription.place = Place::Ahead { index, offset };
        } else {
            self.move_to_live(session, id);
        }
        Ok(())
    }

    /// From those for whom publications are held back to those who get them.
    pub(crate) fn move_to_live(&mut self, session: SessionId, id: ChannelId) {
        self.remove_from_joining(session, id);
        let Some(channel) = self.channels.get_mut(id) else { return };
        let index = u32::try_from(channel.live.len()).unwrap_or(u32::MAX);
        channel.live.push(session);
        let it = self.sessions.get_mut(session);
        if let Some(subscription) = it.and_then(|it| it.subscription_mut(id)) {
            subscription.place = Place::Live { index };
        }
    }

    /// Sends what follows the reply, and tells others.
    pub(crate) fn go_live(&mut self, now: Now, session: SessionId, id: ChannelId, rest: Rest) {
        let Some(channel) = self.channels.get(id) else { return };
        let name = channel.name.clone();
        let (moment, limits) = (self.clock.moment(now.instant), &self.settings.limits);
        let Some(it) = self.sessions.get_mut(session) else { return };
        let Some(subscription) = it.subscription(id) else { return };
        let (flags, info) = (subscription.flags, Arc::clone(&subscription.info));
        if flags.presence && it.times.presence.is_none() {
            it.times.presence = Some(moment.after(limits.presence_interval));
        }
        if flags.positioned
            && let Some(channel) = self.channels.get_mut(id)
        {
            channel.check.due.get_or_insert_with(|| moment.after(limits.position_check_interval));
            self.arm_channel(id);
        }
        if flags.presence {
            self.add_presence(now, &name, Arc::clone(&info));
        }
        if flags.tells_join_leave {
            self.ask(now, &name, Operation::Join(info), None);
        }
        // After others have been told: a session whose outbox this fills leaves at once.
        for publication in rest {
            let weight = publication.weight();
            let body = PushBody::Publication(publication);
            self.push(session, Push { channel: Some(name.clone()), body }, weight);
        }
        self.arm(session);
    }

    pub(crate) fn add_presence(
        &mut self,
        now: Now,
        name: &ChannelName,
        info: Arc<crate::ClientInfo>,
    ) {
        let ttl = self.settings.limits.presence_ttl.as_millis();
        let ttl_ms = u64::try_from(ttl).unwrap_or(u64::MAX);
        self.ask(now, name, Operation::AddPresence { info, ttl_ms }, None);
    }
}

/// A subscription that somebody wants.
struct Wish {
    channel: ChannelName,
    recover: Option<StreamPosition>,
    reject_unrecovered: bool,
    positioned: bool,
    recoverable: bool,
    join_leave: bool,
    server_side: bool,
    by_push: bool,
}

impl Wish {
    fn by_server(channel: ChannelName, recover: Option<StreamPosition>, by_push: bool) -> Self {
        Self {
            channel,
            recover,
            reject_unrecovered: false,
            positioned: false,
            recoverable: false,
            join_leave: false,
            server_side: true,
            by_push,
        }
    }

    /// What comes of the wish under the options of the channel and the rights of the token.
    fn flags(&self, options: &ChannelOptions, rights: &SubscribeRights) -> Flags {
        let has_history = options.history.is_on();
        let recoverable = rights
            .force_recovery
            .map_or_else(|| options.recovers(self.recoverable), |it| it && has_history);
        let positioned = rights
            .force_positioning
            .map_or_else(|| options.positions(self.positioned), |it| it && has_history);
        let join_leave = rights.join_leave.unwrap_or(options.join_leave);
        let force_push = rights.force_push_join_leave.unwrap_or(options.force_push_join_leave);
        Flags {
            recoverable,
            positioned: positioned || recoverable,
            presence: rights.presence.unwrap_or(options.presence),
            tells_join_leave: join_leave,
            hears_join_leave: join_leave && (force_push || self.join_leave),
            server_side: self.server_side,
        }
    }
}

/// What the broker would say, where this hub knows it as well.
fn known_position(
    is_attached: bool,
    position: Option<StreamPosition>,
    flags: Flags,
    recover: Option<StreamPosition>,
) -> Option<Outcome> {
    if !is_attached || recover.is_some() && flags.recoverable {
        return None;
    }
    let top = match position {
        Some(position) => position,
        None if flags.positioned => return None,
        None => StreamPosition { offset: 0, epoch: Epoch::NONE },
    };
    Some(Outcome::Page(HistoryPage { publications: Vec::new(), top }))
}

/// Says what was missed since `since`, if all of it is there.
fn recover_from(
    subscribed: &mut Subscribed,
    page: HistoryPage,
    since: StreamPosition,
    mode: RecoveryMode,
) {
    let same_epoch = since.epoch.is_none() || since.epoch == page.top.epoch;
    let newest = page.publications.last().map(|it| it.offset);
    match mode {
        RecoveryMode::Stream => {
            let oldest = page.publications.first().map(|it| it.offset);
            let is_whole = match (oldest, newest) {
                (Some(oldest), Some(newest)) => {
                    Some(oldest) == since.offset.checked_add(1) && newest == page.top.offset
                }
                _ => since.offset == page.top.offset,
            };
            subscribed.recovered = same_epoch && is_whole;
            if subscribed.recovered {
                subscribed.position =
                    Some(StreamPosition { offset: since.offset, epoch: page.top.epoch });
                subscribed.publications = page.publications;
            }
        }
        RecoveryMode::Cache => {
            let is_newest = newest == Some(page.top.offset);
            let has_it = same_epoch && since.offset > 0 && since.offset == page.top.offset;
            subscribed.recovered = is_newest || has_it;
            if is_newest && !has_it {
                subscribed.publications = page.publications;
            }
        }
    }
}

/// What of the publications that were held back comes after `top`, if none is missing.
fn what_follows(
    top: StreamPosition,
    held_back: Vec<(Arc<Publication>, Epoch)>,
) -> Result<Rest, CommandError> {
    let mut offset = top.offset;
    let mut rest = Vec::new();
    for (publication, epoch) in held_back {
        // The stream began anew while the broker was being asked: asking again settles it.
        if epoch != top.epoch {
            return Err(CommandError::Internal);
        }
        if publication.offset <= offset {
            continue;
        }
        if publication.offset != offset + 1 {
            return Err(CommandError::Internal);
        }
        offset = publication.offset;
        rest.push(publication);
    }
    Ok(rest)
}

/// How a connection ends whose own subscription cannot be made.
fn because(error: CommandError) -> Disconnect {
    match error {
        CommandError::PermissionDenied => Disconnect::PERMISSION_DENIED,
        CommandError::UnknownChannel => Disconnect::NOT_AVAILABLE,
        CommandError::Expired => Disconnect::SUBSCRIPTION_EXPIRED,
        _ => Disconnect::SERVER_ERROR,
    }
}
