//! [`Hub`]: all sessions of one thread.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::broker::{Answer, Operation, Outcome, Publish, Request, RequestId};
use crate::channel::{ChannelId, Channels};
use crate::channel_name::ChannelName;
use crate::command::{Command, Connect, History, HistoryFilter};
use crate::deadlines::{Alarm, Deadlines};
use crate::entropy::{Entropy, Keyed};
use crate::error::{CommandError, Disconnect};
use crate::limits::Limits;
use crate::now::Now;
use crate::options::{ChannelOptions, Namespaces};
use crate::outbox::{Outbox, SpareQueues};
use crate::pending::{Pending, Question, Waiting, Work};
use crate::permit::Asker;
use crate::rate::Bucket;
use crate::reply::{Connected, Entry, Push, Reply, ReplyBody, SharedPush};
use crate::requests::{Purpose, Requests};
use crate::session::{Phase, Session, SessionId, Sessions, Times};

/// What an entry without a payload weighs in an outbox.
pub(crate) const SMALL_ENTRY_BYTES: usize = 64;

/// How a hub is to behave. May change while it runs: see [`Hub::configure`].
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "configurations make them")]
pub struct Settings {
    /// Every bound.
    pub limits: Arc<Limits>,
    /// The options of channels.
    pub namespaces: Arc<Namespaces>,
    /// Clients may do everything, token or not. For development.
    pub insecure: bool,
}

/// Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Commands, pongs left out.
    pub commands: u64,
    /// Commands that were answered with an error.
    pub errors: u64,
    /// Publications that came from the broker.
    pub publications: u64,
    /// Publications that were put into outboxes.
    pub deliveries: u64,
    /// Publications that were dropped for those who were slow, where the namespace says so.
    pub dropped: u64,
    /// Sessions that were closed because they were slow.
    pub slow: u64,
    /// Subscriptions that were told that publications may have been lost.
    pub insufficient: u64,
    /// Recoveries that gave back all that was missed.
    pub recovered: u64,
    /// Recoveries that could not.
    pub unrecovered: u64,
}

/// How much there is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Sessions, those included that have not said who they are.
    pub sessions: usize,
    /// Channels with a subscriber.
    pub channels: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Users, the anonymous one left out.
    pub users: usize,
}

/// All sessions of one thread, as a machine.
///
/// After any call of a `handle_*` or of another method that takes the time, drain
/// [`poll_request`](Self::poll_request), write what [`poll_marked`](Self::poll_marked) says is to be
/// written, and wait no longer than [`poll_timeout`](Self::poll_timeout) says.
///
/// `E` is where dialects keep the encoded forms of a push.
#[derive(Debug)]
pub struct Hub<E> {
    pub(crate) settings: Settings,
    pub(crate) sessions: Sessions<E>,
    pub(crate) users: HashMap<Arc<str>, Vec<SessionId>, Keyed>,
    pub(crate) channels: Channels,
    pub(crate) requests: Requests,
    pub(crate) deadlines: Deadlines,
    pub(crate) marked: VecDeque<SessionId>,
    pub(crate) spare: SpareQueues<E>,
    pub(crate) entropy: Entropy,
    pub(crate) counts: Counts,
    pub(crate) subscriptions: usize,
}

impl<E: Default> Hub<E> {
    /// A hub without sessions.
    pub fn new(settings: Settings, mut entropy: Entropy) -> Self {
        Self {
            settings,
            sessions: Sessions::default(),
            users: HashMap::with_hasher(entropy.keys()),
            channels: Channels::new(entropy.keys()),
            requests: Requests::new(entropy.keys()),
            deadlines: Deadlines::default(),
            marked: VecDeque::new(),
            spare: SpareQueues::default(),
            entropy,
            counts: Counts::default(),
            subscriptions: 0,
        }
    }

