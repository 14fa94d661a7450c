//! [`Upgrading`]: a connection that opens once the HTTP server has let go of it.

use std::any::type_name;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use trunkline_proto::handshake::Agreement;

use super::Handed;
use crate::driver::see_through;
use crate::observe::Shaking;
use crate::server::Acceptor;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A connection that opens once the HTTP server has written the answer. Await it in a task of its own:
/// a handler that awaited it before it returns would wait for its own answer.
///
/// It gives a [`WebSocket`] over the TCP socket that the server read from, with Nagle's algorithm
/// turned off, or over what the server hands out if it read from something else.
///
/// It waits no longer than [`Acceptor::with_handshake_timeout`] allows. Dropping it drops the
/// connection, once the answer has been written.
#[must_use = "a connection does not open unless it is awaited"]
pub struct Upgrading {
    on_upgrade: OnUpgrade,
    acceptor: Acceptor,
    agreement: Agreement,
    timeout: Option<Pin<Box<Sleep>>>,
    /// What is told of it, until it has come to its end.
    shaking: Option<Shaking>,
}

impl Upgrading {
    pub(super) fn new(
        on_upgrade: OnUpgrade,
        acceptor: Acceptor,
        agreement: Agreement,
        shaking: Shaking,
    ) -> Self {
        Self { on_upgrade, acceptor, agreement, timeout: None, shaking: Some(shaking) }
    }

    /// The same over the very stream that the server was given, in the `TokioIo` in which hyper wants
    /// it.
    ///
    /// ```
    /// # use tokio::net::UnixStream; use trunkline::{WebSocket, upgrade::{UpgradeError, Upgrading}};
    /// # #[cfg(unix)]
    /// # async fn open(upgrading: Upgrading) -> Result<WebSocket<UnixStream>, UpgradeError> {
    /// // The server reads from sockets that a `UnixListener` has accepted.
    /// let ws = upgrading.over::<UnixStream>().await?;
    /// # Ok(ws) }
    /// ```
    ///
    /// # Errors
    /// Why there is no connection; one reason is that the stream is of another type.
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    pub async fn over<S>(self) -> Result<WebSocket<S>, UpgradeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        self.over_with(|stream: S| stream).await
    }

    /// The same over what `wrap` makes of that stream, for those who have one type for all their connections.
    ///
    /// ```
    /// # use tokio::{io::BufStream, net::TcpStream}; use trunkline::{WebSocket, upgrade::{UpgradeError, Upgrading}};
    /// # async fn open(upgrading: Upgrading) -> Result<WebSocket<BufStream<TcpStream>>, UpgradeError> {
    /// let ws = upgrading.over_with(|tcp: TcpStream| BufStream::new(tcp)).await?;
    /// # Ok(ws) }
    /// ```
    ///
    /// # Errors
    /// As [`over`](Self::over).
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    pub async fn over_with<S, T>(
        mut self,
        wrap: impl FnOnce(S) -> T,
    ) -> Result<WebSocket<T>, UpgradeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let upgraded = poll_fn(|cx| self.poll_upgraded(cx)).await?;
        match unwrap(upgraded) {
            Ok((stream, early)) => {
                let shaking = self.take_shaking();
                Ok(self.acceptor.open(self.agreement, wrap(stream), early, shaking))
            }
            Err(_) => {
                let error = UpgradeError::OtherStream { expected: type_name::<S>() };
                self.take_shaking().failed_in_http(&error);
                Err(error)
            }
        }
    }

    fn take_shaking(&mut self) -> Shaking {
        self.shaking.take().expect("a future is not polled once it is ready")
    }

    fn poll_upgraded(&mut self, cx: &mut Context<'_>) -> Poll<Result<Upgraded, UpgradeError>> {
        let upgraded = ready!(self.poll_handed_out(cx));
        if let Err(error) = &upgraded {
            self.take_shaking().failed_in_http(error);
        }
        Poll::Ready(upgraded)
    }

    fn poll_handed_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<Upgraded, UpgradeError>> {
        if let Poll::Ready(upgraded) = Pin::new(&mut self.on_upgrade).poll(cx) {
            self.timeout = None;
            return Poll::Ready(upgraded.map_err(UpgradeError::of));
        }
        let acceptor = &self.acceptor;
        let timeout =
            self.timeout.get_or_insert_with(|| Box::pin(sleep(acceptor.handshake_timeout())));
        timeout.as_mut().poll(cx).map(|()| Err(UpgradeError::Timeout))
    }
}

