//! What must hold for any bytes: the oracles of the fuzz targets, one module for each.
//!
//! An oracle takes what libFuzzer made up, hands it to the library, and panics where a promise of the
//! library is broken. It knows the protocol on its own: what it compares with is written a second
//! time, slowly and plainly, here ([`wire`], [`head`]) or in the tests of `trunkline-proto` ([`twin`])
//! and of `trunkline-server` ([`dialects`]).

pub mod config;
pub mod connection;
pub mod connection_ops;
pub mod extensions_header;
pub mod frame_diff;
pub mod frame_header;
pub mod handshake_request;
pub mod handshake_response;
pub mod hub_command;
pub mod inflate_stream;
pub mod roundtrip;
pub mod token;

mod agreement;
mod cut;
mod dialects;
mod head;
mod wire;

#[path = "../../crates/trunkline-proto/tests/rfc6455/support.rs"]
mod support;
#[path = "../../crates/trunkline-proto/tests/rfc6455/twin.rs"]
mod twin;
