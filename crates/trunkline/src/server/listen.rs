//! [`Server`]: where it listens, whom it lets in, and how it begins.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host};
use trunkline_proto::Limit;

use super::acceptor::Acceptor;
use super::connection::Config;
use super::drain::{Drained, Handled, ServerHandle};
use super::handler::{Accepted, Outcome};
use super::seats::Seats;
use super::serve::Serving;
use super::upgrade::Upgrade;
#[cfg(feature = "rustls")]
use crate::tls::ServerTls;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Connections in all. With messages of at most 1 MiB, the default, all of them in the middle of one
/// take 10 GiB at worst; idle ones take some 20 MiB.
const CONNECTIONS: usize = 10_000;

/// Connections from one address. Offices and mobile networks put hundreds of people behind one; a
/// tenth of all, so that no single address can lock the others out.
const CONNECTIONS_PER_ADDRESS: usize = 1000;

/// Connections that may wait to be accepted. After a restart all clients come at once, and who finds no
/// place waits a second before it tries again. As many as Linux allows unless it is told otherwise; tokio
/// asks for 128 of them.
const BACKLOG: u32 = 4096;

/// A server that listens, and runs a handler for each connection in a task of its own.
///
/// It turns away whom it has no room for, survives running out of file descriptors and handlers that
/// panic, and stops when told to ([`handle`](Self::handle)) without leaving anybody in the dark.
///
/// # Examples
/// ```no_run
/// use trunkline::{Server, WebSocket};
///
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let server = Server::bind("127.0.0.1:9001").await?;
///     server.serve(|mut ws: WebSocket, _| async move {
///         while let Ok(Some(message)) = ws.recv().await {
///             if ws.feed(message).await.is_err() {
///                 break;
///             }
///         }
///     }).await;
///     Ok(())
/// }
/// ```
///
/// Stopping it:
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// # use trunkline::{Drain, Server, WebSocket};
/// # async fn echo(_: WebSocket, _: trunkline::Accepted) {}
/// let server = Server::bind("127.0.0.1:9001").await?;
/// let handle = server.handle();
/// tokio::spawn(async move {
///     if tokio::signal::ctrl_c().await.is_ok() {
///         handle.drain(Drain::new()).await;
///     }
/// });
/// println!("{:?}", server.serve(echo).await); // Drained { closed: 17, broken: 1, .. }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    config: Config,
    connections: Limit,
    connections_per_address: Limit,
    handle: ServerHandle,
    handled: Handled,
}

