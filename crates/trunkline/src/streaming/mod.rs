//! Messages larger than memory: received and sent in parts.
//!
//! Both ends are streams of bytes as tokio has them, so that `tokio::io::copy` takes a message out of a
//! file or puts one into it. Backpressure goes all the way: a reader that is not asked reads nothing,
//! and a writer waits once as much is queued as the connection may queue.

mod reader;
mod writer;

pub use reader::MessageReader;
pub use writer::MessageWriter;

/// Frames of a message that is sent in parts have at most this much payload, so that a pong never
/// waits behind more.
const FRAME_BYTES: usize = 64 << 10;
