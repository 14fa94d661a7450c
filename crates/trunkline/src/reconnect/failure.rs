//! What ended a connection or an attempt, and whether to try again.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use trunkline_proto::CloseInfo;

use super::retry_after::retry_after;
use crate::client::ConnectError;
use crate::error::Error;

/// Why there is no connection now: an attempt that failed, or a connection that ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// No connection could be opened. What is in there is a [`ConnectError`], or whatever error the
    /// function that opens connections has given.
    Connect(Box<dyn StdError + Send + Sync>),
    /// A connection was opened, and the hook failed on it.
    Hook(Box<dyn StdError + Send + Sync>),
    /// To connect and to run the hook took longer than
    /// [`with_attempt_timeout`](super::Reconnecting::with_attempt_timeout) allows.
    Timeout,
    /// The connection was closed by a closing handshake that this end did not ask for.
    Closed(CloseInfo),
    /// The connection ended in another way.
    Broken(Error),
}

impl Failure {
    /// The error of the connector, if that is what failed.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        match self {
            Self::Connect(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("no connection could be opened"),
            Self::Hook(_) => f.write_str("hook on the new connection failed"),
            Self::Timeout => f.write_str("attempt took longer than attempt_timeout"),
            Self::Closed(info) => write!(f, "connection was {info}"),
            Self::Broken(_) => f.write_str("connection broke"),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connect(error) | Self::Hook(error) => Some(&**error),
            Self::Broken(error) => Some(error),
            Self::Timeout | Self::Closed(_) => None,
        }
    }
}

/// What to do about a [`Failure`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Try again, after a pause.
    Retry,
    /// Try again, but not before this time has passed; at most
    /// [`Backoff::with_retry_after_max`](super::Backoff::with_retry_after_max).
    RetryAfter(Duration),
    /// Nobody wants another connection: the end is a good one, and `recv` gives `None`.
    Finish,
    /// Another attempt would fail like this one: `recv` gives the failure.
    GiveUp,
}

/// The verdict unless [`with_classifier`](super::Reconnecting::with_classifier) says otherwise: tries again
/// where time may help.
///
/// | failure | verdict |
/// |---|---|
/// | nobody was reached, the network broke, a deadline passed | retry |
/// | the server refused with 5xx, 408, 425 or 429 | retry, after its `Retry-After` |
/// | it refused otherwise (4xx, 3xx), or its answer was no WebSocket | give up |
/// | URL, headers, certificates or settings are wrong | give up |
/// | an attempt took too long; the hook failed; an error that is not ours | retry |
/// | closed with 1000 by the peer: what the connection was for is done | finish |
/// | closed with 1001, 1011 to 1014 or 3008 (timeout), or without a code | retry |
/// | closed with another code: the peer does not take what this end does (1002, 1003, 1007 to 1010), or says what only the application can know (3000 to 4999) | give up |
/// | the peer broke the protocol, or a limit of this end | give up: it would do so again |
///
/// A classifier of your own can treat the codes that it knows and leave the rest to this:
///
/// ```
/// use trunkline::reconnect::{Failure, Verdict, classify};
///
/// fn verdict(failure: &Failure) -> Verdict {
///     match failure {
///         Failure::Closed(info) => match info.code.map(u16::from) {
///             Some(4000..=4009) => Verdict::Retry,
///             Some(4100) => Verdict::Finish,
///             _ => classify(failure),
///         },
///         _ => classify(failure),
///     }
/// }
/// ```
pub fn classify(failure: &Failure) -> Verdict {
    match failure {
        Failure::Connect(error) => classify_connect(&**error),
        Failure::Hook(_) | Failure::Timeout => Verdict::Retry,
        Failure::Closed(info) => classify_code(info.code.map(u16::from)),
        Failure::Broken(Error::Protocol(_)) => Verdict::GiveUp,
        Failure::Broken(_) => Verdict::Retry,
    }
}

fn classify_connect(error: &(dyn StdError + Send + Sync + 'static)) -> Verdict {
    let Some(error) = error.downcast_ref::<ConnectError>() else { return Verdict::Retry };
    // Whoever stands in front of the server has numbers of its own for its being away (52x, say).
    let is_away = error.response().is_some_and(|it| matches!(it.status(), 500..=599));
    if !error.is_retryable() && !is_away {
        return Verdict::GiveUp;
    }
    error.response().and_then(retry_after).map_or(Verdict::Retry, Verdict::RetryAfter)
}

fn classify_code(code: Option<u16>) -> Verdict {
    match code {
        Some(1000) => Verdict::Finish,
        None | Some(1001 | 1011..=1014 | 3008) => Verdict::Retry,
        Some(_) => Verdict::GiveUp,
    }
}
