//! The settings of channels, by namespace.

use std::time::Duration;

use trunkline_hub::{Allowed, ChannelOptions, HistoryOptions, Namespaces, Overflow, RecoveryMode};

use super::reader::Reader;
use super::server::YEAR;
use super::settings::{Change, Group, Setting, settings};
use super::value::choices;

choices! {
    /// How a client that returns gets what it missed.
    pub enum RecoveryModeName = "`\"stream\"`, `\"cache\"`, or `\"\"` for `\"stream\"`" {
        /// As it is if nothing is said.
        #[default]
        Unset = "",
        /// Everything since it left.
        Stream = "stream",
        /// The latest publication.
        Cache = "cache",
    }

    /// What happens to the publications of a channel for a client that does not keep up.
    pub enum OverflowName = "`\"disconnect\"`, `\"drop_oldest\"` or `\"latest_only\"`" {
        /// The client is disconnected, and recovers when it is back.
        #[default]
        Disconnect = "disconnect",
        /// The oldest that waits makes room.
        DropOldest = "drop_oldest",
        /// Only the newest waits.
        LatestOnly = "latest_only",
    }
}

settings! {
    /// What channels of a namespace do, and who may use them. In `channel.without_namespace` for channels whose names
    /// have no namespace, and in each of `channel.namespaces`, beside its `name`.
    pub struct NamespaceOptions {
        /// Keeps who is subscribed, for clients that ask.
        reload presence: bool = false;
        /// Tells who subscribes and who leaves, to clients that ask for it.
        reload join_leave: bool = false;
        /// Tells it to all subscribers.
        reload force_push_join_leave: bool = false;
        /// How many publications are kept. 0: none.
        reload history_size: usize = 0, 0..=100_000;
        /// How long a publication is kept.
        reload history_ttl: Duration = Duration::ZERO, Duration::ZERO..=YEAR;
        /// How long the position of a channel is known after its last use. 0: `channel.history_meta_ttl`.
        reload history_meta_ttl: Duration = Duration::ZERO, Duration::ZERO..=YEAR;
        /// Clients may ask for positioned subscriptions.
        reload allow_positioning: bool = false;
        /// All subscriptions are positioned: a publication that is lost is noticed while the client is connected.
        reload force_positioning: bool = false;
        /// Clients may ask for recovery of what they missed while they were away.
        reload allow_recovery: bool = false;
        /// All subscriptions are recovered.
        reload force_recovery: bool = false;
        /// What is recovered: all that was missed (`"stream"`), or the latest publication (`"cache"`).
        reload force_recovery_mode: RecoveryModeName = RecoveryModeName::Unset;
        /// Clients with a user may subscribe without a subscription token.
        reload allow_subscribe_for_client: bool = false;
        /// With it, so may clients without a user.
        reload allow_subscribe_for_anonymous: bool = false;
        /// Clients with a user may publish.
        reload allow_publish_for_client: bool = false;
        /// Subscribers may publish.
        reload allow_publish_for_subscriber: bool = false;
        /// With one of the two, so may clients without a user.
        reload allow_publish_for_anonymous: bool = false;
        /// Clients that speak Protobuf may publish what is no JSON. A subscriber that speaks JSON is closed with 3506 by
        /// such a publication, so leave it off where not all speak Protobuf: what is no JSON is refused with error 107
        /// then. Publications of the HTTP API may be anything.
        reload allow_binary_publish: bool = false;
        /// Clients with a user may read the history.
        reload allow_history_for_client: bool = false;
        /// Subscribers may read the history.
        reload allow_history_for_subscriber: bool = false;
        /// With one of the two, so may clients without a user.
        reload allow_history_for_anonymous: bool = false;
        /// Clients with a user may ask who is subscribed.
        reload allow_presence_for_client: bool = false;
        /// Subscribers may ask who is subscribed.
        reload allow_presence_for_subscriber: bool = false;
        /// With one of the two, so may clients without a user.
        reload allow_presence_for_anonymous: bool = false;
        /// Names like `dialog#alice,bob` say which users may subscribe without a token.
        reload allow_user_limited_channels: bool = false;
        /// What happens to publications for a client that does not keep up: it is disconnected (`"disconnect"`), the
        /// oldest that waits makes room (`"drop_oldest"`), or only the newest waits (`"latest_only"`). The last two
        /// lose publications, so they do not go with recovery or positioning.
        reload overflow: OverflowName = OverflowName::Disconnect;
        /// With `"latest_only"`, the time between two publications of a channel. 0: as fast as the client takes them.
        reload overflow_interval: Duration = Duration::ZERO, Duration::ZERO..=Duration::from_secs(3600);
    }
}

