//! Frames of a client, put together by hand: right ones, and those that no library would send.

/// The first byte of a frame: FIN, RSV and opcode.
pub(super) const CONTINUATION: u8 = 0x00;
pub(super) const TEXT_BEGINS: u8 = 0x01;
pub(super) const BINARY_BEGINS: u8 = 0x02;
pub(super) const END: u8 = 0x80;
pub(super) const TEXT: u8 = END | TEXT_BEGINS;
pub(super) const BINARY: u8 = END | BINARY_BEGINS;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;
pub(super) const RSV1: u8 = 0x40;

const MASKED: u8 = 0x80;

/// Any key will do where nobody is deceived by it; this one is of RFC 6455 §5.7.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How the length is written.
#[derive(Clone, Copy)]
pub(super) enum Length {
    Shortest,
    In16Bits,
    In64Bits,
}

/// A frame as it should be, but for what `first` says.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(first, payload, Length::Shortest, KEY)
}

/// A frame whose length or key is chosen.
pub(super) fn frame_with(first: u8, payload: &[u8], length: Length, key: [u8; 4]) -> Vec<u8> {
    let mut out = header(first, payload.len() as u64, length, MASKED);
    out.extend(key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// A frame without a mask, which only servers may send.
pub(super) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = header(first, payload.len() as u64, Length::Shortest, 0);
    out.extend(payload);
    out
}

/// A header that promises `len` bytes, and some of them.
pub(super) fn promise(first: u8, len: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = header(first, len, Length::In64Bits, MASKED);
    out.extend(KEY);
    out.extend(payload);
    out
}

pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn header(first: u8, len: u64, length: Length, masked: u8) -> Vec<u8> {
    let mut out = vec![first];
    match (length, u8::try_from(len), u16::try_from(len)) {
        (Length::Shortest, Ok(len @ 0..=125), _) => out.push(masked | len),
        (Length::Shortest | Length::In16Bits, _, Ok(len)) => {
            out.push(masked | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend(len.to_be_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_proto::frame::FrameHeader;

    #[test]
    fn what_should_be_right_is() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let frame = frame(BINARY, &payload);
            let (header, taken) = FrameHeader::parse(&frame).unwrap().unwrap();
            assert_eq!((header.payload_len, taken + len), (len as u64, frame.len()));
            let mut unmasked = frame[taken..].to_vec();
            header.mask.unwrap().apply(&mut unmasked);
            assert_eq!(unmasked, payload);
        }
        let close = close(1000, b"why");
        assert_eq!(close[..2], [0x88, 0x85]);
    }

    #[test]
    fn what_should_be_wrong_is() {
        assert!(FrameHeader::parse(&frame_with(TEXT, b"x", Length::In16Bits, KEY)).is_err());
        assert!(FrameHeader::parse(&frame_with(TEXT, &[0; 300], Length::In64Bits, KEY)).is_err());
        assert!(FrameHeader::parse(&promise(BINARY, 1 << 63, b"")).is_err());
        let (header, _) = FrameHeader::parse(&unmasked(TEXT, b"x")).unwrap().unwrap();
        assert_eq!(header.mask, None);
    }
}
