//! What a handler gets, and what it gives back.

use std::fmt;
use std::net::SocketAddr;

use trunkline_proto::handshake::Request;

/// What a server knows of a connection that it has accepted: what was asked for, and from where.
///
/// It is as large as the request was, and an `async fn` keeps its arguments to its end: drop it once it
/// has been looked at, or do not hand it on at all, `server.serve(|ws, _| chat(ws))`.
///
/// ```no_run
/// use trunkline::{Accepted, Server, WebSocket};
///
/// async fn chat(mut ws: WebSocket, name: String) {
///     let _ = ws.send(format!("hello, {name}")).await;
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let server = Server::bind("127.0.0.1:9001").await?;
/// server.serve(|ws, accepted: Accepted| {
///     let name = accepted.request().query().unwrap_or("whoever you are").to_owned();
///     chat(ws, name)
/// }).await;
/// # Ok(()) }
/// ```
pub struct Accepted {
    request: Request,
    peer_addr: Option<SocketAddr>,
}

impl Accepted {
    pub(super) fn new(request: Request, peer_addr: Option<SocketAddr>) -> Self {
        Self { request, peer_addr }
    }

    /// What the client asked for: path, query, headers, subprotocols.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Where the connection comes from: `None` on a Unix socket. Behind a proxy it is the proxy.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("request", &self.request)
            .field("peer_addr", &self.peer_addr)
            .finish()
    }
}

/// What a handler may end with: nothing, or a `Result` so that it can use `?`.
///
/// If the handler has left its connection open, the server closes it: with 1000, or with 1011 after an
/// error. The error itself is thrown away: log it in the handler where it matters.
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn is_failure(&self) -> bool;
}

impl Outcome for () {
    fn is_failure(&self) -> bool {
        false
    }
}

impl<T, E> Outcome for Result<T, E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
}