impl Future for Upgrading {
    type Output = Result<WebSocket, UpgradeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_upgraded(cx).map_ok(|upgraded| {
            let (transport, early) = transport(upgraded);
            let (agreement, shaking) = (self.agreement.clone(), self.take_shaking());
            self.acceptor.open_for(agreement, transport, early, shaking, Some(see_through))
        })
    }
}

/// The stream in what a server of hyper's hands over, and what was read from it too far.
///
/// # Errors
/// What was given, if there is something else in it.
fn unwrap<S>(upgraded: Upgraded) -> Result<(S, Vec<u8>), Upgraded>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    match upgraded.downcast::<TokioIo<S>>() {
        Ok(parts) => Ok((parts.io.into_inner(), parts.read_buf.to_vec())),
        // A server that takes both HTTP/1.1 and HTTP/2, such as axum's, has it in one box more.
        Err(upgraded) => auto::upgrade::downcast::<TokioIo<S>>(upgraded)
            .map(|parts| (parts.io.into_inner(), parts.read_buf.to_vec())),
    }
}

fn transport(upgraded: Upgraded) -> (Transport, Vec<u8>) {
    let upgraded = match unwrap::<TcpStream>(upgraded) {
        Ok((tcp, early)) => {
            // Messages that are small and wait for an answer would wait for each other. Without it they
            // are late, not lost.
            let _ = tcp.set_nodelay(true);
            return (tcp.into(), early);
        }
        Err(upgraded) => upgraded,
    };
    match unwrap::<Transport>(upgraded) {
        Ok(ours) => ours,
        // What was read too far stays in there and is read first.
        Err(upgraded) => (Handed::new(upgraded).into(), Vec::new()),
    }
}

impl fmt::Debug for Upgrading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrading").field("agreement", &self.agreement).finish_non_exhaustive()
    }
}

/// Why a request that was accepted did not become a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The answer was not written: the client hung up, or something between here and the server
    /// answered in our place.
    Unanswered(::hyper::Error),
    /// The server does not hand out its connections.
    WithoutUpgrades(::hyper::Error),
    /// The server had not written the answer after the handshake's timeout.
    Timeout,
    /// The server reads from a stream of another type than [`Upgrading::over`] was told.
    OtherStream {
        /// The type that it was told.
        expected: &'static str,
    },
    /// The server failed otherwise.
    Http(::hyper::Error),
}

impl UpgradeError {
    fn of(error: ::hyper::Error) -> Self {
        match () {
            () if error.is_canceled() => Self::Unanswered(error),
            () if error.is_user() => Self::WithoutUpgrades(error),
            () => Self::Http(error),
        }
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(_) => f.write_str("answer to the upgrade did not reach the client"),
            Self::WithoutUpgrades(_) => f.write_str(
                "HTTP server does not hand out its connections: serve them `with_upgrades`",
            ),
            Self::Timeout => f.write_str(
                "HTTP server did not answer within handshake_timeout: return the answer first",
            ),
            Self::OtherStream { expected } => {
                write!(f, "HTTP server does not read from a {expected}: await the upgrade itself")
            }
            Self::Http(_) => f.write_str("HTTP server failed during the upgrade"),
        }
    }
}

impl std::error::Error for UpgradeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unanswered(error) | Self::WithoutUpgrades(error) | Self::Http(error) => {
                Some(error)
            }
            Self::Timeout | Self::OtherStream { .. } => None,
        }
    }
}
