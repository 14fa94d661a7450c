//! What the suite runs against: `trunkline serve` as a process of its own, and a line to it that can be cut.

mod line;
mod server;

pub use line::Line;
pub use server::{Server, token};
