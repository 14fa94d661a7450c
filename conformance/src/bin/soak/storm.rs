//! Ten thousand clients lose their server at once and come back at once: how long until all are subscribed again, and
//! whether each has every publication once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Broken, Client, Position, source};
use crate::process::fd_limit;
use crate::report::Report;
use crate::server::{Folder, Server};
use crate::{Failure, Options};

const CLIENTS: usize = 10_000;
const ROOMS: usize = 100;

/// Loopback addresses: few enough clients on each for the limits by default.
const SOURCES: usize = 100;

/// Between two publications.
const PUBLISH: Duration = Duration::from_millis(20);

/// Until all are back.
const GOAL: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits between two attempts of a client, doubled each time up to the second, and by chance shorter.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The last publication on each channel.
const END: &str = "end";

struct World {
    to: SocketAddr,
    /// Subscribed at the moment.
    subscribed: AtomicUsize,
    /// When each came back, of the storm that is under way.
    back: std::sync::Mutex<Vec<Instant>>,
    recovered: AtomicU64,
    attempts: AtomicU64,
    ended: AtomicUsize,
    failures: AtomicU64,
    /// Goes up when all clients shall drop their connections.
    cuts: watch::Receiver<u64>,
}

pub(crate) async fn run(_: &Options) -> Result<Report, Failure> {
    let clients = CLIENTS.min(fd_limit()?.saturating_sub(500));
    let folder = Folder::new()?;
    let data = format!("data.dir={}", folder.path().display());
    let server = Server::serve(&[&data, "data.fsync=always"]).await?;
    let (cut, cuts) = watch::channel(0);
    let world = Arc::new(World {
        to: server.address(),
        subscribed: AtomicUsize::new(0),
        back: std::sync::Mutex::default(),
        recovered: AtomicU64::new(0),
        attempts: AtomicU64::new(0),
        ended: AtomicUsize::new(0),
        failures: AtomicU64::new(0),
        cuts,
    });
    let mut report = Report::new(format!(
        "`trunkline serve` with its data on disk and `data.fsync = \"always\"`; {clients} clients from {SOURCES} addresses \
         on {ROOMS} channels, on which {} publications a second go on all the time. All come back at once, a client that is \
         refused after 0.1 s and then later, with recovery.",
        1000 / PUBLISH.as_millis()
    ));

    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        tasks.spawn(stay(Arc::clone(&world), number));
        // One after the other, for this is no storm yet.
        if number % 10 == 9 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    all_subscribed(&world, clients).await?;
    report.note(
        "all subscribed, the first time",
        format!("{:.1} s", started.elapsed().as_secs_f64()),
    );
    let usage = server.usage()?;
    report.note(
        "memory with all of them",
        format!("{:.1} MiB, {} descriptors", usage.rss_mib(), usage.fds),
    );

    let server = Arc::new(Mutex::new(server));
    let publishing = tokio::spawn(publish(Arc::clone(&server)));
    sleep(Duration::from_secs(3)).await;

    prepare(&world);
    server.lock().await.kill_and_start_again().await?;
    storm(&mut report, "`kill -9`", &world, clients, Instant::now()).await?;
    let usage = server.lock().await.usage()?;
    report
        .note("memory after it", format!("{:.1} MiB, {} descriptors", usage.rss_mib(), usage.fds));

    // The addresses may bring as many again after some seconds.
    sleep(Duration::from_secs(3)).await;
    prepare(&world);
    cut.send_modify(|cuts| *cuts += 1);
    storm(&mut report, "all lines cut", &world, clients, Instant::now()).await?;

    publishing.abort();
    let mut server = server.lock().await;
    for room in 0..ROOMS {
        server.publish(&format!("room:{room}"), json!(END)).await?;
    }
    let ending = Instant::now();
    while world.ended.load(Ordering::Relaxed) < clients && ending.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50)).await;
    }
    let ended = world.ended.load(Ordering::Relaxed);
    report.check(
        "clients that have all, to the end",
        clients.to_string(),
        ended.to_string(),
        ended == clients,
    );
    report.none("gaps, doubles, recoveries that failed", world.failures.load(Ordering::Relaxed));
    let metrics = server.metrics().await?;
    report.none("panics", metrics.get("panics_total").copied().unwrap_or(u64::MAX));
    report.check("the server lives", "yes", "yes", server.is_alive());
    Ok(report)
}

fn prepare(world: &World) {
    world.back.lock().expect("no panic").clear();
    world.recovered.store(0, Ordering::Relaxed);
    world.attempts.store(0, Ordering::Relaxed);
}

