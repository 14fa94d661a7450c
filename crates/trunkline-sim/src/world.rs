//! [`run`]: one life of a small world.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_hub::broker::{Answer, Delivery};
use trunkline_hub::limits::Limits;
use trunkline_hub::{
    ChannelName, Command, Connect, Disconnect, Entropy, Gauges, History, HistoryFilter, Hub, Now,
    Selector, ServerSubscription, SessionId, Settings, Subscribe, SubscribeRights,
};

use crate::broker::Broker;
use crate::client::{Broken, Client, Subject};
use crate::figures::Figures;
use crate::link::{Arrival, Link};
use crate::random::Random;
use crate::settings::{limits, namespaces};

const HUBS: usize = 3;
const CLIENTS: usize = 8;
/// What clients subscribe to by themselves: with history and recovery, with both if they ask, with
/// recovery of the newest, with nothing, and with nothing but the newest.
const CHANNELS: [&str; 6] = ["news", "chat", "asked:a", "cache:a", "plain:a", "latest:a"];
/// What they are subscribed to: with the connection, and later.
const OWN: &str = "own";
const PUSHED: &str = "pushed";
const STEPS: u32 = 400;
/// How long tokens last that run out.
const TOKEN_S: i64 = 20;
/// Longer than presence lasts, and than a loss may go unnoticed.
const QUIET_MS: u64 = 130_000;
/// Turns without time passing; more, and a hub is asking for the same moment for ever.
const TURNS_MAX: u32 = 10_000;

/// A seed that broke a rule.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Run it again with this one.
    pub seed: u64,
    /// Milliseconds of virtual time.
    pub at_ms: u64,
    /// The rule.
    pub broken: String,
}

/// Is told what happens, line by line.
pub type Trace<'a> = &'a mut dyn FnMut(String);

/// Lets the world of `seed` live, and checks it at every step.
///
/// # Errors
/// If a rule was broken.
pub fn run(seed: u64, trace: Option<Trace<'_>>) -> Result<Figures, Failure> {
    let mut world = World::new(seed, trace);
    match world.live() {
        Ok(()) => Ok(world.figures),
        Err(broken) => Err(Failure { seed, at_ms: world.now_ms, broken }),
    }
}

/// These clients encode nothing.
#[derive(Debug, Default)]
pub(crate) struct NotEncoded;

pub(crate) struct World<'a> {
    random: Random,
    pub(crate) hubs: Vec<Hub<NotEncoded>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) broker: Broker,
    link: Link,
    pub(crate) clients: Vec<Client>,
    start: Instant,
    pub(crate) now_ms: u64,
    /// How far the other clock has been set wrong.
    step_ms: i64,
    /// How often the broker fails: some worlds are calm, so that what is rare is not drowned.
    failures: u64,
    losses: u64,
    /// The broker hears nothing until then.
    down_until_ms: u64,
    /// This hub lets its sessions go, one after the other, and takes no new ones.
    draining: Option<usize>,
    /// Nothing fails any more.
    is_quiet: bool,
    published: u64,
    figures: Figures,
    trace: Option<Trace<'a>>,
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("a good name")
}

impl<'a> World<'a> {
    fn new(seed: u64, trace: Option<Trace<'a>>) -> Self {
        let mut random = Random::new(seed);
        // Publications wait for others in every other world.
        let write_delay = Duration::from_millis(20 * random.below(2));
        let limits = Arc::new(limits(write_delay));
        let settings = Settings {
            limits: Arc::clone(&limits),
            namespaces: Arc::new(namespaces()),
            ..Settings::default()
        };
        let hubs = (0..HUBS)
            .map(|_| {
                let mut source = Random::new(random.next());
                Hub::new(settings.clone(), Entropy::new(move || source.next()))
            })
            .collect();
        let (failures, losses) = (random.below(5), random.below(2));
        Self {
            failures,
            losses,
            random,
            hubs,
            limits,
            broker: Broker::default(),
            link: Link::default(),
            clients: (0..CLIENTS).map(Client::new).collect(),
            start: Instant::now(),
            now_ms: 0,
            step_ms: 0,
            down_until_ms: 0,
            draining: None,
            is_quiet: false,
            published: 0,
            figures: Figures::default(),
            trace,
        }
    }

