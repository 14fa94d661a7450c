//! [`Chunks`]: where a body in chunks ends (RFC 9112 §7.1).

/// Digits of the size of a chunk: 4 GiB, far beyond any body that is taken.
const DIGITS_MAX: u8 = 8;

/// Bytes of all extensions and trailers of a body. Nobody here reads them.
const EXTRAS_BYTES_MAX: u16 = 4 << 10;

/// Follows a body through its chunks. There is one spelling of each: lines end with CRLF, sizes are digits, and
/// what stands between them is bounded.
#[derive(Debug)]
pub(crate) struct Chunks {
    at: Place,
    extras: u16,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Size { bytes: u64, digits: u8 },
    Extension { bytes: u64 },
    SizeLf { bytes: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    End,
}

/// It is not framed as a body in chunks is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misframed;

impl Chunks {
    pub(crate) const fn new() -> Self {
        Self { at: Place::Size { bytes: 0, digits: 0 }, extras: 0 }
    }

    /// Whether the whole body has been seen.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.at, Place::End)
    }

    /// Takes what belongs to the body, and says how much that was.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Misframed> {
        let mut rest = bytes;
        while !self.is_over() {
            if let Place::Data { left } = &mut self.at {
                let len = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                rest = rest.get(len..).unwrap_or_default();
                *left -= len as u64;
                if *left == 0 {
                    self.at = Place::DataCr;
                }
            }
            let Some((byte, behind)) = rest.split_first() else { break };
            self.at = self.step(*byte)?;
            rest = behind;
        }
        Ok(bytes.len() - rest.len())
    }

    fn step(&mut self, byte: u8) -> Result<Place, Misframed> {
        Ok(match (self.at, byte) {
            (Place::Size { bytes, digits: 1.. }, b'\r') => Place::SizeLf { bytes },
            (Place::Size { bytes, digits: 1.. }, b';') => Place::Extension { bytes },
            (Place::Size { bytes, digits: ..DIGITS_MAX }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let Place::Size { digits, .. } = self.at else { return Err(Misframed) };
                Place::Size { bytes: bytes << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Place::Extension { bytes }, b'\r') => Place::SizeLf { bytes },
            (Place::Extension { .. } | Place::Trailer, _) if is_text(byte) => self.extra()?,
            (Place::SizeLf { bytes: 0 }, b'\n') => Place::TrailerStart,
            (Place::SizeLf { bytes }, b'\n') => Place::Data { left: bytes },
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size { bytes: 0, digits: 0 },
            (Place::TrailerStart, b'\r') => Place::LastLf,
            (Place::TrailerStart, _) if byte.is_ascii_graphic() => {
                self.extra()?;
                Place::Trailer
            }
            (Place::Trailer, b'\r') => Place::TrailerLf,
            (Place::TrailerLf, b'\n') => Place::TrailerStart,
            (Place::LastLf, b'\n') => Place::End,
            _ => return Err(Misframed),
        })
    }

    /// One more byte that says nothing to us.
    fn extra(&mut self) -> Result<Place, Misframed> {
        self.extras += 1;
        if self.extras > EXTRAS_BYTES_MAX { Err(Misframed) } else { Ok(self.at) }
    }
}

/// What may stand in a value.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the body ends, fed whole and cut in two at every byte; `None` where it does not.
    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Option<usize>, Misframed>) {
        for cut in 0..=bytes.len() {
            let mut chunks = Chunks::new();
            let (first, second) = bytes.split_at(cut);
            let taken = chunks.take(first).and_then(|it| Ok(it + chunks.take(second)?));
            let end = taken.map(|it| chunks.is_over().then_some(it));
            assert_eq!(end, expected, "{} cut at {cut}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_body_in_chunks_ends_behind_its_trailers() {
        check(b"0\r\n\r\nGET", Ok(Some(5)));
        check(b"2\r\n{}\r\n0\r\n\r\nGET", Ok(Some(12)));
        check(b"0A\r\n0\r\n\r\n12345\r\n00\r\n\r\n", Ok(Some(22)));
        check(b"1;a=\"b\";c\r\nx\r\n0;d\r\n\r\n", Ok(Some(21)));
        check(b"0\r\nX: y\r\nZ: \xff\r\n\r\nGET", Ok(Some(17)));
        check(b"FFFFFFFF\r\nxyz", Ok(None));
    }

    #[test]
    fn a_chunk_has_one_spelling() {
        let wrong: [&[u8]; 20] = [
            b"\r\n",
            b";a\r\n",
            b" 2\r\n",
            b"2 \r\n",
            b"2\n{}",
            b"0x2\r\n",
            b"-2\r\n",
            b"+2\r\n",
            b"g\r\n",
            b"000000002\r\n",
            b"ffffffffffffffff\r\n",
            b"2\r{}",
            b"2;a\nb\r\n",
            b"2;\0\r\n",
            b"2\r\n{}}",
            b"2\r\n{}\n",
            b"2\r\n{}0\r\n",
            b"0\r\nX: y\n",
            b"0\r\n X: y",
            b"0\r\n\n",
        ];
        for bytes in wrong {
            check(bytes, Err(Misframed));
        }
    }

    #[test]
    fn what_stands_around_chunks_is_bounded() {
        let max = usize::from(EXTRAS_BYTES_MAX);
        let extension = |len: usize| [b"2;".as_slice(), &b"x".repeat(len), b"\r\n"].concat();
        let trailer = |len: usize| [b"0\r\n".as_slice(), &b"x".repeat(len), b"\r\n\r\n"].concat();
        assert!(Chunks::new().take(&extension(max)).is_ok());
        assert!(Chunks::new().take(&trailer(max)).is_ok());
        assert!(Chunks::new().take(&extension(max + 1)).is_err());
        assert!(Chunks::new().take(&trailer(max + 1)).is_err());
        let many = b"1;xxx\r\nx\r\n".repeat(max / 3 + 1);
        assert!(Chunks::new().take(&many).is_err());
    }
}
