//! The task of one connection: its handshake, its handler, and its end.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

#[cfg(feature = "rustls")]
use tokio::time::timeout_at;
use trunkline_proto::CloseCode;

use super::acceptor::{Acceptor, Hosted};
use super::error::AcceptError;
use super::handler::Outcome;
use super::upgrade::Upgrade;
use crate::observe::{self, Shaking};
use crate::tether::{ConnectionEnd, Return, ServerEnd};
#[cfg(feature = "rustls")]
use crate::tls::ServerTls;
use crate::transport::Transport;

/// What holds for all connections of a server.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) acceptor: Acceptor,
    #[cfg(feature = "rustls")]
    pub(super) tls: Option<ServerTls>,
}

impl Config {
    pub(super) fn speaks_tls(&self) -> bool {
        #[cfg(feature = "rustls")]
        let speaks_tls = self.tls.is_some();
        #[cfg(not(feature = "rustls"))]
        let speaks_tls = false;
        speaks_tls
    }
}

/// A connection that has just come in.
pub(super) struct Newcomer {
    pub(super) stream: Transport,
    pub(super) peer_addr: Option<SocketAddr>,
    pub(super) tether: ConnectionEnd<Transport>,
    pub(super) shaking: Shaking,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) how: How,
    pub(super) panicked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// By a closing handshake.
    Closed,
    /// Otherwise.
    Broken,
    /// It never came about.
    NotAccepted,
}

/// Serves one connection until nobody owns it any more and it has been closed. Its `handshake` is on the
/// heap, so that the task is not as large as that was.
pub(super) async fn run<H, F, Fut>(
    handshake: Pin<Box<H>>,
    handler: Arc<F>,
    end: ServerEnd<Transport>,
) -> Ending
where
    H: Future<Output = Result<Upgrade, AcceptError>>,
    F: Fn(Upgrade) -> Fut,
    Fut: Future<Output: Outcome>,
{
    let Ok(upgrade) = handshake.await else {
        return Ending { how: How::NotAccepted, panicked: false };
    };
    let failed = caught(|| handler(upgrade)).await.map(|outcome| outcome.is_failure());
    drop(handler);
    // The handler may have given its connection to another task.
    let returned = poll_fn(|cx| end.poll_return(cx)).await;
    let panicked = failed.is_err() || returned.panicked;
    if panicked {
        observe::handler_panicked();
    }
    let failed = panicked || failed.is_ok_and(|failed| failed);
    Ending { how: finish(returned, failed).await, panicked }
}

/// TLS and the opening handshake, under one deadline.
pub(super) async fn shake_hands(
    config: Arc<Config>,
    newcomer: Newcomer,
) -> Result<Upgrade, AcceptError> {
    #[cfg_attr(not(feature = "rustls"), expect(unused_mut, reason = "it is for TLS to fail"))]
    let Newcomer { stream, peer_addr, tether, mut shaking } = newcomer;
    let deadline = config.acceptor.handshake_deadline();
    #[cfg(feature = "rustls")]
    let stream = match &config.tls {
        None => stream,
        Some(tls) => {
            let securing = timeout_at(deadline, unless_ordered(&tether, tls.accept(stream)));
            let secured = shaking.run(securing).await.map_err(|_| AcceptError::Timeout);
            let secured = secured.and_then(|it| it.ok_or(AcceptError::Disconnected));
            secured.and_then(|it| Ok(it?)).inspect_err(|error| shaking.failed(error))?
        }
    };
    config
        .acceptor
        .read_request_hosted(stream, Hosted { deadline, peer_addr, tether, shaking })
        .await
}

/// `None` if the server has an order for the connection first: it is the end of any handshake.
pub(super) async fn unless_ordered<S, F: Future>(
    tether: &ConnectionEnd<S>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match tether.orders().poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}

struct Panicked;

/// Runs a handler so that its panic is nobody else's. What it leaves behind is dropped with it, so
/// that nobody sees it half done.
async fn caught<F: Future>(begin: impl FnOnce() -> F) -> Result<F::Output, Panicked> {
    let future = catch_unwind(AssertUnwindSafe(begin)).map_err(|_| Panicked)?;
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

/// Closes what the handler has left open, and sees a closing through to its end.
async fn finish(returned: Return<Transport>, failed: bool) -> How {
    let Some(mut driver) = returned.driver else { return How::NotAccepted };
    if failed {
        driver.begin_close(CloseCode::INTERNAL_ERROR, "internal error");
    } else {
        driver.begin_close(CloseCode::NORMAL, "");
    }
    let closed = poll_fn(|cx| driver.poll_close(cx)).await;
    if closed.is_ok() && driver.close_info().is_some() { How::Closed } else { How::Broken }
}
