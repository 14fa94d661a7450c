//! A tenth of the subscribers never read. The others get what is published as fast as without them, the stuck ones are
//! closed with 3008, and memory is bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::client::{Client, dial, source};
use crate::report::Report;
use crate::server::Server;
use crate::{Failure, Options};

const READERS: usize = 90;
const STUCK: usize = 10;

/// Each publishes twenty-five times a second, half of what a client may.
const PUBLISHERS: u64 = 4;
const PUBLISH: Duration = Duration::from_millis(40);
const PAYLOAD_BYTES: usize = 4096;

/// With stuck ones and without, in turn, so that what else the machine does falls on both.
const ROUNDS: usize = 10;

/// What a stuck client's system takes: the least there is.
const RECEIVE_BUFFER: u32 = 4096;

/// `client.queue_max_size` by default, for each, if the queues of all held publications of their own.
const QUEUE_MIB: f64 = 1.0;

const CHANNEL: &str = "live:feed";

/// Not cut off, whatever happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// Microseconds from publish to delivery, of one round.
type Delays = Arc<Mutex<Vec<u32>>>;

pub(crate) async fn run(options: &Options) -> Result<Report, Failure> {
    let round = Duration::from_secs(options.secs.unwrap_or(10));
    let mut server = Server::serve(&[]).await?;
    let to = server.address();
    let delays = Delays::default();
    let began = Instant::now();
    let mut others = JoinSet::new();
    for number in 0..READERS {
        let (delays, mut client) =
            (Arc::clone(&delays), Client::connect(source(number), to).await?);
        client.subscribe(CHANNEL, None).await?;
        others.spawn(read(client, began, delays));
    }
    for number in 0..PUBLISHERS {
        let client = Client::connect(source(READERS + number as usize), to).await?;
        others.spawn(publish(client, began, number));
    }
    sleep(Duration::from_secs(2)).await;

    let mut report = Report::new(format!(
        "`trunkline serve`: {} publications of {PAYLOAD_BYTES} bytes a second to {READERS} subscribers, without and with {STUCK} \
         more that never read, in {ROUNDS} rounds of {} s each. Those that are closed are replaced.",
        PUBLISHERS * 1000 / PUBLISH.as_millis() as u64,
        round.as_secs()
    ));
    let (mut without, mut with, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rest, mut peak) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        delays.lock().await.clear();
        rest = rest.max(peak_during(&server, round).await?);
        without.push(percentiles(&mut delays.lock().await));

        delays.lock().await.clear();
        let until = Instant::now() + round;
        let (memory, ended) = tokio::join!(peak_during(&server, round), stick(&server, to, until));
        peak = peak.max(memory?);
        codes.extend(ended?);
        with.push(percentiles(&mut delays.lock().await));
    }
    if let Some(ended) = others.try_join_next() {
        return Err(format!("a reader or a publisher ended: {ended:?}").into());
    }
    others.abort_all();

    let (base, loaded) = (calm(&without), calm(&with));
    let show = |(p50, p99): (u32, u32)| {
        format!("{:.2} ms, {:.2} ms", f64::from(p50) / 1e3, f64::from(p99) / 1e3)
    };
    report.note("p50 and p99 of the others without stuck ones, calm round", show(base));
    report.note("with stuck ones, calm round", show(loaded));
    let all = |rounds: &[(u32, u32)]| {
        let each = rounds.iter().map(|it| format!("{:.1}", f64::from(it.1) / 1e3));
        each.collect::<Vec<_>>().join(", ")
    };
    report.note("p99 of each round without, in ms", all(&without));
    report.note("p99 of each round with, in ms", all(&with));
    let ratio = f64::from(loaded.1) / f64::from(base.1.max(1));
    report.at_most("p99 with stuck ones, of that without", ratio, 1.5, "×");
    let slow = codes.iter().filter(|&&code| code == 3008).count();
    report.check(
        "stuck ones closed with 3008",
        format!("all, at least {STUCK}"),
        format!("{slow} of {}", codes.len()),
        slow == codes.len() && slow >= STUCK,
    );
    report.note("memory without stuck ones, at most", format!("{rest:.1} MiB"));
    report.at_most("memory with stuck ones", peak, rest + STUCK as f64 * QUEUE_MIB + 2.0, "MiB");
    let metrics = server.metrics().await?;
    report.none("panics", metrics.get("panics_total").copied().unwrap_or(u64::MAX));
    report.check("the server lives", "yes", "yes", server.is_alive());
    Ok(report)
}

