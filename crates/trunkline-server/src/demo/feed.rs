//! A market that nobody trades on: prices that wander, some three hundred a second.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};
use trunkline_hub::broker::Publish;
use trunkline_hub::{ChannelName, HistoryFilter, HistoryOptions, Namespaces};

use crate::node::Node;
use crate::shard::now;

const SYMBOLS: [&str; 20] = [
    "ACME", "AURA", "BOLT", "CRUX", "DELT", "ECHO", "FLUX", "GLOW", "HALO", "IRIS", "JADE", "KITE",
    "LUMA", "MICA", "NOVA", "ONYX", "PIKA", "QUAY", "RUNE", "SOLA",
];

/// So many ticks at once, so often: 320 a second.
const TICKS: usize = 16;
const EVERY: Duration = Duration::from_millis(50);

/// What a channel of the market carries.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Tick {
    price: f64,
    /// How many were traded.
    size: u32,
    /// When, in milliseconds since 1970.
    time: i64,
    /// The price at the start of the day.
    open: f64,
}

/// Publishes ticks until it is dropped. Goes on from the prices that the history has.
pub(crate) async fn run(node: Node, namespaces: Namespaces) {
    let mut random = Random::new();
    let mut stocks = Vec::with_capacity(SYMBOLS.len());
    for (index, symbol) in (0_u32..).zip(SYMBOLS) {
        let listed = 20.0 + 17.0 * f64::from(index);
        stocks.push(Stock::open(&node, &namespaces, symbol, listed).await);
    }
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        clock.tick().await;
        let mut answers = Vec::with_capacity(TICKS);
        for _ in 0..TICKS {
            let index = random.below(SYMBOLS.len());
            let Some(stock) = stocks.get_mut(index) else { continue };
            let tick = stock.trade(&mut random);
            answers.push(stock.publish(&node, tick));
        }
        // All of them go to the disk together, where there is one; the next wait until they are there.
        for answer in answers {
            // A price that is lost is followed by another.
            let _ = answer.await;
        }
    }
}

struct Stock {
    channel: ChannelName,
    history: HistoryOptions,
    last: Tick,
}

impl Stock {
    async fn open(node: &Node, namespaces: &Namespaces, symbol: &str, listed: f64) -> Self {
        let channel = ChannelName::new(&format!("market:{symbol}")).expect("a name of ours");
        let history = namespaces.options(&channel).map(|it| it.history).unwrap_or_default();
        let filter = HistoryFilter { limit: Some(1), since: None, reverse: true };
        let page = node.history(channel.clone(), history, filter).await.ok();
        let last =
            page.and_then(|page| serde_json::from_slice(&page.publications.first()?.data).ok());
        let listed = Tick { price: listed, size: 0, time: 0, open: listed };
        Self { channel, history, last: last.unwrap_or(listed) }
    }

    /// The price goes up or down by at most a thousandth, and is drawn back to where it began, so that
    /// no price wanders off for ever.
    fn trade(&mut self, random: &mut Random) -> Tick {
        let pull = (self.last.open / self.last.price - 1.0) * 0.001;
        let price = self.last.price * (1.0 + pull + (random.fraction() - 0.5) * 0.002);
        let lots = u32::try_from(random.below(50)).unwrap_or_default() + 1;
        self.last = Tick {
            // Cents.
            price: ((price * 100.0).round() / 100.0).max(0.01),
            size: lots * 10,
            time: now().unix_ms,
            open: self.last.open,
        };
        self.last
    }

    fn publish(&self, node: &Node, tick: Tick) -> impl Future + use<> {
        let data = Bytes::from(serde_json::to_vec(&tick).unwrap_or_default());
        let publish = Publish { data, history: self.history, ..Publish::default() };
        node.publish(self.channel.clone(), publish)
    }
}

/// xorshift64*: good enough for a market, and nothing else.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(getrandom::u64().unwrap_or(1) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to 1.
    fn fraction(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a fraction has")]
        let bits = (self.next() >> 11) as f64;
        bits / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 33) % end.max(1) as u64).unwrap_or_default()
    }
}
