//! Where a reconnecting client stands, and what it tells as that changes.

use std::time::Duration;

use super::ended::Ended;
use super::failure::Failure;

/// Where a [`Reconnecting`](super::Reconnecting) client stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum State {
    /// No method has been awaited yet that would need a connection.
    Idle,
    /// A connection is being opened, or the hook runs on it.
    Connecting,
    /// There is a connection.
    Open,
    /// There is one that nothing can be sent on any more, and what it still brings can be received.
    Closing,
    /// There is a pause until the next attempt.
    Waiting,
    /// There will be no further connection.
    Ended,
}

/// A change that [`with_observer`](super::Reconnecting::with_observer) tells of.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// An attempt begins, the first, second … since the last connection that has lasted.
    Connecting {
        /// Which one.
        attempt: u32,
    },
    /// There is a connection, the first, second … of all, and the hook has run on it.
    Connected {
        /// Which one.
        connections: u64,
    },
    /// An attempt has failed or a connection was lost, and there is another attempt.
    Failed {
        /// What happened.
        failure: &'a Failure,
        /// How long it is until then.
        retry_in: Duration,
    },
    /// There will be no further connection.
    Ended(&'a Ended),
}
