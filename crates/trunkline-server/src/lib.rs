//! The real-time server as a process: it listens, lets in, and drives hubs and sockets.
//!
//! ```text
//!   listener ──socket──▶ door ──WebSocket──▶ peer ──commands──▶ hub ──requests──▶ broker
//!                          │                 peer ◀──entries─── hub ◀─deliveries─ broker
//!                          └──plain HTTP──▶ http ──asks──▶ node ──▶ shards
//! ```
//!
//! A shard is one thread with a hub, a partition of the broker, and the sockets that were given to it.

#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::missing_errors_doc, clippy::print_stdout)]

pub mod admission;
pub mod auth;
pub mod broker;
pub mod config;
pub mod demo;
pub mod dialect;
#[cfg(any(test, feature = "__faults"))]
pub mod fault;

mod address;
mod body_deadline;
mod bucket;
mod budget;
mod chunks;
mod contained;
mod door;
mod error;
mod guesses;
mod latency;
mod listener;
mod metrics;
mod node;
mod peer;
mod private;
mod process;
mod profile;
mod random;
mod reception;
mod rewind;
mod routes;
mod screen;
mod seams;
mod server;
mod shard;
mod snapshot;
mod sparing;
mod stall;
mod users;
mod watch;

pub use error::StartError;
pub use node::Node;
pub use server::Server;
pub use watch::Part;
