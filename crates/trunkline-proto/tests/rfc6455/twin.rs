//! The naive twin of the decoder: slow, short, and with the rules in the order of the RFC.
//!
//! It sees all bytes at once, copies whatever it looks at, and shares no code with the library but
//! the types it reports in. What the library says about any bytes, cut anywhere, must be the same.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "a module of several binaries, public within each")]

use trunkline_proto::limits::{Limits, TINY_FRAGMENT_BYTES};
use trunkline_proto::{MessageKind, ProtocolError, Role};

use crate::support::Seen;

/// One frame as it stands on the wire, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub key: Option<[u8; 4]>,
    pub payload: Vec<u8>,
}

/// What a stream of bytes means.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Decoded {
    pub events: Vec<Seen>,
    pub error: Option<ProtocolError>,
    /// The frames that were whole.
    pub frames: Vec<RawFrame>,
    /// Whether the bytes end with a frame and outside a message.
    pub is_complete: bool,
}

#[derive(Default)]
struct Unfinished {
    kind: Option<MessageKind>,
    payload: Vec<u8>,
    tiny: usize,
    empty: usize,
}

/// Decodes what `from` sent.
pub fn decode(from: Role, limits: &Limits, bytes: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let mut message = Unfinished::default();
    let mut rest = bytes;
    while !rest.is_empty() && !decoded.events.contains(&Seen::Closed) {
        match decode_frame(from, limits, rest, &mut message, &mut decoded) {
            Ok(Some(taken)) => rest = &rest[taken..],
            Ok(None) => return decoded,
            Err(error) => {
                decoded.error = Some(error);
                return decoded;
            }
        }
    }
    decoded.is_complete = message.kind.is_none();
    decoded
}

fn decode_frame(
    from: Role,
    limits: &Limits,
    bytes: &[u8],
    message: &mut Unfinished,
    decoded: &mut Decoded,
) -> Result<Option<usize>, ProtocolError> {
    // §5.2, byte by byte.
    let first = bytes[0];
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
    let control = opcode >= 8;
    if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
        return Err(ProtocolError::ReservedOpCode(opcode));
    }
    if first & 0x30 != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    if control && !fin {
        return Err(ProtocolError::FragmentedControlFrame);
    }
    let Some(second) = bytes.get(1) else { return Ok(None) };
    let (masked, short) = (second & 0x80 != 0, second & 0x7f);
    if control && short > 125 {
        return Err(ProtocolError::ControlFrameTooLong);
    }
    let extra = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(long) = bytes.get(2..2 + extra) else { return Ok(None) };
    let len = match extra {
        0 => u64::from(short),
        _ => long.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
    };
    let shortest = match len {
        0..126 => 0,
        126..65_536 => 2,
        _ => 8,
    };
    if extra != shortest || len >> 63 != 0 {
        return Err(ProtocolError::PayloadLength);
    }
    let mut at = 2 + extra;
    let mut key = None;
    if masked {
        let Some(bytes) = bytes.get(at..at + 4) else { return Ok(None) };
        key = Some([bytes[0], bytes[1], bytes[2], bytes[3]]);
        at += 4;
    }

    // §5.1: who masks.
    match (from, masked) {
        (Role::Client, false) => return Err(ProtocolError::UnmaskedFrame),
        (Role::Server, true) => return Err(ProtocolError::MaskedFrame),
        _ => {}
    }
    // §5.4: the order of fragments.
    if !control {
        match (opcode, message.kind) {
            (0, None) => return Err(ProtocolError::UnexpectedContinuation),
            (1 | 2, Some(_)) => return Err(ProtocolError::ExpectedContinuation),
            _ => {}
        }
    }
    if first & 0x40 != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    // §10.4: limits of this endpoint.
    if !control {
        if len > limits.frame_bytes.max() as u64 {
            return Err(ProtocolError::FrameTooBig { limit: limits.frame_bytes.max() });
        }
        if len + message.payload.len() as u64 > limits.message_bytes.max() as u64 {
            return Err(ProtocolError::MessageTooBig { limit: limits.message_bytes.max() });
        }
        if !(fin && opcode != 0) {
            message.empty += usize::from(len == 0);
            message.tiny += usize::from(len < TINY_FRAGMENT_BYTES as u64);
            if message.empty > limits.empty_fragments.max() {
                return Err(ProtocolError::TooManyEmptyFragments);
            }
            if message.tiny > limits.tiny_fragments.max() {
                return Err(ProtocolError::TooManyTinyFragments);
            }
        }
    }

    // §5.3, §8.1: the payload, as much of it as there is.
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let end = at.saturating_add(len);
    let payload: Vec<u8> = bytes[at..end.min(bytes.len())]
        .iter()
        .enumerate()
        .map(|(i, byte)| byte ^ key.map_or(0, |key| key[i % 4]))
        .collect();
    let whole = end <= bytes.len();
    if whole {
        decoded.frames.push(RawFrame { first, key, payload: payload.clone() });
    }
    if control {
        if !whole {
            return Ok(None);
        }
        decoded.events.push(match opcode {
            9 => Seen::Ping(payload),
            10 => Seen::Pong,
            _ => check_close(&payload).map(|()| Seen::Closed)?,
        });
        return Ok(Some(end));
    }
    let kind = *message.kind.get_or_insert(match opcode {
        1 => MessageKind::Text,
        _ => MessageKind::Binary,
    });
    message.payload.extend(payload);
    let ends = whole && fin;
    if kind == MessageKind::Text {
        match std::str::from_utf8(&message.payload) {
            Err(error) if ends || error.error_len().is_some() => {
                return Err(ProtocolError::InvalidUtf8);
            }
            _ => {}
        }
    }
    if !whole {
        return Ok(None);
    }
    if ends {
        let payload = std::mem::take(message).payload;
        decoded.events.push(match kind {
            MessageKind::Text => Seen::Text(String::from_utf8(payload).unwrap()),
            MessageKind::Binary => Seen::Binary(payload),
        });
    }
    Ok(Some(end))
}

