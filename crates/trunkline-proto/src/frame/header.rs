//! Frame headers (RFC 6455 §5.2).

use crate::error::ProtocolError;
use crate::frame::{MaskKey, OpCode};
use crate::message::MessageKind;

/// The most bytes that a header takes: two, an eight-byte length, a masking key.
pub const HEADER_BYTES_MAX: usize = 14;

/// A control frame's payload is at most this long (§5.5).
pub const CONTROL_PAYLOAD_MAX: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_AND_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
const MASK: u8 = 0x80;
const LEN: u8 = 0x7f;
const LEN_IS_U16: u8 = 126;
const LEN_IS_U64: u8 = 127;

/// Everything about a frame but its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields that RFC 6455 §5.2 draws")]
pub struct FrameHeader {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// The first reserved bit: "this message is compressed" under permessage-deflate (RFC 7692 §6).
    pub rsv1: bool,
    /// What the payload is for.
    pub opcode: OpCode,
    /// The key that the payload is masked with, if it is.
    pub mask: Option<MaskKey>,
    /// Bytes of payload, below 2^63.
    pub payload_len: u64,
}

impl FrameHeader {
    /// Reads one header from the front of `input` (§5.2).
    ///
    /// Gives the header and how many bytes it took, or `None` if `input` ends inside it: keep the
    /// bytes and call again once more have arrived. Whether RSV1 and the mask are in order depends
    /// on the connection, so that is for the caller to check.
    ///
    /// # Errors
    /// The rule of §5.2 or §5.5 that the header breaks, at the earliest byte that shows it.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let [first, rest @ ..] = input else { return Ok(None) };
        let opcode = OpCode::from_bits(first & OPCODE)?;
        let fin = first & FIN != 0;
        if first & RSV2_AND_RSV3 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControlFrame);
        }
        let [second, rest @ ..] = rest else { return Ok(None) };
        if opcode.is_control() && usize::from(second & LEN) > CONTROL_PAYLOAD_MAX {
            return Err(ProtocolError::ControlFrameTooLong);
        }
        let Some((payload_len, rest)) = parse_len(second & LEN, rest)? else { return Ok(None) };
        let (mask, rest) = if second & MASK == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(MaskKey::new(*key)), rest)
        };
        let header = Self { fin, rsv1: first & RSV1 != 0, opcode, mask, payload_len };
        Ok(Some((header, input.len() - rest.len())))
    }

    /// Writes the header in its only legal spelling and gives the bytes that it took.
    pub fn encode(&self, out: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        let mut at = 0;
        self.write(|bytes| {
            let end = at + bytes.len();
            out.get_mut(at..end).expect("2 + 8 + 4 bytes fit in 14").copy_from_slice(bytes);
            at = end;
        });
        at
    }

    /// The header of a whole message without a mask, if its length fits the seven bits for it.
    #[inline]
    pub(crate) fn short(kind: MessageKind, payload_len: usize) -> Option<[u8; 2]> {
        let len = u8::try_from(payload_len).ok().filter(|len| *len < LEN_IS_U16)?;
        Some([FIN | OpCode::from(kind).bits(), len])
    }

    /// The same for those that need the 16 bits behind them.
    #[inline]
    pub(crate) fn medium(kind: MessageKind, payload_len: usize) -> Option<[u8; 4]> {
        let [high, low] = u16::try_from(payload_len).ok()?.to_be_bytes();
        Some([FIN | OpCode::from(kind).bits(), LEN_IS_U16, high, low])
    }

    /// Appends the header to `out`.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        self.write(|bytes| out.extend_from_slice(bytes));
    }

    /// Gives the header to `put` in pieces whose lengths the compiler knows: they then never lie in
    /// memory, to be waited for, before they are where they belong.
    #[inline(always)]
    fn write(&self, mut put: impl FnMut(&[u8])) {
        let flag = |set, bit| if set { bit } else { 0 };
        let first = flag(self.fin, FIN) | flag(self.rsv1, RSV1) | self.opcode.bits();
        let masked = flag(self.mask.is_some(), MASK);
        let [a, b, c, d, e, f, g, h] = self.payload_len.to_be_bytes();
        match self.payload_len {
            0..=125 => put(&[first, masked | h]),
            126..=0xffff => put(&[first, masked | LEN_IS_U16, g, h]),
            _ => put(&[first, masked | LEN_IS_U64, a, b, c, d, e, f, g, h]),
        }
        if let Some(key) = self.mask {
            put(&key.to_bytes());
        }
    }
}

