//! [`Server`]: the whole process, from its configuration to its end.

use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use trunkline_hub::{Disconnect, Entropy, Hub, SessionId, Settings};

use crate::admission::{Admission, AdmissionLimits};
use crate::broker::{
    BrokerLimits, Fsync, Homes, Log, LogOptions, MemoryBroker, Opened, Partitions,
};
use crate::config::{self, Config, Reload};
use crate::demo;
use crate::door::Door;
use crate::error::StartError;
use crate::listener::listen;
use crate::node::Node;
use crate::random::random;
use crate::reception::Reception;
use crate::seams::{ABroker, Seams};
use crate::shard::{Links, Message, Receiver, Shard, now};
use crate::watch::{Part, Watch};

#[cfg(test)]
mod tests;

/// A server that runs. Dropping it stops it at once; [`drain`](Self::drain) lets clients go first.
#[derive(Debug)]
pub struct Server {
    node: Node,
    reception: Arc<Reception>,
    admission: Admission,
    address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
    /// The market of the demos, where they run.
    feed: Option<tokio::task::JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
    /// What is on disk, if anything is. Closed when the threads have ended.
    log: Option<Log>,
    /// Parts that have panicked.
    broken: UnboundedReceiver<Part>,
}

impl Server {
    /// Starts a server. It serves once this returns.
    ///
    /// # Errors
    /// What keeps it from starting: an address that is taken, a certificate that cannot be read.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listen_on = config.http_server.listen();
        judge_address(listen_on, &config)?;
        let listener = trunkline::listen(listen_on)
            .map_err(|error| StartError::Listen { address: listen_on, error })?;
        Self::start_on(listener, config).await
    }

    /// Starts a server on a listener that is there already.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub async fn start_on(listener: TcpListener, config: Config) -> Result<Self, StartError> {
        Self::start_with(listener, config, &()).await
    }

    pub(crate) async fn start_with(
        listener: TcpListener,
        config: Config,
        seams: &impl Seams,
    ) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Io)?;
        judge_address(address, &config)?;
        let (breaks, broken) = unbounded_channel();
        let shards = shards(&config);
        let homes = match &config.data.dir {
            Some(dir) => Homes::kept_in(dir, shards).map_err(StartError::Log)?,
            None => Homes::of_process(shards),
        };
        let (links, receivers) = Links::new(shards, homes);
        let admission = Admission::new(AdmissionLimits::of(&config));
        let market = config.demo.then(|| config.namespaces());
        let reception = Arc::new(Reception::new(config, address.port())?);
        let (brokers, log) = brokers(&reception.rules().config, &links, seams)?;
        let node = Node::new(links.clone(), log.as_ref().map(Log::meter));
        let door = Arc::new(Door::new(Arc::clone(&reception), node.clone()));
        let mut threads = Vec::with_capacity(receivers.len());
        for ((index, receiver), broker) in (0..).zip(receivers).zip(brokers) {
            let settings = reception.hub_settings();
            let (links, broker) = (links.clone(), seams.broker(broker));
            threads.push(spawn_shard(index, links, settings, receiver, broker, breaks.clone())?);
        }
        let listening = listen(listener, node.clone(), door, admission.clone());
        let listening = seams.task(Part::Listener, listening);
        let accepting = tokio::spawn(watched(Part::Listener, breaks.clone(), listening));
        let feed = market.map(|it| seams.task(Part::Demo, demo::run_feed(node.clone(), it)));
        let feed = feed.map(|it| tokio::spawn(watched(Part::Demo, breaks.clone(), it)));
        Ok(Self { node, reception, admission, address, accepting, feed, threads, log, broken })
    }

    /// Waits until a part of the server has panicked that the others cannot do without. Nothing that it held can
    /// be trusted: drop the server and end the process, for a supervisor to start it again. Nothing is closed in
    /// order then, so that the next start takes the log on disk for that of a crash.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn broken(&mut self) -> Part {
        loop {
            tokio::select! {
                Some(part) = self.broken.recv() => return part,
                () = tokio::time::sleep(LOG_CHECK_INTERVAL), if self.log.is_some() => {
                    if self.log.as_ref().is_some_and(Log::has_ended) {
                        return Part::Log;
                    }
                }
                // All have ended in order.
                else => return std::future::pending().await,
            }
        }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether clients have to come by TLS.
    pub fn speaks_tls(&self) -> bool {
        self.reception.tls().is_some()
    }

    /// The way to its shards.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Gives `config` the secrets that this server has, where it has none of its own: those that were
    /// made up at the start.
    pub fn keep_secrets(&self, config: &mut Config) {
        let rules = self.reception.rules();
        if !config.client.token.has_key() {
            let key = rules.config.client.token.hmac_secret_key.clone();
            config.client.token.hmac_secret_key = key;
        }
        if config.http_api.key.is_empty() && config.http_api.keys.is_empty() {
            config.http_api.key = rules.config.http_api.key.clone();
        }
    }

    /// Goes on with another configuration: namespaces, limits, keys and certificates change at once, for
    /// new connections and for those that are there; what needs a restart stays as it is and is named.
    ///
    /// # Errors
    /// What is wrong with it; then nothing changes.
    pub async fn reload(&self, config: Config) -> Result<Reload, StartError> {
        let reload = self.reception.reload(config)?;
        self.admission.configure(AdmissionLimits::of(&reload.config));
        let settings = self.reception.hub_settings();
        self.node.on_each(move |state, _| state.hub.configure(settings.clone())).await;
        Ok(reload)
    }

    /// Lets clients go at a pace, and stops: nobody is accepted any more; those who are in are told to
    /// come back (3001), evenly over `spread`; whoever is still there at `deadline` is cut off.
    ///
    /// # Cancel safety
    /// Dropping the future stops the server at once.
    pub async fn drain(self, spread: Duration, deadline: Duration) {
        self.reception.begin_drain();
        self.accepting.abort();
        let spread = spread.min(deadline);
        for shard in 0..self.node.shards() {
            self.node.spawn_on(shard, move |shard| let_go(shard, spread));
        }
        let gone = async {
            while self.admission.connections() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // Those who do not answer the close frame in time are cut off.
        let _ = tokio::time::timeout(deadline, gone).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Some(feed) = &self.feed {
            feed.abort();
        }
        self.node.stop();
        let mut is_sound = true;
        for thread in self.threads.drain(..) {
            is_sound &= thread.join().is_ok();
        }
        let log = self.log.take();
        if !is_sound {
            // What a partition had in hand when it panicked is not to be closed as if it were in order.
            return std::mem::forget(log);
        }
        if let Some(Err(error)) = log.map(Log::close) {
            tracing::error!(%error, "cannot close the log on disk in order");
        }
    }
}

