//! JSON without values in between: read where it lies, written by appending.

mod reader;
mod writer;

pub use reader::JsonError;
pub(super) use reader::Reader;
pub(super) use writer::{append_raw, append_string};

/// How deep arrays and objects may lie in each other: 64, one bit of a word for each. Real payloads
/// have less than ten; a reader that recurses, as those of some clients do, breaks near a thousand.
pub(super) const DEPTH_MAX: usize = 64;

/// `bytes` as text, if they are one JSON value not deeper than [`DEPTH_MAX`]. Takes one pass.
pub(super) fn as_value(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = Reader::new(text);
    reader.skip().ok()?;
    reader.end().ok()?;
    Some(text)
}
