//! Sessions, channels and fan-out of a real-time server, as a machine: commands, the broker's answers
//! and time in; entries of outboxes, requests to the broker and one deadline out. No sockets, no clock,
//! no tasks, no WebSocket, no JSON.

#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::missing_errors_doc,
    clippy::print_stdout
)]

mod channel_name;
mod command;
mod connect;
mod control;
mod counts;
mod deadlines;
mod dispatch;
mod egress;
mod entropy;
mod error;
mod fanout;
mod gather;
mod hub;
mod identity;
mod join;
mod leave;
mod moment;
mod now;
mod options;
mod outbox;
mod pending;
mod permit;
mod position;
mod publication;
mod rate;
mod reply;
mod requests;
mod session;
mod spare;
mod subscriptions;
mod timeouts;
mod user_rates;
mod users;

mod channel;

pub mod broker;
pub mod limits;

pub use channel_name::{CHANNEL_NAME_BYTES_MAX, ChannelName, InvalidChannelName};
pub use command::{
    Command, Connect, History, HistoryFilter, Refreshed, ServerSubscription, Subscribe,
    SubscribeRights,
};
pub use control::{Selector, SessionView};
pub use counts::{Counts, Gauges};
pub use entropy::Entropy;
pub use error::{CommandError, Disconnect, Unsubscribed};
pub use hub::{Hub, Settings};
pub use identity::{Annotation, ClientId, ClientInfo};
pub use now::Now;
pub use options::{Allowed, ChannelOptions, HistoryOptions, Namespaces, Overflow, RecoveryMode};
pub use position::{Epoch, StreamPosition};
pub use publication::Publication;
pub use reply::{
    Connected, Entry, HistoryPage, PresenceStats, Push, PushBody, Refresh, Reply, ReplyBody,
    SharedPush, Subscribed,
};
pub use session::SessionId;
pub use user_rates::UserRates;
