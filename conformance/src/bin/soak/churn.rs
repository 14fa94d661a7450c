//! Clients come, say something, recover and go in all the ways there are, while others stay: after hours of that the
//! server holds no more memory, descriptors, sessions or channels than before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::client::{Client, source};
use crate::process::Usage;
use crate::report::Report;
use crate::server::Server;
use crate::{Failure, Options};

/// Clients that stay from the beginning to the end.
const STAYING: usize = 500;

/// Clients that come and go at the same time. Each stays for a second or so.
const COMING: usize = 100;

/// Channels that all of them share.
const ROOMS: usize = 50;

/// Loopback addresses that they come from.
const SOURCES: usize = 50;

/// How often the server is looked at.
const SAMPLE: Duration = Duration::from_secs(5);

/// What has to be 0 when all have gone. The history of a channel goes a minute later.
const GAUGES: [&str; 6] =
    ["connections", "users", "subscriptions", "channels", "presences", "history_publications"];

#[derive(Default)]
struct Tally {
    lives: AtomicU64,
    recoveries: AtomicU64,
    recovered: AtomicU64,
    heard: AtomicU64,
    failures: AtomicU64,
}

impl Tally {
    fn failed(&self, failure: &Failure) {
        if self.failures.fetch_add(1, Ordering::Relaxed) < 20 {
            eprintln!("soak: {failure}");
        }
    }
}

pub(crate) async fn run(options: &Options) -> Result<Report, Failure> {
    let secs = options.secs.unwrap_or(3600);
    let mut server = Server::serve(&[]).await?;
    let to = server.address();
    let tally = Arc::new(Tally::default());

    // What the first of everything takes for good is no leak.
    live(to, 0, 0, &tally).await?;
    server.come_to_rest(&GAUGES[..5], Duration::from_secs(10)).await?;
    let before = server.usage()?;

    let until = Instant::now() + Duration::from_secs(secs);
    let mut clients = JoinSet::new();
    for number in 0..STAYING {
        let tally = Arc::clone(&tally);
        clients.spawn(async move {
            if let Err(failure) = stay(to, number, until, &tally).await {
                tally.failed(&failure);
            }
        });
        // One address may bring a hundred a second.
        sleep(Duration::from_millis(2)).await;
    }
    for number in 0..COMING {
        let tally = Arc::clone(&tally);
        clients.spawn(async move {
            let mut seed = number as u64;
            while Instant::now() < until {
                if let Err(failure) = live(to, number, seed, &tally).await {
                    tally.failed(&failure);
                }
                seed = seed.wrapping_add(COMING as u64);
            }
        });
    }
    let samples = watch(&server, until).await?;
    while clients.join_next().await.is_some() {}
    let busy = server.metrics().await?;

    let left = server.come_to_rest(&GAUGES, Duration::from_secs(240)).await?;
    let after = server.usage()?;
    let story = format!(
        "`trunkline serve` in memory, for {secs} s: {STAYING} clients that stay and {COMING} at a time that come, subscribe to \
         one of {ROOMS} channels or to one of their own, publish, hear, are cut off, recover, and leave: with a close \
         frame, with a FIN, with a RST."
    );
    let mut report = Report::new(story);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    report.note("lives of clients", count(&tally.lives).to_string());
    report.note("lives a second", format!("{:.1}", count(&tally.lives) as f64 / secs as f64));
    report.note("publications heard", count(&tally.heard).to_string());
    let recoveries = (count(&tally.recoveries), count(&tally.recovered));
    report.note(
        "recoveries, and publications by them",
        format!("{}, {}", recoveries.0, recoveries.1),
    );
    report.none("gaps, doubles, refusals, closes that nobody wanted", count(&tally.failures));
    report.none("panics", busy.get("panics_total").copied().unwrap_or(u64::MAX));
    report.check(
        "sessions, channels, presences, histories after it",
        "all 0",
        if left.is_empty() { "all 0".into() } else { left.join(", ") },
        left.is_empty(),
    );
    report.check(
        "descriptors after it",
        format!("{} as before", before.fds),
        after.fds.to_string(),
        after.fds <= before.fds,
    );
    report.check(
        "threads after it",
        format!("{} as before", before.threads),
        after.threads.to_string(),
        after.threads <= before.threads,
    );
    memory(&mut report, before, &samples, after);
    report.check("the server lives", "yes", "yes", server.is_alive());
    Ok(report)
}

