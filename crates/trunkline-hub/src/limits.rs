//! Every bound that a client can run into, its default and the reason for it.

use std::time::Duration;

/// What one client may cost, and how long things may take.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configurations make them")]
pub struct Limits {
    /// How long a connection may be without a `connect`: 10 s, as long as a handshake. Then 3502.
    pub stale_timeout: Duration,
    /// Time between two pings: 25 s, under the 30 s and 60 s after which middleboxes forget a silent
    /// connection. The first comes after half to all of it, so that those who connect together do not
    /// answer together. Zero: no pings.
    pub ping_interval: Duration,
    /// How long a pong may take: 8 s. Then 3012.
    pub pong_timeout: Duration,
    /// How long a connection or a subscription lives on after it has expired, so that the client can
    /// renew its token: 25 s.
    pub expired_grace: Duration,
    /// Subscriptions of one connection: 128. Then error 106.
    pub subscriptions: usize,
    /// Commands of one connection that are not answered yet: 256, as many as one frame may hold. The
    /// connection is not read until there are fewer.
    pub pending_commands: usize,
    /// Bytes that wait to be written to one connection: 1 MiB. What happens beyond is up to the
    /// namespace; one reply may go beyond, and one behind that closes with 3008.
    pub outbox_bytes: usize,
    /// Entries that wait, which cost memory even if they are small: 16 384.
    pub outbox_entries: usize,
    /// How long a publication may wait behind the last write, so that those which follow go out in the same one. The
    /// first after a silence never waits. Zero: none does, for whoever publishes wants it heard.
    pub write_delay: Duration,
    /// Publications that a client gets at most when it recovers: 300. More, and it is told that it
    /// could not be recovered.
    pub recovery_publications: usize,
    /// Publications in one answer about the history: 300.
    pub history_publications: usize,
    /// Live publications held back for a client while the broker is asked for what it missed: 1 024.
    /// Beyond, it is told 2500 and subscribes again.
    pub join_buffer: usize,
    /// How long the broker may take before a command fails with error 100: 5 s.
    pub broker_timeout: Duration,
    /// How often the position of a channel with positioned subscriptions is compared with the
    /// broker's: 40 s.
    pub position_check_interval: Duration,
    /// How often presence is renewed: 25 s, and with [`presence_ttl`](Self::presence_ttl) a client is
    /// forgotten that could not be removed, because its node died.
    pub presence_interval: Duration,
    /// How long presence lasts without being renewed: 60 s.
    pub presence_ttl: Duration,
    /// Commands of one connection: 100 a second, with bursts of 512, room for a first frame with all
    /// subscriptions. Then 3013.
    pub command_rate: Rate,
    /// Publications of one connection: 50 a second, with bursts of 100. Then error 111.
    pub publish_rate: Rate,
    /// Commands of one user, over all connections: 1 000 a second with bursts of 5 120, as much as ten
    /// connections may, which is more than one person has devices and tabs. Then 3013 for the
    /// connection that the command came by.
    pub user_command_rate: Rate,
    /// Publications of one user, over all connections: 500 a second with bursts of 1 000, for the same
    /// reason. Then error 111.
    pub user_publish_rate: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stale_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(8),
            expired_grace: Duration::from_secs(25),
            subscriptions: 128,
            pending_commands: 256,
            outbox_bytes: 1 << 20,
            outbox_entries: 16_384,
            write_delay: Duration::ZERO,
            recovery_publications: 300,
            history_publications: 300,
            join_buffer: 1024,
            broker_timeout: Duration::from_secs(5),
            position_check_interval: Duration::from_secs(40),
            presence_interval: Duration::from_secs(25),
            presence_ttl: Duration::from_secs(60),
            command_rate: Rate { per_second: 100.0, burst: 512.0 },
            publish_rate: Rate { per_second: 50.0, burst: 100.0 },
            user_command_rate: Rate { per_second: 1_000.0, burst: 5_120.0 },
            user_publish_rate: Rate { per_second: 500.0, burst: 1_000.0 },
        }
    }
}

/// How often something may happen: a bucket of `burst` tokens that fills by `per_second`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configurations make them")]
pub struct Rate {
    /// Tokens that come back in a second.
    pub per_second: f64,
    /// Tokens in a full bucket. [`f64::INFINITY`] has to be written out for no bound.
    pub burst: f64,
}