/// The payload length that the seven bits `short` and the bytes after them stand for.
fn parse_len(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (len, shortest, rest) = match short {
        LEN_IS_U16 => {
            let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*len)), u64::from(LEN_IS_U16), rest)
        }
        LEN_IS_U64 => {
            let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*len), 1 << 16, rest)
        }
        len => (u64::from(len), 0, rest),
    };
    // §5.2 asks for the shortest form: two spellings of one length would let a proxy and the
    // endpoint disagree about where the frame ends. It also keeps the top bit clear.
    if len < shortest || len > i64::MAX.unsigned_abs() {
        return Err(ProtocolError::PayloadLength);
    }
    Ok(Some((len, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `input` cut at every byte; the first cut that is not "not yet" gives the answer, and
    /// all longer ones the same.
    #[track_caller]
    fn parse_at_every_cut(
        input: &[u8],
    ) -> (Result<Option<(FrameHeader, usize)>, ProtocolError>, usize) {
        let parsed = |len: usize| FrameHeader::parse(&input[..len]);
        let decided = (0..=input.len()).find(|len| !matches!(parsed(*len), Ok(None)));
        let Some(decided) = decided else { return (Ok(None), input.len()) };
        let answer = parsed(decided);
        assert!((decided..=input.len()).all(|len| parsed(len) == answer), "{input:02x?}");
        (answer, decided)
    }

    /// §5.2 with numbers only: the header's length and that of its payload, or the byte that is wrong.
    fn naive(input: &[u8]) -> Result<(usize, u64), usize> {
        let (opcode, short) = (input[0] & 0x0f, input[1] & 0x7f);
        if ![0, 1, 2, 8, 9, 10].contains(&opcode) || input[0] & 0x30 != 0 {
            return Err(1);
        }
        if opcode >= 8 && input[0] < 0x80 {
            return Err(1);
        }
        if opcode >= 8 && short > 125 {
            return Err(2);
        }
        let (extra, least, most) = match short {
            126 => (2, 126, 0xffff),
            127 => (8, 0x1_0000, u64::MAX >> 1),
            _ => (0, 0, 125),
        };
        let mut len = if extra == 0 { u64::from(short) } else { 0 };
        for byte in &input[2..2 + extra] {
            len = len << 8 | u64::from(*byte);
        }
        if len < least || len > most {
            return Err(2 + extra);
        }
        Ok((2 + extra + if input[1] & 0x80 == 0 { 0 } else { 4 }, len))
    }

    /// §5.2: all 65 536 first two bytes, with lengths of every form at every bound behind them.
    #[test]
    fn s5_2_every_two_byte_header() {
        let lengths = [
            0,
            1,
            125,
            126,
            127,
            0xffff,
            0x1_0000,
            1 << 32,
            (1 << 63) - 1,
            1 << 63,
            u64::MAX,
            125 << 48,
            126 << 48,
            0xffff << 48,
        ];
        for header in 0..=u16::MAX {
            for length in lengths {
                let input =
                    [&header.to_be_bytes()[..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat();
                let (answer, at) = parse_at_every_cut(&input);
                match naive(&input) {
                    Err(wrong) => {
                        assert!(answer.is_err(), "{input:02x?}");
                        assert_eq!(at, wrong, "refused at the earliest byte: {input:02x?}");
                    }
                    Ok((len, payload_len)) => {
                        let (header, taken) = answer.unwrap().unwrap();
                        assert_eq!((taken, header.payload_len), (len, payload_len));
                        assert_eq!(at, len, "taken at the earliest byte: {input:02x?}");
                        // §5.2: there is one spelling, and it is ours too.
                        let mut spelled = [0; HEADER_BYTES_MAX];
                        let spelled_len = header.encode(&mut spelled);
                        assert_eq!(spelled[..spelled_len], input[..len]);
                    }
                }
            }
        }
    }

    #[test]
    fn s5_2_fields_are_where_the_drawing_has_them() {
        let parse = |input: &[u8]| FrameHeader::parse(input).unwrap().unwrap().0;
        let header = parse(&[0xc1, 0x85, 1, 2, 3, 4]);
        assert!(header.fin && header.rsv1);
        assert_eq!((header.opcode, header.payload_len), (OpCode::Text, 5));
        assert_eq!(header.mask, Some(MaskKey::new([1, 2, 3, 4])));
        let header = parse(&[0x02, 126, 1, 0]);
        assert!(!header.fin && !header.rsv1);
        assert_eq!((header.opcode, header.payload_len, header.mask), (OpCode::Binary, 256, None));
        assert_eq!(FrameHeader::parse(&[]), Ok(None));
    }
}
