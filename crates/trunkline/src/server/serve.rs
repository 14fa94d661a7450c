//! [`Serving`]: the one task that accepts connections, counts them, and sends them away in the end.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Sleep, sleep};
use trunkline_proto::handshake::Refusal;

use super::connection::{Config, Ending, How, Newcomer, run, shake_hands};
use super::drain::{Drain, Drained, Handled};
use super::draining::{Draining, Step};
use super::handler::Outcome;
use super::listen::Listener;
use super::seats::{Address, NoSeat, Seats};
use super::upgrade::{Upgrade, refuse};
use crate::observe::{self, Shaking};
use crate::tether::{Order, ServerEnd, TakesOrders, tether};
use crate::transport::Transport;

/// How long nothing is accepted after the system would not let us, mostly because there is no file
/// descriptor left. Trying at once would burn the processor; a connection that ends cuts it short.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that are being told that there is no room for them. Each may take a second and a file
/// descriptor, so in a flood the others are dropped without a word.
const REFUSALS_MAX: usize = 64;

/// A server at work.
pub(super) struct Serving<F> {
    listeners: Vec<Listener>,
    /// Until when nothing is accepted.
    pause: Option<Pin<Box<Sleep>>>,
    config: Arc<Config>,
    handler: Arc<F>,
    seats: Seats,
    connections: JoinSet<Ending>,
    /// What is known of each of those.
    entries: HashMap<Id, Entry>,
    /// Those who are being told that there is no room.
    refusals: JoinSet<io::Result<()>>,
    handled: Handled,
    draining: Option<Draining<ServerEnd<Transport>>>,
}

struct Entry {
    end: ServerEnd<Transport>,
    address: Option<Address>,
}

