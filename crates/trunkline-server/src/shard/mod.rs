//! [`Shard`]: one thread with a hub, the partition of the broker whose channels live here, and the
//! tasks of the sockets that were given to it.
//!
//! ```text
//!   socket task ──commands──▶ hub ──requests──▶ partition here, or the inbox of another shard
//!   socket task ◀──wake────── hub ◀─deliveries─ partition here, or our own inbox
//! ```
//!
//! Everything here happens on one thread, so there is no lock. A [`turn`](Shard::turn) moves what hub
//! and partition have for each other until neither has anything. Then the tasks that are ready go on, and
//! bring more; and only then are those attended to that have something to write, each once, and some of them
//! at a time: what has been gathered for a client meanwhile goes out in one write. Mostly the shard makes
//! that write itself, to the socket if it can, and wakes no task for it.

mod ask;
mod attend;
mod hold;
mod inbox;
mod line;
mod links;
mod shortcuts;
mod sockets;
#[cfg(test)]
mod tests;
mod timer;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::task::{spawn_local, unconstrained};
use trunkline::Batch;
use trunkline_hub::broker::{Answer, Delivery, Operation, Outcome, Request};
use trunkline_hub::{CommandError, Hub, Now, SessionId};

pub(crate) use inbox::{Message, Receiver, Sender, inbox};
pub(crate) use line::{Heard, Line};
pub(crate) use links::Links;
pub(crate) use sockets::{Socket, Sockets};

use crate::broker::{Broker, Caller, Outlet};
use crate::dialect::centrifugo::Encoded;
use crate::profile::{KnownSoftware, Profile};
use ask::Asked;
use hold::Hold;
use shortcuts::Shortcuts;
use timer::Timer;

/// The partition's own caller: those who are no hub.
const ASKER: Caller = Caller(u16::MAX);

/// Messages that are taken from an inbox before what they bring about is written.
const MESSAGES_PER_TURN: usize = 1024;

/// One thread's share of the server.
pub(crate) struct Shard {
    index: u16,
    links: Links,
    timer: Timer,
    batch: Cell<Option<Batch>>,
    state: RefCell<State>,
    lines: RefCell<Lines>,
    sockets: Rc<Sockets>,
    shortcuts: Shortcuts,
    /// Room for what is written to one client at once.
    gathered: Cell<Vec<u8>>,
    /// Somebody has panicked who had the state in hand.
    is_broken: Cell<bool>,
    /// The hub has named somebody who has something to write.
    has_marked: Notify,
}

pub(crate) struct State {
    pub(crate) hub: Hub<Encoded>,
    pub(crate) broker: Box<dyn Broker>,
    /// Bytes of messages that sockets were given to write.
    pub(crate) bytes_out: u64,
    /// What clients of this shard say they are.
    software: KnownSoftware,
    asked: Asked,
    /// What is told of clients, by the session's index.
    profiles: Vec<Option<Profile>>,
    /// What the partition has for the hub beside it.
    local: VecDeque<FromBroker>,
}

enum FromBroker {
    Answer(Answer),
    Delivery(Delivery),
}

/// The connections of sessions, by the session's index.
#[derive(Default)]
struct Lines(Vec<Option<Line>>);

impl Lines {
    fn of(&mut self, session: SessionId) -> Option<&mut Line> {
        self.0.get_mut(session.index())?.as_mut()
    }
}

impl State {
    /// Remembers what is told of a client.
    pub(crate) fn set_profile(&mut self, session: SessionId, profile: Option<Profile>) {
        if self.profiles.len() <= session.index() {
            self.profiles.resize(session.index() + 1, None);
        }
        if let Some(place) = self.profiles.get_mut(session.index()) {
            *place = profile;
        }
    }

    /// What is told of a client, as long as its socket is there.
    pub(crate) fn profile(&self, session: SessionId) -> Option<&Profile> {
        self.profiles.get(session.index())?.as_ref()
    }

    /// A client has said what it is.
    pub(crate) fn name_software(&mut self, session: SessionId, name: &str, version: &str) {
        if let Some(Some(profile)) = self.profiles.get_mut(session.index()) {
            profile.software = self.software.of(name, version);
        }
    }
}

