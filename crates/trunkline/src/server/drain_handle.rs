//! [`DrainHandle`]: closes connections that no [`Server`](crate::Server) has accepted.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::watch;

use super::drain::{Drain, Drained};
use super::draining::{Draining, Step};
use crate::observe;
use crate::tether::{Order, Orders, TakesOrders};

/// A way to all connections of an [`Acceptor`](crate::Acceptor), to close them when the program stops.
/// Cloning it gives another way to the same ones.
///
/// For servers that accept connections themselves, and for upgrades with hyper, axum or tower: what waits
/// for requests there knows nothing of connections that were requests once. A [`Server`](crate::Server)
/// has a [`ServerHandle`](crate::ServerHandle) instead, and its connections hear that one only.
///
#[cfg_attr(feature = "axum", doc = "```no_run")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// # async fn run(listener: tokio::net::TcpListener) -> std::io::Result<()> {
/// # async fn echo(_: trunkline::axum::WebSocketUpgrade) {}
/// use axum::{Extension, Router, routing::any};
/// use trunkline::{Acceptor, Drain, DrainHandle};
///
/// let connections = DrainHandle::new();
/// let acceptor = Acceptor::new().with_drain_handle(connections.clone());
/// let app = Router::new().route("/echo", any(echo)).layer(Extension(acceptor));
/// let stop = async { tokio::signal::ctrl_c().await.expect("signals can be listened to") };
/// axum::serve(listener, app).with_graceful_shutdown(stop).await?;
/// println!("{:?}", connections.drain(Drain::new()).await); // Drained { closed: 17, broken: 1, .. }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DrainHandle(Arc<Shared>);

struct Shared {
    list: Mutex<List>,
    /// How many there are in the list.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct List {
    next: u64,
    tied: HashMap<u64, Arc<Tied>>,
    /// What whoever comes is told, once a drain has begun.
    order: Option<Order>,
    /// How those ended that were there then, or came later.
    drained: Drained,
    /// Who is left now has been counted as dropped.
    has_cut: bool,
}

/// A connection as the handle knows it.
struct Tied {
    id: u64,
    orders: Orders,
    shared: Arc<Shared>,
}

impl DrainHandle {
    /// A handle without connections: give a clone of it to
    /// [`Acceptor::with_drain_handle`](crate::Acceptor::with_drain_handle).
    pub fn new() -> Self {
        Self(Arc::new(Shared { list: Mutex::default(), open: watch::Sender::new(0) }))
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        *self.0.open.borrow()
    }

    /// Closes all connections as `drain` says and waits until nobody owns one of them any more, at most
    /// until its deadline, and a tenth of a second more for those that are cut then. Requests that come from now on are refused with 503. Gives how the connections
    /// ended.
    ///
    /// Whoever waits in a method of a connection sees it close; whoever waits for something else sees it
    /// when he next uses the connection. Nobody's task is stopped: a connection that is still owned at the
    /// deadline is cut when it is next used, and counted as dropped.
    ///
    /// Receive until `None` comes, and the closing has been seen through. A connection that is dropped
    /// before is closed in a task of its own if an HTTP server has upgraded it; from
    /// [`Acceptor::accept`](crate::Acceptor::accept), and [over](crate::upgrade::Upgrading::over) a stream
    /// of another type, it is just dropped, and counts as broken.
    ///
    /// Doing it again tells those who have not been told yet, and cuts all at the deadline that comes first.
    ///
    /// # Cancel safety
    /// If the future is dropped, those who have been told close all the same, and nobody else is told or
    /// cut until this is called again. Before it is polled, nothing happens.
    pub async fn drain(&self, drain: Drain) -> Drained {
        let tied = self.0.begin(&drain);
        observe::drain_begun(tied.len(), &drain);
        let mut draining = Draining::new(&drain, tied);
        let mut open = self.0.open.subscribe();
        let mut all_gone = pin!(open.wait_for(|open| *open == 0));
        poll_fn(|cx: &mut Context<'_>| {
            loop {
                if all_gone.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                match ready!(draining.poll(cx)) {
                    Step::Cut => self.0.cut(),
                    Step::GiveUp => return Poll::Ready(()),
                }
            }
        })
        .await;
        let drained = self.0.lock().drained;
        observe::drain_ended(&drained);
        drained
    }

    /// Whether new connections are to be refused.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.lock().order.is_some()
    }

    /// Adds a connection that has just opened.
    pub(crate) fn tie(&self) -> Member {
        let mut list = self.0.lock();
        let id = list.next;
        list.next += 1;
        let tied = Arc::new(Tied { id, orders: Orders::default(), shared: Arc::clone(&self.0) });
        // Its request was accepted before the drain began.
        if let Some(order) = &list.order {
            tied.orders.order(order.clone());
        }
        list.tied.insert(id, Arc::clone(&tied));
        self.0.open.send_replace(list.tied.len());
        Member(tied)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nobody comes who is not told; gives those who are there.
    fn begin(&self, drain: &Drain) -> Vec<Arc<Tied>> {
        let mut list = self.lock();
        list.order = Some(drain.order());
        list.tied.values().cloned().collect()
    }

    fn cut(&self) {
        let mut list = self.lock();
        if !std::mem::replace(&mut list.has_cut, true) {
            list.drained.dropped += list.tied.len();
        }
        list.order = Some(Order::Cut);
        list.tied.values().for_each(|tied| tied.orders.order(Order::Cut));
    }

    fn remove(&self, id: u64, closed: bool) {
        let mut list = self.lock();
        if list.tied.remove(&id).is_none() {
            return;
        }
        if list.order.is_some() && !list.has_cut {
            let count = if closed { &mut list.drained.closed } else { &mut list.drained.broken };
            *count += 1;
        }
        self.open.send_replace(list.tied.len());
    }
}

impl TakesOrders for Arc<Tied> {
    fn order(&self, order: Order) {
        self.orders.order(order);
    }
}

/// What a connection holds of the handle. Dropping it says that there is no connection any more.
pub(crate) struct Member(Arc<Tied>);

impl Member {
    #[inline]
    pub(crate) fn orders(&self) -> &Orders {
        &self.0.orders
    }

    /// Whether a drain has begun.
    pub(crate) fn is_told(&self) -> bool {
        self.0.shared.lock().order.is_some()
    }

    /// Nobody owns the connection any more; `closed` if that was after a closing handshake.
    pub(crate) fn leave(self, closed: bool) {
        self.0.shared.remove(self.0.id, closed);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.shared.remove(self.0.id, false);
    }
}

impl Default for DrainHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DrainHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainHandle").field("connections", &self.connections()).finish()
    }
}
