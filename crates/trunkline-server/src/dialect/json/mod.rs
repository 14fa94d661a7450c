//! JSON without values in between: read where it lies, written by appending.

mod reader;
mod writer;

pub use reader::JsonError;
pub(super) use reader::Reader;
pub(super) use writer::{append_raw, append_string};

/// How deep arrays and objects may lie in each other: 64, one bit of a word for each. Real payloads
/// have less than ten; a reader that recurses, as those of some clients do, breaks near a thousand.
pub(crate) const DEPTH_MAX: usize = 64;

/// `bytes` as text, if they are one JSON value not deeper than [`DEPTH_MAX`]. Takes one pass.
pub(super) fn as_value(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = Reader::new(text);
    reader.skip().ok()?;
    reader.end().ok()?;
    Some(text)
}

/// Whether `text` begins with a value that is deeper than [`DEPTH_MAX`]: one that no client would be sent. Takes one
/// pass. What is no JSON is not deep.
pub(crate) fn is_too_deep(text: &str) -> bool {
    matches!(Reader::new(text).skip(), Err(error) if error.problem == reader::TOO_DEEP)
}