/// Waits until all are back, and reports.
async fn storm(
    report: &mut Report,
    name: &str,
    world: &World,
    clients: usize,
    since: Instant,
) -> Result<(), Failure> {
    // Whoever was thrown out again is not subscribed, and counts twice among those that came.
    while world.back.lock().expect("no panic").len() < clients
        || world.subscribed.load(Ordering::Relaxed) < clients
    {
        if since.elapsed() > PATIENCE {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let mut back: Vec<f64> = {
        let back = world.back.lock().expect("no panic");
        back.iter().map(|at| at.saturating_duration_since(since).as_secs_f64()).collect()
    };
    back.sort_by(f64::total_cmp);
    report.check(
        format!("{name}: back"),
        clients.to_string(),
        back.len().to_string(),
        back.len() == clients,
    );
    let at = |part: f64| {
        back.get(((back.len() as f64 - 1.0) * part) as usize).copied().unwrap_or(f64::INFINITY)
    };
    report.note(
        format!("{name}: half of them, 99 of 100"),
        format!("{:.2} s, {:.2} s", at(0.5), at(0.99)),
    );
    report.at_most(format!("{name}: all of them"), at(1.0), GOAL.as_secs_f64(), "s");
    let attempts = world.attempts.load(Ordering::Relaxed);
    report.note(format!("{name}: attempts that failed"), attempts.to_string());
    report.note(
        format!("{name}: publications recovered"),
        world.recovered.load(Ordering::Relaxed).to_string(),
    );
    Ok(())
}

async fn all_subscribed(world: &World, clients: usize) -> Result<(), Failure> {
    let started = Instant::now();
    while world.subscribed.load(Ordering::Relaxed) < clients {
        if started.elapsed() > PATIENCE {
            let subscribed = world.subscribed.load(Ordering::Relaxed);
            return Err(format!("only {subscribed} of {clients} clients are subscribed").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// One publication after the other, on one channel after the other; goes on while the server is away.
async fn publish(server: Arc<Mutex<Server>>) {
    for n in 0_u64.. {
        let room = format!("room:{}", n % ROOMS as u64);
        let _ = server.lock().await.publish(&room, json!({ "n": n })).await;
        sleep(PUBLISH).await;
    }
}

/// One client, as an SDK does it, until it has heard the last publication.
async fn stay(world: Arc<World>, number: usize) {
    let room = format!("room:{}", number % ROOMS);
    let mut since = None;
    let mut cuts = world.cuts.clone();
    loop {
        let mut client = arrive(&world, number, &room, since.clone()).await;
        world.subscribed.fetch_add(1, Ordering::Relaxed);
        world.back.lock().expect("no panic").push(Instant::now());
        let heard = loop {
            tokio::select! {
                heard = client.hear() => match heard {
                    Ok(data) if data == END => {
                        world.ended.fetch_add(1, Ordering::Relaxed);
                        // Others are still on the channel.
                        let _ = client.hear().await;
                        return;
                    }
                    Ok(_) => {}
                    Err(failure) => break Err(failure),
                },
                _ = cuts.changed() => break Ok(()),
            }
        };
        world.subscribed.fetch_sub(1, Ordering::Relaxed);
        since = client.position();
        match heard {
            Ok(()) => drop(client.crash()),
            Err(failure) => world.judge(&failure),
        }
    }
}

/// Connects, and recovers, until it has succeeded.
async fn arrive(world: &World, number: usize, room: &str, since: Option<Position>) -> Client {
    let (mut pause, longest) = RETRY;
    let from = source(number % SOURCES);
    loop {
        let arrived = async {
            let mut client = Client::connect(from, world.to).await?;
            let recovered = client.subscribe(room, since.clone()).await?;
            Ok::<_, Failure>((client, recovered))
        };
        match arrived.await {
            Ok((client, recovered)) => {
                world.recovered.fetch_add(recovered as u64, Ordering::Relaxed);
                return client;
            }
            Err(failure) => world.judge(&failure),
        }
        world.attempts.fetch_add(1, Ordering::Relaxed);
        let chance = 0.5 + (number * 7919 % 1000) as f64 / 2000.0;
        sleep(pause.mul_f64(chance)).await;
        pause = (pause * 2).min(longest);
    }
}

impl World {
    /// That a line ends, or cannot be had, is what a storm is; anything else is not.
    fn judge(&self, failure: &Failure) {
        if failure.is::<Broken>() && self.failures.fetch_add(1, Ordering::Relaxed) < 20 {
            eprintln!("soak: {failure}");
        }
    }
}
