//! Looks through bytes eight at a time: payloads are long, and what ends a string or a line is rare.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where in `bytes` the first quote, backslash or control character is: what a string of JSON cannot
/// have as it is. Their number if there is none.
pub(super) fn find_special(bytes: &[u8]) -> usize {
    find(bytes, |word| below(word, 0x20) | equal(word, b'"') | equal(word, b'\\'))
}

/// Where in `bytes` the first line ends; their number if it does not.
pub(super) fn find_line_end(bytes: &[u8]) -> usize {
    find(bytes, |word| equal(word, b'\n'))
}

/// Where the first byte is that `test` marks, with its highest bit, in a word of eight. Of the bytes
/// behind it in its word `test` may mark too many.
fn find(bytes: &[u8], test: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marked = test(u64::from_le_bytes(*word)) & HIGH;
        if marked != 0 {
            return index * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    // What is filled up with is nothing that anybody looks for.
    let mut last = [b'x'; 8];
    last[..rest.len()].copy_from_slice(rest);
    let marked = test(u64::from_le_bytes(last)) & HIGH;
    let in_last = marked.trailing_zeros() as usize / 8;
    words.len() * 8 + in_last.min(rest.len())
}

/// Marks bytes less than `limit`, which is at most 128: they borrow from their highest bit.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES.wrapping_mul(limit as u64)) & !word
}

/// Marks bytes that are `byte`.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ ONES.wrapping_mul(byte as u64), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_place_as_one_by_one() {
        let special = |it: &u8| matches!(it, b'"' | b'\\' | ..b' ');
        for len in 0..20 {
            for at in 0..len {
                for byte in 0..=255 {
                    for around in [b'a', 0x80, 0xff, b'!', b'#', b' ', b'[', b']'] {
                        let mut bytes = vec![around; len];
                        bytes[at] = byte;
                        let naive = bytes.iter().position(special).unwrap_or(len);
                        assert_eq!(find_special(&bytes), naive, "{bytes:?}");
                        let naive = bytes.iter().position(|it| *it == b'\n').unwrap_or(len);
                        assert_eq!(find_line_end(&bytes), naive, "{bytes:?}");
                    }
                }
            }
            assert_eq!(find_special(&vec![b'\n'; len]), 0);
        }
    }
}
