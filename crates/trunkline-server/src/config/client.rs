//! The settings of clients: who may connect, and what one may cost.

use std::time::Duration;

use trunkline_hub::limits::{Limits, Rate};

use super::Secret;
use super::reader::Reader;
use super::server::HOUR;
use super::settings::{Change, Group, Setting, settings};
use crate::admission::AdmissionLimits;

settings! {
    /// Who may connect, and what one client may cost.
    pub struct Client {
        /// Origins whose pages may connect: `https://app.example.com`, `https://*.example.com` (one label), `null`,
        /// or `*` alone for all pages of the web. Empty: pages of the server's own host, and programs that are no
        /// browsers.
        reload allowed_origins: Vec<String> = Vec::new();
        /// Lets clients in that show no token; they have no user.
        reload allow_anonymous_connect_without_token: bool = false;
        /// Refuses tokens that name no user.
        reload disallow_anonymous_connection_tokens: bool = false;
        /// Lets everybody in without a token, and lets them do everything. For trying things out alone.
        restart insecure: bool = false;
        /// How long a connection may be without a `connect`.
        reload stale_close_delay: Duration = Limits::default().stale_timeout, SECOND..=HOUR;
        /// How long a connection or a subscription lives on after its token has expired, so that the client can bring
        /// another.
        reload expired_close_delay: Duration = Limits::default().expired_grace, Duration::ZERO..=HOUR;
        /// Time between two pings. 0: no pings.
        reload ping_interval: Duration = Limits::default().ping_interval, Duration::ZERO..=HOUR;
        /// How long the answer to a ping may take.
        reload pong_timeout: Duration = Limits::default().pong_timeout, Duration::from_millis(100)..=HOUR;
        /// Subscriptions of one connection.
        reload channel_limit: usize = Limits::default().subscriptions, 1..=100_000;
        /// Bytes that wait to be written to one connection. What happens beyond is up to `overflow` of the namespace.
        reload queue_max_size: usize = Limits::default().outbox_bytes, 16_384..=1 << 30;
        /// Messages that wait to be written to one connection.
        reload queue_max_entries: usize = Limits::default().outbox_entries, 16..=1 << 20;
        /// How long a publication may wait behind the last write, so that those which follow it go out in the same one:
        /// less work for each, and later. The first after a silence never waits. 10ms suits a stream of hundreds in a
        /// second. 0: none waits.
        reload write_delay: Duration = Limits::default().write_delay, Duration::ZERO..=SECOND;
        /// Commands of one connection that wait for an answer. Beyond, the connection is not read.
        reload pending_commands: usize = Limits::default().pending_commands, 1..=65_536;
        /// Connections of the whole server.
        reload connection_limit: Option<u32> = None;
        /// Bytes that all connections may hold together of messages that have come in part and of what waits to be
        /// written; of those that hold less than 16 KiB nothing counts. Who wants more is closed: with 3008 if
        /// messages wait in its queue, with 1013 else. 0: half of the memory that the process may have.
        reload memory_limit: usize = 0, 0..=1 << 50;
        /// Connections of one user.
        reload user_connection_limit: Option<u32> = None;
        /// New connections of one user in a second: as many as one address may open, which is where a user with many is
        /// likely to be. More are closed with 3013.
        reload user_connection_rate: f64 = AdmissionLimits::default().rate_per_address, 0.1..=1e6;
        /// New connections of one user that may come at once before `user_connection_rate` counts.
        reload user_connection_burst: f64 = AdmissionLimits::default().burst_per_address, 1.0..=1e6;
        /// New connections of the whole server in one second.
        reload connection_rate_limit: Option<u32> = None;
        /// Connections from one IPv4 address, or one /64 of IPv6, which is the least that providers hand out.
        reload address_connection_limit: usize =
            AdmissionLimits::default().connections_per_address, 1..=10_000_000;
        /// New connections from one such address in a second.
        reload address_connection_rate: f64 = AdmissionLimits::default().rate_per_address, 0.1..=1e6;
        /// New connections from one such address that may come at once before `address_connection_rate` counts.
        reload address_connection_burst: f64 = AdmissionLimits::default().burst_per_address, 1.0..=1e6;
        /// Publications in one answer about the history.
        reload history_max_publication_limit: usize = Limits::default().history_publications, 1..=100_000;
        /// Publications that a client gets at most when it recovers. If it missed more it is told that it could not be
        /// recovered.
        reload recovery_max_publication_limit: usize = Limits::default().recovery_publications, 1..=100_000;
        /// Publications held back for one client while its history is being read.
        reload recovery_buffer: usize = Limits::default().join_buffer, 1..=100_000;
        /// How often the position of a channel with positioned subscriptions is compared with the broker's.
        reload channel_position_check_delay: Duration = Limits::default().position_check_interval, SECOND..=HOUR;
        /// How often presence is renewed.
        reload presence_update_interval: Duration = Limits::default().presence_interval, SECOND..=HOUR;
        /// How long presence lasts without being renewed.
        reload presence_ttl: Duration = Limits::default().presence_ttl, SECOND..=HOUR;
        /// How long the broker may take before a command fails with error 100.
        reload broker_timeout: Duration = Limits::default().broker_timeout, Duration::from_millis(100)..=HOUR;
        /// Commands of one connection in a second. More, and it is closed with 3013.
        reload command_rate: f64 = Limits::default().command_rate.per_second, 0.1..=1e6;
        /// Commands that may come at once before `command_rate` counts.
        reload command_burst: f64 = Limits::default().command_rate.burst, 1.0..=1e6;
        /// Publications of one connection in a second. More are refused with error 111.
        reload publish_rate: f64 = Limits::default().publish_rate.per_second, 0.1..=1e6;
        /// Publications that may come at once before `publish_rate` counts.
        reload publish_burst: f64 = Limits::default().publish_rate.burst, 1.0..=1e6;
        /// Commands of one user in a second, over all connections: what ten of them may. More, and the connection that
        /// they come by is closed with 3013. Those without a user are not counted together.
        reload user_command_rate: f64 = Limits::default().user_command_rate.per_second, 0.1..=1e6;
        /// Commands of one user that may come at once before `user_command_rate` counts.
        reload user_command_burst: f64 = Limits::default().user_command_rate.burst, 1.0..=1e6;
        /// Publications of one user in a second, over all connections: what ten of them may. More are refused with error
        /// 111. Raise it for a user that is a service with many connections.
        reload user_publish_rate: f64 = Limits::default().user_publish_rate.per_second, 0.1..=1e6;
        /// Publications of one user that may come at once before `user_publish_rate` counts.
        reload user_publish_burst: f64 = Limits::default().user_publish_rate.burst, 1.0..=1e6;
    }
    groups {
        /// How connection tokens are judged, and subscription tokens too.
        token: Token,
        /// How subscription tokens are judged, if not like connection tokens.
        subscription_token: SubscriptionToken,
        /// A channel of one's own.
        subscribe_to_user_personal_channel: PersonalChannel,
    }
}

