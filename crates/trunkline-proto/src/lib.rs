//! One WebSocket connection as a machine (RFC 6455, RFC 7692).
//!
//! This crate contains no sockets, no clock, no tasks and no source of randomness. Bytes and time
//! are handed in; events, bytes to write and one deadline come out. Whoever drives it decides how
//! bytes travel: `trunkline` does it for tokio, `examples/by_hand.rs` with a plain loop over
//! `std::net`.
//!
//! A connection is made in two steps. A machine in [`handshake`] turns the bytes of the HTTP/1.1
//! upgrade into an agreement; that agreement makes a [`Connection`], which turns bytes into
//! messages and messages into bytes until both sides have closed.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]
// A peer's bytes must not be able to panic us. Tests may.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::unwrap_used,
        clippy::exhaustive_enums,
        clippy::exhaustive_structs,
        clippy::missing_errors_doc,
        clippy::print_stdout
    )
)]

pub mod handshake;

mod connection;
pub mod event;
pub mod frame;
pub mod message;
mod transmit;

#[cfg(feature = "deflate")]
pub mod deflate;

pub mod close;
pub mod error;
mod keepalive;
pub mod limits;
mod role;
mod state;

pub use close::CloseCode;
pub use connection::{Connection, Filled, Input, Sending};
pub use error::{ProtocolError, QueueError, QueueErrorKind, Timeout};
pub use event::{CloseInfo, Event, Initiator};
pub use limits::Limit;
pub use message::{Message, MessageKind, Outgoing, Prepared, Received, Text};
pub use role::Role;

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
