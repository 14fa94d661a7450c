//! A client that lives through outages.
//!
//! [`Reconnecting`] has the methods of a [`WebSocket`], and behind them one connection after the other. When
//! one is lost it waits a little, connects again, lets a hook of yours say what a new connection needs to
//! hear, and goes on.
//!
//! ```no_run
//! use trunkline::{Connector, Reconnecting};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ws = Reconnecting::new(Connector::new(), "ws://market.example.com/prices")
//!     .with_hook(|mut ws| async move {
//!         ws.send("subscribe EURUSD").await?;
//!         Ok(ws)
//!     });
//! while let Some(message) = ws.recv().await? {
//!     println!("{}", message.as_text().unwrap_or_default());
//! }
//! # Ok(()) }
//! ```
//!
//! # When it connects
//! Nothing happens while no method is being awaited; no task is spawned. The first call that needs a
//! connection begins to open one; so does, after a loss, whichever method is awaited next. `recv` and
//! [`connected`](Reconnecting::connected) wait for it.
//!
//! ```text
//!            ┌────────────── failed: worth another attempt? ──no──▶ ended
//!            ▼                      ▲               ▲
//!   idle ─▶ pause ─▶ connect ─▶ hook ─▶ open ─▶ lost
//! ```
//!
//! - Pauses are drawn at random from zero up to a bound that doubles from 1 to 30 seconds: [`Backoff`].
//! - What is worth another attempt is decided by [`classify`], or by a function of yours: network errors,
//!   timeouts, 5xx and 429 (after their `Retry-After`) and closes such as 1001 are; other refusals,
//!   certificates that do not check, wrong URLs and closes that mean "not like this" are not.
//! - Attempts go on for ever, unless [`with_max_attempts`](Reconnecting::with_max_attempts) or
//!   [`with_max_elapsed`](Reconnecting::with_max_elapsed) end them.
//!
//! # What happens to messages
//! *Received:* what a connection had received before it was lost is received before anything from the next,
//! up to 64 KiB of it if the program only sends. What the peer says in between is lost, unless the hook asks
//! for it again; that is what the hook is for.
//!
//! *Sent:* the peer gets each message once at the most. `send` gives `Ok` when the transport has taken it,
//! which is not to say that the peer has. One that the transport has not taken whole cannot have been
//! received; it comes back in the error, or is kept for the next connection, as [`Unsent`] says:
//!
//! | | [`Unsent::Fail`] (default) | [`Unsent::Queue`] |
//! |---|---|---|
//! | no connection now | comes back at once | queued; comes back if the queue is full |
//! | connection breaks before it is written | comes back | sent over the next, in order |
//! | connection breaks as it is written, over a stream that may have sent a part of what it refused (TLS) | comes back, [in doubt](SendError::is_in_doubt) | the same; if it was fed, [`flush`](Reconnecting::flush) tells |
//! | written, and lost on its way | not known | not known |
//!
//! The last row is why a message that must arrive needs an answer from the peer.

mod backoff;
mod ended;
mod failure;
mod link;
mod outbox;
mod policy;
mod retry_after;
mod split;
mod state;

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{CloseCode, CloseInfo, Message, Outgoing};

pub use backoff::Backoff;
pub use ended::{Ended, SendError, SendErrorKind, Why};
pub use failure::{Failure, Verdict, classify};
pub use outbox::Unsent;
pub use split::{Reader, Writer};
pub use state::{Change, State};

use crate::client::Connector;
use crate::error::Error;
use crate::transport::Transport;
use crate::websocket::WebSocket;
use link::Link;

/// A client connection that is opened again when it is lost. See the [module](self).
///
/// For one task that receives and another that sends, and for `select!` with both at once, see
/// [`split`](Self::split). With a `recv` in one branch and a `send` in the body of another it works as it is:
///
/// ```
/// # use trunkline::{Message, Reconnecting, reconnect::Ended};
/// # use tokio::sync::mpsc::Receiver;
/// async fn run(mut ws: Reconnecting, mut orders: Receiver<String>) -> Result<(), Ended> {
///     loop {
///         tokio::select! {
///             received = ws.recv() => match received? {
///                 Some(message) => println!("{message:?}"),
///                 None => return Ok(()),
///             },
///             Some(order) = orders.recv() => {
///                 if let Err(error) = ws.send(order).await {
///                     eprintln!("{error}: {:?}", error.message());
///                 }
///             }
///         }
///     }
/// }
/// ```
pub struct Reconnecting<S = Transport> {
    // On the heap, so that it can be moved about as a pointer.
    link: Box<Link<S>>,
}

