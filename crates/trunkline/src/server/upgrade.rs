//! [`Upgrade`]: a request that awaits a decision.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use trunkline_proto::handshake::{Acceptance, Agreement, Refusal, Request, ServerHandshake};

use super::acceptor::Acceptor;
use super::error::AcceptError;
use crate::observe::Shaking;
use crate::tether::{ConnectionEnd, Tie};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// After a refusal, how long the peer has to take note and hang up, and how much of what it still
/// sends is thrown away meanwhile. Closing at once could take the answer down with it.
const REFUSAL_LINGER: Duration = Duration::from_secs(1);
const REFUSAL_DRAIN_BYTES: u64 = 64 << 10;

/// A request for a connection that awaits a decision. Dropping it hangs up.
///
/// ```
/// # use trunkline::{Acceptor, AcceptError, WebSocket, handshake::{Acceptance, Refusal}};
/// # use tokio::net::TcpStream;
/// # async fn serve(acceptor: Acceptor, tcp: TcpStream) -> Result<WebSocket<TcpStream>, AcceptError> {
/// let upgrade = acceptor.read_request(tcp).await?;
/// if upgrade.request().path() != "/chat" {
///     return Err(upgrade.refuse(Refusal::not_found("no such room")).await);
/// }
/// upgrade.accept_with(&Acceptance::new()).await
/// # }
/// ```
pub struct Upgrade<S = Transport>(Box<Pending<S>>);

/// On the heap, as it is passed from one async function to the next, and each keeps room for it.
struct Pending<S> {
    stream: S,
    handshake: ServerHandshake,
    request: Request,
    /// What the client sent behind its request, without waiting for the answer.
    early: Vec<u8>,
    acceptor: Acceptor,
    peer_addr: Option<SocketAddr>,
    /// To the server that accepted the stream, if one did.
    tether: Option<ConnectionEnd<S>>,
    /// What is told of it.
    shaking: Shaking,
}

impl<S> Upgrade<S> {
    pub(super) fn new(
        stream: S,
        handshake: ServerHandshake,
        request: Request,
        early: Vec<u8>,
        acceptor: Acceptor,
        shaking: Shaking,
    ) -> Self {
        Self(Box::new(Pending {
            stream,
            handshake,
            request,
            early,
            acceptor,
            peer_addr: None,
            tether: None,
            shaking,
        }))
    }

    /// Says where it comes from, and ties it to the server that accepted it.
    pub(super) fn host(&mut self, peer_addr: Option<SocketAddr>, tether: ConnectionEnd<S>) {
        self.0.peer_addr = peer_addr;
        self.0.tether = Some(tether);
    }

    /// What the client asks for.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// The stream that the request came on.
    pub fn stream(&self) -> &S {
        &self.0.stream
    }

    /// Where it comes from, if a [`Server`](crate::Server) has accepted it, and not on a Unix socket.
    /// Behind a proxy it is the proxy.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Upgrade<S> {
    /// Accepts as the [`Acceptor`] is configured to.
    ///
    /// # Errors
    /// If the answer could not be written.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn accept(self) -> Result<WebSocket<S>, AcceptError> {
        self.accept_with(&Acceptance::new()).await
    }

    /// Accepts with a subprotocol of the caller's choice, or with further headers in the answer.
    ///
    /// # Errors
    /// If the answer could not be written, or must not be: then the client is told 500.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn accept_with(self, acceptance: &Acceptance) -> Result<WebSocket<S>, AcceptError> {
        Box::pin(self.0.accept(acceptance)).await.map(|(ws, _)| ws)
    }

    pub(super) async fn accept_keeping_request(
        self,
    ) -> Result<(WebSocket<S>, Request), AcceptError> {
        Box::pin(self.0.accept(&Acceptance::new())).await
    }

    /// Refuses, and gives the refusal back as the error that it is to whoever wanted a connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream; the answer may have been written in part.
    pub async fn refuse(mut self, refusal: Refusal) -> AcceptError {
        let error = match Box::pin(refuse(&mut self.0.stream, &refusal)).await {
            Ok(()) => AcceptError::Refused(refusal),
            Err(error) => error.into(),
        };
        self.0.shaking.failed(&error);
        error
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pending<S> {
    /// Takes itself as the pointer that it came as, so as not to be in what this returns.
    async fn accept(
        mut self: Box<Self>,
        acceptance: &Acceptance,
    ) -> Result<(WebSocket<S>, Request), AcceptError> {
        let agreement = match self.answer(acceptance).await {
            Ok(agreement) => agreement,
            Err(error) => {
                self.shaking.failed(&error);
                return Err(error);
            }
        };
        let Self { stream, request, early, acceptor, tether, shaking, .. } = *self;
        let mut ws = acceptor.open(agreement, stream, early, shaking);
        if let Some(tether) = tether {
            ws.tie(Tie::Server(tether));
        }
        Ok((ws, request))
    }

    async fn answer(&mut self, acceptance: &Acceptance) -> Result<Agreement, AcceptError> {
        let (response, agreement) = match self.handshake.accept(&self.request, acceptance) {
            Ok(accepted) => accepted,
            Err(error) => {
                refuse(&mut self.stream, &error.refusal()).await?;
                return Err(AcceptError::Acceptance(error));
            }
        };
        let written = async {
            self.stream.write_all(&response).await?;
            self.stream.flush().await
        };
        timeout(self.acceptor.handshake_timeout(), written)
            .await
            .map_err(|_| AcceptError::Timeout)??;
        Ok(agreement)
    }
}

impl<S> fmt::Debug for Upgrade<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("request", self.request()).finish_non_exhaustive()
    }
}

/// Writes a refusal and ends the transport; what the client sent behind its request is not read as
/// anything (RFC 9112 §9.6).
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    refusal: &Refusal,
) -> io::Result<()> {
    let said = async {
        stream.write_all(&refusal.encode()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(REFUSAL_DRAIN_BYTES), &mut tokio::io::sink()).await
    };
    match timeout(REFUSAL_LINGER, said).await {
        Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(()),
    }
}
