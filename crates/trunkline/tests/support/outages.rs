//! A world of outages: each attempt meets the next of a row of peers, in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use trunkline::reconnect::{Change, Reconnecting};
use trunkline::testing::{Faults, Faulty, Peer, Pipe, Unmet, faulty, pipe};
use trunkline::{Connector, WebSocket};

/// What an attempt meets.
pub enum Meets {
    /// A server that follows a script.
    Peer(Peer),
    /// The same over a stream that is told to misbehave, once the connection is open.
    Faulty(Peer, Box<dyn FnOnce(&Faults) + Send>),
    /// Nobody.
    Nobody,
    /// A server that never answers, and is never done with it.
    Silence,
}

impl From<Peer> for Meets {
    fn from(peer: Peer) -> Self {
        Self::Peer(peer)
    }
}

pub fn faulty_peer(peer: Peer, faults: impl FnOnce(&Faults) + Send + 'static) -> Meets {
    Meets::Faulty(peer, Box::new(faults))
}

/// What has happened to a client, in seconds since it was made.
#[derive(Clone, Default)]
pub struct World {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    meets: VecDeque<Meets>,
    playing: Vec<JoinHandle<Result<(), Unmet>>>,
    attempts: Vec<Instant>,
    changes: Vec<String>,
}

impl World {
    /// After these nobody is met.
    pub fn of<M: Into<Meets>>(meets: impl IntoIterator<Item = M>) -> Self {
        let world = Self::default();
        world.inner.lock().unwrap().meets = meets.into_iter().map(Into::into).collect();
        world
    }

    /// A client in this world, whose pauses are as long as they can be.
    pub fn client(&self) -> Reconnecting<Faulty<Pipe>> {
        let (world, observed) = (self.clone(), self.clone());
        Reconnecting::from_fn(move || {
            let meets = world.next();
            let world = world.clone();
            async move { world.meet(meets).await }
        })
        .with_jitter(|bound| bound)
        .with_observer(move |change| observed.observe(change))
    }

    fn next(&self) -> Meets {
        let mut inner = self.inner.lock().unwrap();
        inner.attempts.push(Instant::now());
        inner.meets.pop_front().unwrap_or(Meets::Nobody)
    }

    async fn meet(
        &self,
        meets: Meets,
    ) -> Result<WebSocket<Faulty<Pipe>>, Box<dyn std::error::Error + Send + Sync>> {
        // As with a network, it is not there on the spot.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let (ours, theirs) = pipe(64 << 10);
        let (ours, faults) = faulty(ours, 0);
        let (peer, set) = match meets {
            Meets::Peer(peer) => (peer, None),
            Meets::Faulty(peer, set) => (peer, Some(set)),
            Meets::Nobody => return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
            Meets::Silence => std::future::pending().await,
        };
        self.inner.lock().unwrap().playing.push(tokio::spawn(peer.serve(theirs)));
        let ws = Connector::new().connect_over("ws://localhost/", ours).await?;
        if let Some(set) = set {
            set(&faults);
        }
        Ok(ws)
    }

    fn observe(&self, change: &Change<'_>) {
        let told = match change {
            Change::Connecting { attempt } => format!("connecting {attempt}"),
            Change::Connected { connections } => format!("connected {connections}"),
            Change::Failed { failure, retry_in } => {
                format!("{failure}, {} s", retry_in.as_secs_f32())
            }
            Change::Ended(ended) => format!("ended: {ended}"),
            other => format!("{other:?}"),
        };
        self.inner.lock().unwrap().changes.push(told);
    }

    /// What the client has told of since the last time it was asked.
    pub fn changes(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().unwrap().changes)
    }

    /// When attempts were made, in seconds since the first.
    pub fn attempts(&self) -> Vec<f32> {
        let attempts = &self.inner.lock().unwrap().attempts;
        // Timers have a resolution of a millisecond, and an attempt takes as long.
        let round = |time: Duration| (time.as_secs_f32() * 10.0).round() / 10.0;
        attempts.iter().map(|it| round(*it - attempts[0])).collect()
    }

    /// Waits until all peers have come to the end of their scripts: each step was met.
    pub async fn is_over(&self) {
        let playing = std::mem::take(&mut self.inner.lock().unwrap().playing);
        for (index, playing) in playing.into_iter().enumerate() {
            if let Err(unmet) = playing.await.unwrap() {
                panic!("peer {index}: {unmet}");
            }
        }
    }
}
