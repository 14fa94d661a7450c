//! What channels cost in memory, counted by the allocator.

use std::sync::Arc;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use trunkline_hub::broker::{Answer, Delivery, Operation, Publish, Request, RequestId};
use trunkline_hub::{ChannelName, ClientId, ClientInfo, HistoryFilter, HistoryOptions, Now};
use trunkline_server::broker::{Broker, BrokerLimits, Caller, MemoryBroker, Outlet};

const HUB: Caller = Caller(0);
const HISTORY: HistoryOptions =
    HistoryOptions { size: 100, ttl: Duration::from_secs(60), meta_ttl: Duration::from_secs(60) };

/// Counts what is said.
#[derive(Default)]
struct Count {
    answers: u64,
    deliveries: u64,
}

impl Outlet for Count {
    fn answer(&mut self, _: Caller, _: Answer) {
        self.answers += 1;
    }

    fn deliver(&mut self, _: Caller, _: Delivery) {
        self.deliveries += 1;
    }
}

fn start() -> (MemoryBroker, Now) {
    let now = Now { instant: Instant::now(), unix_ms: 1_700_000_000_000 };
    let mut number = 0;
    let entropy = move || {
        number += 1;
        number
    };
    (MemoryBroker::new(BrokerLimits::default(), entropy, now), now)
}

fn ask(broker: &mut MemoryBroker, now: Now, channel: &ChannelName, operation: Operation) {
    let request = Request { id: RequestId(0), channel: channel.clone(), operation };
    broker.handle_request(now, HUB, request, &mut Count::default());
}

fn publish() -> Operation {
    let data = bytes::Bytes::from_static(&[b'x'; 128]);
    Operation::Publish(Publish { data, history: HISTORY, ..Publish::default() })
}

/// SEC-HB-18: a hundred thousand channels, a tenth of them at a time, with all that a channel can have.
#[test]
fn sec_hb_18_channels_that_come_and_go_leave_nothing() {
    let (mut broker, mut now) = start();
    let info = Arc::new(ClientInfo {
        user: "ann".into(),
        client: ClientId::from_entropy(1),
        conn_info: trunkline_hub::Annotation::default(),
        chan_info: trunkline_hub::Annotation::default(),
    });
    let filter = HistoryFilter::default();
    let cost = measure(|| {
        for wave in 0..10 {
            for number in 0..10_000 {
                let channel = ChannelName::new(&format!("room:{wave}:{number}")).unwrap();
                let attach = Operation::Attach { history: HISTORY, filter };
                ask(&mut broker, now, &channel, attach);
                ask(&mut broker, now, &channel, publish());
                let presence = Operation::AddPresence { info: Arc::clone(&info), ttl_ms: 1000 };
                ask(&mut broker, now, &channel, presence);
                ask(&mut broker, now, &channel, Operation::Detach);
            }
            assert_eq!(broker.stats().channels, 10_000);
            while let Some(due) = broker.poll_timeout() {
                let wait = due.saturating_duration_since(now.instant);
                now.instant += wait;
                now.unix_ms += i64::try_from(wait.as_millis()).unwrap();
                broker.handle_timeout(now, &mut Count::default());
            }
            assert_eq!(broker.stats().channels, 0);
        }
    });
    // The empty tables themselves.
    assert!(cost.bytes_current < 2000, "{cost:?}");
    assert!(cost.bytes_max < 12_000_000, "{cost:?}");
}

/// The publication itself, which is kept; the history has room by then.
#[test]
fn a_publication_costs_one_allocation() {
    let (mut broker, now) = start();
    let channel = ChannelName::new("news").unwrap();
    let attach = Operation::Attach { history: HISTORY, filter: HistoryFilter::default() };
    ask(&mut broker, now, &channel, attach);
    for _ in 0..200 {
        ask(&mut broker, now, &channel, publish());
    }
    let mut count = Count::default();
    let cost = measure(|| {
        for _ in 0..1000 {
            let request =
                Request { id: RequestId(0), channel: channel.clone(), operation: publish() };
            broker.handle_request(now, HUB, request, &mut count);
        }
    });
    assert_eq!((count.deliveries, count.answers), (1000, 1000));
    // No more than one each, and the oldest goes for each that comes. The payload is static.
    assert_eq!((cost.count_total, cost.count_current), (1000, 0), "{cost:?}");
}

/// What [`BrokerLimits::channels`] says of memory.
#[test]
fn a_channel_with_an_empty_history_costs_less_than_500_bytes() {
    let (mut broker, now) = start();
    let cost = measure(|| {
        for number in 0..100_000 {
            let channel = ChannelName::new(&format!("room:{number}")).unwrap();
            let attach = Operation::Attach { history: HISTORY, filter: HistoryFilter::default() };
            ask(&mut broker, now, &channel, attach);
        }
    });
    let each = cost.bytes_current / 100_000;
    assert!((100..500).contains(&each), "{each}");
}
