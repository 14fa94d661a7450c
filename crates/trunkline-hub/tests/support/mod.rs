//! A hub with a naive broker beside it, and time that stands still until it is told to go on.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_hub::broker::{Answer, Delivery, Event, Operation, Outcome, Publish, Request};
use trunkline_hub::{
    ChannelName, ChannelOptions, Command, Connect, Disconnect, Entropy, Entry, Epoch,
    HistoryFilter, HistoryOptions, HistoryPage, Hub, Namespaces, Now, PresenceStats, Publication,
    PushBody, Reply, SessionId, Settings, StreamPosition, Subscribe,
};

/// What dialects would keep of a push; these tests encode nothing.
#[derive(Debug, Default)]
pub(crate) struct NotEncoded;

pub(crate) struct World {
    pub(crate) hub: Hub<NotEncoded>,
    pub(crate) broker: NaiveBroker,
    /// Requests wait here until [`World::answer`] while this is set.
    pub(crate) broker_is_late: bool,
    pub(crate) late: VecDeque<Request>,
    /// What was taken from the hub and not asked for yet, in words.
    kept: BTreeMap<SessionId, Vec<String>>,
    start: Instant,
    passed: Duration,
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("a good name")
}

/// Everybody may do everything; with history.
pub(crate) fn open_options() -> ChannelOptions {
    let all = trunkline_hub::Allowed { clients: true, subscribers: true, anonymous: true };
    ChannelOptions {
        presence: true,
        history: HistoryOptions {
            size: 100,
            ttl: Duration::from_secs(300),
            meta_ttl: Duration::from_secs(3600),
        },
        force_recovery: true,
        subscribe: all,
        publish: all,
        history_read: all,
        presence_read: all,
        ..ChannelOptions::default()
    }
}

