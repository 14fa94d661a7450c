//! The client's side: dialling, and the opening handshake.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rustls")]
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
#[cfg(feature = "deflate")]
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{
    ClientConfig, ClientHandshake, HandshakeError, InvalidHeader, InvalidUrl, Opened, Subprotocols,
    Url,
};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Connection, Limit, Role};

use crate::driver::Driver;
use crate::masks::{SystemMasks, random};
#[cfg(feature = "rustls")]
use crate::tls::{ClientTls, InvalidTls};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// From the first byte of the handshake to its last, a refusal's body included.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the server that `url` names, with the defaults of [`Connector`].
///
/// # Errors
/// Why there is no connection.
///
/// # Cancel safety
/// Dropping the future drops the stream.
///
/// # Examples
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ws = trunkline::connect("ws://127.0.0.1:9001/chat").await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
pub async fn connect(url: &str) -> Result<WebSocket, ConnectError> {
    Connector::new().connect(url).await
}

/// Asks for a WebSocket over a connected stream, with the defaults of [`Connector`]. `url` names the
/// host and the path to ask for; nothing is looked up or dialled, and nothing encrypted: for `wss://`
/// see [`Connector::connect_over_secured`].
///
/// # Errors
/// Why there is no connection.
///
/// # Cancel safety
/// Dropping the future drops the stream.
///
/// # Examples
/// ```
/// # async fn run(address: std::net::SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
/// let tcp = tokio::net::TcpStream::connect(address).await?;
/// tcp.set_nodelay(true)?;
/// let mut ws = trunkline::connect_over("ws://example.com/chat", tcp).await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
pub async fn connect_over<S>(url: &str, stream: S) -> Result<WebSocket<S>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Connector::new().connect_over(url, stream).await
}

/// How a client connects. Cloning it is cheap: make one and share it.
///
/// By default: no subprotocol, no further headers, no compression, messages up to 16 MiB, 10 seconds
/// for the handshake, and a ping after 20 seconds of silence.
///
/// ```
/// use trunkline::{Connector, handshake::Subprotocols};
///
/// let connector = Connector::new()
///     .with_subprotocols(Subprotocols::new(["chat.v2", "chat.v1"])?)
///     .with_header("Authorization", "Bearer 5f3759df")?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    settings: Arc<Settings>,
    handshake_timeout: Duration,
    #[cfg(feature = "rustls")]
    tls: ClientTls,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            config: Arc::default(),
            settings: Arc::new(Settings::for_role(Role::Client)),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            #[cfg(feature = "rustls")]
            tls: ClientTls::new(),
        }
    }

    /// Everything about the handshake at once.
    #[must_use]
    pub fn with_config(mut self, config: ClientConfig) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Limits and deadlines of the connections.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = Arc::new(settings);
        self
    }

    /// Bytes that a message may have, after inflation. Default: 16 MiB.
    #[must_use]
    pub fn with_message_bytes(mut self, max: usize) -> Self {
        Arc::make_mut(&mut self.settings).limits.message_bytes = Limit::at_most(max);
        self
    }

    /// The subprotocols to offer, the best first. Default: none.
    #[must_use]
    pub fn with_subprotocols(mut self, subprotocols: Subprotocols) -> Self {
        Arc::make_mut(&mut self.config).subprotocols = subprotocols;
        self
    }

    /// Adds a header to the request, such as `Authorization` or `Cookie`.
    ///
    /// # Errors
    /// If it is malformed: nothing of it could end the header or begin another one.
    pub fn with_header(
        mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, InvalidHeader> {
        Arc::make_mut(&mut self.config).headers.push(name, value)?;
        Ok(self)
    }

    /// Offers compression. Default: not.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_compression(mut self, config: DeflateConfig) -> Self {
        Arc::make_mut(&mut self.config).deflate = Some(config);
        self
    }

    /// Whom to trust in `wss://`, and what to show. Default: whom the platform trusts, and nothing.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn with_tls(mut self, tls: impl Into<ClientTls>) -> Self {
        self.tls = tls.into();
        self
    }

    /// How long the handshake may take. Default: 10 seconds.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Connects to the server that `url` names.
    ///
    /// # Errors
    /// Why there is no connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn connect(&self, url: &str) -> Result<WebSocket, ConnectError> {
        let url = Url::parse(url)?;
        let tcp = TcpStream::connect((bare_host(&url), url.port())).await?;
        tcp.set_nodelay(true)?;
        let transport = Transport::from(tcp);
        let transport =
            if url.is_secure() { self.secure(&url, transport).await? } else { transport };
        self.shake_hands_in_time(&url, transport).await
    }

    /// Asks for a WebSocket over a connected stream. `url` names the host and the path to ask for;
    /// nothing is looked up or dialled, and nothing encrypted.
    ///
    /// # Errors
    /// Why there is no connection. A `wss://` URL is refused, as it promises what nobody has checked.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn connect_over<S>(&self, url: &str, stream: S) -> Result<WebSocket<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let url = Url::parse(url)?;
        if url.is_secure() {
            return Err(ConnectError::NotSecured);
        }
        self.shake_hands_in_time(&url, stream).await
    }

    /// The same over a stream that is secured already: by TLS of the caller's own, in which the server has
    /// proved to be the host that `url` names, or because nobody else can reach it. `url` may be `wss://`.
    ///
    /// # Errors
    /// Why there is no connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn connect_over_secured<S>(
        &self,
        url: &str,
        stream: S,
    ) -> Result<WebSocket<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.shake_hands_in_time(&Url::parse(url)?, stream).await
    }

    async fn shake_hands_in_time<S>(
        &self,
        url: &Url,
        stream: S,
    ) -> Result<WebSocket<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut handshake = ClientHandshake::new(url, Arc::clone(&self.config), random())?;
        // On the heap, so that a task that holds a connection is not as large as its handshake was.
        let connected = Box::pin(self.shake_hands(&mut handshake, stream));
        match timeout(self.handshake_timeout, connected).await {
            Ok(connected) => connected,
            Err(_) => Err(match handshake.handle_eof() {
                // Its body never ended, but what it says is known.
                refused @ HandshakeError::Refused(_) => refused.into(),
                _ => ConnectError::Timeout,
            }),
        }
    }

    /// Puts TLS on `stream`.
    #[cfg(feature = "rustls")]
    async fn secure(&self, url: &Url, stream: Transport) -> Result<Transport, ConnectError> {
        let name = ServerName::try_from(bare_host(url).to_owned());
        let name = name.map_err(|_| ConnectError::Url(InvalidUrl::Host))?;
        let connector = tokio_rustls::TlsConnector::from(self.tls.config().await?);
        // On the heap, so that a task that holds a connection is not as large as its handshake was.
        let connected = Box::pin(connector.connect(name, stream));
        match timeout(self.handshake_timeout, connected).await {
            Ok(tls) => Ok(Transport::from(tokio_rustls::TlsStream::from(tls?))),
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    #[cfg(not(feature = "rustls"))]
    async fn secure(&self, _: &Url, _: Transport) -> Result<Transport, ConnectError> {
        Err(ConnectError::WithoutTls)
    }

    async fn shake_hands<S>(
        &self,
        handshake: &mut ClientHandshake,
        mut stream: S,
    ) -> Result<WebSocket<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(handshake.request()).await?;
        stream.flush().await?;
        let mut bytes = [0; 2048];
        loop {
            let read = stream.read(&mut bytes).await?;
            if read == 0 {
                return Err(handshake.handle_eof().into());
            }
            let progress = handshake.handle_input(&bytes[..read])?;
            if let Some(opened) = progress.done {
                return Ok(self.open(opened, stream, bytes[progress.taken..read].to_vec()));
            }
        }
    }

    fn open<S>(&self, opened: Opened, stream: S, early: Vec<u8>) -> WebSocket<S> {
        let now = Instant::now().into_std();
        let connection = Connection::client(Arc::clone(&self.settings), Box::new(SystemMasks), now);
        #[cfg(feature = "deflate")]
        let connection = match (&self.config.deflate, opened.agreement.deflate) {
            (Some(config), Some(params)) => connection.with_deflate(config, params),
            _ => connection,
        };
        WebSocket::new(Driver::new(stream, connection, opened.agreement.subprotocol, early, now))
    }
}