/// Memory rises while caches and pools fill, and must not after that: the last third is compared with the one before.
fn memory(report: &mut Report, before: Usage, samples: &[(f64, f64)], after: Usage) {
    report.note("memory before", format!("{:.1} MiB", before.rss_mib()));
    let (first, rest) = samples.split_at(samples.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let mean =
        |part: &[(f64, f64)]| part.iter().map(|it| it.1).sum::<f64>() / part.len().max(1) as f64;
    let (first, second, third) = (mean(first), mean(second), mean(third));
    report.note(
        "memory, means of the three thirds",
        format!("{first:.1}, {second:.1}, {third:.1} MiB"),
    );
    report.note(
        "slope over the last two thirds",
        format!("{:+.2} MiB an hour", slope(rest) * 3600.0),
    );
    report.at_most("memory of the last third", third, second * 1.02 + 1.0, "MiB");
    report.at_most("memory after it", after.rss_mib(), third + 1.0, "MiB");
}

/// Of a line through the samples, by least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let n = samples.len().max(1) as f64;
    let (x, y) = samples.iter().fold((0.0, 0.0), |(x, y), it| (x + it.0 / n, y + it.1 / n));
    let covariance: f64 = samples.iter().map(|it| (it.0 - x) * (it.1 - y)).sum();
    let variance: f64 = samples.iter().map(|it| (it.0 - x).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// Seconds and MiB, again and again until the end.
async fn watch(server: &Server, until: Instant) -> Result<Vec<(f64, f64)>, Failure> {
    let started = Instant::now();
    let mut samples = Vec::new();
    let mut every = interval(SAMPLE);
    while Instant::now() < until {
        every.tick().await;
        let usage = server.usage()?;
        samples.push((started.elapsed().as_secs_f64(), usage.rss_mib()));
        if samples.len() % 60 == 1 {
            let metrics = server.metrics().await?;
            eprintln!(
                "soak: {:.0} s, {:.1} MiB, {} descriptors, {} connections, {} channels, {} publications kept",
                started.elapsed().as_secs_f64(),
                usage.rss_mib(),
                usage.fds,
                metrics["connections"],
                metrics["channels"],
                metrics["history_publications"],
            );
        }
    }
    Ok(samples)
}

/// One that stays and hears everything.
async fn stay(to: SocketAddr, number: usize, until: Instant, tally: &Tally) -> Result<(), Failure> {
    let mut client = Client::connect(source(number % SOURCES), to).await?;
    client.subscribe(&format!("room:{}", number % ROOMS), None).await?;
    hear_until(&mut client, until, tally).await?;
    client.leave().await
}

async fn hear_until(client: &mut Client, until: Instant, tally: &Tally) -> Result<(), Failure> {
    while let Ok(heard) =
        timeout(until.saturating_duration_since(Instant::now()), client.hear()).await
    {
        heard?;
        tally.heard.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// A life from the first word to the last. What happens in it follows from the seed.
async fn live(to: SocketAddr, number: usize, seed: u64, tally: &Tally) -> Result<(), Failure> {
    let from = source(number % SOURCES);
    let dice = dice(seed);
    // A tenth have a channel of their own, which nobody will use again.
    let room = dice % 500;
    let channel = if room < ROOMS as u64 {
        format!("room:own-{seed}")
    } else {
        format!("room:{}", room % ROOMS as u64)
    };
    let mut client = Client::connect(from, to).await?;
    client.subscribe(&channel, None).await?;
    let a_while = Duration::from_millis(200 + dice / 1000 % 800);
    hear_until(&mut client, Instant::now() + a_while, tally).await?;
    client
        .publish(&channel, json!({ "n": seed, "text": "x".repeat((dice / 7 % 500) as usize) }))
        .await?;

    if (dice / 11).is_multiple_of(3) {
        let since = client.position();
        client.crash()?;
        client = Client::connect(from, to).await?;
        let recovered = client.subscribe(&channel, since).await?;
        tally.recoveries.fetch_add(1, Ordering::Relaxed);
        tally.recovered.fetch_add(recovered as u64, Ordering::Relaxed);
        client.publish(&channel, json!({ "n": seed })).await?;
        hear_until(&mut client, Instant::now() + a_while, tally).await?;
    }
    tally.lives.fetch_add(1, Ordering::Relaxed);
    match dice / 13 % 3 {
        0 => client.leave().await,
        1 => client.crash(),
        _ => {
            drop(client);
            Ok(())
        }
    }
}

/// A number that looks random and is the same each time (splitmix64).
fn dice(seed: u64) -> u64 {
    let z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
