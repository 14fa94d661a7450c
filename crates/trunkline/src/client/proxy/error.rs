//! Why a proxy was of no use.

use std::error::Error;
use std::fmt;
use std::io;

use trunkline_proto::handshake::{HeadError, Response};

use super::socks5::SocksError;

/// Why there is no way through a proxy, and through which. Credentials are in none of it.
#[derive(Debug)]
pub struct ProxyError {
    proxy: Box<str>,
    kind: ProxyErrorKind,
}

/// The reason in a [`ProxyError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// It wants to know who asks, and its URL has no user and password (status 407, or no method of SOCKS5).
    CredentialsMissing(Option<Box<Response>>),
    /// It does not accept the user and the password of its URL (status 407, or RFC 1929).
    CredentialsRefused(Option<Box<Response>>),
    /// It knows no way of asking for credentials that is known here too: of HTTP's schemes that is `Basic`.
    CredentialsUnsupported(Option<Box<Response>>),
    /// It answered CONNECT with another status than 2xx or 407; the answer is without its body.
    Refused(Box<Response>),
    /// Its answer is not HTTP/1.1, or its head is over the limits.
    Head(HeadError),
    /// More interim answers (1xx) than anyone needs.
    TooManyInterim,
    /// It closed before its answer was whole.
    UnexpectedEnd,
    /// What it says is not SOCKS5, or a refusal in SOCKS5.
    Socks(SocksError),
    /// The transport to it failed.
    Io(io::Error),
}

impl ProxyErrorKind {
    /// This, of that proxy.
    pub(super) fn of(self, proxy: &impl ToString) -> ProxyError {
        ProxyError { proxy: proxy.to_string().into(), kind: self }
    }
}

impl ProxyError {
    /// The proxy's URL, without credentials.
    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// Why.
    pub fn kind(&self) -> &ProxyErrorKind {
        &self.kind
    }

    /// What it answered to CONNECT instead of making a tunnel; the head alone.
    pub fn response(&self) -> Option<&Response> {
        match &self.kind {
            ProxyErrorKind::CredentialsMissing(response)
            | ProxyErrorKind::CredentialsRefused(response)
            | ProxyErrorKind::CredentialsUnsupported(response) => response.as_deref(),
            ProxyErrorKind::Refused(response) => Some(response),
            _ => None,
        }
    }

    /// Whether it may go well the next time: the proxy could not reach the server, or broke off.
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            ProxyErrorKind::Refused(response) => matches!(response.status(), 408 | 429 | 500..=599),
            ProxyErrorKind::Socks(error) => error.is_retryable(),
            ProxyErrorKind::UnexpectedEnd | ProxyErrorKind::Io(_) => true,
            _ => false,
        }
    }
}

impl From<HeadError> for ProxyErrorKind {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<SocksError> for ProxyErrorKind {
    fn from(error: SocksError) -> Self {
        Self::Socks(error)
    }
}

impl From<io::Error> for ProxyErrorKind {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { proxy, kind } = self;
        write!(f, "proxy {proxy} {kind}")
    }
}

impl fmt::Display for ProxyErrorKind {
    /// A sentence whose subject is the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialsMissing(response) => {
                write!(f, "asks for credentials{}: ", Status(response.as_deref()))?;
                f.write_str("write them into its URL, as in `http://user:password@proxy:3128`")
            }
            Self::CredentialsRefused(response) => {
                let status = Status(response.as_deref());
                write!(f, "does not accept the user and the password of its URL{status}")
            }
            Self::CredentialsUnsupported(response) => {
                write!(f, "asks for credentials{} ", Status(response.as_deref()))?;
                f.write_str(
                    "in no way that is supported: `Basic` is, and user and password of SOCKS5",
                )
            }
            Self::Refused(response) => fmt_refused(response.status(), f),
            Self::Head(_) => f.write_str(
                "answered with something that is not HTTP/1.1: \
                 does its URL have the right scheme and port?",
            ),
            Self::TooManyInterim => f.write_str("sent too many interim (1xx) answers"),
            Self::UnexpectedEnd => f.write_str("closed before its answer was whole"),
            Self::Socks(error) => error.fmt(f),
            Self::Io(_) => f.write_str("cannot be talked to"),
        }
    }
}

fn fmt_refused(status: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let why = match status {
        403 => "forbids a connection to that host and port",
        // Every web server says one of these to CONNECT.
        400 | 404 | 405 | 501 => "makes no tunnel, perhaps because it is not a proxy",
        502..=504 => "could not reach the server",
        _ => "refused to make a tunnel",
    };
    write!(f, "{why} (status {status})")
}

/// The status in brackets, if there is one.
struct Status<'a>(Option<&'a Response>);

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |response| write!(f, " (status {})", response.status()))
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            ProxyErrorKind::Head(error) => Some(error),
            ProxyErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}