pub(crate) fn settings(options: ChannelOptions) -> Settings {
    Settings { namespaces: Arc::new(Namespaces::new(options)), ..Settings::default() }
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut state = 1_u64;
        let entropy = Entropy::new(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state
        });
        Self {
            hub: Hub::new(settings, entropy),
            broker: NaiveBroker::default(),
            broker_is_late: false,
            late: VecDeque::new(),
            kept: BTreeMap::new(),
            start: Instant::now(),
            passed: Duration::ZERO,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let unix_ms = 1_700_000_000_000 + i64::try_from(self.passed.as_millis()).unwrap();
        Now { instant: self.start + self.passed, unix_ms }
    }

    pub(crate) fn open(&mut self) -> SessionId {
        self.hub.open(self.now())
    }

    /// A connected session, its reply taken.
    pub(crate) fn connected(&mut self, user: &str) -> SessionId {
        let session = self.open();
        self.hub.connect(
            self.now(),
            session,
            1,
            Connect { user: user.into(), ..Connect::default() },
        );
        self.run();
        let said = self.said(session);
        assert!(said.iter().any(|it| it.starts_with("1: connected")), "{said:?}");
        session
    }

    pub(crate) fn command(&mut self, session: SessionId, id: u32, command: Command) {
        self.hub.handle_command(self.now(), session, id, command);
        self.run();
    }

    pub(crate) fn subscribe(&mut self, session: SessionId, id: u32, name: &str) {
        self.command(session, id, Command::Subscribe(Subscribe::new(channel(name))));
    }

    pub(crate) fn recover(
        &mut self,
        session: SessionId,
        id: u32,
        name: &str,
        since: StreamPosition,
    ) {
        let subscribe = Subscribe { recover: Some(since), ..Subscribe::new(channel(name)) };
        self.command(session, id, Command::Subscribe(subscribe));
    }

    /// A publication that does not come from a client.
    pub(crate) fn publish(&mut self, name: &str, data: &str) {
        let options = self.options(name);
        let publish = Publish {
            data: Bytes::copy_from_slice(data.as_bytes()),
            history: options.history,
            ..Publish::default()
        };
        let (delivery, _) = self.broker.publish(&channel(name), publish);
        if let Some(delivery) = delivery {
            self.hub.handle_delivery(self.now(), delivery);
        }
        self.run();
    }

    /// A publication that the broker accepts and whose delivery gets lost.
    pub(crate) fn lose(&mut self, name: &str) {
        let publish = Publish { history: self.options(name).history, ..Publish::default() };
        self.broker.publish(&channel(name), publish);
    }

    /// A delivery, whatever the broker knows of it.
    pub(crate) fn deliver(&mut self, name: &str, offset: u64, epoch: Epoch) {
        let publication =
            Publication { offset, data: Bytes::from_static(b"x"), ..Publication::default() };
        let event = Event::Publication { publication: Arc::new(publication), epoch };
        self.hub.handle_delivery(self.now(), Delivery { channel: channel(name), event });
        self.run();
    }

    /// Answers a request that waits with the top of the stream alone.
    pub(crate) fn answer_with_top(&mut self, request: &Request, offset: u64, epoch: Epoch) {
        let top = StreamPosition { offset, epoch };
        let outcome = Outcome::Page(HistoryPage { publications: Vec::new(), top });
        self.hub.handle_answer(self.now(), Answer { id: request.id, outcome });
        self.run();
    }

    /// The next late request that is to attach, and those before it dropped.
    pub(crate) fn late_attach(&mut self) -> Request {
        let is_attach = |it: &Request| matches!(it.operation, Operation::Attach { .. });
        while let Some(request) = self.late.pop_front() {
            if is_attach(&request) {
                return request;
            }
        }
        panic!("nobody wanted to attach");
    }

    fn options(&self, _name: &str) -> ChannelOptions {
        self.broker.options.clone().unwrap_or_else(open_options)
    }

    /// Lets the broker answer what it has been asked.
    pub(crate) fn run(&mut self) {
        while let Some(request) = self.hub.poll_request() {
            if self.broker_is_late {
                self.late.push_back(request);
            } else {
                self.broker_does(request);
            }
        }
    }

    /// A late broker answers all that has been asked.
    pub(crate) fn answer(&mut self) {
        while let Some(request) = self.late.pop_front() {
            self.broker_does(request);
        }
        self.run();
    }

    pub(crate) fn broker_does(&mut self, request: Request) {
        let now = self.now();
        let (deliveries, answer) = self.broker.handle(request);
        for delivery in deliveries {
            self.hub.handle_delivery(now, delivery);
        }
        if let Some(answer) = answer {
            self.hub.handle_answer(now, answer);
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.passed + time;
        while let Some(due) = self.hub.poll_timeout().filter(|it| *it <= self.start + end) {
            self.passed = self.passed.max(due - self.start);
            self.hub.handle_timeout(self.now());
            self.run();
        }
        self.passed = end;
    }

    /// What a session was sent since the last time, in words.
    pub(crate) fn said(&mut self, session: SessionId) -> Vec<String> {
        let mut said = self.kept.remove(&session).unwrap_or_default();
        let shown: Vec<_> = self.hub.entries(session).map(words).collect();
        let entries = std::iter::from_fn(|| self.hub.poll_entry(session));
        let given: Vec<_> = entries.map(|it| words(&it)).collect();
        assert_eq!(shown, given, "what is shown is not what comes");
        said.extend(given);
        said
    }

    /// Puts back what a client has read, for [`said`](Self::said) to tell.
    pub(crate) fn keep(&mut self, session: SessionId, entries: Vec<Entry<NotEncoded>>) {
        self.kept.entry(session).or_default().extend(entries.iter().map(words));
    }

    pub(crate) fn ending(&self, session: SessionId) -> Option<&Disconnect> {
        self.hub.ending(session)
    }
}