/// §5.5.1, §7.4.
fn check_close(payload: &[u8]) -> Result<(), ProtocolError> {
    match payload {
        [] => Ok(()),
        [_] => Err(ProtocolError::CloseFrameLength),
        [high, low, reason @ ..] => {
            let code = u16::from(*high) << 8 | u16::from(*low);
            let registered = (1000..=1014).contains(&code) && !(1004..=1006).contains(&code);
            if !registered && !(3000..=4999).contains(&code) {
                return Err(ProtocolError::InvalidCloseCode(code));
            }
            std::str::from_utf8(reason).map(|_| ()).map_err(|_| ProtocolError::InvalidCloseReason)
        }
    }
}

/// Reads what a connection sent as strictly as a peer could, and gives its frames.
#[track_caller]
pub fn strict(from: Role, bytes: &[u8]) -> Vec<RawFrame> {
    use trunkline_proto::Limit;
    let mut limits = Limits::for_role(from.peer());
    limits.message_bytes = Limit::unbounded();
    limits.tiny_fragments = Limit::unbounded();
    limits.empty_fragments = Limit::unbounded();
    let decoded = decode(from, &limits, bytes);
    assert_eq!(decoded.error, None, "the connection broke a rule itself: {bytes:02x?}");
    let taken: usize = decoded.frames.iter().map(encoded_len).sum();
    assert_eq!(taken, bytes.len(), "half a frame, or bytes after a close frame");
    decoded.frames
}

fn encoded_len(frame: &RawFrame) -> usize {
    let len = frame.payload.len();
    let extra = if len < 126 {
        0
    } else if len < 65_536 {
        2
    } else {
        8
    };
    2 + extra + frame.key.map_or(0, |_| 4) + len
}
