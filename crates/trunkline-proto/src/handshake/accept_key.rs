//! `Sec-WebSocket-Key` to `Sec-WebSocket-Accept` (RFC 6455 §4.2.2).
//!
//! The key keeps nothing secret. It shows the client that whoever answered has read this very
//! request and knows WebSocket: a cache or a form handler that echoes bytes does not get it right.

use sha1_smol::Sha1;

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

/// Base64 with padding (RFC 4648 §4) of `N` bytes into `M` digits.
fn base64<const N: usize, const M: usize>(bytes: &[u8; N]) -> [u8; M] {
    const { assert!(M == N.div_ceil(3) * 4) };
    let mut digits = [b'='; M];
    for (four, three) in digits.chunks_exact_mut(4).zip(bytes.chunks(3)) {
        let bits = three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - three.len()));
        for (at, digit) in four.iter_mut().take(three.len() + 1).enumerate() {
            let [.., six] = (bits >> (18 - 6 * at)).to_be_bytes();
            *digit = digit_of(six & 63);
        }
    }
    digits
}

const fn digit_of(value: u8) -> u8 {
    match value {
        0..=25 => b'A' + value,
        26..=51 => b'a' + value - 26,
        52..=61 => b'0' + value - 52,
        62 => b'+',
        _ => b'/',
    }
}

const fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10, and the two sizes that the handshake has.
    #[test]
    fn base64_gives_the_vectors_of_rfc_4648() {
        assert_eq!(&base64::<1, 4>(b"f"), b"Zg==");
        assert_eq!(&base64::<2, 4>(b"fo"), b"Zm8=");
        assert_eq!(&base64::<3, 4>(b"foo"), b"Zm9v");
        assert_eq!(&base64::<4, 8>(b"foob"), b"Zm9vYg==");
        assert_eq!(&base64::<5, 8>(b"fooba"), b"Zm9vYmE=");
        assert_eq!(&base64::<6, 8>(b"foobar"), b"Zm9vYmFy");
        assert_eq!(&base64::<16, 24>(b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&base64::<20, 28>(&[0xff; 20]), b"//////////////////////////8=");
        assert_eq!(&base64::<16, 24>(&[0xfb; 16]), b"+/v7+/v7+/v7+/v7+/v7+w==");
    }

    #[test]
    fn every_digit_has_its_value() {
        for value in 0..64 {
            assert_eq!(value_of(digit_of(value)), Some(value));
        }
        assert_eq!((0..=255).filter(|&digit| value_of(digit).is_some()).count(), 64);
    }

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