fn words(entry: &Entry<NotEncoded>) -> String {
    match entry {
        Entry::Ping => "ping".into(),
        Entry::Reply(reply) => reply_words(reply),
        Entry::Push(shared) => {
            let name = shared.push.channel.as_ref().map_or("", |it| it.as_str());
            match &shared.push.body {
                PushBody::Publication(it) => {
                    format!("{name}: {} {}", it.offset, String::from_utf8_lossy(&it.data))
                }
                PushBody::Join(it) => format!("{name}: join {}", it.user),
                PushBody::Leave(it) => format!("{name}: leave {}", it.user),
                PushBody::Unsubscribe(it) => format!("{name}: unsubscribe {}", it.code()),
                PushBody::Subscribe(it) => format!("{name}: subscribe {}", subscribed(it)),
                PushBody::Message(it) => format!("message {}", String::from_utf8_lossy(it)),
                PushBody::Refresh { ttl_s } => format!("refresh {ttl_s:?}"),
            }
        }
    }
}

fn reply_words(reply: &Reply) -> String {
    use trunkline_hub::ReplyBody as Body;
    let body = match &reply.result {
        Err(error) => format!("error {}", error.code()),
        Ok(Body::Connect(it)) => {
            let names = it.subscriptions.iter();
            let list: Vec<_> =
                names.map(|(name, it)| format!("{name} {}", subscribed(it))).collect();
            format!("connected [{}]", list.join(", "))
        }
        Ok(Body::Subscribe(it)) => format!("subscribed {}", subscribed(it)),
        Ok(Body::Unsubscribe) => "unsubscribed".into(),
        Ok(Body::Publish) => "published".into(),
        Ok(Body::Presence(it)) => {
            let users: Vec<_> = it.iter().map(|it| &*it.user).collect();
            format!("presence [{}]", users.join(", "))
        }
        Ok(Body::PresenceStats(it)) => format!("{} clients, {} users", it.clients, it.users),
        Ok(Body::History(it)) => format!("history {} of {}", list(&it.publications), it.top.offset),
        Ok(Body::Refresh(it)) => format!("refreshed {:?}", it.ttl_s),
        Ok(Body::SubRefresh { ttl_s }) => format!("sub refreshed {ttl_s:?}"),
    };
    format!("{}: {body}", reply.id)
}

fn subscribed(it: &trunkline_hub::Subscribed) -> String {
    let at = it.position.map_or_else(|| "nowhere".into(), |it| format!("at {}", it.offset));
    let recovered = match (it.was_recovering, it.recovered) {
        (false, _) => "",
        (true, false) => " unrecovered",
        (true, true) => " recovered",
    };
    let publications = list(&it.publications);
    if publications == "[]" {
        format!("{at}{recovered}")
    } else {
        format!("{at}{recovered} {publications}")
    }
}

fn list(publications: &[Arc<Publication>]) -> String {
    let all: Vec<_> = publications.iter().map(|it| it.offset.to_string()).collect();
    format!("[{}]", all.join(" "))
}

/// The simplest broker that keeps the contract: lists, and linear searches.
#[derive(Default)]
pub(crate) struct NaiveBroker {
    pub(crate) streams: BTreeMap<ChannelName, NaiveStream>,
    pub(crate) options: Option<ChannelOptions>,
    epochs: u64,
}

#[derive(Default)]
pub(crate) struct NaiveStream {
    pub(crate) epoch: Option<Epoch>,
    pub(crate) top: u64,
    pub(crate) past: Vec<Arc<Publication>>,
    pub(crate) attached: bool,
    pub(crate) present: Vec<Arc<trunkline_hub::ClientInfo>>,
}

impl NaiveBroker {
    /// Forgets everything, as one that was started anew.
    pub(crate) fn restart(&mut self) {
        self.streams.clear();
    }

    /// Loses the link to the hub, so that nothing is delivered.
    pub(crate) fn forget_attachments(&mut self) {
        self.streams.values_mut().for_each(|it| it.attached = false);
    }

    fn stream(&mut self, channel: &ChannelName, history: HistoryOptions) -> &mut NaiveStream {
        let stream = self.streams.entry(channel.clone()).or_default();
        if history.is_on() && stream.epoch.is_none() {
            self.epochs += 1;
            stream.epoch = Some(Epoch::from_entropy(self.epochs));
        }
        stream
    }