    /// A client has come, and has not said who it is. It has [`Limits::stale_timeout`] to do so.
    pub fn open(&mut self, now: Now) -> SessionId {
        let limits = &self.settings.limits;
        let id = self.sessions.insert(Session {
            phase: Phase::Opened,
            client: self.entropy.client_id(),
            user: Arc::default(),
            info: Bytes::new(),
            client_side_refresh: false,
            shared_info: None,
            connect: None,
            subscriptions: Vec::new(),
            pending: Pending::default(),
            outbox: Outbox::default(),
            latest: Vec::new(),
            is_marked: false,
            times: Times { stale: Some(now.instant + limits.stale_timeout), ..Times::default() },
            commands: Bucket::full(limits.command_rate, now.instant),
            publications: Bucket::full(limits.publish_rate, now.instant),
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
        it.user = Arc::clone(&connect.user);
        it.info = connect.info.clone();
        it.client_side_refresh = connect.client_side_refresh;
        it.times.expiry =
            ttl_s.map(|ttl_s| now.instant + seconds(ttl_s) + self.settings.limits.expired_grace);
        let told = ttl_s.filter(|_| connect.client_side_refresh);
        it.pending.push(Waiting { id, channel: None, work: Work::Connecting });
        if !connect.user.is_empty() {
            self.users.entry(Arc::clone(&connect.user)).or_default().push(session);
        }
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

    /// A connected client asks for something.
    pub fn handle_command(&mut self, now: Now, session: SessionId, id: u32, command: Command) {
        if !self.admit(now, session) {
            return;
        }
        let Some(it) = self.sessions.get_mut(session) else { return };
        let channel = command.channel().cloned();
        if it.pending.holds_back(channel.as_ref()) {
            return it.pending.push(Waiting { id, channel, work: Work::Held(command) });
        }
        let number = it.pending.next_number();
        let is_next = it.pending.is_empty();
        match self.begin(now, session, number, command) {
            Work::Ready(result) if is_next => self.reply(session, id, result),
            work => {
                if let Some(it) = self.sessions.get_mut(session) {
                    it.pending.push(Waiting { id, channel, work });
                }
                self.settle(now, session);
            }
        }
        self.arm(session);
    }

    /// A command of the client was refused before it came here: its token was not good, or the name of
    /// its channel is none. The client is told in its turn.
    pub fn refuse(&mut self, now: Now, session: SessionId, id: u32, error: CommandError) {
        if !self.admit(now, session) {
            return;
        }
        let Some(it) = self.sessions.get_mut(session) else { return };
        if it.pending.is_empty() {
            return self.reply(session, id, Err(error));
        }
        it.pending.push(Waiting { id, channel: None, work: Work::Ready(Err(error)) });
    }

    /// The client has answered a ping. Without one, it is closed with 3501.
    pub fn handle_pong(&mut self, session: SessionId) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        if it.times.pong.take().is_none() {
            self.end(session, Disconnect::BAD_REQUEST);
        }
    }

    /// The broker has answered.
    pub fn handle_answer(&mut self, now: Now, answer: Answer) {
        match self.requests.settle(answer.id) {
            None => {}
            Some(Purpose::Command { session, number }) => {
                let Some(it) = self.sessions.get_mut(session) else { return };
                if let Some(waiting) = it.pending.by_number(number)
                    && let Work::Asked(question) = waiting.work
                {
                    waiting.work = Work::Ready(question.reply(answer.outcome));
                }
                self.settle(now, session);
            }
            Some(Purpose::Join { session, channel }) => {
                self.handle_join_answer(now, session, channel, answer);
            }
            Some(Purpose::Check { channel }) => {
                self.handle_check_answer(now, channel, answer.outcome);
            }
        }
    }

    /// The next thing to ask the broker.
    pub fn poll_request(&mut self) -> Option<Request> {
        self.requests.poll()
    }

    /// A session that has something to write, or is to be closed. Each is named once, until it has been
    /// asked for what it has.
    pub fn poll_marked(&mut self) -> Option<SessionId> {
        while let Some(id) = self.marked.pop_front() {
            if let Some(session) = self.sessions.get_mut(id) {
                session.is_marked = false;
                return Some(id);
            }
        }
        None
    }

    /// The next entry to write to a client. What is not asked for stays, and counts against its bound.
    #[inline]
    pub fn poll_entry(&mut self, session: SessionId) -> Option<Entry<E>> {
        let it = self.sessions.get_mut(session)?;
        let entry = it.outbox.pop(&mut self.spare)?;
        if it.outbox.is_empty() && !it.latest.is_empty() {
            self.look_at_latest(session);
        }
        Some(entry)
    }

    /// The outbox of a session has room for the newest publications that wait for it.
    fn look_at_latest(&mut self, session: SessionId) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        let waiting = it.latest.iter().filter(|(_, it)| it.push.is_some());
        it.times.latest = waiting.map(|(_, it)| it.due).min();
        self.arm(session);
    }

    /// Why the session is to be closed, if it is: once [`poll_entry`](Self::poll_entry) has no more.
    pub fn ending(&self, session: SessionId) -> Option<&Disconnect> {
        match &self.sessions.get(session)?.phase {
            Phase::Ended(disconnect) => Some(disconnect),
            _ => None,
        }
    }

    /// Whether the session has so many commands that are not answered that nothing more should be
    /// read from it.
    pub fn is_busy(&self, session: SessionId) -> bool {
        let max = self.settings.limits.pending_commands;
        self.sessions.get(session).is_some_and(|it| it.pending.len() >= max)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.deadlines.next(), self.requests.next_deadline()].into_iter().flatten().min()
    }