    fn now(&self) -> Now {
        let ms = i64::try_from(self.now_ms).expect("a short life");
        Now {
            instant: self.start + Duration::from_millis(self.now_ms),
            unix_ms: 1_700_000_000_000 + ms + self.step_ms,
        }
    }

    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        if let Some(trace) = &mut self.trace {
            trace(format!("{:>7} {what}", self.now_ms));
        }
    }

    fn live(&mut self) -> Result<(), Broken> {
        for _ in 0..STEPS {
            self.act();
            self.drain_one()?;
            let most = if self.random.percent(3) { 6_000 } else { 120 };
            let time = self.random.below(most);
            self.pass(time)?;
        }
        self.be_quiet()?;
        self.leave()
    }

    /// One of the many things that may happen.
    fn act(&mut self) {
        let client = usize::try_from(self.random.below(CLIENTS as u64)).expect("an index");
        let name = channel(self.random.one_of(&CHANNELS));
        match (self.random.below(100), self.clients[client].session) {
            (_, None) => self.connect(client),
            (0..20, Some(session)) => self.subscribe(client, session, name),
            (20..62, Some(session)) => self.publish(client, session, &name),
            (62..70, Some(session)) => {
                let id = self.clients[client].ask(Subject::Unsubscribe(name.clone()));
                self.command(client, session, id, Command::Unsubscribe { channel: name });
            }
            (70..75, Some(session)) => self.question(client, session, name),
            (75..79, _) => self.clients[client].is_stalled ^= true,
            (79..83, Some(session)) => {
                self.note(format_args!("client {client} goes"));
                let hub = self.clients[client].hub;
                self.hubs[hub].close(session);
                self.clients[client].forget();
            }
            (83..91, _) => self.server(client, &name),
            (91..95, _) if self.random.below(4) < self.failures => self.fail(),
            (95..97, _) => {
                let hours = i64::try_from(self.random.below(5)).expect("small") - 2;
                self.step_ms = hours * 3_600_000;
            }
            (97..98, _) if self.draining.is_none() => {
                let hub = self.a_hub();
                self.note(format_args!("hub {hub} is drained"));
                self.draining = Some(hub);
            }
            _ => {}
        }
    }

    fn connect(&mut self, client: usize) {
        let mut hub = self.a_hub();
        if self.draining == Some(hub) {
            hub = (hub + 1) % HUBS;
        }
        let now = self.now();
        let session = self.hubs[hub].open(now);
        let mut connect =
            Connect { user: (&*self.clients[client].user).into(), ..Connect::default() };
        if self.random.percent(10) {
            connect.expire_at = Some(now.unix_s() + TOKEN_S);
            self.clients[client].ends_ms = Some(self.now_ms + self.token_ms());
        }
        let mut recover = Vec::new();
        if self.random.percent(40) {
            let rights = SubscribeRights::default();
            connect.subscriptions = vec![ServerSubscription { channel: channel(OWN), rights }];
            recover.extend(self.clients[client].positions.get(&channel(OWN)).copied());
        }
        connect.recover = recover.iter().map(|it| (channel(OWN), *it)).collect();
        let subject = Subject::Connect(connect.recover.clone());
        self.note(format_args!("client {client} connects to hub {hub}: {connect:?}"));
        let it = &mut self.clients[client];
        it.hub = hub;
        it.session = Some(session);
        let id = it.ask(subject);
        self.hubs[hub].connect(now, session, id, connect);
    }

    fn a_hub(&mut self) -> usize {
        usize::try_from(self.random.below(HUBS as u64)).expect("an index")
    }

    /// How long a connection lives whose token does not: the wall clock is asked when it begins, and
    /// never again.
    fn token_ms(&self) -> u64 {
        let grace = self.limits.expired_grace.as_millis();
        u64::try_from(grace).expect("a short time") + TOKEN_S.unsigned_abs() * 1_000
    }

    /// A hub that is drained lets one session go, while all others go on. Those who do not read are cut
    /// off in the end, and then nothing is left.
    fn drain_one(&mut self) -> Result<(), Broken> {
        let Some(hub) = self.draining else { return Ok(()) };
        if let Some(session) = self.hubs[hub].sessions_open().first() {
            self.hubs[hub].end(*session, Disconnect::SHUTDOWN);
            return Ok(());
        }
        for client in self.clients.iter_mut().filter(|it| it.hub == hub) {
            if let Some(session) = client.session {
                self.hubs[hub].close(session);
                client.forget();
            }
        }
        // Answers that nobody waits for any more may still come.
        let mut left = self.hubs[hub].gauges();
        left.questions = 0;
        if left != Gauges::default() {
            return Err(format!("hub {hub} was drained, and there are {left:?}"));
        }
        self.note(format_args!("hub {hub} was drained"));
        self.figures.drains += 1;
        self.draining = None;
        Ok(())
    }

    fn subscribe(&mut self, client: usize, session: SessionId, name: ChannelName) {
        let since = self.clients[client].positions.get(&name).copied();
        let recover = since.filter(|_| self.random.percent(85));
        let mut subscribe = Subscribe { recover, ..Subscribe::new(name.clone()) };
        subscribe.recoverable = self.random.percent(50);
        subscribe.positioned = self.random.percent(50);
        subscribe.join_leave = self.random.percent(30);
        subscribe.reject_unrecovered = self.random.percent(10);
        if self.random.percent(5) {
            let expire_at = Some(self.now().unix_s() + 5);
            subscribe.token = Some(SubscribeRights { expire_at, ..SubscribeRights::default() });
        }
        let id = self.clients[client].ask(Subject::Subscribe(name, recover));
        self.command(client, session, id, Command::Subscribe(subscribe));
    }

    fn publish(&mut self, client: usize, session: SessionId, name: &ChannelName) {
        let name = match self.random.below(6) {
            0 => channel(OWN),
            1 => channel(PUSHED),
            _ => name.clone(),
        };
        // Bursts are what fills buffers.
        let count = if self.random.percent(5) { 30 } else { 1 };
        for _ in 0..count {
            self.published += 1;
            let data = Bytes::from(format!("p{}", self.published));
            let id = self.clients[client].ask(Subject::Other);
            let command = Command::Publish { channel: name.clone(), data };
            self.command(client, session, id, command);
        }
    }

    fn question(&mut self, client: usize, session: SessionId, channel: ChannelName) {
        let command = match self.random.below(3) {
            0 => Command::Presence { channel },
            1 => Command::PresenceStats { channel },
            _ => Command::History(History { channel, filter: HistoryFilter::default() }),
        };
        let id = self.clients[client].ask(Subject::Other);
        self.command(client, session, id, command);
    }

    fn command(&mut self, client: usize, session: SessionId, id: u32, command: Command) {
        self.note(format_args!("client {client} asks {id}: {command:?}"));
        let now = self.now();
        self.hubs[self.clients[client].hub].handle_command(now, session, id, command);
    }

    /// What the API does.
    fn server(&mut self, client: usize, name: &ChannelName) {
        let hub = self.clients[client].hub;
        let user = (&*self.clients[client].user).into();
        let selector = Selector { user, ..Selector::default() };
        let now = self.now();
        let what = self.random.below(8);
        let recover = self.clients[client].positions.get(&channel(PUSHED)).copied();
        self.note(format_args!("server does {what} to client {client}, {name}"));
        let hub = &mut self.hubs[hub];
        match what {
            0 => {
                hub.disconnect(&selector, &Disconnect::FORCE_RECONNECT);
            }
            1 => hub.unsubscribe_by_server(&selector, Some(name)),
            2 => hub.unsubscribe_by_server(&selector, None),
            3 => hub.unsubscribe_by_server(&selector, Some(&channel(PUSHED))),
            _ => {
                // Off and on again, while the broker has not answered to the first.
                if what == 4 {
                    hub.unsubscribe_by_server(&selector, Some(&channel(PUSHED)));
                }
                let own = ServerSubscription {
                    channel: channel(PUSHED),
                    rights: SubscribeRights::default(),
                };
                hub.subscribe_by_server(now, &selector, &own, recover).expect("it has options");
            }
        }
    }

    fn fail(&mut self) {
        let hub = usize::try_from(self.random.below(HUBS as u64)).expect("an index");
        if self.random.percent(30) {
            self.note(format_args!("the broker begins anew"));
            self.figures.restarts += 1;
            self.broker.restart();
            // It may be away for longer than a hub waits for an answer.
            self.down_until_ms = self.now_ms + self.random.below(8_000);
            (0..HUBS).for_each(|hub| self.notice(hub));
        } else {
            self.note(format_args!("the broker forgets hub {hub}"));
            self.broker.forget(hub);
            // Otherwise the next check finds out.
            if self.random.percent(70) {
                self.notice(hub);
            }
        }
    }

    fn notice(&mut self, hub: usize) {
        let due = self.now_ms.max(self.down_until_ms) + self.random.below(3_000);
        self.link.send(due, Arrival::Noticed(hub));
    }

    /// Lets so many milliseconds pass, and what is due in them happen.
    fn pass(&mut self, ms: u64) -> Result<(), Broken> {
        let end = self.now_ms + ms;
        let mut turns = 0;
        loop {
            self.pump();
            self.read()?;
            self.check()?;
            self.check_waits()?;
            let due = self.next().filter(|due| *due <= end);
            let Some(due) = due else { break };
            turns = if due > self.now_ms { 0 } else { turns + 1 };
            if turns > TURNS_MAX {
                return Err("time does not go on".into());
            }
            self.now_ms = self.now_ms.max(due);
            self.happen();
        }
        self.now_ms = end;
        Ok(())
    }

    /// When the next thing is due.
    fn next(&self) -> Option<u64> {
        let of_hub = |it: &Hub<NotEncoded>| it.poll_timeout().map(|it| self.ms_up(it));
        self.hubs.iter().filter_map(of_hub).chain(self.link.next()).min()
    }

    /// The first whole millisecond at which a moment has come.
    fn ms_up(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.start);
        u64::try_from(passed.as_nanos().div_ceil(1_000_000)).expect("a short life")
    }

    fn happen(&mut self) {
        let now = self.now();
        for hub in &mut self.hubs {
            if hub.poll_timeout().is_some_and(|it| it <= now.instant) {
                hub.handle_timeout(now);
            }
        }
        let Some(arrival) = self.link.take(self.now_ms) else { return };
        self.note(format_args!("{arrival:?}"));
        match arrival {
            Arrival::Answer(hub, answer) => self.hubs[hub].handle_answer(now, answer),
            Arrival::Delivery(hub, delivery) => self.hubs[hub].handle_delivery(now, delivery),
            Arrival::Noticed(hub) => self.hubs[hub].reattach(now),
            Arrival::Request(..) if self.now_ms < self.down_until_ms => {}
            Arrival::Request(hub, request) => {
                let done = self.broker.handle(hub, self.now_ms, request.channel, request.operation);
                if let Some((hubs, delivery)) = done.delivery {
                    self.deliver(&hubs, &delivery);
                }
                if let Some(outcome) = done.outcome {
                    self.answer(hub, &Answer { id: request.id, outcome });
                }
            }
        }
    }

    fn deliver(&mut self, hubs: &[usize], delivery: &Delivery) {
        for hub in hubs {
            if !self.is_quiet && self.random.percent(self.losses) {
                self.note(format_args!("lost for hub {hub}: {delivery:?}"));
                continue;
            }
            let due = self.now_ms + self.late();
            self.link.send(due, Arrival::Delivery(*hub, delivery.clone()));
        }
    }

    /// Late, twice or never.
    fn answer(&mut self, hub: usize, answer: &Answer) {
        let times = match self.random.below(100) {
            _ if self.is_quiet => 1,
            0..2 => 0,
            2..7 => 2,
            _ => 1,
        };
        for _ in 0..times {
            let due = self.now_ms + self.late();
            self.link.send(due, Arrival::Answer(hub, answer.clone()));
        }
    }

    fn late(&mut self) -> u64 {
        let most = match self.random.below(100) {
            _ if self.is_quiet => 5,
            0..60 => 10,
            60..95 => 300,
            _ => 7_000,
        };
        self.random.below(most)
    }

    /// Takes what hubs want to ask.
    fn pump(&mut self) {
        for hub in 0..HUBS {
            while let Some(request) = self.hubs[hub].poll_request() {
                if !self.is_quiet && self.random.percent(self.losses) {
                    self.note(format_args!("lost: {request:?}"));
                    continue;
                }
                let due = self.now_ms + self.random.below(20);
                self.link.send(due, Arrival::Request(hub, request));
            }
        }
    }

    /// Hubs say who has something to write: nobody else is written to, as nothing would wake a socket's task.
    fn mark(&mut self) {
        let now = self.now();
        for (index, hub) in self.hubs.iter_mut().enumerate() {
            while let Some(session) = hub.poll_marked() {
                let is_it = |it: &&mut Client| it.hub == index && it.session == Some(session);
                if let Some(client) = self.clients.iter_mut().find(is_it) {
                    client.is_marked = true;
                }
            }
            hub.handle_written(|| now);
        }
    }

    /// Clients read, unless they stall.
    fn read(&mut self) -> Result<(), Broken> {
        self.mark();
        for index in 0..CLIENTS {
            let Some(session) = self.clients[index].session else { continue };
            if self.clients[index].is_stalled || !self.clients[index].is_marked {
                continue;
            }
            self.clients[index].is_marked = false;
            let hub = self.clients[index].hub;
            while let Some(entry) = self.hubs[hub].poll_entry(session) {
                self.note(format_args!("client {index} is sent {entry:?}"));
                self.figures.entries += 1;
                let read = self.clients[index].read(&entry, &self.broker);
                if read.map_err(|broken| format!("client {index}: {broken}"))? {
                    self.hubs[hub].handle_pong(session);
                }
            }
            self.see_ending(index, session)?;
        }
        Ok(())
    }

    fn see_ending(&mut self, index: usize, session: SessionId) -> Result<(), Broken> {
        let hub = self.clients[index].hub;
        let Some(disconnect) = self.hubs[hub].ending(session).cloned() else { return Ok(()) };
        self.note(format_args!("client {index} is closed: {disconnect:?}"));
        // These clients keep to the protocol, and the hub has room for what they ask.
        if disconnect.code() >= 3500 {
            return Err(format!("client {index} was closed with {disconnect:?}"));
        }
        if disconnect == Disconnect::EXPIRED {
            self.figures.expired += 1;
            let ends_ms = self.clients[index].ends_ms;
            if ends_ms.is_none_or(|it| self.now_ms < it) {
                return Err(format!("client {index} has expired, and was to at {ends_ms:?}"));
            }
        }
        self.hubs[hub].close(session);
        self.clients[index].forget();
        Ok(())
    }

    /// Nothing fails any more: in a while everybody knows what is true.
    fn be_quiet(&mut self) -> Result<(), Broken> {
        self.note(format_args!("quiet"));
        self.is_quiet = true;
        self.draining = None;
        self.clients.iter_mut().for_each(|it| it.is_stalled = false);
        self.pass(QUIET_MS)?;
        for index in 0..CLIENTS {
            self.check_client(index)?;
        }
        for name in CHANNELS.into_iter().chain([OWN, PUSHED]) {
            self.check_presence(&channel(name))?;
        }
        Ok(())
    }

    /// When all have gone, nothing is left.
    fn leave(&mut self) -> Result<(), Broken> {
        for client in &mut self.clients {
            if let Some(session) = client.session {
                self.hubs[client.hub].close(session);
                client.forget();
            }
        }
        // Presence is removed at once, and does not have to run out.
        self.pass(1_000)?;
        for name in CHANNELS.into_iter().chain([OWN, PUSHED]) {
            self.check_presence(&channel(name))?;
        }
        self.pass(60_000)?;
        self.check_empty()?;
        for hub in &self.hubs {
            let counts = hub.counts();
            self.figures.deliveries += counts.deliveries;
            self.figures.recovered += counts.recovered;
            self.figures.unrecovered += counts.unrecovered;
            self.figures.insufficient += counts.insufficient;
            self.figures.slow += counts.slow;
            self.figures.dropped += counts.dropped;
            self.figures.errors += counts.errors;
        }
        Ok(())
    }
}
