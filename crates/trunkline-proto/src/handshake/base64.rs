//! Base64 with padding (RFC 4648 §4), which keys and credentials are written in.

/// The digits of `bytes`, four at a time.
pub(super) fn quads(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.chunks(3).map(|three| {
        let bits = three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - three.len()));
        let mut four = [b'='; 4];
        for (at, digit) in four.iter_mut().take(three.len() + 1).enumerate() {
            let [.., six] = (bits >> (18 - 6 * at)).to_be_bytes();
            *digit = digit_of(six & 63);
        }
        four
    })
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

/// The six bits that a digit stands for; `None` for anything else, `=` included.
pub(super) const fn value_of(digit: u8) -> Option<u8> {
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

    /// RFC 4648 §10.
    #[test]
    fn base64_gives_the_vectors_of_rfc_4648() {
        for (bytes, digits) in [
            (&b""[..], &b""[..]),
            (b"f", b"Zg=="),
            (b"fo", b"Zm8="),
            (b"foo", b"Zm9v"),
            (b"foob", b"Zm9vYg=="),
            (b"fooba", b"Zm9vYmE="),
            (b"foobar", b"Zm9vYmFy"),
            (&[0xff; 20], b"//////////////////////////8="),
            (&[0xfb; 16], b"+/v7+/v7+/v7+/v7+/v7+w=="),
        ] {
            assert_eq!(quads(bytes).collect::<Vec<_>>().concat(), digits);
        }
    }

    #[test]
    fn every_digit_has_its_value() {
        for value in 0..64 {
            assert_eq!(value_of(digit_of(value)), Some(value));
        }
        assert_eq!((0..=255).filter(|&digit| value_of(digit).is_some()).count(), 64);
    }
}
