//! Hubs, a broker that fails and clients that come and go: one thread, one seed, virtual time.
//!
//! ```text
//!    clients ──commands──▶ 3 hubs ──requests──▶ link ──▶ broker     late, lost
//!    clients ◀──entries─── 3 hubs ◀──answers─── link ◀── broker     late, in any order, twice, never
//! ```
//!
//! Every client checks what it is sent against what the broker has accepted; the world checks the
//! hubs. The same seed does the same again, so that a seed that fails is a test that fails:
//! `cargo run --release -p trunkline-sim -- --seed N` replays it with a trace.

mod broker;
mod checks;
mod client;
mod figures;
mod link;
mod random;
mod settings;
mod world;

pub use figures::Figures;
pub use world::{Failure, Trace, run};