/// The host as the DNS and certificates write it: an IPv6 address without its brackets.
fn bare_host(url: &Url) -> &str {
    url.host().trim_start_matches('[').trim_end_matches(']')
}

/// Why a client has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one of a WebSocket.
    Url(InvalidUrl),
    /// The URL says `wss://`, and the stream that it was to go over was not said to be secured.
    NotSecured,
    /// The URL says `wss://`, and the library was built without TLS.
    #[cfg(not(feature = "rustls"))]
    WithoutTls,
    /// There is no configuration for TLS.
    #[cfg(feature = "rustls")]
    Tls(InvalidTls),
    /// A header of the configuration cannot be sent.
    Header(InvalidHeader),
    /// The server did not switch to WebSocket; where it answered something else, the answer is in there.
    Handshake(HandshakeError),
    /// The handshake took too long.
    Timeout,
    /// The transport failed.
    Io(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "URL cannot be connected to",
            Self::NotSecured => {
                "wss:// over a stream that may not be encrypted: if it is, say so with \
                 `connect_over_secured`"
            }
            #[cfg(not(feature = "rustls"))]
            Self::WithoutTls => "wss:// needs the feature `rustls` of trunkline",
            #[cfg(feature = "rustls")]
            Self::Tls(_) => "TLS is not configured",
            Self::Header(_) => "header of the request cannot be sent",
            Self::Handshake(_) => "server did not switch to WebSocket",
            Self::Timeout => "handshake took longer than handshake_timeout",
            Self::Io(_) => "transport failed during the handshake",
        })
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            Self::Header(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Io(error) => Some(error),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => Some(error),
            #[cfg(not(feature = "rustls"))]
            Self::WithoutTls => None,
            Self::Timeout | Self::NotSecured => None,
        }
    }
}

impl From<InvalidUrl> for ConnectError {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

#[cfg(feature = "rustls")]
impl From<InvalidTls> for ConnectError {
    fn from(error: InvalidTls) -> Self {
        Self::Tls(error)
    }
}

impl From<InvalidHeader> for ConnectError {
    fn from(error: InvalidHeader) -> Self {
        Self::Header(error)
    }
}

impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
