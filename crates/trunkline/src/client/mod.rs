//! The client's side: from a URL to an open connection.
//!
//! ```text
//!   URL ──▶ target ──▶ resolve ──▶ dial (race) ──▶ proxy ──▶ secure ──▶ handshake ──▶ WebSocket
//! ```
//!
//! Each step is a function of its own and has its own share of the time ([`timeouts`]); whichever fails
//! makes a [`ConnectError`] that says so.

mod cookies;
mod dial;
mod error;
mod handshake;
mod progress;
pub(crate) mod proxy;
mod race;
mod redirect;
mod refusal;
mod resolve;
#[cfg(feature = "rustls")]
mod secure;
mod target;
mod timeouts;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "deflate")]
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{ClientConfig, InvalidHeader, Response, Subprotocols, Url};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Limit, Role};

use self::cookies::Jar;
use self::dial::Dialer;
use self::progress::Progress;
use self::proxy::{Detour, InvalidProxy, Proxy};
use self::redirect::shown;
use self::resolve::SharedResolver;
use self::target::Target;
use self::timeouts::{Budget, Timeouts};
#[cfg(feature = "rustls")]
use crate::tls::ClientTls;
use crate::transport::Transport;
use crate::websocket::WebSocket;

pub use cookies::Cookies;
pub use error::{ConnectError, Fault, Stage};
pub use resolve::{Lookup, Resolver, SystemResolver};

