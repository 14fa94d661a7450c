//! Prices, without a gap, through outages: a client that comes back after each and asks for what it has
//! missed, and the server that it asks.
//!
//! `cargo run --example market_data -- serve`, then `cargo run --example market_data -- follow`. Stop the
//! server and start it again.
//!
//! - Prices are numbered. A client says which it had last, on every new connection, and goes on from there.
//! - The server keeps the newest for those who come back. Who was away for longer learns how many are gone.
//! - Who reads too slowly is let go with 1013, "try again later", and comes back in the same way.

use std::collections::VecDeque;
use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use trunkline::reconnect::{Change, Ended};
use trunkline::{
    Broadcast, CloseCode, Connector, Message, Reconnecting, Server, SlowReceiver, Subscription,
    WebSocket,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Prices that are kept for those who come back: 100 seconds of those that `main` makes.
const KEPT: usize = 1000;

/// The price of one thing, and its place among all prices.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Price {
    pub number: u64,
    pub value: f64,
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.4}", self.number, self.value)
    }
}

impl Price {
    fn parse(message: &Message) -> Option<Self> {
        let (number, value) = message.as_text()?.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, value: value.parse().ok()? })
    }
}

/// What a client follows, over as many connections as it takes.
#[derive(Debug)]
pub struct Feed {
    ws: Reconnecting,
    /// The number of the price that was received last.
    last: Arc<AtomicU64>,
}

impl Feed {
    /// Adds to `ws` what each new connection has to say first.
    pub fn new(ws: Reconnecting) -> Self {
        let last = Arc::new(AtomicU64::new(0));
        let received = Arc::clone(&last);
        let ws = ws.with_hook(move |mut ws| {
            let asked = format!("prices after {}", received.load(Ordering::Relaxed));
            async move {
                ws.send(asked).await?;
                Ok(ws)
            }
        });
        Self { ws, last }
    }

    /// The next price, and how many were missed before it. `None` once the market has closed.
    pub async fn next(&mut self) -> Result<Option<(Price, u64)>, Ended> {
        while let Some(message) = self.ws.recv().await? {
            let Some(price) = Price::parse(&message) else { continue };
            let last = self.last.swap(price.number, Ordering::Relaxed);
            let missed = if last == 0 { 0 } else { price.number.saturating_sub(last + 1) };
            return Ok(Some((price, missed)));
        }
        Ok(None)
    }
}

/// Where prices are made.
#[derive(Clone, Debug)]
pub struct Market {
    made: Arc<Mutex<VecDeque<Price>>>,
    /// The number of the first price.
    first: u64,
    news: Broadcast,
}

impl Market {
    /// A market whose prices are numbered from `first`: higher than any of the market before it, or those
    /// who come back would ask for numbers that are long gone.
    pub fn new(first: u64) -> Self {
        Self { made: Arc::default(), first, news: Broadcast::new() }
    }

    pub fn publish(&self, value: f64) {
        let mut made = self.made.lock().unwrap();
        let number = made.back().map_or(self.first, |price| price.number + 1);
        let price = Price { number, value };
        made.push_back(price);
        if made.len() > KEPT {
            made.pop_front();
        }
        // With the lock, so that whoever joins gets each price either from here or from what is kept.
        self.news.publish(price.to_string());
    }

    /// What was made after the price with this number, and what will be.
    fn follow(&self, last: u64) -> (Vec<Price>, Subscription) {
        let made = self.made.lock().unwrap();
        let missed = made.iter().copied().filter(|price| price.number > last).collect();
        (missed, self.news.subscribe(SlowReceiver::Close(CloseCode::TRY_AGAIN_LATER)))
    }
}

/// Serves prices until the server is drained.
pub async fn serve(server: Server, market: Market) {
    server.serve(move |ws, _| tell(ws, market.clone())).await;
}

async fn tell(mut ws: WebSocket, market: Market) -> Result<(), Error> {
    let Some(message) = ws.recv().await? else { return Ok(()) };
    let asked = message.as_text().and_then(|it| it.strip_prefix("prices after "));
    let Some(last) = asked.and_then(|it| it.parse().ok()) else {
        return Ok(ws.close(CloseCode::POLICY_VIOLATION, "say: prices after NUMBER").await?);
    };
    let (missed, mut news) = market.follow(last);
    for price in missed {
        ws.feed(price.to_string()).await?;
    }
    // Sends prices; what a client says meanwhile is passed over.
    while news.relay(&mut ws).await?.is_some() {}
    Ok(())
}

/// For people: what happens to the connection. Meanwhile, the prices that they see are old.
fn report(change: &Change<'_>) {
    match change {
        Change::Connected { connections } => eprintln!("connection {connections} is open"),
        Change::Failed { failure, retry_in } => {
            let cause = failure.source().map(|it| format!(": {it}")).unwrap_or_default();
            eprintln!("prices are old: {failure}{cause}; next attempt in {retry_in:.1?}");
        }
        _ => {}
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = "127.0.0.1:9007";
    match std::env::args().nth(1).as_deref() {
        Some("serve") => {
            // Ten a second: numbered by the time, they go on where a server before this one has stopped.
            let now = SystemTime::UNIX_EPOCH.elapsed()?;
            let market = Market::new(now.as_secs() * 10);
            let server = Server::bind(address).await?;
            tokio::spawn(serve(server, market.clone()));
            let mut pace = tokio::time::interval(Duration::from_millis(100));
            for tick in 0.. {
                pace.tick().await;
                market.publish(1.08 + f64::from(tick).sin() / 100.0);
            }
            Ok(())
        }
        Some("follow") => {
            let ws = Reconnecting::new(Connector::new(), format!("ws://{address}/"));
            let mut feed = Feed::new(ws.with_observer(report));
            while let Some((price, missed)) = feed.next().await? {
                if missed > 0 {
                    eprintln!("{missed} prices are lost");
                }
                println!("{price}");
            }
            Ok(())
        }
        _ => Err("usage: market_data serve | market_data follow".into()),
    }
}
