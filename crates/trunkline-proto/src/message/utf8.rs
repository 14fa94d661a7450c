//! Text as it arrives (RFC 6455 §8.1): checked across any cut, wrong at the earliest byte.

/// The bytes seen so far cannot be the beginning of any UTF-8 text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InvalidUtf8;

/// Checks text that comes in pieces. Each byte is looked at once; between pieces only the up to
/// three bytes of an unfinished character are kept.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Utf8Stream {
    begun: [u8; 4],
    begun_len: usize,
}

impl Utf8Stream {
    /// Takes the next piece and hands what is complete to `valid`, in order, in at most two parts.
    pub(crate) fn push(
        &mut self,
        mut piece: &[u8],
        mut valid: impl FnMut(&str),
    ) -> Result<(), InvalidUtf8> {
        while self.begun_len > 0 {
            let [byte, rest @ ..] = piece else { return Ok(()) };
            piece = rest;
            if let Some(character) = self.push_byte(*byte)? {
                valid(character.encode_utf8(&mut [0; 4]));
            }
        }
        let (whole, begun) = split_at_last_boundary(piece);
        valid(from_utf8(whole)?);
        for byte in begun {
            self.push_byte(*byte)?;
        }
        Ok(())
    }

    /// Whether the text may end here.
    pub(crate) fn is_at_boundary(&self) -> bool {
        self.begun_len == 0
    }

    /// Bytes that were taken and are not among the valid yet: those of an unfinished character.
    pub(crate) fn begun_len(&self) -> usize {
        self.begun_len
    }

    /// Adds one byte to the unfinished character and gives it once it is whole.
    fn push_byte(&mut self, byte: u8) -> Result<Option<char>, InvalidUtf8> {
        *self.begun.get_mut(self.begun_len).ok_or(InvalidUtf8)? = byte;
        self.begun_len += 1;
        let so_far = self.begun.get(..self.begun_len).ok_or(InvalidUtf8)?;
        match std::str::from_utf8(so_far) {
            Ok(text) => {
                self.begun_len = 0;
                Ok(text.chars().next())
            }
            // "More bytes could still make this valid" is what the absent length means.
            Err(error) if error.error_len().is_none() => Ok(None),
            Err(_) => Err(InvalidUtf8),
        }
    }
}

/// Splits off the up to three last bytes that may be the beginning of a longer character.
fn split_at_last_boundary(bytes: &[u8]) -> (&[u8], &[u8]) {
    let whole = match bytes {
        [.., 0xc0..=0xff] => bytes.len() - 1,
        [.., 0xe0..=0xff, _] => bytes.len() - 2,
        [.., 0xf0..=0xff, _, _] => bytes.len() - 3,
        _ => bytes.len(),
    };
    // Of a character that is complete, or of bytes that are wrong, too much may be split off here:
    // `push_byte` sorts both out.
    bytes.split_at(whole)
}

/// Like [`std::str::from_utf8`], several times as fast on text that is not ASCII.
#[inline]
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    #[cfg(feature = "simd")]
    let text = simdutf8::basic::from_utf8(bytes);
    #[cfg(not(feature = "simd"))]
    let text = std::str::from_utf8(bytes);
    text.map_err(|_| InvalidUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes it takes until the standard library would refuse whatever follows.
    fn naive(bytes: &[u8]) -> Result<(), usize> {
        let refuses = |len: &usize| {
            std::str::from_utf8(&bytes[..*len]).is_err_and(|error| error.error_len().is_some())
        };
        match (0..=bytes.len()).find(refuses) {
            Some(len) => Err(len),
            None => std::str::from_utf8(bytes).map(|_| ()).map_err(|_| bytes.len()),
        }
    }

    /// Feeds `bytes` in pieces that end at `cuts`; gives the text, or how many bytes it took to refuse.
    fn stream(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> Result<String, usize> {
        let mut stream = Utf8Stream::default();
        let mut text = String::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([bytes.len()]) {
            stream.push(&bytes[from..to], |part| text.push_str(part)).map_err(|_| to)?;
            from = to;
        }
        if stream.is_at_boundary() { Ok(text) } else { Err(bytes.len()) }
    }

    #[track_caller]
    fn check(bytes: &[u8]) {
        let expected = naive(bytes);
        for cut in 0..=bytes.len() {
            let got = stream(bytes, [cut]);
            assert_eq!(got.is_ok(), expected.is_ok(), "{bytes:02x?} cut at {cut}");
            if let Ok(text) = got {
                assert_eq!(text.as_bytes(), bytes);
            }
        }
        // Byte by byte, the refusal comes with the very byte that cannot be right.
        let got = stream(bytes, 0..bytes.len());
        assert_eq!(got.map(|text| assert_eq!(text.as_bytes(), bytes)), expected, "{bytes:02x?}");
    }

    /// §8.1, RFC 3629 §4: every first byte with the second bytes around its bounds.
    #[test]
    fn s8_1_every_first_byte_with_second_bytes_at_their_bounds() {
        for first in 0..=255 {
            for second in [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
                check(&[first]);
                check(&[first, second]);
                check(&[first, second, 0x80]);
                check(&[first, second, 0x80, 0x80]);
                check(&[b'a', first, second, 0x80, 0x80, b'z']);
            }
        }
    }

    #[test]
    fn s8_1_text_survives_every_cut() {
        check("κόσμε — 語 😀 ascii".as_bytes());
        check("".as_bytes());
        check("\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}".as_bytes());
    }

    /// §8.1: nothing that follows can mend a wrong byte, so it is refused when it comes.
    #[test]
    fn s8_1_refused_at_the_earliest_byte() {
        for (bytes, at) in [
            (&[b'a', 0xff][..], 2),
            (&[0xc0, 0x80], 1),
            (&[0xe0, 0x80, 0x80], 2),
            (&[0xed, 0xa0, 0x80], 2),
            (&[0xf4, 0x90, 0x80, 0x80], 2),
            (&[0xf0, 0x9f, 0x98, b'a'], 4),
            (&[0xf5], 1),
        ] {
            assert_eq!(stream(bytes, 0..bytes.len()), Err(at), "{bytes:02x?}");
        }
    }

    #[test]
    fn random_bytes_agree_with_the_standard_library() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..20_000 {
            let len = (next() % 12) as usize;
            let bytes: Vec<u8> = (0..len)
                .map(|_| match next() % 4 {
                    0 => b'a',
                    1 => 0x80 | (next() % 64) as u8,
                    _ => (next() % 256) as u8,
                })
                .collect();
            check(&bytes);
        }
    }
}
