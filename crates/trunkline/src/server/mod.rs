//! The server's side of the opening handshake, on a stream that has been accepted already.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
#[cfg(feature = "deflate")]
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{
    self, Acceptance, OriginPolicy, Refusal, Request, ServerConfig, ServerHandshake, Subprotocols,
};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Connection, Limit, Role};

use crate::driver::Driver;
use crate::websocket::WebSocket;

/// From the first byte of the handshake to its last, whatever the progress: three round trips take
/// less than two seconds by satellite.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// After a refusal, how long the peer has to take note and hang up, and how much of what it still
/// sends is thrown away meanwhile. Closing at once could take the answer down with it.
const REFUSAL_LINGER: Duration = Duration::from_secs(1);
const REFUSAL_DRAIN_BYTES: u64 = 64 << 10;

/// Accepts a WebSocket on a stream, with the defaults of [`Acceptor`].
///
/// # Errors
/// Why there is no connection. The peer has been told where it could be.
///
/// # Cancel safety
/// Dropping the future drops the stream.
///
/// # Examples
/// See [`WebSocket`].
pub async fn accept<S>(stream: S) -> Result<WebSocket<S>, AcceptError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Acceptor::new().accept(stream).await
}

/// How a server accepts connections. Cloning it is cheap: make one and share it.
///
/// By default: pages of the same origin and programs without one, no subprotocol, no compression,
/// messages up to 1 MiB, 10 seconds for the handshake, and a ping after 20 seconds of silence.
///
/// ```
/// use trunkline::{Acceptor, handshake::{OriginPolicy, Subprotocols}};
///
/// let acceptor = Acceptor::new()
///     .with_origin(OriginPolicy::list(["https://app.example.com"])?)
///     .with_subprotocols(Subprotocols::new(["chat.v2", "chat.v1"])?)
///     .with_message_bytes(64 << 10);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    settings: Arc<Settings>,
    handshake_timeout: Duration,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptor {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            config: Arc::default(),
            settings: Arc::new(Settings::for_role(Role::Server)),
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }

    /// Everything about the handshake at once.
    #[must_use]
    pub fn with_config(mut self, config: ServerConfig) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Limits and deadlines of the connections.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = Arc::new(settings);
        self
    }

    /// Bytes that a message may have, after inflation. Default: 1 MiB.
    #[must_use]
    pub fn with_message_bytes(mut self, max: usize) -> Self {
        Arc::make_mut(&mut self.settings).limits.message_bytes = Limit::at_most(max);
        self
    }

    /// Which web pages may connect. Default: those of the same origin.
    #[must_use]
    pub fn with_origin(mut self, policy: OriginPolicy) -> Self {
        Arc::make_mut(&mut self.config).origin = policy;
        self
    }

    /// The subprotocols that the server speaks, the best first. Default: none.
    #[must_use]
    pub fn with_subprotocols(mut self, subprotocols: Subprotocols) -> Self {
        Arc::make_mut(&mut self.config).subprotocols = subprotocols;
        self
    }

    /// Compresses messages with clients that offer it. Default: not, for it costs memory and time,
    /// and leaks the length of secrets that stand next to what an attacker can choose.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_compression(mut self, config: DeflateConfig) -> Self {
        Arc::make_mut(&mut self.config).deflate = Some(config);
        self
    }

    /// How long the handshake may take, from its first byte to its last. Default: 10 seconds.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Accepts a WebSocket on a stream, or refuses it with an answer that says why.
    ///
    /// # Errors
    /// Why there is no connection. The peer has been told where it could be.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn accept<S>(&self, stream: S) -> Result<WebSocket<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.read_request(stream).await?.accept().await
    }

    /// Reads and judges a request, and leaves the decision to the caller, who may take the time it
    /// needs: the deadline is for the peer.
    ///
    /// # Errors
    /// Why there is no request to decide on. The peer has been told where it could be.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn read_request<S>(&self, stream: S) -> Result<Upgrade<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.read_request_after(&[], stream).await
    }

    /// The same for a stream of which the bytes `read` have been read already, by a server that
    /// answers other requests on the same port.
    ///
    /// # Errors
    /// Why there is no request to decide on. The peer has been told where it could be.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn read_request_after<S>(
        &self,
        read: &[u8],
        stream: S,
    ) -> Result<Upgrade<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // On the heap, so that a task that holds a connection is not as large as its handshake was.
        Box::pin(self.read_request_unboxed(read, stream)).await
    }

    async fn read_request_unboxed<S>(
        &self,
        read: &[u8],
        mut stream: S,
    ) -> Result<Upgrade<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Instant::now() + self.handshake_timeout;
        let mut handshake = ServerHandshake::new(Arc::clone(&self.config));
        let mut buffer = [0; 2048];
        let mut input = read;
        loop {
            match handshake.handle_input(input) {
                Ok(progress) => {
                    if let Some(request) = progress.done {
                        let early = input[progress.taken..].to_vec();
                        let acceptor = self.clone();
                        return Ok(Upgrade(Box::new(Pending {
                            stream,
                            handshake,
                            request,
                            early,
                            acceptor,
                        })));
                    }
                }
                Err(refusal) => {
                    refuse(&mut stream, &refusal).await?;
                    return Err(AcceptError::Refused(refusal));
                }
            }
            let Ok(read) = timeout_at(deadline, stream.read(&mut buffer)).await else {
                refuse(&mut stream, &Refusal::timeout()).await?;
                return Err(AcceptError::Timeout);
            };
            input = &buffer[..read?];
            if input.is_empty() {
                return Err(AcceptError::Disconnected);
            }
        }
    }
}

