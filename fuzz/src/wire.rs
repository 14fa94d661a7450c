//! Frames as a strict peer reads them and as a sloppy one may write them.

use trunkline_proto::Role;

/// One frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PONG: u8 = 0x8a;

/// Reads what `from` sent. Panics at the first thing that a peer could find fault with; half a frame
/// at the end is one, unless `cut`.
pub(crate) fn strict(from: Role, mut bytes: &[u8], compressed: bool, cut: bool) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut in_message = false;
    while !bytes.is_empty() {
        let Some((frame, taken)) = read(from, bytes) else {
            assert!(cut, "half a frame at the end: {bytes:02x?}");
            break;
        };
        assert!(frames.last().is_none_or(|last| last.first != CLOSE), "a frame behind a close");
        let (fin, rsv, opcode) = (frame.first & 0x80 != 0, frame.first & 0x70, frame.first & 0x0f);
        let first_of_message = matches!(opcode, 1 | 2);
        assert!(rsv == 0 || rsv == 0x40 && compressed && first_of_message, "reserved bits");
        match opcode {
            0 => assert!(in_message, "continues nothing"),
            1 | 2 => assert!(!in_message, "begins inside a message"),
            8..=10 => assert!(fin && frame.payload.len() <= 125, "a control frame"),
            _ => panic!("reserved opcode {opcode}"),
        }
        if opcode < 8 {
            in_message = !fin;
        }
        if opcode == 8 {
            close_code(&frame.payload);
        }
        frames.push(frame);
        bytes = &bytes[taken..];
    }
    frames
}

/// The code in a close frame; panics if it must not stand there.
pub(crate) fn close_code(payload: &[u8]) -> Option<u16> {
    let [high, low, reason @ ..] = payload else {
        assert!(payload.is_empty(), "a close frame of one byte");
        return None;
    };
    let code = u16::from_be_bytes([*high, *low]);
    assert!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "close code {code}");
    assert!(std::str::from_utf8(reason).is_ok(), "a reason that is no text");
    Some(code)
}

fn read(from: Role, bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(second & 0x80 != 0, from == Role::Client, "clients mask, servers do not");
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (len, mut at) = match second & 0x7f {
        126 => (number(bytes.get(2..4)?), 4),
        127 => (number(bytes.get(2..10)?), 10),
        len => (usize::from(len), 2),
    };
    assert_eq!(at, header_len(len), "not the shortest length");
    let mut key = [0; 4];
    if from == Role::Client {
        key.copy_from_slice(bytes.get(at..at + 4)?);
        at += 4;
    }
    let payload = bytes.get(at..at + len)?;
    let payload = payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
    Some((Frame { first, payload }, at + len))
}

/// Bytes of a header without a key.
fn header_len(payload_len: usize) -> usize {
    match payload_len {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

/// Writes one frame, masked if there is a key.
pub(crate) fn write(first: u8, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    match header_len(payload.len()) {
        2 => out.extend([first, masked | payload.len() as u8]),
        4 => {
            out.extend([first, masked | 126]);
            out.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            out.extend([first, masked | 127]);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(key.iter().flatten());
    let key = key.unwrap_or_default();
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
}
