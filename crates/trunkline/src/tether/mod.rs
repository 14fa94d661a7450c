//! What ties a connection to the server that accepted it.
//!
//! A handler owns its connection: it moves it to another task, splits it, drops it. Still the server has
//! to close it when it drains, and to say why when the handler panics. So each holds an end of a tether:
//!
//! ```text
//!   ServerEnd ── an order: close, or cut ──▶ ConnectionEnd, in the driver
//!             ◀── the driver itself, once nobody owns the connection any more
//! ```
//!
//! An order is a flag, looked at in each poll, and a waker: whoever waits in `recv` or `send` is woken,
//! whichever task that is, and begins to close. A connection that no server accepted has no tether and
//! pays with the two words that say so. One that has takes a lock of its own whenever it is about to
//! wait, never for a message.
//!
//! A connection that came about in another way, in a server of HTTP say, can be tied to a
//! [`DrainHandle`](crate::DrainHandle): it hears the same orders, and is gone when nobody owns it.

mod orders;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) use orders::{Order, Orders, TakesOrders};

use crate::driver::Driver;
use crate::server::Member;

/// A tether and its two ends.
pub(crate) fn tether<S>() -> (ServerEnd<S>, ConnectionEnd<S>) {
    let ends = Mutex::new(Ends { server: None, connection_is: Connection::Out });
    let tether = Arc::new(Tether { orders: Orders::default(), ends });
    (ServerEnd(Arc::clone(&tether)), ConnectionEnd(tether))
}

struct Tether<S> {
    orders: Orders,
    ends: Mutex<Ends<S>>,
}

struct Ends<S> {
    /// The server's task, to wake when the connection comes back.
    server: Option<Waker>,
    connection_is: Connection<S>,
}

/// Where the connection is.
enum Connection<S> {
    /// Its handshake is under way, or somebody owns it.
    Out,
    /// Nobody owns it any more.
    Back(Return<S>),
    /// The server has had it back.
    Done,
}

/// What comes back to the server.
pub(crate) struct Return<S> {
    /// The driver, unless the connection never came about.
    pub(crate) driver: Option<Box<Driver<S>>>,
    /// A panic dropped it.
    pub(crate) panicked: bool,
}