/// A request for a connection that awaits a decision. Dropping it hangs up.
///
/// ```
/// # use trunkline::{Acceptor, AcceptError, WebSocket, handshake::{Acceptance, Refusal}};
/// # use tokio::net::TcpStream;
/// # async fn serve(acceptor: Acceptor, tcp: TcpStream) -> Result<WebSocket<TcpStream>, AcceptError> {
/// let upgrade = acceptor.read_request(tcp).await?;
/// if upgrade.request().path() != "/chat" {
///     let refusal = Refusal::new(404, "no such room").expect("404 refuses");
///     return Err(upgrade.refuse(refusal).await);
/// }
/// upgrade.accept_with(&Acceptance::new()).await
/// # }
/// ```
pub struct Upgrade<S>(Box<Pending<S>>);

/// On the heap, as it is passed from one async function to the next, and each keeps room for it.
struct Pending<S> {
    stream: S,
    handshake: ServerHandshake,
    request: Request,
    /// What the client sent behind its request, without waiting for the answer.
    early: Vec<u8>,
    acceptor: Acceptor,
}

impl<S> Upgrade<S> {
    /// What the client asks for.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// The stream that the request came on.
    pub fn stream(&self) -> &S {
        &self.0.stream
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
        Box::pin(self.0.accept(acceptance)).await
    }

    /// Refuses, and gives the refusal back as the error that it is to whoever wanted a connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream; the answer may have been written in part.
    pub async fn refuse(mut self, refusal: Refusal) -> AcceptError {
        match Box::pin(refuse(&mut self.0.stream, &refusal)).await {
            Ok(()) => AcceptError::Refused(refusal),
            Err(error) => error.into(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pending<S> {
    async fn accept(mut self, acceptance: &Acceptance) -> Result<WebSocket<S>, AcceptError> {
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
        timeout(self.acceptor.handshake_timeout, written)
            .await
            .map_err(|_| AcceptError::Timeout)??;
        let now = Instant::now().into_std();
        let connection = Connection::server(self.acceptor.settings, now);
        #[cfg(feature = "deflate")]
        let connection = match (&self.acceptor.config.deflate, agreement.deflate) {
            (Some(config), Some(params)) => connection.with_deflate(config, params),
            _ => connection,
        };
        let subprotocol = agreement.subprotocol;
        Ok(WebSocket::new(Driver::new(self.stream, connection, subprotocol, self.early, now)))
    }
}

impl<S> fmt::Debug for Upgrade<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("request", self.request()).finish_non_exhaustive()
    }
}

/// Writes a refusal and ends the transport; what the client sent behind its request is not read as
/// anything (RFC 9112 §9.6).
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
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

/// Why a server has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request was refused, by the rules or by the caller. The peer was told so.
    Refused(Refusal),
    /// The caller's acceptance could not be sent. The peer was told 500.
    Acceptance(handshake::AcceptError),
    /// The handshake took too long. The peer was told 408 if its request was what took so long.
    Timeout,
    /// The peer hung up in the middle of its request.
    Disconnected,
    /// The transport failed.
    Io(io::Error),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                write!(f, "connection was refused with status {}", refusal.status())
            }
            Self::Acceptance(_) => f.write_str("connection could not be accepted as asked"),
            Self::Timeout => f.write_str("handshake took longer than handshake_timeout"),
            Self::Disconnected => f.write_str("peer hung up before its request was whole"),
            Self::Io(_) => f.write_str("transport failed during the handshake"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Acceptance(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Timeout | Self::Disconnected => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