    /// Other settings apply from now on: to new subscriptions, and to every command.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Numbers that only grow.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much there is.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            sessions: self.sessions.len(),
            channels: self.channels.len(),
            subscriptions: self.subscriptions,
            users: self.users.len(),
        }
    }

    /// Whether the session may act at all: it is connected, and not too fast.
    fn admit(&mut self, now: Now, session: SessionId) -> bool {
        let Some(it) = self.sessions.get_mut(session) else { return false };
        match it.phase {
            Phase::Ended(_) => return false,
            Phase::Opened => {
                self.end(session, Disconnect::BAD_REQUEST);
                return false;
            }
            // A refused `connect` leaves nothing to wait for.
            Phase::Connecting if it.pending.is_empty() => {
                self.end(session, Disconnect::BAD_REQUEST);
                return false;
            }
            Phase::Connecting | Phase::Connected => {}
        }
        self.counts.commands += 1;
        if !it.commands.take(self.settings.limits.command_rate, now.instant) {
            self.end(session, Disconnect::TOO_MANY_REQUESTS);
            return false;
        }
        true
    }

    /// Does what can be done of a command at once, and says what is left.
    fn begin(&mut self, now: Now, session: SessionId, number: u64, command: Command) -> Work {
        let begun = match command {
            Command::Subscribe(subscribe) => {
                return match self.begin_subscribe(now, session, subscribe) {
                    Ok(channel) => Work::Joining(channel),
                    Err(error) => Work::Ready(Err(error)),
                };
            }
            Command::Unsubscribe { channel } => {
                self.unsubscribe(session, &channel);
                Ok(ReplyBody::Unsubscribe)
            }
            Command::Publish { channel, data } => {
                let publish = self.publication(now, session, &channel, data);
                return self.asked(now, session, number, channel, Question::Publish, publish);
            }
            Command::History(History { channel, filter }) => {
                let operation = self.history(session, &channel, filter);
                return self.asked(now, session, number, channel, Question::History, operation);
            }
            Command::Presence { channel } => {
                let operation =
                    self.readable_presence(session, &channel).map(|()| Operation::Presence);
                return self.asked(now, session, number, channel, Question::Presence, operation);
            }
            Command::PresenceStats { channel } => {
                let operation =
                    self.readable_presence(session, &channel).map(|()| Operation::PresenceStats);
                let question = Question::PresenceStats;
                return self.asked(now, session, number, channel, question, operation);
            }
            // Nobody listens yet; it has no answer either.
            Command::Send { .. } => Err(CommandError::NotAvailable),
            Command::Rpc { .. } => Err(CommandError::NotAvailable),
            Command::Refresh(refreshed) => self.refresh(now, session, refreshed),
            Command::SubRefresh { channel, rights } => {
                self.sub_refresh(now, session, &channel, &rights)
            }
        };
        Work::Ready(begun)
    }

    /// Asks the broker on behalf of a command, unless there is a reason against it.
    fn asked(
        &mut self,
        now: Now,
        session: SessionId,
        number: u64,
        channel: ChannelName,
        question: Question,
        operation: Result<Operation, CommandError>,
    ) -> Work {
        match operation {
            Err(error) => Work::Ready(Err(error)),
            Ok(operation) => {
                let purpose = Purpose::Command { session, number };
                self.ask(now, &channel, operation, Some(purpose));
                Work::Asked(question)
            }
        }
    }

    pub(crate) fn ask(
        &mut self,
        now: Now,
        channel: &ChannelName,
        operation: Operation,
        purpose: Option<Purpose>,
    ) -> RequestId {
        let deadline = Requests::deadline(now.instant, self.settings.limits.broker_timeout);
        self.requests.ask(channel, operation, purpose.map(|purpose| (purpose, deadline)))
    }

    fn publication(
        &mut self,
        now: Now,
        session: SessionId,
        channel: &ChannelName,
        data: Bytes,
    ) -> Result<Operation, CommandError> {
        let options = self.options(channel)?;
        self.asker(session, channel).may_publish(&options)?;
        let rate = self.settings.limits.publish_rate;
        let id = self.channels.id(channel);
        let it = self.sessions.get_mut(session).ok_or(CommandError::Internal)?;
        if !it.publications.take(rate, now.instant) {
            return Err(CommandError::TooManyRequests);
        }
        let subscribed = id.and_then(|id| it.subscription(id)).map(|it| Arc::clone(&it.info));
        let info = subscribed.unwrap_or_else(|| it.info_with(&Bytes::new()));
        let history = options.history;
        Ok(Operation::Publish(Publish { data, info: Some(info), history, ..Publish::default() }))
    }

    fn history(
        &self,
        session: SessionId,
        channel: &ChannelName,
        filter: HistoryFilter,
    ) -> Result<Operation, CommandError> {
        let options = self.options(channel)?;
        self.asker(session, channel).may_read_history(&options)?;
        let max = self.settings.limits.history_publications;
        let limit = Some(filter.limit.unwrap_or(max).min(max));
        Ok(Operation::History {
            history: options.history,
            filter: HistoryFilter { limit, ..filter },
        })
    }

    fn readable_presence(
        &self,
        session: SessionId,
        channel: &ChannelName,
    ) -> Result<(), CommandError> {
        self.asker(session, channel).may_read_presence(&*self.options(channel)?)
    }

    pub(crate) fn options(
        &self,
        channel: &ChannelName,
    ) -> Result<Arc<ChannelOptions>, CommandError> {
        let options = self.settings.namespaces.options(channel);
        options.map(Arc::clone).ok_or(CommandError::UnknownChannel)
    }

    pub(crate) fn asker(&self, session: SessionId, channel: &ChannelName) -> Asker<'_> {
        let session = self.sessions.get(session);
        let id = self.channels.id(channel);
        Asker {
            user: session.map_or("", |it| &it.user),
            subscribed: session.zip(id).is_some_and(|(it, id)| it.subscription(id).is_some()),
            insecure: self.settings.insecure,
        }
    }

    /// Gives replies in the order of the commands, as far as they are there.
    pub(crate) fn settle(&mut self, now: Now, session: SessionId) {
        loop {
            let Some(it) = self.sessions.get_mut(session) else { return };
            let number = it.pending.next_number() - it.pending.len() as u64;
            let Some(front) = it.pending.front_mut() else { return };
            match &mut front.work {
                Work::Asked(_) => return,
                Work::Held(_) => {
                    let Some(Work::Held(command)) = it.pending.front_mut().map(|front| {
                        std::mem::replace(&mut front.work, Work::Asked(Question::Publish))
                    }) else {
                        return;
                    };
                    let work = self.begin(now, session, number, command);
                    self.arm(session);
                    let Some(it) = self.sessions.get_mut(session) else { return };
                    let Some(front) = it.pending.front_mut() else { return };
                    front.work = work;
                }
                Work::Joining(channel) => {
                    let channel = *channel;
                    if !self.settle_join(now, session, channel) {
                        return;
                    }
                }
                Work::Connecting => {
                    if !self.settle_connect(now, session) {
                        return;
                    }
                }
                Work::Ready(_) => {
                    let Some(Waiting { id, work: Work::Ready(result), .. }) =
                        it.pending.pop_front()
                    else {
                        return;
                    };
                    self.reply(session, id, result);
                }
            }
        }
    }

    /// Completes a connection if all of its own subscriptions have been made.
    fn settle_connect(&mut self, now: Now, session: SessionId) -> bool {
        let Some(it) = self.sessions.get_mut(session) else { return false };
        let Some(connect) = it.connect.take_if(|it| it.unanswered == 0) else { return false };
        let Some(Waiting { id, .. }) = it.pending.pop_front() else { return false };
        it.phase = Phase::Connected;
        let client = it.client;
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

    pub(crate) fn reply(
        &mut self,
        session: SessionId,
        id: u32,
        result: Result<ReplyBody, CommandError>,
    ) {
        self.counts.errors += u64::from(result.is_err());
        // A command without an id, such as `send`, wants no answer.
        if id == 0 {
            return;
        }
        let weight = SMALL_ENTRY_BYTES + result.as_ref().map_or(0, weight);
        self.enqueue(session, Entry::Reply(Box::new(Reply { id, result })), weight);
    }

    pub(crate) fn push(&mut self, session: SessionId, push: Push, weight: usize) {
        let shared = SharedPush { push, encoded: E::default() };
        self.enqueue(session, Entry::Push(Rc::new(shared)), weight);
    }

    /// Adds an entry to a session's outbox, or closes it because it has no room.
    pub(crate) fn enqueue(&mut self, session: SessionId, entry: Entry<E>, weight: usize) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        if it.has_ended() {
            return;
        }
        let pushed = it.outbox.push(entry, weight, &self.settings.limits, &mut self.spare);
        match pushed {
            Ok(()) => self.mark(session),
            Err(_) => self.end_slow(session),
        }
    }

    pub(crate) fn mark(&mut self, session: SessionId) {
        if let Some(it) = self.sessions.get_mut(session)
            && !it.is_marked
        {
            it.is_marked = true;
            self.marked.push_back(session);
        }
    }

    pub(crate) fn end_slow(&mut self, session: SessionId) {
        self.counts.slow += 1;
        self.end(session, Disconnect::SLOW);
    }

    pub(crate) fn arm(&mut self, session: SessionId) {
        if let Some(it) = self.sessions.get_mut(session) {
            let due = it.times.next();
            self.deadlines.arm(&mut it.times.armed, due, Alarm::Session(session));
        }
    }

    pub(crate) fn arm_channel(&mut self, channel: ChannelId) {
        if let Some(it) = self.channels.get_mut(channel) {
            let due = it.check.due;
            self.deadlines.arm(&mut it.check.armed, due, Alarm::Channel(channel));
        }
    }

    pub(crate) fn outcome_for_overdue() -> Outcome {
        Outcome::Failed(CommandError::Internal)
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

pub(crate) fn seconds(seconds: u32) -> std::time::Duration {
    std::time::Duration::from_secs(u64::from(seconds))
}

/// Bytes that a reply holds, about.
fn weight(body: &ReplyBody) -> usize {
    let publications =
        |list: &[Arc<crate::Publication>]| -> usize { list.iter().map(|it| it.weight()).sum() };
    match body {
        ReplyBody::Connect(connected) => connected
            .subscriptions
            .iter()
            .map(|(name, it)| name.as_str().len() + it.data.len() + publications(&it.publications))
            .sum(),
        ReplyBody::Subscribe(it) => it.data.len() + publications(&it.publications),
        ReplyBody::History(page) => publications(&page.publications),
        ReplyBody::Presence(infos) => {
            infos.iter().map(|it| it.conn_info.len() + it.chan_info.len() + 128).sum()
        }
        _ => 0,
    }
}