impl Shard {
    pub(crate) fn new(
        index: u16,
        links: Links,
        hub: Hub<Encoded>,
        broker: Box<dyn Broker>,
    ) -> Rc<Self> {
        let state = State {
            hub,
            broker,
            bytes_out: 0,
            software: KnownSoftware::default(),
            asked: Asked::default(),
            profiles: Vec::new(),
            local: VecDeque::new(),
        };
        Rc::new(Self {
            index,
            links,
            timer: Timer::default(),
            batch: Cell::new(None),
            state: RefCell::new(state),
            lines: RefCell::default(),
            sockets: Rc::default(),
            shortcuts: Shortcuts::default(),
            gathered: Cell::default(),
            is_broken: Cell::new(false),
            has_marked: Notify::new(),
        })
    }

    /// Takes messages and minds the time until it is told to stop, or is broken.
    pub(crate) async fn run(self: Rc<Self>, mut inbox: Receiver) {
        // Its writes are no matter of tokio's, which would let it make 128 of them and no more.
        spawn_local(unconstrained(Rc::clone(&self).attend_marked()));
        let mut messages = Vec::new();
        loop {
            let taken = tokio::select! {
                taken = inbox.recv_many(&mut messages, MESSAGES_PER_TURN) => taken,
                () = self.timer.due() => {
                    self.handle_timeout();
                    continue;
                }
            };
            if taken == 0 {
                return;
            }
            let now = now();
            for message in messages.drain(..) {
                if matches!(message, Message::Stop) || self.is_broken() {
                    return;
                }
                self.handle_message(now, message);
            }
            self.turn(now);
        }
    }

