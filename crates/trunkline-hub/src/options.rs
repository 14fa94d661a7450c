//! What a channel does and who may use it: the options of its namespace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::channel_name::ChannelName;

/// How a client that returns gets what it missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryMode {
    /// Every publication since its position, or word that some are gone.
    #[default]
    Stream,
    /// The latest publication, if it has not got it.
    Cache,
}

/// What happens to the publications of a channel for a session whose outbox is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The session is closed with 3008 and recovers when it is back: nothing is missed in silence.
    #[default]
    Disconnect,
    /// The oldest publication of the channel that waits makes room for the newest.
    DropOldest,
    /// Only the newest publication of the channel waits, and at least so much time passes between two.
    LatestOnly {
        /// Zero: as soon as the socket takes it.
        every: Duration,
    },
}

/// How much of a channel's past is kept, and for how long. Kept by the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "brokers and tests make them")]
pub struct HistoryOptions {
    /// Publications; 0 keeps none, and then the channel has no offsets.
    pub size: usize,
    /// How long a publication is kept; with zero none are.
    pub ttl: Duration,
    /// How long the position is known after the last use of the channel: a publication, a look at the
    /// history, the last hub that detached. It is not forgotten while a hub is attached or publications
    /// are kept. After that the next publication begins a new epoch.
    pub meta_ttl: Duration,
}

impl HistoryOptions {
    /// Whether publications are kept, and so have offsets.
    pub const fn is_on(&self) -> bool {
        self.size > 0 && !self.ttl.is_zero()
    }
}

/// For whom something is allowed. Each is asked in turn; one that allows is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "configurations make them")]
pub struct Allowed {
    /// Every client that has said who it is.
    pub clients: bool,
    /// Clients that are subscribed to the channel.
    pub subscribers: bool,
    /// With the two above: clients that have not said who they are, too.
    pub anonymous: bool,
}

/// The options of a namespace, under the names that Centrifugo has for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "configurations make them")]
pub struct ChannelOptions {
    /// Keeps who is subscribed, for clients that ask.
    pub presence: bool,
    /// Tells who subscribes and who leaves, to those who ask for it.
    pub join_leave: bool,
    /// Tells it to all subscribers.
    pub force_push_join_leave: bool,
    /// What is kept of the past.
    pub history: HistoryOptions,
    /// Clients may ask for positioned subscriptions.
    pub allow_positioning: bool,
    /// All subscriptions are positioned: a lost publication is noticed while connected.
    pub force_positioning: bool,
    /// Clients may ask for recovery.
    pub allow_recovery: bool,
    /// All subscriptions are recoverable.
    pub force_recovery: bool,
    /// How a client that returns gets what it missed.
    pub recovery_mode: RecoveryMode,
    /// Who may subscribe without a token. `subscribers` means nothing here.
    pub subscribe: Allowed,
    /// Who may publish.
    pub publish: Allowed,
    /// Whether what clients publish may be anything. If not, whoever knows what their dialects can say
    /// holds it to what all of them can: see [`Hub::takes_anything`](crate::Hub::takes_anything).
    pub publish_anything: bool,
    /// Who may read the history.
    pub history_read: Allowed,
    /// Who may read the presence.
    pub presence_read: Allowed,
    /// Names with `#` say which users may subscribe without a token.
    pub allow_user_limited_channels: bool,
    /// What happens to those who do not keep up.
    pub overflow: Overflow,
}

impl ChannelOptions {
    /// Whether a subscription that wants to be positioned is.
    pub const fn positions(&self, wanted: bool) -> bool {
        self.history.is_on()
            && (self.force_positioning
                || self.force_recovery
                || wanted && (self.allow_positioning || self.allow_recovery))
    }

    /// Whether a subscription that wants to be recoverable is.
    pub const fn recovers(&self, wanted: bool) -> bool {
        self.history.is_on() && (self.force_recovery || wanted && self.allow_recovery)
    }
}

/// The options of all channels, by namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    without: Arc<ChannelOptions>,
    named: BTreeMap<Box<str>, Arc<ChannelOptions>>,
}

impl Namespaces {
    /// Those of channels whose names have no namespace.
    pub fn new(without: ChannelOptions) -> Self {
        Self { without: Arc::new(without), named: BTreeMap::new() }
    }

    /// Adds the namespace `name`, or replaces it.
    #[must_use]
    pub fn with(mut self, name: &str, options: ChannelOptions) -> Self {
        self.named.insert(name.into(), Arc::new(options));
        self
    }

    /// The options of `channel`; `None` if its namespace does not exist.
    pub fn options(&self, channel: &ChannelName) -> Option<&Arc<ChannelOptions>> {
        match channel.namespace() {
            None => Some(&self.without),
            Some(namespace) => self.named.get(namespace),
        }
    }
}