/// Whoever switches checks off to try things out is not to find the world at the door.
fn judge_address(address: SocketAddr, config: &Config) -> Result<(), StartError> {
    if address.ip().to_canonical().is_loopback() || config.http_server.allow_insecure {
        return Ok(());
    }
    let off = config.insecure().into_iter().filter(|(_, is_off)| *is_off);
    let settings: Vec<_> = off.map(|(setting, _)| setting).collect();
    if settings.is_empty() { Ok(()) } else { Err(StartError::Insecure { address, settings }) }
}

/// How often the thread of the log is looked after. Publications that it leaves unanswered wait for 5 s.
const LOG_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A task that tells if it panics.
async fn watched(part: Part, broken: UnboundedSender<Part>, task: impl Future<Output = ()>) {
    let _watch = Watch { part, broken };
    task.await;
}

/// Ends the sessions of a shard one after the other, evenly over `spread`.
async fn let_go(shard: Rc<Shard>, spread: Duration) {
    let sessions: Vec<SessionId> = shard.with(|state| state.hub.sessions_open());
    let Ok(count) = u32::try_from(sessions.len()) else { return };
    let begin = tokio::time::Instant::now();
    for (index, session) in (0..).zip(sessions) {
        tokio::time::sleep_until(begin + spread * index / count.max(1)).await;
        shard.with(|state| state.hub.end(session, Disconnect::SHUTDOWN));
        shard.turn(now());
    }
}

/// As many as there are processors, unless somebody knows better.
fn shards(config: &Config) -> u16 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shards = if config.node.shards == 0 { processors } else { config.node.shards };
    u16::try_from(shards.clamp(1, 1024)).unwrap_or(1)
}

/// The partitions of the broker, one for each shard: in memory, or with a log on disk.
fn brokers(
    config: &Config,
    links: &Links,
    seams: &impl Seams,
) -> Result<(Vec<ABroker>, Option<Log>), StartError> {
    let limits = BrokerLimits::of_node().divided_by(links.shards());
    let Some(dir) = &config.data.dir else {
        let memory = |_| Box::new(MemoryBroker::new(limits.clone(), random, now())) as ABroker;
        return Ok(((0..links.shards()).map(memory).collect(), None));
    };
    let options = LogOptions {
        fsync: match config.data.fsync {
            config::Fsync::Always => Fsync::Always,
            config::Fsync::Interval => Fsync::Interval(config.data.fsync_interval),
            config::Fsync::Never => Fsync::Never,
        },
        disk_bytes: config.data.max_size,
        ..LogOptions::new(dir)
    };
    let to_wake = links.clone();
    let wake = move |partition| {
        to_wake.send(u16::try_from(partition).unwrap_or(0), Message::WakeBroker);
    };
    let partitions = Partitions {
        count: usize::from(links.shards()),
        home: &|channel| usize::from(links.home(channel)),
        limits,
        entropy: &mut || Box::new(random),
        wake: seams.wake(Arc::new(wake)),
    };
    let Opened { log, partitions, report } =
        Log::open(options, partitions, now()).map_err(StartError::Log)?;
    tracing::info!(
        path = %report.path.display(),
        channels = report.channels,
        publications = report.publications,
        moved = report.moved,
        epochs_renewed = report.epochs_renewed,
        "history was read from disk"
    );
    for damage in &report.damage {
        tracing::error!(damage, "a part of the history on disk was left out");
    }
    Ok((partitions.into_iter().map(|it| Box::new(it) as ABroker).collect(), Some(log)))
}

/// A thread of its own, with a runtime that leaves it to no other.
fn spawn_shard(
    index: u16,
    links: Links,
    settings: Settings,
    receiver: Receiver,
    broker: ABroker,
    broken: UnboundedSender<Part>,
) -> Result<JoinHandle<()>, StartError> {
    let (started, has_started) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("shard-{index}"))
        .spawn(move || {
            let _watch = Watch { part: Part::Shard(index), broken };
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let hub = Hub::new(settings, Entropy::new(random));
            let shard = Shard::new(index, links, hub, broker);
            drop(started.send(Ok(())));
            LocalSet::new().block_on(&runtime, Rc::clone(&shard).run(receiver));
            if shard.is_broken() {
                // A task has said what happened.
                resume_unwind(Box::new("the shard is broken"));
            }
        })
        .map_err(StartError::Io)?;
    let started: io::Result<()> =
        has_started.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    started.map_err(StartError::Io)?;
    Ok(thread)
}