impl Reconnecting {
    /// A client for the server that `url` names. Nothing is dialled yet.
    pub fn new(connector: Connector, url: impl Into<String>) -> Self {
        let url: Arc<str> = url.into().into();
        Self::from_fn(move || {
            let (connector, url) = (connector.clone(), Arc::clone(&url));
            async move { Ok(connector.connect(&url).await?) }
        })
    }
}

impl<S: 'static> Reconnecting<S> {
    /// A client whose connections are opened by this function, called for each attempt: with a fresh token
    /// in a header, at another address each time, or over any stream.
    ///
    /// ```
    /// # use trunkline::{Connector, Reconnecting};
    /// # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let ws = Reconnecting::from_fn(|| async {
    ///     let token = fetch_token().await?;
    ///     let connector = Connector::new().with_header("Authorization", format!("Bearer {token}"))?;
    ///     Ok(connector.connect("ws://example.com/feed").await?)
    /// });
    /// ```
    pub fn from_fn<F, C>(mut connect: F) -> Self
    where
        F: FnMut() -> C + Send + 'static,
        C: Future<Output = Result<WebSocket<S>, Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + 'static,
    {
        Self { link: Box::new(Link::new(Box::new(move || Box::pin(connect())))) }
    }

    /// Runs after each connection that is opened, the first too, before anything else is sent or received:
    /// logs in, subscribes, asks for what was missed. It gives the connection back. If it fails, that
    /// connection is given up, and the classifier decides on the next attempt.
    #[must_use]
    pub fn with_hook<F, H>(mut self, mut hook: F) -> Self
    where
        F: FnMut(WebSocket<S>) -> H + Send + 'static,
        H: Future<Output = Result<WebSocket<S>, Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + 'static,
    {
        self.link.hook = Some(Box::new(move |ws| Box::pin(hook(ws))));
        self
    }
}