impl<S> Tether<S> {
    fn lock(&self) -> MutexGuard<'_, Ends<S>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that the server holds.
pub(crate) struct ServerEnd<S>(Arc<Tether<S>>);

impl<S> Clone for ServerEnd<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> TakesOrders for ServerEnd<S> {
    fn order(&self, order: Order) {
        self.0.orders.order(order);
    }
}

impl<S> ServerEnd<S> {
    /// Ready once nobody owns the connection any more; asked once.
    pub(crate) fn poll_return(&self, cx: &Context<'_>) -> Poll<Return<S>> {
        let mut ends = self.0.lock();
        match std::mem::replace(&mut ends.connection_is, Connection::Done) {
            Connection::Back(returned) => Poll::Ready(returned),
            connection_is => {
                ends.connection_is = connection_is;
                ends.server = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The end that the connection holds. Dropping it tells the server that there is no connection.
pub(crate) struct ConnectionEnd<S>(Arc<Tether<S>>);

impl<S> ConnectionEnd<S> {
    pub(crate) fn orders(&self) -> &Orders {
        &self.0.orders
    }

    /// Gives the connection back to the server, as nobody owns it any more.
    pub(crate) fn give_back(self, driver: Box<Driver<S>>) {
        self.let_go(Some(driver));
    }

    fn let_go(&self, driver: Option<Box<Driver<S>>>) {
        let mut ends = self.0.lock();
        let waker = match ends.connection_is {
            Connection::Out => {
                let panicked = std::thread::panicking();
                ends.connection_is = Connection::Back(Return { driver, panicked });
                ends.server.take()
            }
            Connection::Back(_) | Connection::Done => None,
        };
        drop(ends);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<S> Drop for ConnectionEnd<S> {
    fn drop(&mut self) {
        self.let_go(None);
    }
}

/// Whoever may tell a connection to close.
pub(crate) enum Tie<S> {
    /// The server that accepted it, and gets it back.
    Server(ConnectionEnd<S>),
    /// The drain handle of whoever else did.
    Handle(Member, Option<SeeThrough<S>>),
}

/// Takes a connection that its owner has dropped while it was closing, and closes it.
pub(crate) type SeeThrough<S> = fn(Box<Driver<S>>);

impl<S> Tie<S> {
    #[inline]
    pub(crate) fn orders(&self) -> &Orders {
        match self {
            Self::Server(end) => end.orders(),
            Self::Handle(member, _) => member.orders(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::sync::Arc;

    use tokio::io::{
        AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
    };
    use tokio::time::Instant;
    use trunkline_proto::limits::Settings;
    use trunkline_proto::{CloseCode, Role, Timeout};

    use super::*;
    use crate::error::{Error, SendErrorKind};
    use crate::observe::{Life, Scope};
    use crate::websocket::WebSocket;

    fn tied<S>(stream: S) -> (ServerEnd<S>, WebSocket<S>) {
        let now = Instant::now().into_std();
        let settings = Arc::new(Settings::for_role(Role::Server));
        let connection = trunkline_proto::Connection::server(settings, now);
        let life = Life::begin(Role::Server, Scope::none(), false, now);
        let mut ws = WebSocket::new(Driver::new(stream, connection, None, Vec::new(), now, life));
        let (server, end) = tether();
        ws.tie(Tie::Server(end));
        (server, ws)
    }

    fn close<S>(server: &ServerEnd<S>) {
        server.order(Order::Close(CloseCode::GOING_AWAY, "bye".into()));
    }

    /// A peer that always has one more message, and takes whatever is written.
    struct NeverPauses;

    impl AsyncRead for NeverPauses {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            // An empty text, masked with zeros.
            buf.put_slice(&[0x81, 0x80, 0, 0, 0, 0]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for NeverPauses {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn an_order_is_heard_by_those_who_never_wait() {
        let (server, mut ws) = tied(NeverPauses);
        ws.recv().await.unwrap().unwrap();
        close(&server);
        ws.recv().await.unwrap().unwrap();
        assert!(ws.feed("too late").await.unwrap_err().is_closed());

        let (server, mut ws) = tied(NeverPauses);
        ws.send("before").await.unwrap();
        close(&server);
        ws.send("in the moment").await.unwrap();
        assert!(ws.send("too late").await.unwrap_err().is_closed());
    }

    /// The time for closing begins with the order, although the transport takes nothing at all.
    #[tokio::test(start_paused = true)]
    async fn an_order_wakes_whoever_waits_in_send() {
        let (stuck, _peer) = duplex(1);
        let (server, mut ws) = tied(stuck);
        let sending = tokio::spawn(async move { ws.send("x".repeat(100)).await });
        tokio::task::yield_now().await;
        let start = Instant::now();
        close(&server);
        let error = sending.await.unwrap().unwrap_err();
        let timeout = SendErrorKind::Broken(Error::Timeout(Timeout::Close));
        assert_eq!(format!("{:?}", error.kind()), format!("{timeout:?}"));
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    /// A connection that waits for its peer to close, or to hang up after a broken rule, is cut as well.
    #[tokio::test(start_paused = true)]
    async fn cutting_ends_a_connection_that_is_ending() {
        for peer_says in [&[][..], &[0x81, 0]] {
            let (stream, mut peer) = duplex(1000);
            let (server, mut ws) = tied(stream);
            peer.write_all(peer_says).await.unwrap();
            let closing = tokio::spawn(async move { ws.close(CloseCode::NORMAL, "").await });
            tokio::task::yield_now().await;
            let start = Instant::now();
            server.order(Order::Cut);
            assert!(matches!(closing.await.unwrap(), Err(Error::Disconnected)));
            assert_eq!(start.elapsed().as_secs(), 0);
        }
    }

    fn poll_return(server: &ServerEnd<DuplexStream>) -> Poll<Return<DuplexStream>> {
        server.poll_return(&Context::from_waker(Waker::noop()))
    }

    /// It comes back once, when its last owner is gone, and is freed with the tether.
    #[tokio::test]
    async fn a_connection_comes_back_when_nobody_owns_it() {
        let (stream, _peer) = duplex(1000);
        let (server, ws) = tied(stream);
        let (reader, writer) = ws.split();
        drop(reader);
        assert!(poll_return(&server).is_pending());
        drop(writer);
        let Poll::Ready(returned) = poll_return(&server) else { panic!("still owned") };
        assert!(returned.driver.is_some() && !returned.panicked);
        assert!(poll_return(&server).is_pending());
        drop(returned);
        assert_eq!(Arc::strong_count(&server.0), 1);
    }

    #[tokio::test]
    async fn a_connection_whose_server_is_gone_is_just_dropped() {
        let (stream, mut peer) = duplex(1000);
        let (server, ws) = tied(stream);
        drop(server);
        drop(ws);
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, []);
    }
}