impl Server {
    /// Listens on a TCP address, with the defaults. Where a name has several addresses, on the first
    /// that is free.
    ///
    /// # Errors
    /// If none is: mostly because another process listens there.
    ///
    /// # Cancel safety
    /// Dropping the future frees the address.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut refused = None;
        for address in lookup_host(address).await? {
            match listen(address) {
                Ok(listener) => return Ok(Self::new(listener)),
                Err(error) => refused = Some(error),
            }
        }
        let no_address = || io::Error::new(io::ErrorKind::InvalidInput, "there is no such address");
        Err(refused.unwrap_or_else(no_address))
    }

    /// Listens where `listener` does: a `TcpListener` or a `UnixListener` of tokio's.
    pub fn new(listener: impl Into<Listener>) -> Self {
        let (handle, handled) = ServerHandle::new();
        Self {
            listeners: vec![listener.into()],
            config: Config::default(),
            connections: Limit::at_most(CONNECTIONS),
            connections_per_address: Limit::at_most(CONNECTIONS_PER_ADDRESS),
            handle,
            handled,
        }
    }

    /// Listens there too.
    #[must_use]
    pub fn with_listener(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// How handshakes are answered, and which limits connections have. Its
    /// [`with_handshake_timeout`](Acceptor::with_handshake_timeout) covers that of TLS too.
    #[must_use]
    pub fn with_acceptor(mut self, acceptor: Acceptor) -> Self {
        self.config.acceptor = acceptor.without_drain_handle();
        self
    }

    /// Speaks TLS, on every listener. Keep a clone to change the certificate later.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn with_tls(mut self, tls: ServerTls) -> Self {
        self.config.tls = Some(tls);
        self
    }

    /// Connections in all, those in their handshake included. Default: 10 000.
    ///
    /// More are told 503 at once, or hung up on where that would cost a TLS handshake. Below it, the
    /// system's own limit on file descriptors may be met (`ulimit -n`): then the server waits until one
    /// is free.
    #[must_use]
    pub fn with_connections(mut self, max: Limit) -> Self {
        self.connections = max;
        self
    }

    /// Connections from one address: a whole one of IPv4, the first 64 bits of one of IPv6. Default:
    /// 1000. More are told 429 at once, or hung up on where that would cost a TLS handshake.
    ///
    /// Behind a reverse proxy on TCP all connections come from the proxy's address: leave it to the
    /// proxy, and set this to [`Limit::unbounded()`]. Unix sockets have no addresses to count.
    #[must_use]
    pub fn with_connections_per_address(mut self, max: Limit) -> Self {
        self.connections_per_address = max;
        self
    }

    /// The TCP address that it listens on, the first if there are several: with the port that the system
    /// has chosen, where it was bound to port 0.
    ///
    /// # Errors
    /// If it listens on Unix sockets alone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let none = "the server listens on Unix sockets alone, which have no such address";
        self.local_addrs().next().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, none))
    }

    /// All TCP addresses that it listens on.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().filter_map(Listener::local_addr)
    }

    /// A way to the server while it serves.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Accepts connections and runs `handler` for each, until [`ServerHandle::drain`] ends it. Gives how
    /// the connections ended that were there then.
    ///
    /// A handler that returns, or panics, leaves the others alone. If it has not closed its connection
    /// itself, the server does: with 1000, or with 1011 if it returned an error or panicked. A connection
    /// that was given to another task goes on there, and counts until it is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future drops listeners, handlers and connections.
    pub async fn serve<F, Fut>(self, handler: F) -> Drained
    where
        F: Fn(WebSocket, Accepted) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let serving = self.serve_upgrades(move |upgrade| {
            let handler = Arc::clone(&handler);
            async move {
                let peer_addr = upgrade.peer_addr();
                let (ws, request) = upgrade.accept_keeping_request().await.map_err(|_| ())?;
                let outcome = handler(ws, Accepted::new(request, peer_addr)).await;
                if outcome.is_failure() { Err(()) } else { Ok(()) }
            }
        });
        serving.await
    }

    /// The same for a handler that looks at each request before it accepts or refuses it: by its path,
    /// its cookies, a token, after asking a database. It may take the time it needs.
    ///
    /// # Cancel safety
    /// Dropping the future drops listeners, handlers and connections.
    ///
    /// # Examples
    /// ```no_run
    /// use trunkline::handshake::Refusal;
    /// use trunkline::{AcceptError, Server, Upgrade, WebSocket};
    ///
    /// async fn route(upgrade: Upgrade) -> Result<(), AcceptError> {
    ///     match upgrade.request().path() {
    ///         "/chat" => chat(upgrade.accept().await?).await,
    ///         "/prices" => prices(upgrade.accept().await?).await,
    ///         _ => return Err(upgrade.refuse(Refusal::not_found("no such room")).await),
    ///     }
    ///     Ok(())
    /// }
    /// # async fn chat(_: WebSocket) {}
    /// # async fn prices(_: WebSocket) {}
    /// # async fn run() -> std::io::Result<()> {
    ///
    /// Server::bind("127.0.0.1:9001").await?.serve_upgrades(route).await;
    /// # Ok(()) }
    /// ```
    pub async fn serve_upgrades<F, Fut>(self, handler: F) -> Drained
    where
        F: Fn(Upgrade) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let seats = Seats::new(self.connections, self.connections_per_address);
        // Handles are with others; one here would be waited for in vain.
        drop(self.handle);
        Serving::new(self.listeners, self.config, seats, self.handled, handler).run().await
    }
}

/// Listens on an address as [`Server::bind`] does, for those who accept by themselves.
///
/// Up to 4096 connections may wait to be accepted, where the system allows so many: who comes when there is no
/// place left waits for a second. On Unix the address can be had again at once after a restart.
///
/// # Errors
/// What the system says, such as that the address is taken.
///
/// # Panics
/// Outside of tokio's runtime.
///
/// # Examples
/// ```
/// # #[tokio::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = trunkline::listen("127.0.0.1:0".parse().expect("an address"))?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// # Ok(()) }
/// ```
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that is restarted does not have to wait until the connections of the one before are
    // forgotten. On Windows this would let two processes have the same address.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What a [`Server`] listens on: made of a `TcpListener` or a `UnixListener` of tokio's.
pub struct Listener(Kind);

enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    fn local_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// Ready with a connection, and where it comes from.
    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        match &self.0 {
            Kind::Tcp(listener) => {
                let (tcp, peer_addr) = ready!(listener.poll_accept(cx))?;
                // Frames must not wait for the acknowledgement of those before them. If it fails, the
                // connection is gone already, which will show.
                let _ = tcp.set_nodelay(true);
                Poll::Ready(Ok((tcp.into(), Some(peer_addr))))
            }
            #[cfg(unix)]
            Kind::Unix(listener) => {
                let (unix, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok((unix.into(), None)))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self(Kind::Unix(listener))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Tcp(listener) => listener.fmt(f),
            #[cfg(unix)]
            Kind::Unix(listener) => listener.fmt(f),
        }
    }
}