/// Connects to the server that `url` names, with the defaults of [`Connector`].
///
/// # Errors
/// Why there is no connection.
///
/// # Cancel safety
/// Dropping the future drops the stream, or all that are being tried.
///
/// # Examples
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ws = trunkline::connect("wss://example.com/chat").await?;
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
/// URLs begin with `ws://`, with `wss://` for TLS, or with `ws+unix://` for a Unix socket, as in
/// `ws+unix:///run/app.sock:/chat`.
///
/// By default: no subprotocol, no further headers, no compression, messages up to 16 MiB, a ping after
/// 20 seconds of silence; addresses from the system, the first to connect of at most 16; servers have to
/// show a certificate that the platform trusts; 10 seconds for each step, 30 in all.
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
    dialer: Dialer,
    proxy: Proxy,
    jar: Jar,
    /// How many to follow.
    redirects: usize,
    timeouts: Timeouts,
    progress: Progress,
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
            dialer: Dialer::default(),
            proxy: Proxy::from_env(),
            jar: Jar::default(),
            redirects: 0,
            timeouts: Timeouts::default(),
            progress: Progress::default(),
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

    /// Where cookies come from and go to, for each request. Default: nowhere.
    #[must_use]
    pub fn with_cookies(mut self, cookies: impl Cookies + 'static) -> Self {
        self.jar = Jar(Some(Arc::new(cookies)));
        self
    }

    /// How many redirects (301, 302, 303, 307, 308) a [`connect`](Self::connect) follows; more of them fail
    /// it. Default: none, so that no server chooses which others this machine talks to.
    ///
    /// A location may begin with `http` or `https` instead of `ws` or `wss`. To another scheme, host or port
    /// go neither the credentials of the URL nor the headers `Authorization`, `Cookie`, `Host` and
    /// `Proxy-Authorization`, but all others do: take care with keys in headers of their own.
    /// [`Cookies`] are asked anew. From `wss` nothing leads to `ws`.
    #[must_use]
    pub fn with_redirects(mut self, max: usize) -> Self {
        self.redirects = max;
        self
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

    /// Who looks up hosts. Default: [`SystemResolver`].
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.dialer.resolver = SharedResolver(Arc::new(resolver));
        self
    }

    /// How long an address may be silent before the next is tried beside it (RFC 8305 §5). Default: 250 ms,
    /// as recommended there; what is under 10 ms is taken as that.
    #[must_use]
    pub fn with_attempt_delay(mut self, delay: Duration) -> Self {
        self.dialer.attempt_delay = delay.max(dial::ATTEMPT_DELAY_MIN);
        self
    }

    /// How many addresses of a host are tried, at least one. Default: 16.
    #[must_use]
    pub fn with_addresses_max(mut self, max: usize) -> Self {
        self.dialer.addresses_max = max.max(1);
        self
    }

    /// Which proxy to go through. Default: the one that the environment names, see [`Proxy::from_env`].
    /// Unix sockets are connected to without one.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// How long looking up the host may take. Default: 10 seconds, so that a name server can be asked twice.
    #[must_use]
    pub fn with_resolve_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.resolve = timeout;
        self
    }

    /// How long connecting to an address may take, all addresses together; to a Unix socket, too. Default:
    /// 10 seconds, in which three lost packets are repeated.
    #[must_use]
    pub fn with_tcp_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.tcp = timeout;
        self
    }

    /// How long a proxy may take to make a tunnel, once it is connected to. Default: 20 seconds, as it has to
    /// look up the server and connect to it.
    #[must_use]
    pub fn with_proxy_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.proxy = timeout;
        self
    }

    /// How long TLS may take until the server is known. Default: 10 seconds.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn with_tls_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.tls = timeout;
        self
    }

    /// How long the request and its answer may take, the body of a refusal included. Default: 10 seconds.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.handshake = timeout;
        self
    }

    /// How long it may take from the URL to the open connection. Default: 30 seconds, less than the steps
    /// may take together: each of them may be slow, not all.
    #[must_use]
    pub fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.total = timeout;
        self
    }

    /// Tells `hear` how long each step took, once it is through: those of [`Stage`] that take time, in their
    /// order. Steps that fail are told too, those whose time ran out are not. Default: nobody is told.
    ///
    /// # Examples
    /// ```
    /// let connector = trunkline::Connector::new()
    ///     .with_progress(|stage, took| println!("{stage:?} took {took:?}"));
    /// ```
    #[must_use]
    pub fn with_progress(mut self, hear: impl Fn(Stage, Duration) + Send + Sync + 'static) -> Self {
        self.progress = Progress(Some(Arc::new(hear)));
        self
    }

    /// Goes all the way to the server that `url` names, and asks it nothing: proxies and TLS are seen to,
    /// the handshake is the caller's. For tools that have something unusual to say; redirects, which are
    /// part of the answer, are theirs too.
    ///
    /// # Errors
    /// Why there is no way.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream, or all that are being tried.
    pub async fn dial(&self, url: &str) -> Result<Transport, ConnectError> {
        let target = Target::parse(url)?;
        let budget = self.timeouts.begin(&target.url, &self.progress);
        budget.dialing.told(Box::pin(self.go_to(&target, &budget)).await)
    }

    /// Connects to the server that `url` names.
    ///
    /// # Errors
    /// Why there is no connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream, or all that are being tried.
    pub async fn connect(&self, url: &str) -> Result<WebSocket, ConnectError> {
        let target = Target::parse(url)?;
        // On the heap, so that a task that holds a connection is not as large as connecting was.
        Box::pin(self.connect_to(target)).await.map(without_response)
    }

    /// The same, and gives the answer of the server too, for whoever needs its headers. Most do not: what was
    /// agreed on is in [`WebSocket::subprotocol`], cookies go to [`Cookies`].
    ///
    /// # Errors
    /// Why there is no connection. The answer of a server that refuses is in
    /// [`ConnectError::response`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream, or all that are being tried.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let connector = trunkline::Connector::new();
    /// let (ws, response) = connector.connect_with_response("wss://example.com/chat").await?;
    /// println!("session {:?}", response.header("X-Session"));
    /// # Ok(()) }
    /// ```
    pub async fn connect_with_response(
        &self,
        url: &str,
    ) -> Result<(WebSocket, Response), ConnectError> {
        let target = Target::parse(url)?;
        Box::pin(self.connect_to(target)).await
    }

    /// Connects to the Unix socket at `path`. `url` names the host, which is looked up nowhere, and what to
    /// ask for; with `wss://` the server has to be that host. A [`connect`](Self::connect) to
    /// `ws+unix:///path:/resource` asks the host `localhost`.
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
    /// let connector = trunkline::Connector::new();
    /// let ws = connector.connect_unix("/run/app.sock", "ws://app.example/chat").await?;
    /// # Ok(()) }
    /// ```
    #[cfg(unix)]
    pub async fn connect_unix(
        &self,
        path: impl AsRef<std::path::Path>,
        url: &str,
    ) -> Result<WebSocket, ConnectError> {
        let target = Target::at_socket(path.as_ref().into(), url)?;
        Box::pin(self.connect_to(target)).await.map(without_response)
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
        let url = Url::parse(url).map_err(ConnectError::url)?;
        if url.is_secure() {
            return Err(ConnectError::caller(
                Stage::Url,
                "wss:// promises encryption that `connect_over` does not see to: if the stream is \
                 encrypted and its server checked, say so with `connect_over_secured`",
            ));
        }
        let budget = self.timeouts.begin(&url, &self.progress);
        let opened = Box::pin(self.shake_hands(&url, stream, &budget)).await;
        budget.dialing.told(opened).map(without_response)
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
        let url = Url::parse(url).map_err(ConnectError::url)?;
        let budget = self.timeouts.begin(&url, &self.progress);
        let opened = Box::pin(self.shake_hands(&url, stream, &budget)).await;
        budget.dialing.told(opened).map(without_response)
    }

    async fn connect_to(&self, target: Target) -> Result<(WebSocket, Response), ConnectError> {
        let budget = self.timeouts.begin(&target.url, &self.progress);
        budget.dialing.told(self.attempt_all(target, &budget).await)
    }

    /// Tries, and goes where it is redirected to.
    async fn attempt_all(
        &self,
        mut target: Target,
        budget: &Budget,
    ) -> Result<(WebSocket, Response), ConnectError> {
        let mut connector = Cow::Borrowed(self);
        let mut followed = 0;
        loop {
            let error = match connector.attempt(&target, budget).await {
                Ok(connected) => return Ok(connected),
                Err(error) => error,
            };
            let next =
                connector.follow(&target, error, followed).map_err(|error| match followed {
                    0 => error,
                    _ => error.prefixed(format_args!("after a redirect to {}", shown(&target.url))),
                })?;
            if !next.url.is_same_origin(&target.url) {
                connector = Cow::Owned(connector.without_credentials());
            }
            budget.dialing.redirected(&next.url);
            target = next;
            followed += 1;
        }
    }

    async fn attempt(
        &self,
        target: &Target,
        budget: &Budget,
    ) -> Result<(WebSocket, Response), ConnectError> {
        let stream = self.go_to(target, budget).await?;
        self.shake_hands(&target.url, stream, budget).await
    }

    /// A stream to the server, secured if the URL says so, that no request has been made on.
    async fn go_to(&self, target: &Target, budget: &Budget) -> Result<Transport, ConnectError> {
        let url = &target.url;
        if url.is_secure() && cfg!(not(feature = "rustls")) {
            let message = "wss:// needs the feature `rustls` of trunkline";
            return Err(ConnectError::caller(Stage::Url, message));
        }
        let stream = self.reach(target, budget).await?;
        #[cfg(feature = "rustls")]
        let stream = match url.is_secure() {
            true => secure::secure(&self.tls, bare_host(url), stream, budget).await?,
            false => stream,
        };
        Ok(stream)
    }

    /// A stream to the server that nothing has been said on.
    async fn reach(&self, target: &Target, budget: &Budget) -> Result<Transport, ConnectError> {
        #[cfg(unix)]
        if let Some(path) = &target.socket {
            return dial::dial_socket(path, budget).await.map(Transport::from);
        }
        let url = &target.url;
        let invalid =
            |it: InvalidProxy| ConnectError::caller(Stage::Proxy, it.to_string()).caused_by(it);
        match self.proxy.choose(url).map_err(invalid)? {
            Some(server) => {
                Detour::new(&self.proxy, server, url, &self.dialer, budget).take().await
            }
            None => {
                let tcp = self.dialer.dial(bare_host(url), url.port(), budget).await?;
                Ok(Transport::from(tcp))
            }
        }
    }
}

fn without_response<S>((ws, _): (WebSocket<S>, Response)) -> WebSocket<S> {
    ws
}

/// The host as the DNS and certificates write it: an IPv6 address without its brackets.
fn bare_host(url: &Url) -> &str {
    url.host().trim_start_matches('[').trim_end_matches(']')
}