    pub(crate) fn publish(
        &mut self,
        channel: &ChannelName,
        publish: Publish,
    ) -> (Option<Delivery>, Option<StreamPosition>) {
        let stream = self.stream(channel, publish.history);
        let has_history = publish.history.is_on();
        stream.top += u64::from(has_history);
        let publication = Arc::new(Publication {
            offset: if has_history { stream.top } else { 0 },
            data: publish.data,
            info: publish.info,
            ..Publication::default()
        });
        if has_history {
            stream.past.push(Arc::clone(&publication));
            let excess = stream.past.len().saturating_sub(publish.history.size);
            stream.past.drain(..excess);
        }
        let epoch = stream.epoch.filter(|_| has_history).unwrap_or(Epoch::NONE);
        let event = Event::Publication { publication, epoch };
        let position = has_history.then_some(StreamPosition { offset: stream.top, epoch });
        let delivery = Delivery { channel: channel.clone(), event };
        (stream.attached.then_some(delivery), position)
    }

    pub(crate) fn page(
        &mut self,
        channel: &ChannelName,
        history: HistoryOptions,
        filter: HistoryFilter,
    ) -> HistoryPage {
        let stream = self.stream(channel, history);
        let epoch = stream.epoch.unwrap_or(Epoch::NONE);
        let top = StreamPosition { offset: stream.top, epoch };
        let mut publications = stream.past.clone();
        if filter.reverse {
            publications.reverse();
        }
        if let Some(since) = filter.since {
            if since.epoch != epoch && !since.epoch.is_none() {
                publications.clear();
            }
            publications.retain(|it| {
                if filter.reverse { it.offset < since.offset } else { it.offset > since.offset }
            });
        }
        publications.truncate(filter.limit.unwrap_or(usize::MAX));
        HistoryPage { publications, top }
    }

    pub(crate) fn handle(&mut self, request: Request) -> (Vec<Delivery>, Option<Answer>) {
        let Request { id, channel, operation } = request;
        let mut deliveries = Vec::new();
        let outcome = match operation {
            Operation::Attach { history, filter } => {
                let page = self.page(&channel, history, filter);
                self.streams.get_mut(&channel).unwrap().attached = true;
                Outcome::Page(page)
            }
            Operation::Detach => {
                if let Some(stream) = self.streams.get_mut(&channel) {
                    stream.attached = false;
                }
                return (deliveries, None);
            }
            Operation::Publish(publish) => {
                let (delivery, position) = self.publish(&channel, publish);
                deliveries.extend(delivery);
                Outcome::Published(position)
            }
            Operation::History { history, filter } => {
                Outcome::Page(self.page(&channel, history, filter))
            }
            Operation::RemoveHistory => {
                self.streams.entry(channel).or_default().past.clear();
                Outcome::Done
            }
            Operation::AddPresence { info, .. } => {
                let present = &mut self.streams.entry(channel).or_default().present;
                present.retain(|it| it.client != info.client);
                present.push(info);
                Outcome::Done
            }
            Operation::RemovePresence { client } => {
                self.streams.entry(channel).or_default().present.retain(|it| it.client != client);
                Outcome::Done
            }
            Operation::Presence => {
                Outcome::Presence(self.streams.entry(channel).or_default().present.clone())
            }
            Operation::PresenceStats => {
                let present = &self.streams.entry(channel).or_default().present;
                let users: std::collections::BTreeSet<_> =
                    present.iter().map(|it| &it.user).collect();
                let (clients, users) = (present.len(), users.len());
                Outcome::PresenceStats(PresenceStats {
                    clients: u32::try_from(clients).unwrap(),
                    users: u32::try_from(users).unwrap(),
                })
            }
            Operation::Join(info) => {
                deliveries.extend(self.told(channel, Event::Join(info)));
                return (deliveries, None);
            }
            Operation::Leave(info) => {
                deliveries.extend(self.told(channel, Event::Leave(info)));
                return (deliveries, None);
            }
        };
        (deliveries, Some(Answer { id, outcome }))
    }

    fn told(&self, channel: ChannelName, event: Event) -> Option<Delivery> {
        let attached = self.streams.get(&channel).is_some_and(|it| it.attached);
        attached.then_some(Delivery { channel, event })
    }
}
