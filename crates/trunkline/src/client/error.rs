//! [`ConnectError`]: how far a client came, and what stopped it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use trunkline_proto::handshake::{InvalidHeader, InvalidUrl, Response};

use super::timeouts::Elapsed;

/// Why a client has no connection.
///
/// It prints as one line that says what failed, at which host, and what to do about it.
/// [`source`](Error::source) is what the system, rustls or the handshake said in its own words. Neither
/// shows credentials, query strings or bodies.
///
/// # Examples
/// ```no_run
/// # async fn run() {
/// let error = match trunkline::connect("wss://example.com/chat").await {
///     Ok(_) => return,
///     Err(error) => error,
/// };
/// eprintln!("{error}");
/// if let Some(refusal) = error.response() {
///     eprintln!("{} {}", refusal.status(), String::from_utf8_lossy(refusal.body()));
/// }
/// if error.is_retryable() {
///     eprintln!("trying again may help");
/// }
/// # }
/// ```
pub struct ConnectError(Box<Inner>);

struct Inner {
    stage: Stage,
    fault: Fault,
    is_retryable: bool,
    is_timeout: bool,
    message: Cow<'static, str>,
    response: Option<Box<Response>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The steps on the way to a connection, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// Reading the URL.
    Url,
    /// Making the request: headers and subprotocols.
    Request,
    /// Looking up the addresses of the host.
    Resolve,
    /// Connecting to one of them, or to a Unix socket.
    Tcp,
    /// Getting to a proxy and through it.
    Proxy,
    /// Encrypting, and checking who the server is.
    Tls,
    /// The request and its answer.
    Handshake,
}

/// Who has to change something before there can be a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Whoever asked: the URL, a header, a certificate, or credentials are wrong or missing.
    Caller,
    /// The server, or what answers in its place.
    Peer,
    /// Nobody was reached, or the connection broke.
    Network,
}

impl ConnectError {
    pub(crate) fn new(stage: Stage, fault: Fault, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            stage,
            fault,
            is_retryable: false,
            is_timeout: false,
            message: message.into(),
            response: None,
            source: None,
        }))
    }

    /// What only the caller can mend.
    pub(crate) fn caller(stage: Stage, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(stage, Fault::Caller, message)
    }

    /// What may go better the next time.
    pub(crate) fn network(stage: Stage, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(stage, Fault::Network, message).retryable(true)
    }

    pub(crate) fn url(error: InvalidUrl) -> Self {
        Self::caller(Stage::Url, error.to_string())
    }

    pub(crate) fn header(error: InvalidHeader) -> Self {
        let message = format!("the request cannot be made: {error}");
        Self::caller(Stage::Request, message).caused_by(error)
    }

    /// The time was up; `doing` says for what.
    pub(crate) fn elapsed(elapsed: Elapsed, doing: impl fmt::Display) -> Self {
        let fault = if elapsed.stage > Stage::Tcp { Fault::Peer } else { Fault::Network };
        let message = format!("{doing} took longer than {elapsed}");
        Self::new(elapsed.stage, fault, message).retryable(true).timeout(true)
    }

    pub(crate) fn retryable(mut self, is_retryable: bool) -> Self {
        self.0.is_retryable = is_retryable;
        self
    }

    pub(crate) fn timeout(mut self, is_timeout: bool) -> Self {
        self.0.is_timeout = is_timeout;
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong on the way to a proxy is that stage's, whichever step it was.
    pub(crate) fn at_proxy(mut self, proxy: impl fmt::Display) -> Self {
        self.0.stage = Stage::Proxy;
        self.prefixed(format_args!("proxy {proxy}"))
    }

    /// The same with its circumstances in front of the message.
    pub(crate) fn prefixed(mut self, circumstances: impl fmt::Display) -> Self {
        self.0.message = format!("{circumstances}: {}", self.0.message).into();
        self
    }

    /// Another error about the same answer.
    pub(crate) fn replaced_by(self, stage: Stage, fault: Fault, message: String) -> Self {
        let response = self.0.response;
        let mut error = Self::new(stage, fault, message);
        error.0.response = response;
        error
    }

    pub(crate) fn answered(mut self, response: Box<Response>) -> Self {
        self.0.response = Some(response);
        self
    }

    /// How far it came: the step that failed.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// Whether the same attempt may succeed later on, with nothing changed by the caller: after anything
    /// that the network did, after deadlines, and after the statuses 408, 425, 429, 500, 502, 503 and
    /// 504. `Retry-After` of the [`response`](Self::response) may say when.
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable
    }

    /// Whether a deadline passed, the system's own for connecting included.
    pub fn is_timeout(&self) -> bool {
        self.0.is_timeout
    }

    /// The answer of a server that refused: its status, its headers, and its body up to
    /// [`ClientConfig::refusal_bytes`](trunkline_proto::handshake::ClientConfig::refusal_bytes). If the
    /// [`stage`](Self::stage) is [`Stage::Proxy`], that of a proxy, without its body.
    pub fn response(&self) -> Option<&Response> {
        self.0.response.as_deref()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectError")
            .field("stage", &self.0.stage)
            .field("fault", &self.0.fault)
            .field("is_retryable", &self.0.is_retryable)
            .field("is_timeout", &self.0.is_timeout)
            .field("message", &self.0.message)
            .field("response", &self.0.response)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|it| it as _)
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        let kind = match (error.stage(), error.fault()) {
            _ if error.is_timeout() => io::ErrorKind::TimedOut,
            (_, Fault::Caller) => io::ErrorKind::InvalidInput,
            (_, Fault::Peer) => io::ErrorKind::InvalidData,
            (_, Fault::Network) => {
                let source = error.source().and_then(|it| it.downcast_ref::<Self>());
                source.map_or(io::ErrorKind::NotConnected, Self::kind)
            }
        };
        Self::new(kind, error)
    }
}

/// What the system says about an attempt, in few words.
pub(super) fn in_words(error: &io::Error) -> Cow<'static, str> {
    use io::ErrorKind as Kind;
    let words = match error.kind() {
        Kind::ConnectionRefused => "connection refused",
        Kind::ConnectionReset => "connection reset",
        Kind::ConnectionAborted => "connection aborted",
        Kind::BrokenPipe => "connection closed",
        Kind::UnexpectedEof => "connection closed",
        Kind::TimedOut => "no answer",
        Kind::HostUnreachable => "host unreachable",
        Kind::NetworkUnreachable => "network unreachable",
        Kind::NetworkDown => "network down",
        Kind::PermissionDenied => "permission denied",
        Kind::NotFound => "no such socket",
        Kind::AddrNotAvailable => "address not available",
        _ => return Cow::Owned(error.to_string()),
    };
    Cow::Borrowed(words)
}
