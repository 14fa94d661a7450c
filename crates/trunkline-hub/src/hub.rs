//! [`Hub`]: all sessions of one thread.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::broker::{Answer, Operation, Outcome, Request, RequestId};
use crate::channel::{ChannelId, Channels};
use crate::channel_name::ChannelName;
use crate::counts::{Counts, Gauges};
use crate::deadlines::{Alarm, Deadlines};
use crate::entropy::Entropy;
use crate::error::{CommandError, Disconnect};
use crate::gather::Gather;
use crate::limits::Limits;
use crate::moment::Clock;
use crate::now::Now;
use crate::options::{ChannelOptions, Namespaces};
use crate::outbox::Queued;
use crate::pending::Waiting;
use crate::pending::Work;
use crate::permit::Asker;
use crate::reply::{Entry, Push, Reply, ReplyBody, SharedPush};
use crate::requests::{Purpose, Requests};
use crate::session::{Phase, Session, SessionId, Sessions};
use crate::spare::Spare;
use crate::users::Users;

/// What an entry without a payload weighs in an outbox.
pub(crate) const SMALL_ENTRY_BYTES: usize = 64;

/// Queues of outboxes that are kept: as many as sessions that one publication may reach between two writes.
const SPARE_OUTBOXES: usize = 16_384;

/// Queues of commands that are kept: nearly all that wait are answered before the next session's turn.
const SPARE_COMMANDS: usize = 256;

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

/// All sessions of one thread, as a machine.
///
/// After any call of a `handle_*` or of another method that takes the time, drain
/// [`poll_request`](Self::poll_request), write what [`poll_marked`](Self::poll_marked) says is to be
/// written, say so with [`handle_written`](Self::handle_written), and wait no longer than
/// [`poll_timeout`](Self::poll_timeout) says.
///
/// `E` is where dialects keep the encoded forms of a push.
#[derive(Debug)]
pub struct Hub<E> {
    pub(crate) settings: Settings,
    pub(crate) sessions: Sessions<E>,
    pub(crate) users: Users,
    pub(crate) channels: Channels,
    pub(crate) requests: Requests,
    pub(crate) clock: Clock,
    pub(crate) deadlines: Deadlines,
    pub(crate) marked: VecDeque<SessionId>,
    pub(crate) gather: Gather,
    pub(crate) spare: Spare<Queued<E>>,
    pub(crate) spare_commands: Spare<Waiting>,
    pub(crate) entropy: Entropy,
    pub(crate) counts: Counts,
    pub(crate) subscriptions: usize,
}

