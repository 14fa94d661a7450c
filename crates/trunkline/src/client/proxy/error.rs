//! Why there is no tunnel through a proxy.

use std::fmt;
use std::io;

use trunkline_proto::handshake::{HeadError, Response};

use super::server::ProxyServer;
use super::socks5::SocksError;
use crate::client::error::{ConnectError, Fault, Stage, in_words};

/// Why a proxy makes no tunnel. Credentials are in none of it.
#[derive(Debug)]
pub(super) enum TunnelError {
    /// It wants to know who asks (status 407, or no method of SOCKS5), and there are no credentials.
    CredentialsMissing(Option<Box<Response>>),
    /// It does not accept them (status 407, or RFC 1929).
    CredentialsRefused(Option<Box<Response>>),
    /// It wants them in a way that is not known here.
    CredentialsUnsupported(Option<Box<Response>>),
    /// It answered CONNECT with another status than 2xx or 407.
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

impl TunnelError {
    /// Whether another address of the same server may do better.
    pub(super) fn is_about_the_address(&self) -> bool {
        matches!(self, Self::Socks(error) if error.is_about_the_address())
    }

    /// What the caller gets to see.
    pub(super) fn at(self, proxy: &ProxyServer) -> ConnectError {
        let error = ConnectError::new(Stage::Proxy, self.fault(), format!("proxy {proxy} {self}"));
        let error = error.retryable(self.is_retryable());
        match self {
            Self::CredentialsMissing(Some(response))
            | Self::CredentialsRefused(Some(response))
            | Self::CredentialsUnsupported(Some(response))
            | Self::Refused(response) => error.answered(response),
            Self::Head(source) => error.caused_by(source),
            Self::Io(source) => error.caused_by(source),
            _ => error,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Refused(response) => match response.status() {
                408 | 502..=504 => Fault::Network,
                300..=499 | 501 => Fault::Caller,
                _ => Fault::Peer,
            },
            Self::Socks(error) => error.fault(),
            // The URL says that it were a proxy of HTTP.
            Self::CredentialsMissing(_)
            | Self::CredentialsRefused(_)
            | Self::CredentialsUnsupported(_)
            | Self::Head(_) => Fault::Caller,
            Self::TooManyInterim => Fault::Peer,
            Self::UnexpectedEnd | Self::Io(_) => Fault::Network,
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(response) => {
                matches!(response.status(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            Self::Socks(error) => error.is_retryable(),
            Self::UnexpectedEnd | Self::Io(_) => true,
            _ => false,
        }
    }
}

impl From<HeadError> for TunnelError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<SocksError> for TunnelError {
    fn from(error: SocksError) -> Self {
        Self::Socks(error)
    }
}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for TunnelError {
    /// A sentence whose subject is the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialsMissing(response) => {
                write!(f, "asks for credentials{}: ", Status(response.as_deref()))?;
                f.write_str("write them into its URL, as in http://user:password@proxy:3128")
            }
            Self::CredentialsRefused(response) => {
                let status = Status(response.as_deref());
                write!(f, "does not accept the user and the password of its URL{status}")
            }
            Self::CredentialsUnsupported(response) => {
                write!(f, "asks for credentials{} in a way ", Status(response.as_deref()))?;
                f.write_str("that is not supported: Basic is, and user and password of SOCKS5")
            }
            Self::Refused(response) => fmt_refused(response.status(), f),
            Self::Head(reason) => {
                write!(f, "does not answer in HTTP/1.1: {reason}; ")?;
                f.write_str("does its URL have the right scheme and port?")
            }
            Self::TooManyInterim => f.write_str("sent too many interim (1xx) answers"),
            Self::UnexpectedEnd => f.write_str("closed the connection before its answer was whole"),
            Self::Socks(error) => error.fmt(f),
            Self::Io(error) => write!(f, "broke off: {}", in_words(error)),
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
