//! [`Acceptor`]: the server's side of the opening handshake, on a stream that has been accepted already.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, timeout_at};
#[cfg(feature = "deflate")]
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{
    Agreement, OriginPolicy, Refusal, Request, ServerConfig, ServerHandshake, Subprotocols,
};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Connection, Limit, Role};

use super::connection::unless_ordered;
use super::drain_handle::DrainHandle;
use super::error::AcceptError;
use super::upgrade::{Upgrade, refuse};
use crate::driver::Driver;
use crate::observe::Shaking;
use crate::tether::{ConnectionEnd, SeeThrough, Tie};
use crate::websocket::WebSocket;

/// From the first byte of the handshake to its last, whatever the progress: three round trips take
/// less than two seconds by satellite.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Room for what one read of a request brings, which mostly is all of it.
const READ_BYTES: usize = 2048;

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
    drain_handle: Option<DrainHandle>,
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
            drain_handle: None,
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

    /// Ties each connection to `handle`, which can close them all. Default: none.
    ///
    /// The connections of a [`Server`](crate::Server) hear its own handle instead.
    #[must_use]
    pub fn with_drain_handle(mut self, handle: DrainHandle) -> Self {
        self.drain_handle = Some(handle);
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
        let deadline = self.handshake_deadline();
        // On the heap, so that a task that holds a connection is not as large as its handshake was.
        Box::pin(self.read_request_until(deadline, read, stream, None, Shaking::begin(None))).await
    }

    /// The same for a server that accepts streams itself.
    pub(super) async fn read_request_hosted<S>(
        &self,
        stream: S,
        hosted: Hosted<S>,
    ) -> Result<Upgrade<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Hosted { deadline, peer_addr, tether, shaking } = hosted;
        let mut upgrade =
            self.read_request_until(deadline, &[], stream, Some(&tether), shaking).await?;
        upgrade.host(peer_addr, tether);
        Ok(upgrade)
    }

    async fn read_request_until<S>(
        &self,
        deadline: Instant,
        read: &[u8],
        mut stream: S,
        tether: Option<&ConnectionEnd<S>>,
        mut shaking: Shaking,
    ) -> Result<Upgrade<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let asking = shaking.run(self.hear_request(deadline, read, &mut stream, tether));
        match asking.await {
            Ok((handshake, request, early)) => {
                shaking.asked(&request);
                Ok(Upgrade::new(stream, handshake, request, early, self.clone(), shaking))
            }
            Err(error) => {
                shaking.failed(&error);
                Err(error)
            }
        }
    }

    /// Gives the request, and what came behind it.
    async fn hear_request<S>(
        &self,
        deadline: Instant,
        read: &[u8],
        stream: &mut S,
        tether: Option<&ConnectionEnd<S>>,
    ) -> Result<(ServerHandshake, Request, Vec<u8>), AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut handshake = ServerHandshake::new(Arc::clone(&self.config));
        // Made when it is needed: a head that a server has read before needs none.
        let mut buffer = Vec::new();
        let mut input = read;
        loop {
            match handshake.handle_input(input) {
                Ok(progress) => {
                    if let Some(request) = progress.done {
                        if let Some(refusal) = self.refusal_while_draining() {
                            Box::pin(refuse(stream, &refusal)).await?;
                            return Err(AcceptError::Refused(refusal));
                        }
                        return Ok((handshake, request, input[progress.taken..].to_vec()));
                    }
                }
                Err(refusal) => {
                    Box::pin(refuse(stream, &refusal)).await?;
                    return Err(AcceptError::Refused(refusal));
                }
            }
            buffer.resize(READ_BYTES, 0);
            let Ok(read) =
                timeout_at(deadline, read_unless_ordered(stream, &mut buffer, tether)).await
            else {
                Box::pin(refuse(stream, &Refusal::timeout())).await?;
                return Err(AcceptError::Timeout);
            };
            let Some(read) = read else {
                let refusal = Refusal::unavailable();
                Box::pin(refuse(stream, &refusal)).await?;
                return Err(AcceptError::Refused(refusal));
            };
            input = &buffer[..read?];
            if input.is_empty() {
                return Err(AcceptError::Disconnected);
            }
        }
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// When a handshake that begins now has to be over.
    pub(super) fn handshake_deadline(&self) -> Instant {
        later(Instant::now(), self.handshake_timeout)
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// The connection that was agreed on; `early` came behind the request.
    pub(crate) fn open<S>(
        &self,
        agreement: Agreement,
        stream: S,
        early: Vec<u8>,
        shaking: Shaking,
    ) -> WebSocket<S> {
        self.open_for(agreement, stream, early, shaking, None)
    }

    /// The same; if its owner drops it while a drain closes it, `see_through` takes it over.
    pub(crate) fn open_for<S>(
        &self,
        agreement: Agreement,
        stream: S,
        early: Vec<u8>,
        shaking: Shaking,
        see_through: Option<SeeThrough<S>>,
    ) -> WebSocket<S> {
        let now = Instant::now().into_std();
        let connection = Connection::server(Arc::clone(&self.settings), now);
        #[cfg(feature = "deflate")]
        let connection = match (&self.config.deflate, agreement.deflate) {
            (Some(config), Some(params)) => connection.with_deflate(config, params),
            _ => connection,
        };
        let life = shaking.opened(connection.is_compressed(), now);
        let mut driver = Driver::new(stream, connection, agreement.subprotocol, early, now, life);
        if let Some(handle) = &self.drain_handle {
            driver.tie(Tie::Handle(handle.tie(), see_through));
        }
        WebSocket::new(driver)
    }

    /// The same for a server that has a handle of its own.
    pub(super) fn without_drain_handle(self) -> Self {
        Self { drain_handle: None, ..self }
    }

    /// The refusal of whoever asks while the connections are being closed.
    pub(crate) fn refusal_while_draining(&self) -> Option<Refusal> {
        let handle = self.drain_handle.as_ref()?;
        handle.is_draining().then(Refusal::unavailable)
    }
}

/// `time` and `duration` after it: far off, where nobody would live to see the end of it.
pub(super) fn later(time: Instant, duration: Duration) -> Instant {
    const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    time + duration.min(A_YEAR)
}

/// What a server that accepts streams itself knows of one of them.
pub(super) struct Hosted<S> {
    /// The end of the handshake, which may have begun with TLS.
    pub(super) deadline: Instant,
    pub(super) peer_addr: Option<SocketAddr>,
    pub(super) tether: ConnectionEnd<S>,
    pub(super) shaking: Shaking,
}

/// `None` if the server that accepted the stream is to stop.
async fn read_unless_ordered<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut [u8],
    tether: Option<&ConnectionEnd<S>>,
) -> Option<io::Result<usize>> {
    match tether {
        None => Some(stream.read(buffer).await),
        Some(tether) => unless_ordered(tether, stream.read(buffer)).await,
    }
}
