//! Why there will be no further connection, and why a message was not sent.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use trunkline_proto::Message;

use super::failure::Failure;

/// Why there will be no further connection.
#[derive(Clone, Debug)]
pub struct Ended {
    why: Why,
    failure: Option<Arc<Failure>>,
    attempts: u32,
}

/// The reason in an [`Ended`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// Either side closed it for good: this end with `close`, or the peer in a way that the classifier
    /// takes for [`Finish`](super::Verdict::Finish).
    Closed,
    /// The last failure is not worth another attempt.
    NotRetryable,
    /// There were as many attempts in a row as
    /// [`with_max_attempts`](super::Reconnecting::with_max_attempts) allows.
    Attempts,
    /// The next attempt would come later than
    /// [`with_max_elapsed`](super::Reconnecting::with_max_elapsed) allows.
    Elapsed,
}

impl Ended {
    pub(super) fn new(why: Why, failure: Option<Arc<Failure>>, attempts: u32) -> Self {
        Self { why, failure, attempts }
    }

    /// Which of the reasons it was.
    pub fn why(&self) -> Why {
        self.why
    }

    /// Whether either side closed it for good, rather than that it was given up.
    pub fn is_closed(&self) -> bool {
        self.why == Why::Closed
    }

    /// What happened last.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    /// How many attempts there were since the last connection that lasted.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.attempts;
        match self.why {
            Why::Closed => f.write_str("connection was closed for good"),
            Why::NotRetryable => f.write_str(
                "not connected again, as that would fail the same way (with_classifier decides)",
            ),
            Why::Attempts => {
                write!(f, "not connected again after {attempts} attempts (with_max_attempts)")
            }
            Why::Elapsed => {
                f.write_str("not connected again in the time allowed (with_max_elapsed)")
            }
        }
    }
}

impl Error for Ended {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure().map(|failure| failure as _)
    }
}

/// Why a message was not sent. It comes back in here.
#[derive(Debug)]
pub struct SendError {
    kind: SendErrorKind,
    message: Option<Message>,
}

/// The reason in a [`SendError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// There is no connection at the moment, and [`Unsent::Fail`](super::Unsent::Fail) is set.
    NotConnected,
    /// There is no connection at the moment, and the queue of
    /// [`Unsent::Queue`](super::Unsent::Queue) is full.
    QueueFull,
    /// The connection broke before all of the message was written: the peer does not have it.
    Unsent,
    /// The connection broke while the message was being written: the peer may have it, or not.
    InDoubt,
    /// There will be no further connection.
    Ended(Ended),
}

impl SendError {
    pub(super) fn new(kind: SendErrorKind, message: Option<Message>) -> Self {
        Self { kind, message }
    }

    /// Why.
    pub fn kind(&self) -> &SendErrorKind {
        &self.kind
    }

    /// Whether the peer may have got the message all the same. If not, it is safe to send it again.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.kind, SendErrorKind::InDoubt)
    }

    /// Whether there will be no further connection.
    pub fn is_ended(&self) -> bool {
        matches!(self.kind, SendErrorKind::Ended(_))
    }

    /// The message, as [`into_message`](Self::into_message) gives it.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// The message. There is always one after `send` and `feed`, and none after `flush`, which may be about
    /// several; see `take_unsent`.
    pub fn into_message(self) -> Option<Message> {
        self.message
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SendErrorKind::NotConnected => {
                "message was not sent: there is no connection now, await connected() or set Unsent::Queue"
            }
            SendErrorKind::QueueFull => {
                "message was not sent: there is no connection now, and the queue of Unsent::Queue is full"
            }
            SendErrorKind::Unsent => "message was not sent: connection broke before it was written",
            SendErrorKind::InDoubt => {
                "message may have been sent or not: connection broke as it was written"
            }
            SendErrorKind::Ended(_) => "message was not sent",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            SendErrorKind::Ended(ended) => Some(ended),
            _ => None,
        }
    }
}
