//! A broker, a clock that stands still, and a record of what was said.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use trunkline_hub::broker::{
    Answer, Delivery, Event, Operation, Outcome, Publish, Request, RequestId,
};
use trunkline_hub::{
    Annotation, ChannelName, ClientId, ClientInfo, HistoryFilter, HistoryOptions, HistoryPage, Now,
    Publication, StreamPosition,
};
use trunkline_server::broker::{
    Broker, BrokerLimits, BrokerStats, Caller, ChannelPattern, ChannelSummary, Outlet,
};

/// Two hubs.
pub(crate) const HUB: Caller = Caller(0);
pub(crate) const OTHER_HUB: Caller = Caller(1);
/// Whoever asks in the tests, and is attached to nothing.
pub(crate) const API: Caller = Caller(9);

/// Enough of everything for most tests.
pub(crate) const HISTORY: HistoryOptions =
    HistoryOptions { size: 10, ttl: Duration::from_secs(60), meta_ttl: Duration::from_secs(600) };
pub(crate) const OFF: HistoryOptions =
    HistoryOptions { size: 0, ttl: Duration::ZERO, meta_ttl: Duration::ZERO };
/// All that is kept.
pub(crate) const ALL: HistoryFilter = HistoryFilter { limit: None, since: None, reverse: false };

/// How a kind of broker is started, with these limits, at this time.
pub(crate) type Start<'a> = &'a mut dyn FnMut(BrokerLimits) -> World;

pub(crate) struct World {
    pub(crate) broker: Box<dyn Broker>,
    /// Where a broker that waits for something tells that it goes on.
    pub(crate) wakes: Option<Receiver<()>>,
    pub(crate) now: Now,
    pub(crate) record: Record,
    /// What has to live as long.
    pub(crate) keeps: Vec<Box<dyn Any>>,
    next_id: u64,
}

/// All that the broker has said, in its order.
#[derive(Default)]
pub(crate) struct Record(pub(crate) Vec<Word>);

#[derive(Clone, Debug)]
pub(crate) enum Word {
    Answer(Caller, Answer),
    Delivery(Caller, Delivery),
}

impl Outlet for Record {
    fn answer(&mut self, to: Caller, answer: Answer) {
        self.0.push(Word::Answer(to, answer));
    }

    fn deliver(&mut self, to: Caller, delivery: Delivery) {
        self.0.push(Word::Delivery(to, delivery));
    }
}

/// The time when every test begins.
pub(crate) fn start() -> Now {
    Now { instant: Instant::now(), unix_ms: 1_700_000_000_000 }
}

/// Numbers that look random and are the same in each run.
pub(crate) fn entropy(mut seed: u64) -> impl FnMut() -> u64 + Send {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed ^ (seed >> 29)
    }
}

impl World {
    pub(crate) fn new(broker: Box<dyn Broker>, wakes: Option<Receiver<()>>, now: Now) -> Self {
        Self { broker, wakes, now, record: Record::default(), keeps: Vec::new(), next_id: 0 }
    }

    /// Hands in a request, and waits for nothing.
    pub(crate) fn tell(&mut self, from: Caller, channel: &str, operation: Operation) -> RequestId {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        let request = Request { id, channel: name(channel), operation };
        self.broker.handle_request(self.now, from, request, &mut self.record);
        id
    }

    /// Waits for the answer.
    #[track_caller]
    pub(crate) fn answer(&mut self, from: Caller, id: RequestId) -> Outcome {
        loop {
            let is_it =
                |word: &Word| matches!(word, Word::Answer(to, it) if *to == from && it.id == id);
            if let Some(index) = self.record.0.iter().position(is_it) {
                let Word::Answer(_, answer) = self.record.0.remove(index) else { unreachable!() };
                return answer.outcome;
            }
            let wakes = self.wakes.as_ref().expect("in memory answers come at once");
            wakes.recv_timeout(Duration::from_secs(30)).expect("an answer comes");
            self.broker.handle_wake(self.now, &mut self.record);
        }
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, from: Caller, channel: &str, operation: Operation) -> Outcome {
        let id = self.tell(from, channel, operation);
        self.answer(from, id)
    }

    #[track_caller]
    pub(crate) fn attach(
        &mut self,
        hub: Caller,
        channel: &str,
        history: HistoryOptions,
    ) -> HistoryPage {
        page(self.ask(hub, channel, Operation::Attach { history, filter: ALL }))
    }