/// How long each publication took to come here.
async fn read(mut client: Client, began: Instant, delays: Delays) -> Result<(), Failure> {
    loop {
        let data = client.hear().await?;
        let sent = data["at"].as_u64().ok_or("a publication of somebody else")?;
        let now = began.elapsed().as_micros() as u64;
        delays.lock().await.push(now.saturating_sub(sent) as u32);
    }
}

async fn publish(mut client: Client, began: Instant, number: u64) -> Result<(), Failure> {
    // Not all at the same moment.
    sleep(PUBLISH * number as u32 / PUBLISHERS as u32).await;
    let text = "x".repeat(PAYLOAD_BYTES);
    let mut every = interval(PUBLISH);
    loop {
        every.tick().await;
        let at = began.elapsed().as_micros() as u64;
        client.publish(CHANNEL, json!({ "at": at, "text": text })).await?;
    }
}

/// Keeps stuck clients there until then; the codes that they were closed with.
async fn stick(server: &Server, to: SocketAddr, until: Instant) -> Result<Vec<u16>, Failure> {
    let mut codes = Vec::new();
    while Instant::now() < until {
        let before = slow(server).await?;
        let (closed, is_closed) = watch::channel(false);
        let mut clients = JoinSet::new();
        for number in 0..STUCK {
            let mut is_closed = is_closed.clone();
            let tcp = dial(source(200 + number), to, Some(RECEIVE_BUFFER)).await?;
            let mut client = Client::connect_over(tcp, to).await?;
            client.subscribe(CHANNEL, None).await?;
            clients.spawn(async move {
                // It reads on once it is too late, to see what it was told.
                let _ = is_closed.wait_for(|&it| it).await;
                client.closed().await.unwrap_or_default()
            });
        }
        let all = before + STUCK as u64;
        let started = Instant::now();
        while slow(server).await? < all && started.elapsed() < PATIENCE {
            sleep(Duration::from_millis(250)).await;
        }
        closed.send_replace(true);
        codes.extend(clients.join_all().await);
    }
    Ok(codes)
}

async fn slow(server: &Server) -> Result<u64, Failure> {
    Ok(server.metrics().await?.get("slow_disconnects_total").copied().unwrap_or_default())
}

/// The most memory over a while, in MiB.
async fn peak_during(server: &Server, a_while: Duration) -> Result<f64, Failure> {
    let mut peak = 0.0_f64;
    let mut every = interval(Duration::from_millis(100));
    let _ = timeout(a_while, async {
        loop {
            every.tick().await;
            let Ok(usage) = server.usage() else { return };
            peak = peak.max(usage.rss_mib());
        }
    })
    .await;
    Ok(peak)
}

fn percentiles(delays: &mut [u32]) -> (u32, u32) {
    delays.sort_unstable();
    let at =
        |part: f64| delays.get((delays.len() as f64 * part) as usize).copied().unwrap_or(u32::MAX);
    (at(0.5), at(0.99))
}

/// The round at the lower quartile of p99: others who use the machine only ever add to a delay.
fn calm(rounds: &[(u32, u32)]) -> (u32, u32) {
    let mut rounds = rounds.to_vec();
    rounds.sort_by_key(|it| it.1);
    rounds[rounds.len() / 4]
}