    /// Lets `act` do something with the hub. To be followed by a [`turn`](Self::turn). A panic in `act` breaks
    /// the shard.
    #[inline]
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let hold = Hold::of(self);
        let result = act(&mut self.state.borrow_mut());
        hold.put_down();
        result
    }

    /// The same for what changes nothing but what belongs to one session: a panic breaks that alone.
    #[inline]
    pub(crate) fn with_own<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.state.borrow_mut())
    }

    /// Where sockets of this shard are to be.
    pub(crate) fn sockets(&self) -> &Rc<Sockets> {
        &self.sockets
    }

    /// Takes the connection of a session.
    pub(crate) fn add_line(&self, session: SessionId, line: Line) {
        let lines = &mut self.lines.borrow_mut().0;
        if lines.len() <= session.index() {
            lines.resize_with(session.index() + 1, || None);
        }
        if let Some(place) = lines.get_mut(session.index()) {
            *place = Some(line);
        }
    }

    /// Lets `act` do something with the connection of a session.
    ///
    /// # Panics
    /// If it has been removed.
    pub(crate) fn with_line<R>(&self, session: SessionId, act: impl FnOnce(&mut Line) -> R) -> R {
        let mut lines = self.lines.borrow_mut();
        act(lines.of(session).expect("a line is there for as long as its task"))
    }

    /// Hangs up.
    pub(crate) fn remove_line(&self, session: SessionId) {
        self.shortcuts.set(session, None);
        let line = self.lines.borrow_mut().0.get_mut(session.index()).and_then(Option::take);
        drop(line);
    }

    /// Whether somebody has panicked who had hub or partition in hand. Nobody may touch them any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Moves what hub and partition have for each other. Those who have something to write then are woken when the
    /// tasks that are ready have had their turn.
    pub(crate) fn turn(&self, now: Now) {
        self.with(|state| self.turn_with(now, state));
    }

    fn turn_with(&self, now: Now, state: &mut State) {
        loop {
            while let Some(request) = state.hub.poll_request() {
                self.route(now, state, request);
            }
            let Some(from_broker) = state.local.pop_front() else { break };
            match from_broker {
                FromBroker::Answer(answer) => state.hub.handle_answer(now, answer),
                FromBroker::Delivery(delivery) => state.hub.handle_delivery(now, delivery),
            }
        }
        if state.hub.has_marked() {
            self.has_marked.notify_one();
        }
        self.arm(state);
    }

    /// Sees to it that hub and partition are called when they want to be. To be called after entries were taken from
    /// an outbox, which may have made room for something that has its time.
    pub(crate) fn arm(&self, state: &State) {
        let due = [state.hub.poll_timeout(), state.broker.poll_timeout()];
        self.timer.arm(due.into_iter().flatten().min());
    }

    /// Room for messages, lent to the task that is at work.
    pub(crate) fn take_batch(&self) -> Batch {
        self.batch.take().unwrap_or_default()
    }

    /// Gives it back.
    pub(crate) fn give_batch(&self, batch: Batch) {
        self.batch.set(Some(batch));
    }

    fn handle_message(self: &Rc<Self>, now: Now, message: Message) {
        match message {
            Message::Stop => {}
            Message::Run(act) => act(self, now),
            Message::Spawn(spawn) => spawn(Rc::clone(self)),
            Message::Request { from, request } => self.ask_broker(now, from, request),
            Message::Answer(answer) => self.with(|it| it.hub.handle_answer(now, answer)),
            Message::Delivery(delivery) => self.with(|it| it.hub.handle_delivery(now, delivery)),
            Message::Ask { channel, operation, reply } => {
                if self.is_refused(&operation) {
                    let _ = reply.send(Outcome::Failed(CommandError::TooManyRequests));
                    return;
                }
                let id = self.with(|it| it.asked.begin(reply));
                self.ask_broker(now, ASKER, Request { id, channel, operation });
            }
            Message::WakeBroker => self.with(|state| {
                let State { broker, local, asked, .. } = state;
                broker.handle_wake(now, &mut Out { shard: self, local, asked });
            }),
        }
    }

    fn ask_broker(&self, now: Now, from: Caller, request: Request) {
        self.with(|state| {
            let State { broker, local, asked, .. } = state;
            broker.handle_request(now, from, request, &mut Out { shard: self, local, asked });
        });
    }

    fn route(&self, now: Now, state: &mut State, request: Request) {
        if self.is_refused(&request.operation) {
            let outcome = Outcome::Failed(CommandError::TooManyRequests);
            state.local.push_back(FromBroker::Answer(Answer { id: request.id, outcome }));
            return;
        }
        let home = self.links.home(&request.channel);
        let me = Caller(self.index);
        if home != self.index {
            return self.links.send(home, Message::Request { from: me, request });
        }
        let State { broker, local, asked, .. } = state;
        broker.handle_request(now, me, request, &mut Out { shard: self, local, asked });
    }

    /// While a shard does not keep up, nothing is published.
    fn is_refused(&self, operation: &Operation) -> bool {
        matches!(operation, Operation::Publish(_)) && self.links.is_congested()
    }

    fn handle_timeout(&self) {
        let now = now();
        self.with(|state| {
            let State { hub, broker, local, asked, .. } = state;
            hub.handle_timeout(now);
            if broker.poll_timeout().is_some_and(|due| due <= now.instant) {
                broker.handle_timeout(now, &mut Out { shard: self, local, asked });
            }
        });
        self.turn(now);
    }
}

/// Where the partition's words go.
struct Out<'a> {
    shard: &'a Shard,
    local: &'a mut VecDeque<FromBroker>,
    asked: &'a mut Asked,
}

impl Outlet for Out<'_> {
    fn answer(&mut self, to: Caller, answer: Answer) {
        if to == ASKER {
            self.asked.settle(answer);
        } else if to.0 == self.shard.index {
            self.local.push_back(FromBroker::Answer(answer));
        } else {
            self.shard.links.send(to.0, Message::Answer(answer));
        }
    }

    fn deliver(&mut self, to: Caller, delivery: Delivery) {
        if to.0 == self.shard.index {
            self.local.push_back(FromBroker::Delivery(delivery));
        } else {
            self.shard.links.send(to.0, Message::Delivery(delivery));
        }
    }
}

/// What the clocks show.
pub(crate) fn now() -> Now {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_ms = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
    Now { instant: Instant::now(), unix_ms }
}
