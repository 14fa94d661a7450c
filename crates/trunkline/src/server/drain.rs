//! How a server stops: nobody new is let in, everyone there is told, and after a while it is over.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use trunkline_proto::CloseCode;

use super::counts::{Counting, ServerCounts};
use crate::tether::Order;

/// From the beginning of a drain to its end. `docker stop` gives a process ten seconds, the least of
/// those who are in the habit of killing one: this leaves two for the rest of the program.
const DEADLINE: Duration = Duration::from_secs(8);

/// How a server is to stop, or the connections of a [`DrainHandle`](crate::DrainHandle).
///
/// By default all connections are closed at once with 1001, and have 8 seconds to end.
///
/// ```
/// use std::time::Duration;
/// use trunkline::{CloseCode, Drain};
///
/// // A deployment: clients come back to another node, not all of them in the same moment.
/// let drain = Drain::new()
///     .with_close(CloseCode::SERVICE_RESTART, "new version")
///     .with_deadline(Duration::from_secs(25))
///     .with_spread(Duration::from_secs(15));
/// ```
#[derive(Clone, Debug)]
pub struct Drain {
    pub(crate) code: CloseCode,
    pub(super) reason: Cow<'static, str>,
    pub(crate) deadline: Duration,
    pub(crate) spread: Duration,
}

impl Drain {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            code: CloseCode::GOING_AWAY,
            reason: "server is shutting down".into(),
            deadline: DEADLINE,
            spread: Duration::ZERO,
        }
    }

    /// What the connections are closed with; a reason is cut to 123 bytes.
    #[must_use]
    pub fn with_close(mut self, code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        self.code = code;
        self.reason = reason.into();
        self
    }

    /// How long all of it may take. What is left then is dropped.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Closes the connections one after the other, evenly over this time, so that their clients do not
    /// all come back in one moment. It is part of the deadline: leave some of that for the last ones.
    #[must_use]
    pub fn with_spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// What each connection is told.
    pub(super) fn order(&self) -> Order {
        Order::Close(self.code, Arc::from(&*self.reason))
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

/// How the connections ended that were there when it was time to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// By a closing handshake.
    pub closed: usize,
    /// Otherwise: the peer was gone, or did not answer in time.
    pub broken: usize,
    /// In the middle of their handshake; those that could hear it were told 503.
    pub not_accepted: usize,
    /// Dropped at the deadline.
    pub dropped: usize,
}

/// A way to a server while it serves: to stop it, and to see how it does. Cloning it is cheap.
///
/// ```no_run
/// use std::time::Duration;
/// use trunkline::{Server, WebSocket};
///
/// # async fn run() -> std::io::Result<()> {
/// let server = Server::bind("127.0.0.1:9001").await?;
/// let handle = server.handle();
/// tokio::spawn(async move {
///     let mut minutes = tokio::time::interval(Duration::from_secs(60));
///     loop {
///         minutes.tick().await;
///         let counts = handle.counts();
///         println!("{} connections, {} turned away", counts.open, counts.full + counts.full_address);
///     }
/// });
/// # server.serve(|_: WebSocket, _| async {}).await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ServerHandle {
    orders: mpsc::UnboundedSender<Drain>,
    drained: watch::Receiver<Option<Drained>>,
    counting: Arc<Counting>,
}

/// The other end of all handles.
#[derive(Debug)]
pub(super) struct Handled {
    pub(super) orders: mpsc::UnboundedReceiver<Drain>,
    pub(super) drained: watch::Sender<Option<Drained>>,
    pub(super) counting: Arc<Counting>,
}

impl ServerHandle {
    pub(super) fn new() -> (Self, Handled) {
        let (send_order, orders) = mpsc::unbounded_channel();
        let (tell_drained, drained) = watch::channel(None);
        let counting = Arc::<Counting>::default();
        let handled = Handled { orders, drained: tell_drained, counting: Arc::clone(&counting) };
        (Self { orders: send_order, drained, counting }, handled)
    }

    /// Stops the server: it listens no more, closes every connection as `drain` says, and
    /// [`serve`](crate::Server::serve) ends. Gives how the connections ended.
    ///
    /// A handler that waits in a method of its connection sees the connection close; one that waits for
    /// something else sees it when it next uses the connection, and is dropped at the deadline.
    ///
    /// Doing it again replaces deadline and spread of the first time, from now on, for those who have
    /// not been told yet: an impatient operator gets his way.
    ///
    /// # Cancel safety
    /// Once this has been polled, the server stops whether or not anybody waits for it.
    pub async fn drain(&self, drain: Drain) -> Drained {
        // Nobody there to receive it: the server is gone, and so are its connections.
        let _ = self.orders.send(drain);
        self.drained().await
    }

    /// Waits until the server has stopped, for whatever reason. Gives how its connections ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn drained(&self) -> Drained {
        let mut drained = self.drained.clone();
        match drained.wait_for(Option::is_some).await {
            Ok(drained) => drained.unwrap_or_default(),
            // It was dropped before it began to serve.
            Err(_) => Drained::default(),
        }
    }

    /// What the server has seen so far.
    pub fn counts(&self) -> ServerCounts {
        self.counting.now()
    }
}