impl<F, Fut> Serving<F>
where
    F: Fn(Upgrade) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    pub(super) fn new(
        listeners: Vec<Listener>,
        config: Config,
        seats: Seats,
        handled: Handled,
        handler: F,
    ) -> Self {
        Self {
            listeners,
            pause: None,
            config: Arc::new(config),
            handler: Arc::new(handler),
            seats,
            connections: JoinSet::new(),
            entries: HashMap::new(),
            refusals: JoinSet::new(),
            handled,
            draining: None,
        }
    }

    pub(super) async fn run(mut self) -> Drained {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Drained> {
        while let Poll::Ready(Some(order)) = self.handled.orders.poll_recv(cx) {
            self.begin_drain(&order);
        }
        loop {
            self.poll_accept(cx);
            // Last, since a set without tasks wakes nobody for those that come.
            let ended = self.poll_ended(cx);
            if self.draining.is_some() {
                return self.poll_drain(cx);
            }
            match &self.pause {
                // There is a descriptor again.
                Some(_) if ended => self.pause = None,
                _ => return Poll::Pending,
            }
        }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) {
        let mut next = 0;
        while next < self.listeners.len() {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return;
                }
                self.pause = None;
            }
            match self.listeners[next].poll_accept(cx) {
                Poll::Pending => next += 1,
                Poll::Ready(Ok((stream, peer_addr))) => self.admit(stream, peer_addr),
                Poll::Ready(Err(error)) if is_of_the_connection(&error) => {}
                Poll::Ready(Err(error)) => {
                    observe::accepting_paused(&error);
                    self.handled.counting.pauses.add();
                    self.pause = Some(Box::pin(sleep(PAUSE)));
                }
            }
        }
    }

    fn admit(&mut self, stream: Transport, peer_addr: Option<SocketAddr>) {
        let address = peer_addr.map(|peer| peer.ip().into());
        if let Err(why) = self.seats.take(address) {
            return self.turn_away(stream, peer_addr, why);
        }
        let (end, tether) = tether();
        let shaking = Shaking::begin(peer_addr);
        let scope = shaking.connection().clone();
        let newcomer = Newcomer { stream, peer_addr, tether, shaking };
        let handshake = Box::pin(shake_hands(Arc::clone(&self.config), newcomer));
        let serving = run(handshake, Arc::clone(&self.handler), end.clone());
        let task = self.connections.spawn(scope.run(serving));
        self.entries.insert(task.id(), Entry { end, address });
        self.handled.counting.admitted.add();
        self.handled.counting.open.set(self.entries.len());
    }

    /// Says that there is no room, where that costs little: no TLS handshake, and not for everyone in
    /// a flood.
    fn turn_away(&mut self, mut stream: Transport, peer: Option<SocketAddr>, why: NoSeat) {
        let refusal = match why {
            NoSeat::Full => {
                self.handled.counting.full.add();
                Refusal::unavailable()
            }
            NoSeat::AddressFull => {
                self.handled.counting.full_address.add();
                too_many_from_there()
            }
        };
        observe::turned_away(peer, &refusal);
        if self.config.speaks_tls() || self.refusals.len() >= REFUSALS_MAX {
            return;
        }
        self.refusals.spawn(async move { refuse(&mut stream, &refusal).await });
    }

    /// Takes note of what has ended; `true` if something has.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(Some(_)) = self.refusals.poll_join_next(cx) {
            any = true;
        }
        while let Poll::Ready(Some(ended)) = self.connections.poll_join_next_with_id(cx) {
            any = true;
            self.on_ended(ended);
        }
        any
    }

    fn on_ended(&mut self, ended: Result<(Id, Ending), JoinError>) {
        let (id, ending) = match ended {
            Ok((id, ending)) => (id, Some(ending)),
            // Something of the handler's panicked when it was dropped.
            Err(error) if error.is_panic() => {
                (error.id(), Some(Ending { how: How::Broken, panicked: true }))
            }
            Err(error) => (error.id(), None),
        };
        if let Some(entry) = self.entries.remove(&id) {
            self.seats.free(entry.address);
        }
        let counting = &self.handled.counting;
        counting.open.set(self.entries.len());
        if ending.is_some_and(|ending| ending.panicked) {
            counting.panics.add();
        }
        if ending.is_some_and(|ending| ending.how == How::NotAccepted) {
            counting.not_accepted.add();
        }
        if let Some(draining) = &mut self.draining {
            draining.on_ended(ending.map(|ending| ending.how));
        }
    }

    fn begin_drain(&mut self, drain: &Drain) {
        observe::drain_begun(self.entries.len(), drain);
        self.listeners.clear();
        match &mut self.draining {
            Some(draining) => draining.begin_anew(drain),
            None => {
                let ends = self.entries.values().map(|entry| entry.end.clone()).collect();
                self.draining = Some(Draining::new(drain, ends));
            }
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Drained> {
        loop {
            let Some(draining) = &mut self.draining else { return Poll::Pending };
            if self.connections.is_empty() {
                return Poll::Ready(self.report());
            }
            match draining.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Step::Cut) => {
                    self.entries.values().for_each(|entry| entry.end.order(Order::Cut));
                    self.connections.abort_all();
                    self.poll_ended(cx);
                }
                Poll::Ready(Step::GiveUp) => {
                    self.connections.detach_all();
                }
            }
        }
    }
}

impl<F> Serving<F> {
    /// Tells how it ended, those that are still there counted as dropped.
    fn report(&mut self) -> Drained {
        let mut drained = self.draining.as_ref().map(Draining::so_far).unwrap_or_default();
        drained.dropped += self.entries.len();
        if self.draining.is_some() {
            observe::drain_ended(&drained);
        }
        self.entries.clear();
        self.handled.counting.open.set(0);
        self.handled.drained.send_replace(Some(drained));
        drained
    }
}

impl<F> Drop for Serving<F> {
    fn drop(&mut self) {
        if self.handled.drained.borrow().is_none() {
            self.report();
        }
    }
}

fn too_many_from_there() -> Refusal {
    Refusal::too_many_requests("too many connections from your address: close one first")
}

/// Whether only the connection that was to be accepted is at fault: the next may do better.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, TimedOut,
    };
    let kind = error.kind();
    matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | TimedOut)
}
