//! permessage-deflate (RFC 7692).
//!
//! # The idea
//!
//! A compressed message is a piece of a DEFLATE stream: blocks that may refer back to the last
//! 2^w bytes of plaintext, the window. With *context takeover* the window runs on from message to
//! message, so the second of two messages of a kind is little more than a reference to the first;
//! without it each message stands alone.
//!
//! All that takeover needs to be kept of a connection is that window of plaintext. The rest of a
//! zlib state (hash heads, chains, tables, buffers) can be made again from it, and is many times
//! as large. So there are three ways to pay, [`Memory`]:
//!
//! | per connection, 12 bits | compressing | decompressing |
//! |---|---|---|
//! | [`Memory::Dedicated`] | 161 KiB | 46 KiB, and 4 KiB |
//! | [`Memory::Hibernating`] | what was sent, up to 4 KiB | what was received, up to 4 KiB |
//! | no takeover, [`Memory::Stateless`] | nothing | nothing |
//!
//! The last two borrow a state from a small pool that each thread has, for the length of a call or
//! of an unfinished message. Hibernating costs a clearing of hash heads and the copying and hashing
//! of up to a window per message sent: 20 µs instead of 15 µs for 1 KiB of JSON. Its messages are as
//! small as those of a live state, 261 bytes where no takeover needs 342.
//!
//! # What compression gives away
//!
//! The length of a compressed message tells how much it has in common with what is in the window.
//! Whoever can place text there and watch lengths on the wire can guess a secret in it byte by
//! byte, through TLS (CRIME, BREACH). That is why nothing is compressed unless asked for, and why
//! takeover is off even then: the length of a message does not depend on those before it. *Inside* a
//! message no setting helps; send messages that hold a secret next to text that others chose
//! without compression.
//!
//! # What a peer can do with it
//!
//! A few bytes can stand for very many. [`Decompressor`] counts what comes out while it comes out
//! and stops at the room it was given; it reserves from what there is, not from what is claimed.

mod compressor;
mod config;
mod decompressor;
mod error;
mod history;
mod negotiate;
mod pool;

pub use compressor::{Compressor, EncodingKey, compress_prepared};
pub use config::{DeflateConfig, Memory, WindowBits};
pub use decompressor::Decompressor;
pub use error::{DecompressError, DeflateRefused};
pub use negotiate::DeflateParams;