const SECOND: Duration = Duration::from_secs(1);

impl Client {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            stale_timeout: self.stale_close_delay,
            ping_interval: self.ping_interval,
            pong_timeout: self.pong_timeout,
            expired_grace: self.expired_close_delay,
            subscriptions: self.channel_limit,
            pending_commands: self.pending_commands,
            outbox_bytes: self.queue_max_size,
            outbox_entries: self.queue_max_entries,
            write_delay: self.write_delay,
            recovery_publications: self.recovery_max_publication_limit,
            history_publications: self.history_max_publication_limit,
            join_buffer: self.recovery_buffer,
            broker_timeout: self.broker_timeout,
            position_check_interval: self.channel_position_check_delay,
            presence_interval: self.presence_update_interval,
            presence_ttl: self.presence_ttl,
            command_rate: Rate { per_second: self.command_rate, burst: self.command_burst },
            publish_rate: Rate { per_second: self.publish_rate, burst: self.publish_burst },
            user_command_rate: Rate {
                per_second: self.user_command_rate,
                burst: self.user_command_burst,
            },
            user_publish_rate: Rate {
                per_second: self.user_publish_rate,
                burst: self.user_publish_burst,
            },
        }
    }
}

settings! {
    /// How tokens (JWT) are judged. A token is good if any of the keys says so; the algorithm is one that fits the
    /// key, never what the token asks for.
    pub struct Token {
        /// The secret of HS256, HS384 and HS512. At least 32 random bytes.
        reload hmac_secret_key: Secret = Secret::default();
        /// The secret of before, which is good too while clients still have tokens made with it.
        reload hmac_previous_secret_key: Secret = Secret::default();
        /// When the secret of before ceases to be good, in seconds since 1970. 0: never.
        reload hmac_previous_secret_key_valid_until: i64 = 0, 0..=NUMERIC_DATE_MAX;
        /// The RSA key (PEM) of RS256, RS384, RS512, PS256, PS384 and PS512, of 2048 to 8192 bits.
        reload rsa_public_key: String = String::new();
        /// The key (PEM) of ES256 (P-256) or ES384 (P-384).
        reload ecdsa_public_key: String = String::new();
        /// The Ed25519 key (PEM) of EdDSA.
        reload ed25519_public_key: String = String::new();
        /// The URL of a set of such public keys (JWKS), each with a `kid`. It is read when a key is needed, again
        /// every hour, and when a token names a key that is not in it.
        reload jwks_public_endpoint: String = String::new();
        /// Allows an endpoint at a loopback or private address, and plain HTTP to loopback.
        reload jwks_allow_private_address: bool = false;
        /// What `aud` of a token has to be, or to have in its list. Empty: anything.
        reload audience: String = String::new();
        /// What `iss` of a token has to be. Empty: anything.
        reload issuer: String = String::new();
        /// The claim that names the user. Empty: `sub`.
        reload user_id_claim: String = String::new();
        /// Refuses tokens that never expire.
        reload require_exp: bool = false;
    }
}

