//! `Sec-WebSocket-Key` to `Sec-WebSocket-Accept` (RFC 6455 §4.2.2).
//!
//! The key keeps nothing secret. It shows the client that whoever answered has read this very
//! request and knows WebSocket: a cache or a form handler that echoes bytes does not get it right.

use sha1_smol::Sha1;

use super::base64::{self, value_of};

/// What every server appends to the key before it hashes (§1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Key`: 16 bytes in base64.
pub(super) type Key = [u8; 24];

/// The value of `Sec-WebSocket-Accept`: 20 bytes in base64.
pub(super) type AcceptKey = [u8; 28];

/// The key of a request, from 16 bytes that the caller took from a good source of randomness
/// (§4.1).
pub(super) fn key(nonce: &[u8; 16]) -> Key {
    base64(nonce)
}

/// The answer to `key`, which is hashed as it stands, base64 and all (§4.2.2).
pub(super) fn accept_key(key: &Key) -> AcceptKey {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    base64(&hash.digest().bytes())
}

/// Takes a header value for a key if it is the base64 of exactly 16 bytes (§4.2.1).
///
/// Of the 132 bits in 22 digits the last 4 mean nothing. They have to be zero: stricter than many
/// servers, but no client that uses an encoder sends anything else (RFC 4648 §3.5).
pub(super) fn parse_key(value: &[u8]) -> Option<&Key> {
    let key: &Key = value.try_into().ok()?;
    let [digits @ .., last, b'=', b'='] = key else {
        return None;
    };
    let unused_bits_are_zero = value_of(*last)? & 0x0f == 0;
    (unused_bits_are_zero && digits.iter().all(|&digit| value_of(digit).is_some())).then_some(key)
}

fn base64<const N: usize, const M: usize>(bytes: &[u8; N]) -> [u8; M] {
    const { assert!(M == N.div_ceil(3) * 4) };
    let mut digits = [0; M];
    for (four, quad) in digits.chunks_exact_mut(4).zip(base64::quads(bytes)) {
        four.copy_from_slice(&quad);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §1.3.
    #[test]
    fn s1_3_the_example_of_the_rfc() {
        let key = key(b"the sample nonce");
        assert_eq!(&key, b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&accept_key(&key), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn s4_2_1_a_key_is_base64_of_16_bytes() {
        assert!(parse_key(b"dGhlIHNhbXBsZSBub25jZQ==").is_some());
        for bad in [
            &b""[..],
            b"dGhlIHNhbXBsZSBub25j",           // 15 bytes
            b"dGhlIHNhbXBsZSBub25jZWQ=",       // 17 bytes
            b"dGhlIHNhbXBsZSBub25jZR==",       // bits set behind the last byte
            b"dGhlIHNhbXBsZSBub25jZQ=",        // padding missing
            b"dGhlIHNhbXBsZSBub25jZQ===",      // and too much of it
            b"dGhlIHNhbXBs-SBub25jZQ==",       // the other alphabet
            b"dGhlIHNhbXBs SBub25jZQ==",       // a space
            b"dGhlIHNhbXBsZSBub25jZQ\xff\xff", // no text at all
            b"dGhl=HNhbXBsZSBub25jZQ==",       // padding within
        ] {
            assert!(parse_key(bad).is_none(), "{}", bad.escape_ascii());
        }
    }
}