impl NamespaceOptions {
    /// As the hub has them.
    pub fn to_hub(&self, meta_ttl: Duration) -> ChannelOptions {
        ChannelOptions {
            presence: self.presence,
            join_leave: self.join_leave,
            force_push_join_leave: self.force_push_join_leave,
            history: self.history(meta_ttl),
            allow_positioning: self.allow_positioning,
            force_positioning: self.force_positioning,
            allow_recovery: self.allow_recovery,
            force_recovery: self.force_recovery,
            recovery_mode: match self.force_recovery_mode {
                RecoveryModeName::Cache => RecoveryMode::Cache,
                RecoveryModeName::Unset | RecoveryModeName::Stream => RecoveryMode::Stream,
            },
            subscribe: Allowed {
                clients: self.allow_subscribe_for_client,
                subscribers: false,
                anonymous: self.allow_subscribe_for_anonymous,
            },
            publish: Allowed {
                clients: self.allow_publish_for_client,
                subscribers: self.allow_publish_for_subscriber,
                anonymous: self.allow_publish_for_anonymous,
            },
            publish_anything: self.allow_binary_publish,
            history_read: Allowed {
                clients: self.allow_history_for_client,
                subscribers: self.allow_history_for_subscriber,
                anonymous: self.allow_history_for_anonymous,
            },
            presence_read: Allowed {
                clients: self.allow_presence_for_client,
                subscribers: self.allow_presence_for_subscriber,
                anonymous: self.allow_presence_for_anonymous,
            },
            allow_user_limited_channels: self.allow_user_limited_channels,
            overflow: match self.overflow {
                OverflowName::Disconnect => Overflow::Disconnect,
                OverflowName::DropOldest => Overflow::DropOldest,
                OverflowName::LatestOnly => Overflow::LatestOnly { every: self.overflow_interval },
            },
        }
    }

    fn history(&self, meta_ttl: Duration) -> HistoryOptions {
        HistoryOptions {
            size: self.history_size,
            ttl: self.history_ttl,
            meta_ttl: if self.history_meta_ttl.is_zero() {
                meta_ttl
            } else {
                self.history_meta_ttl
            },
        }
    }
}

settings! {
    /// Settings of all channels.
    pub struct AllChannels {
        /// How long the position of a channel is known after its last use, where the namespace does not say. Clients
        /// that return later cannot recover.
        reload history_meta_ttl: Duration = Duration::from_secs(30 * 24 * 3600), Duration::from_secs(1)..=YEAR;
    }
    groups {
        /// Channels whose names have no namespace.
        without_namespace: NamespaceOptions,
    }
}

/// The settings of channels.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Channel {
    /// Settings of all channels, and of those without a namespace.
    pub all: AllChannels,
    /// The namespaces, in the order in which they were written.
    pub namespaces: Vec<Namespace>,
}

/// A namespace: what its channels do, and who may use them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Namespace {
    /// What stands before `:` in the names of its channels.
    pub name: String,
    /// Its options.
    pub options: NamespaceOptions,
}

impl Namespace {
    /// Centrifugo's rule, which keeps names apart from what else stands in the name of a channel.
    pub(super) fn check_name(name: &str) -> Result<(), String> {
        let allowed = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
        if (2..=64).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(());
        }
        Err(format!(
            "{name:?} names no namespace; allowed: 2 to 64 letters, digits, `-`, `_` and `.` of ASCII"
        ))
    }
}

impl Channel {
    pub(super) fn read_all(reader: &mut Reader, names: Vec<String>) -> Self {
        let read = |reader: &mut Reader, name: String| {
            let options = NamespaceOptions::read(reader, &namespace_key(&name));
            Namespace { name, options }
        };
        Self {
            all: AllChannels::read(reader, PREFIX),
            namespaces: names.into_iter().map(|name| read(reader, name)).collect(),
        }
    }

    pub(super) fn describe(&self, into: &mut Vec<Setting>) {
        self.all.describe(PREFIX, into);
        for namespace in &self.namespaces {
            namespace.options.describe(&namespace_key(&namespace.name), into);
        }
    }

    /// Namespaces that come and go are told by their names alone.
    pub(super) fn differences(&self, new: &Self, into: &mut Vec<(String, Change)>) {
        self.all.differences(&new.all, PREFIX, into);
        for old in &self.namespaces {
            match new.namespace(&old.name) {
                Some(it) => {
                    old.options.differences(&it.options, &namespace_key(&old.name), into);
                }
                None => into.push((namespace_key(&old.name), Change::Reload)),
            }
        }
        let added = new.namespaces.iter().filter(|it| self.namespace(&it.name).is_none());
        into.extend(added.map(|it| (namespace_key(&it.name), Change::Reload)));
    }

    /// The namespace of this name.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|it| it.name == name)
    }

    pub(super) fn to_hub(&self) -> Namespaces {
        let meta_ttl = self.all.history_meta_ttl;
        let without = Namespaces::new(self.all.without_namespace.to_hub(meta_ttl));
        let with =
            |all: Namespaces, it: &Namespace| all.with(&it.name, it.options.to_hub(meta_ttl));
        self.namespaces.iter().fold(without, with)
    }
}

const PREFIX: &str = "channel";

/// How keys of a namespace begin: names may have dots in them, so they stand in brackets.
pub(super) fn namespace_key(name: &str) -> String {
    format!("channel.namespaces[{name}]")
}
