//! The first 2 to 14 bytes of a frame (RFC 6455 §5.2).

use trunkline_proto::frame::{FrameHeader, HEADER_BYTES_MAX};

/// - A header is accepted in its only spelling: what is encoded again is what was read.
/// - A verdict stands from the earliest prefix that has one, and no later byte changes it.
pub fn check(bytes: &[u8]) {
    let verdict = FrameHeader::parse(bytes);
    let mut decided = None;
    for end in 0..=bytes.len().min(2 * HEADER_BYTES_MAX) {
        let got = FrameHeader::parse(&bytes[..end]);
        if got != Ok(None) {
            decided.get_or_insert(end);
        }
        if decided.is_some() {
            assert_eq!(got, verdict, "cut behind {end} bytes");
        }
    }
    assert!(decided.is_none_or(|end| end <= HEADER_BYTES_MAX), "decided behind the header");
    assert!(bytes.len() < HEADER_BYTES_MAX || decided.is_some(), "14 bytes hold any header");

    let Ok(Some((header, taken))) = verdict else { return };
    assert_eq!(decided, Some(taken), "whole before its last byte");
    let mut again = [0; HEADER_BYTES_MAX];
    let len = header.encode(&mut again);
    assert_eq!(&again[..len], &bytes[..taken]);
}