impl<S> Reconnecting<S> {
    /// How long to wait between attempts. Default: up to 1 second, growing up to 30.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.link.policy.backoff = backoff;
        self
    }

    /// Draws each pause from zero up to a bound; what is above the bound counts as the bound. Default:
    /// each as likely as the other, with the system's randomness. For tests: `|bound| bound`.
    #[must_use]
    pub fn with_jitter(
        mut self,
        jitter: impl FnMut(Duration) -> Duration + Send + 'static,
    ) -> Self {
        self.link.policy.jitter = Box::new(jitter);
        self
    }

    /// Decides after each failure whether to try again. Default: [`classify`].
    #[must_use]
    pub fn with_classifier(
        mut self,
        classifier: impl FnMut(&Failure) -> Verdict + Send + 'static,
    ) -> Self {
        self.link.policy.classifier = Box::new(classifier);
        self
    }

    /// How many attempts there are in a row, without a connection that
    /// [lasts](Backoff::with_reset_after). One is always made. Default: as many as it takes, for whoever
    /// wants a connection through outages does not know how long they are.
    #[must_use]
    pub fn with_max_attempts(mut self, max: u32) -> Self {
        self.link.policy.max_attempts = Some(max);
        self
    }

    /// How long attempts go on without a connection that [lasts](Backoff::with_reset_after): none begins
    /// later than this. Default: for ever.
    #[must_use]
    pub fn with_max_elapsed(mut self, max: Duration) -> Self {
        self.link.policy.max_elapsed = Some(max);
        self
    }

    /// How long one attempt may take, the hook included. Default: 60 seconds, more than a
    /// [`Connector`] takes at the most, whose own errors say more.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.link.policy.attempt_timeout = timeout;
        self
    }

    /// What becomes of messages while there is no connection. Default: [`Unsent::Fail`], for only the
    /// application knows which of its messages are still worth sending after an outage.
    #[must_use]
    pub fn with_unsent(mut self, unsent: Unsent) -> Self {
        self.link.outbox.set_policy(unsent);
        self
    }

    /// Is told of each attempt, connection and failure, to log or count them. It is called from inside
    /// whichever method is being awaited, and should not take long.
    #[must_use]
    pub fn with_observer(mut self, observer: impl FnMut(&Change<'_>) + Send + 'static) -> Self {
        self.link.observer = Some(Box::new(observer));
        self
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// How many attempts there were since the last connection that [lasted](Backoff::with_reset_after),
    /// the one that is under way or has led to the connection included.
    pub fn attempts(&self) -> u32 {
        self.link.attempts()
    }

    /// How many connections there were, the one that is open included.
    pub fn connections(&self) -> u64 {
        self.link.connections()
    }

    /// What ended the last attempt or connection that failed, also if there is a connection again.
    pub fn last_failure(&self) -> Option<Arc<Failure>> {
        self.link.last_failure()
    }

    /// How the last connection that ended was closed, if it was.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        self.link.close_info()
    }

    /// The connection that is open, to ask it for its subprotocol, its round-trip time, its stream.
    pub fn websocket(&self) -> Option<&WebSocket<S>> {
        self.link.websocket()
    }

    /// How many messages were handed over that no transport has taken yet.
    pub fn unsent(&self) -> usize {
        self.link.outbox.len()
    }

    /// Takes back the messages that no connection is going to send: with [`Unsent::Fail`] those that were
    /// fed and not written when the last connection broke, up to the next one that breaks with such;
    /// with [`Unsent::Queue`] those that wait for a connection. None of them has reached the peer.
    pub fn take_unsent(&mut self) -> Vec<Message> {
        self.link.outbox.take_unsent()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Reconnecting<S> {
    /// Waits until there is a connection that messages can be sent on, and the hook has run.
    ///
    /// # Errors
    /// Why there will be none.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the attempt goes on with the next method that is awaited.
    pub async fn connected(&mut self) -> Result<(), Ended> {
        poll_fn(|cx| self.link.poll_writable(cx)).await
    }

    /// Receives the next message, over as many connections as it takes. `None` once it has been closed for
    /// good: by [`close`](Self::close), or by the peer with 1000.
    ///
    /// Before it waits, it writes what [`feed`](Self::feed) queued.
    ///
    /// # Errors
    /// Why it was given up, once what had been received before has been taken. After that it gives `None`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: no message, nothing that was queued, no attempt under way.
    pub async fn recv(&mut self) -> Result<Option<Message>, Ended> {
        poll_fn(|cx| self.link.poll_recv(cx)).await
    }

    /// Sends a message and waits until the transport has taken it; or, with [`Unsent::Queue`], until it is
    /// in the queue where there is no connection. It never waits for a connection: await
    /// [`connected`](Self::connected) for that.
    ///
    /// # Errors
    /// Why it was not sent, with the message, and whether it [may have
    /// been](SendError::is_in_doubt).
    ///
    /// # Cancel safety
    /// If the future is dropped, the message was either not taken at all, or it is where
    /// [`feed`](Self::feed) would have put it.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.link.poll_feed(cx, &mut message, true)).await?;
        poll_fn(|cx| self.link.poll_sent(cx)).await
    }

    /// Queues a message, to be written with all that is queued by the next [`flush`](Self::flush),
    /// [`send`](Self::send) or `recv` that has to wait. It waits itself only if as much is queued as
    /// [`Limits::send_high_water_bytes`](trunkline_proto::limits::Limits::send_high_water_bytes) or
    /// [`Unsent::Queue`] allow, and never for a connection.
    ///
    /// # Errors
    /// Why it was not queued, with the message.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits, the message was not queued.
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.link.poll_feed(cx, &mut message, false)).await
    }

    /// Waits until the transport has taken everything that is queued; with [`Unsent::Queue`] over as many
    /// connections as it takes.
    ///
    /// # Errors
    /// If a connection broke before it took all of it: [`take_unsent`](Self::take_unsent) has what it did
    /// not take.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was not written stays queued.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.link.poll_flush(cx)).await
    }

    /// Closes for good, as [`WebSocket::close`] does: sends what is queued, receives and throws away what
    /// the peer still sends, and waits for its close frame. If there is no connection now, none is
    /// opened: [`take_unsent`](Self::take_unsent) has what was queued.
    ///
    /// # Errors
    /// How the connection ended otherwise. It is closed for good all the same.
    ///
    /// # Cancel safety
    /// If the future is dropped, closing has begun: calling it again waits for the rest.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.link.begin_close(code, reason);
        poll_fn(|cx| self.link.poll_close(cx)).await
    }

    /// Two halves, for a task that receives and another that sends. Either opens connections as it needs
    /// them. No lock is held while either waits.
    pub fn split(self) -> (Reader<S>, Writer<S>) {
        split::split(self.link)
    }
}

impl<S> fmt::Debug for Reconnecting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_link("Reconnecting", &self.link, f)
    }
}

/// Neither the URL nor what failed: there may be credentials in them.
fn fmt_link<S>(name: &str, link: &Link<S>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("state", &link.state())
        .field("attempts", &link.attempts())
        .field("connections", &link.connections())
        .field("unsent", &link.outbox.len())
        .field("policy", &link.policy)
        .finish_non_exhaustive()
}