impl<E: Default> Hub<E> {
    /// A hub without sessions.
    pub fn new(settings: Settings, mut entropy: Entropy) -> Self {
        Self {
            sessions: Sessions::default(),
            users: Users::new(entropy.keys()),
            channels: Channels::new(entropy.keys()),
            requests: Requests::new(entropy.keys()),
            clock: Clock::default(),
            deadlines: Deadlines::default(),
            marked: VecDeque::new(),
            gather: Gather::new(&settings.limits),
            spare: Spare::new(SPARE_OUTBOXES),
            spare_commands: Spare::new(SPARE_COMMANDS),
            entropy,
            counts: Counts::default(),
            subscriptions: 0,
            settings,
        }
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
            let Some(egress) = self.sessions.egress_mut(id) else { continue };
            egress.is_marked = false;
            // It may have been asked meanwhile.
            if !egress.outbox.is_empty() || egress.ending.is_some() {
                return Some(id);
            }
        }
        None
    }

    /// Whether [`poll_marked`](Self::poll_marked) may have somebody to name.
    pub fn has_marked(&self) -> bool {
        !self.marked.is_empty()
    }

    /// The next entry to write to a client. What is not asked for stays, and counts against its bound.
    #[inline]
    pub fn poll_entry(&mut self, session: SessionId) -> Option<Entry<E>> {
        let it = self.sessions.egress_mut(session)?;
        let entry = it.outbox.pop(&mut self.spare)?;
        if it.outbox.is_empty() && it.latest.is_some() {
            self.look_at_latest(session);
        }
        Some(entry)
    }

    /// What [`poll_entry`](Self::poll_entry) is about to give, one after the other.
    #[inline]
    pub fn entries(&self, session: SessionId) -> impl Iterator<Item = &Entry<E>> {
        self.sessions.egress(session).into_iter().flat_map(|it| it.outbox.iter())
    }

    /// The outbox of a session has room for the newest publications that wait for it.
    fn look_at_latest(&mut self, session: SessionId) {
        let Some(it) = self.sessions.egress_mut(session) else { return };
        let Some(newest) = &mut it.latest else { return };
        let waiting = newest.channels.iter().filter(|(_, it)| it.push.is_some());
        newest.due = waiting.map(|(_, it)| it.due).min();
        self.arm(session);
    }

    /// Why the session is to be closed, if it is: once [`poll_entry`](Self::poll_entry) has no more.
    pub fn ending(&self, session: SessionId) -> Option<&Disconnect> {
        self.sessions.egress(session)?.ending.as_deref()
    }

    /// Whether the client has yet to say who it is. A `connect` after that is a mistake, whatever is in it:
    /// [`connect`](Self::connect) closes with 3501.
    pub fn awaits_connect(&self, session: SessionId) -> bool {
        self.sessions.get(session).is_some_and(|it| it.phase == Phase::Opened)
    }

    /// Whether the client may send commands: it has said who it is, and was not refused. Others are closed with
    /// 3501, so that nothing in their commands need be looked at.
    pub fn is_let_in(&self, session: SessionId) -> bool {
        self.sessions.get(session).is_some_and(Session::is_let_in)
    }

    /// Whether the client is subscribed to the channel, or about to be.
    pub fn is_subscribed(&self, session: SessionId, channel: &ChannelName) -> bool {
        self.asker(session, channel).subscribed
    }

    /// Whether the session has so many commands that are not answered that nothing more should be
    /// read from it.
    pub fn is_busy(&self, session: SessionId) -> bool {
        let max = self.settings.limits.pending_commands;
        self.sessions.get(session).is_some_and(|it| it.pending.len() >= max)
    }

    /// Bytes that wait in the outbox of a session.
    pub fn outbox_bytes(&self, session: SessionId) -> usize {
        self.sessions.egress(session).map_or(0, |it| it.outbox.bytes())
    }

    /// Whether every command of the session is answered, and nothing waits to be written to it.
    pub fn is_settled(&self, session: SessionId) -> bool {
        let has_answers = self.sessions.egress(session).is_some_and(|it| !it.outbox.is_empty());
        !has_answers && self.sessions.get(session).is_none_or(|it| it.pending.is_empty())
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadlines.next().and_then(|it| self.clock.instant(it));
        let due = [deadline, self.requests.next_deadline(), self.gather.due()];
        due.into_iter().flatten().min()
    }

    /// Other settings apply from now on: to new subscriptions, and to every command.
    pub fn configure(&mut self, settings: Settings) {
        self.gather.configure(&settings.limits);
        self.settings = settings;
    }

    /// Whether clients may publish anything into `channel`, though not every subscriber can be told it.
    pub fn takes_anything(&self, channel: &ChannelName) -> bool {
        self.settings.namespaces.options(channel).is_some_and(|it| it.publish_anything)
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
            questions: self.requests.unanswered(),
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
            user: session.map_or("", |it| &it.identity.user),
            subscribed: session.zip(id).is_some_and(|(it, id)| it.subscription(id).is_some()),
            insecure: self.settings.insecure,
        }
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
        let Some(it) = self.sessions.egress_mut(session) else { return };
        if it.ending.is_some() {
            return;
        }
        let pushed = it.outbox.push(entry, weight, &self.settings.limits, &mut self.spare);
        match pushed {
            Ok(()) => self.mark(session),
            Err(_) => self.end_slow(session),
        }
    }

    pub(crate) fn mark(&mut self, session: SessionId) {
        if let Some(it) = self.sessions.egress_mut(session)
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
        if let Some((it, egress)) = self.sessions.with_egress(session) {
            let latest = egress.latest.as_ref().and_then(|it| it.due);
            let due = [it.times.next(), latest].into_iter().flatten().min();
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