    #[track_caller]
    pub(crate) fn history(&mut self, channel: &str, filter: HistoryFilter) -> HistoryPage {
        page(self.ask(API, channel, Operation::History { history: HISTORY, filter }))
    }

    #[track_caller]
    pub(crate) fn top(&mut self, channel: &str) -> StreamPosition {
        self.history(channel, HistoryFilter { limit: Some(0), ..ALL }).top
    }

    /// The payloads that are kept.
    #[track_caller]
    pub(crate) fn kept(&mut self, channel: &str) -> Vec<String> {
        payloads(&self.history(channel, ALL).publications)
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, channel: &str, publish: Publish) -> Option<StreamPosition> {
        match self.ask(API, channel, Operation::Publish(publish)) {
            Outcome::Published(position) => position,
            other => panic!("not published: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn say(&mut self, channel: &str, data: &str) -> StreamPosition {
        self.publish(channel, saying(data)).expect("the channel has history")
    }

    #[track_caller]
    pub(crate) fn done(&mut self, channel: &str, operation: Operation) {
        let outcome = self.ask(API, channel, operation);
        assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    }

    /// What was delivered to `hub` since the last time, as words.
    pub(crate) fn heard(&mut self, hub: Caller) -> Vec<String> {
        let mut heard = Vec::new();
        self.record.0.retain(|word| match word {
            Word::Delivery(to, delivery) if *to == hub => {
                heard.push(spell(delivery));
                false
            }
            _ => true,
        });
        heard
    }

    /// Lets the broker go on with what has come to pass.
    pub(crate) fn wake(&mut self) {
        if self.wakes.as_ref().is_some_and(|it| it.try_recv().is_ok()) {
            self.broker.handle_wake(self.now, &mut self.record);
        }
    }

    /// Waits a little for something to come to pass.
    pub(crate) fn wait(&mut self) {
        let wakes = self.wakes.as_ref().unwrap();
        if wakes.recv_timeout(Duration::from_millis(5)).is_ok() {
            self.broker.handle_wake(self.now, &mut self.record);
        }
    }

    /// Lets time pass; the broker acts whenever it asked to.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.instant + duration;
        while let Some(due) = self.broker.poll_timeout().filter(|it| *it <= end) {
            self.advance(due.saturating_duration_since(self.now.instant));
            self.broker.handle_timeout(self.now, &mut self.record);
        }
        self.advance(end.saturating_duration_since(self.now.instant));
    }

    /// Lets time pass unnoticed.
    pub(crate) fn advance(&mut self, duration: Duration) {
        self.now.instant += duration;
        self.now.unix_ms += i64::try_from(duration.as_millis()).unwrap();
    }

    pub(crate) fn stats(&self) -> BrokerStats {
        self.broker.stats()
    }

    /// The channels that match, by name.
    pub(crate) fn channels(&self, pattern: &str) -> Vec<ChannelSummary> {
        let mut channels = self.broker.channels(&ChannelPattern::new(pattern));
        channels.sort_by(|a, b| a.channel.cmp(&b.channel));
        channels
    }
}

pub(crate) fn name(channel: &str) -> ChannelName {
    ChannelName::new(channel).unwrap()
}

pub(crate) fn saying(data: &str) -> Publish {
    Publish { data: data.to_owned().into(), history: HISTORY, ..Publish::default() }
}

pub(crate) fn client(number: u128, user: &str) -> Arc<ClientInfo> {
    Arc::new(ClientInfo {
        user: user.into(),
        client: ClientId::from_entropy(number),
        conn_info: Annotation::from(&b"{}"[..]),
        chan_info: Annotation::default(),
    })
}

#[track_caller]
pub(crate) fn page(outcome: Outcome) -> HistoryPage {
    match outcome {
        Outcome::Page(page) => page,
        other => panic!("no page: {other:?}"),
    }
}

pub(crate) fn payloads(publications: &[Arc<Publication>]) -> Vec<String> {
    publications.iter().map(|it| String::from_utf8(it.data.to_vec()).unwrap()).collect()
}

pub(crate) fn offsets(page: &HistoryPage) -> Vec<u64> {
    page.publications.iter().map(|it| it.offset).collect()
}

fn spell(delivery: &Delivery) -> String {
    let channel = delivery.channel.as_str();
    match &delivery.event {
        Event::Publication { publication, .. } => {
            let data = String::from_utf8(publication.data.to_vec()).unwrap();
            format!("{channel} {} {data}", publication.offset)
        }
        Event::Join(info) => format!("{channel} join {}", info.user),
        Event::Leave(info) => format!("{channel} leave {}", info.user),
    }
}
