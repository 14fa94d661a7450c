//! [`Server`]: the whole process, from its configuration to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use trunkline_hub::{Disconnect, Entropy, Hub, SessionId, Settings};

use crate::admission::{Admission, AdmissionLimits};
use crate::broker::{Broker, BrokerLimits, MemoryBroker};
use crate::config::{Config, Reload};
use crate::demo;
use crate::door::Door;
use crate::error::StartError;
use crate::listener::listen;
use crate::node::Node;
use crate::random::random;
use crate::reception::Reception;
use crate::shard::{Links, Receiver, Shard, now};

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
}

impl Server {
    /// Starts a server. It serves once this returns.
    ///
    /// # Errors
    /// What keeps it from starting: an address that is taken, a certificate that cannot be read.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listen_on = config.http_server.listen();
        let listener = TcpListener::bind(listen_on)
            .await
            .map_err(|error| StartError::Listen { address: listen_on, error })?;
        Self::start_on(listener, config).await
    }

    /// Starts a server on a listener that is there already.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub async fn start_on(listener: TcpListener, config: Config) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Io)?;
        let shards = shards(&config);
        let (links, receivers) = Links::new(shards);
        let node = Node::new(links.clone());
        let admission = Admission::new(AdmissionLimits::of(&config));
        let market = config.demo.then(|| config.namespaces());
        let reception = Arc::new(Reception::new(config)?);
        let door = Arc::new(Door::new(Arc::clone(&reception), node.clone()));
        let mut threads = Vec::with_capacity(receivers.len());
        for (index, receiver) in (0..).zip(receivers) {
            threads.push(spawn_shard(index, links.clone(), reception.hub_settings(), receiver)?);
        }
        let accepting = tokio::spawn(listen(listener, node.clone(), door, admission.clone()));
        let feed = market.map(|it| tokio::spawn(demo::run_feed(node.clone(), it)));
        Ok(Self { node, reception, admission, address, accepting, feed, threads })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The way to its shards.
    pub fn node(&self) -> &Node {
        &self.node
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
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Ends the sessions of a shard one after the other, evenly over `spread`.
async fn let_go(shard: std::rc::Rc<Shard>, spread: Duration) {
    let sessions: Vec<SessionId> = shard.with(|state| state.hub.sessions_open());
    let Ok(count) = u32::try_from(sessions.len()) else { return };
    let begin = tokio::time::Instant::now();
    for (index, session) in (0..).zip(sessions) {
        tokio::time::sleep_until(begin + spread * index / count.max(1)).await;
        shard.with(|state| state.hub.end(session, Disconnect::SHUTDOWN));
        shard.turn(now(), None);
    }
}

/// As many as there are processors, unless somebody knows better.
fn shards(config: &Config) -> u16 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shards = if config.node.shards == 0 { processors } else { config.node.shards };
    u16::try_from(shards.clamp(1, 1024)).unwrap_or(1)
}

/// A thread of its own, with a runtime that leaves it to no other.
fn spawn_shard(
    index: u16,
    links: Links,
    settings: Settings,
    receiver: Receiver,
) -> Result<JoinHandle<()>, StartError> {
    let (started, has_started) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("shard-{index}"))
        .spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let hub = Hub::new(settings, Entropy::new(random));
            let broker: Box<dyn Broker> =
                Box::new(MemoryBroker::new(BrokerLimits::default(), random, now()));
            let shard = Shard::new(index, links, hub, broker);
            drop(started.send(Ok(())));
            LocalSet::new().block_on(&runtime, shard.run(receiver));
        })
        .map_err(StartError::Io)?;
    let started: io::Result<()> =
        has_started.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    started.map_err(StartError::Io)?;
    Ok(thread)
}