impl Token {
    /// Whether anything can be judged: without a key every token is refused.
    pub fn has_key(&self) -> bool {
        let texts = [
            &self.rsa_public_key,
            &self.ecdsa_public_key,
            &self.ed25519_public_key,
            &self.jwks_public_endpoint,
        ];
        !self.hmac_secret_key.is_empty() || texts.into_iter().any(|it| !it.is_empty())
    }
}

/// The last second of the year 9999: what lies behind it was meant as milliseconds, or as nothing good.
pub(crate) const NUMERIC_DATE_MAX: i64 = 253_402_300_799;

settings! {
    /// Keys of their own for subscription tokens; the other settings are those of `client.token`.
    pub struct Separate {
        /// Judges subscription tokens by the settings of `client.subscription_token`, and not by those of
        /// `client.token`.
        reload enabled: bool = false;
    }
}

/// How subscription tokens are judged, if not like connection tokens.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SubscriptionToken {
    /// Whether the settings here count.
    pub separate: Separate,
    /// The settings, under the same names as those of `client.token`.
    pub token: Token,
}

impl Group for SubscriptionToken {
    const ABOUT: &'static str = Separate::ABOUT;

    fn read(reader: &mut Reader, prefix: &str) -> Self {
        Self { separate: Separate::read(reader, prefix), token: Token::read(reader, prefix) }
    }

    fn describe(&self, prefix: &str, into: &mut Vec<Setting>) {
        self.separate.describe(prefix, into);
        self.token.describe(prefix, into);
    }

    fn differences(&self, new: &Self, prefix: &str, into: &mut Vec<(String, Change)>) {
        self.separate.differences(&new.separate, prefix, into);
        self.token.differences(&new.token, prefix, into);
    }

    fn keep(&self, new: &mut Self) {
        self.separate.keep(&mut new.separate);
        self.token.keep(&mut new.token);
    }
}

impl Client {
    /// How subscription tokens are judged.
    pub const fn judges_subscriptions_by(&self) -> &Token {
        if self.subscription_token.separate.enabled {
            &self.subscription_token.token
        } else {
            &self.token
        }
    }
}

settings! {
    /// A channel of each user's own, to which a client that has a user is subscribed without asking: `#alice`, or
    /// `ns:#alice`.
    pub struct PersonalChannel {
        /// Subscribes them.
        reload enabled: bool = false;
        /// The namespace of these channels. Empty: none.
        reload personal_channel_namespace: String = String::new();
    }
}
