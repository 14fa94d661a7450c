//! Every bound that a peer can run into, its default and the reason for it.

use std::fmt;
use std::time::Duration;

use crate::Role;

/// A bound in bytes or in a count. There is no number that means "no bound":
/// [`Limit::unbounded`] has to be written out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// At most `max`, which itself is still allowed.
    pub const fn at_most(max: usize) -> Self {
        Self(max)
    }

    /// No bound at all: a peer decides how much memory this takes.
    pub const fn unbounded() -> Self {
        Self(usize::MAX)
    }

    /// The largest value that is allowed; `usize::MAX` where there is no bound.
    pub const fn max(self) -> usize {
        self.0
    }

    /// Whether `value` is within the bound.
    pub const fn allows(self, value: usize) -> bool {
        value <= self.0
    }

    /// The same for a length as it stands in a frame header; never wraps on 32-bit targets.
    pub(crate) fn allows_u64(self, value: u64) -> bool {
        usize::try_from(value).is_ok_and(|value| self.allows(value))
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            usize::MAX => f.write_str("unbounded"),
            max => write!(f, "at most {max}"),
        }
    }
}

/// A fragment shorter than this counts against [`Limits::tiny_fragments`]: its header costs as much
/// as its payload is worth.
pub const TINY_FRAGMENT_BYTES: usize = 64;

/// What one peer may cost in memory and work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of payload in a message, after inflation. The price of one hostile connection, so 1 MiB
    /// for a server, where ten thousand of them are 10 GB; 16 MiB for a client, which chose its
    /// server. One byte more closes with 1009.
    pub message_bytes: Limit,
    /// Bytes of payload in one frame. Unbounded, for `message_bytes` bounds it too; a message that is
    /// received as a stream is bounded by this alone.
    pub frame_bytes: Limit,
    /// Fragments under [`TINY_FRAGMENT_BYTES`] in one message: 1 024. They cost work per frame, not
    /// per byte; a count of all fragments would refuse honest messages of 64-byte fragments. More
    /// close with 1008.
    pub tiny_fragments: Limit,
    /// Fragments without any payload in one message: 64. More close with 1008.
    pub empty_fragments: Limit,
    /// Bytes that may wait to be written before [`QueueErrorKind::Full`](crate::error::QueueErrorKind::Full):
    /// 64 KiB, about what a socket takes in one go. One message may go beyond it.
    pub send_high_water_bytes: Limit,
}

impl Limits {
    /// The defaults for one end of a connection.
    pub const fn for_role(role: Role) -> Self {
        let message_bytes = match role {
            Role::Server => 1 << 20,
            Role::Client => 16 << 20,
        };
        Self {
            message_bytes: Limit::at_most(message_bytes),
            frame_bytes: Limit::unbounded(),
            tiny_fragments: Limit::at_most(1024),
            empty_fragments: Limit::at_most(64),
            send_high_water_bytes: Limit::at_most(64 << 10),
        }
    }
}

/// What holds for a connection from its first frame to its last: limits and deadlines.
///
/// ```
/// use std::time::Duration;
/// use trunkline_proto::{Limit, Role, limits::Settings};
///
/// let mut settings = Settings::for_role(Role::Server);
/// settings.limits.message_bytes = Limit::at_most(64 << 10);
/// settings.idle_timeout = Some(Duration::from_secs(15 * 60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// What the peer may cost.
    pub limits: Limits,
    /// A ping is sent after the peer has been silent for this long: 20 s, under the 30 to 60 s after
    /// which proxies and address translators forget a connection. `None`: never. The machine is exact about
    /// it, and `trunkline` a quarter late at most: it does not time each message of a busy peer.
    pub keepalive_interval: Option<Duration>,
    /// How long the peer may stay silent after such a ping: 20 s.
    pub keepalive_timeout: Duration,
    /// How long the peer may send no message at all, nor a part of one; pongs do not count. `None`, the
    /// default: for ever. For `trunkline` the same holds as for `keepalive_interval`.
    pub idle_timeout: Option<Duration>,
    /// How long a message may stay unfinished: 60 s. Messages received as a stream are exempt.
    pub unfinished_message_timeout: Option<Duration>,
    /// How long the transport may take nothing while bytes wait to be written, and how long it may
    /// take to empty a buffer of its own: 30 s.
    pub write_timeout: Option<Duration>,
    /// How long the closing handshake may take, the end of the transport included: 10 s.
    pub close_timeout: Duration,
}

impl Settings {
    /// The defaults for one end of a connection.
    pub const fn for_role(role: Role) -> Self {
        Self {
            limits: Limits::for_role(role),
            keepalive_interval: Some(Duration::from_secs(20)),
            keepalive_timeout: Duration::from_secs(20),
            idle_timeout: None,
            unfinished_message_timeout: Some(Duration::from_secs(60)),
            write_timeout: Some(Duration::from_secs(30)),
            close_timeout: Duration::from_secs(10),
        }
    }
}
