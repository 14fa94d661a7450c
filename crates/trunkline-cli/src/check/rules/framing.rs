//! Frames and fragments (RFC 6455 §5.1 to §5.4).

use crate::check::frame::{
    BINARY, BINARY_BEGINS, CLOSE, CONTINUATION, END, Length, PING, PONG, RSV1, TEXT, TEXT_BEGINS,
    frame, frame_with, promise, unmasked,
};
use crate::check::rule::{Rule, Variants, Verdict, fails};

const PROTOCOL_ERROR: &[u16] = &[1002];

pub(super) const RULES: &[Rule] = &[
    fails!(
        "frame-unmasked",
        "RFC 6455 §5.1",
        "a frame without a mask ends the connection with 1002",
        PROTOCOL_ERROR,
        no_mask
    ),
    fails!(
        "frame-reserved-bits",
        "RFC 6455 §5.2",
        "reserved bits without an extension end it with 1002",
        PROTOCOL_ERROR,
        reserved_bits
    ),
    fails!(
        "frame-reserved-data-opcodes",
        "RFC 6455 §5.2",
        "opcodes 3 to 7 end it with 1002",
        PROTOCOL_ERROR,
        data_opcodes
    ),
    fails!(
        "frame-reserved-control-opcodes",
        "RFC 6455 §5.2",
        "opcodes 11 to 15 end it with 1002",
        PROTOCOL_ERROR,
        control_opcodes
    ),
    fails!(
        "frame-length-not-shortest",
        "RFC 6455 §5.2",
        "a length that could be written shorter ends it with 1002",
        PROTOCOL_ERROR,
        not_shortest,
        Verdict::Deviation
    ),
    fails!(
        "frame-length-top-bit",
        "RFC 6455 §5.2",
        "a length with its top bit set ends it with 1002",
        &[1002, 1009],
        top_bit
    ),
    fails!(
        "fragment-stray",
        "RFC 6455 §5.4",
        "a continuation of nothing ends it with 1002",
        PROTOCOL_ERROR,
        stray
    ),
    fails!(
        "fragment-interleaved",
        "RFC 6455 §5.4",
        "a message inside an unfinished one ends it with 1002",
        PROTOCOL_ERROR,
        interleaved
    ),
    fails!(
        "control-too-long",
        "RFC 6455 §5.5",
        "a control frame of 126 bytes ends it with 1002",
        PROTOCOL_ERROR,
        long_control
    ),
    fails!(
        "control-fragmented",
        "RFC 6455 §5.5",
        "a control frame without FIN ends it with 1002",
        PROTOCOL_ERROR,
        fragmented_control
    ),
];

fn one(bytes: Vec<u8>) -> Variants {
    vec![(String::new(), bytes)]
}

fn named(variants: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> Variants {
    variants.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

fn no_mask() -> Variants {
    named([
        ("text", unmasked(TEXT, b"hello")),
        ("empty text", unmasked(TEXT, b"")),
        ("ping", unmasked(PING, b"hello")),
    ])
}

fn reserved_bits() -> Variants {
    const RSV2: u8 = 0x20;
    const RSV3: u8 = 0x10;
    named([
        ("RSV1 of a text", frame(TEXT | RSV1, b"hello")),
        ("RSV2 of a text", frame(TEXT | RSV2, b"hello")),
        ("RSV3 of a text", frame(TEXT | RSV3, b"hello")),
        ("RSV1 of a ping", frame(PING | RSV1, b"hello")),
        ("RSV2 of a close", frame(CLOSE | RSV2, &1000_u16.to_be_bytes())),
        ("RSV3 of a fragment", [frame(TEXT_BEGINS, b"a"), frame(END | RSV3, b"b")].concat()),
    ])
}

fn data_opcodes() -> Variants {
    (3..=7).map(|opcode| (format!("opcode {opcode}"), frame(END | opcode, b"hello"))).collect()
}

fn control_opcodes() -> Variants {
    (11..=15).map(|opcode| (format!("opcode {opcode}"), frame(END | opcode, b"hello"))).collect()
}

fn not_shortest() -> Variants {
    let key = [1, 2, 3, 4];
    named([
        ("5 in 16 bits", frame_with(TEXT, b"hello", Length::In16Bits, key)),
        ("125 in 16 bits", frame_with(BINARY, &[0; 125], Length::In16Bits, key)),
        ("300 in 64 bits", frame_with(BINARY, &[0; 300], Length::In64Bits, key)),
    ])
}

fn top_bit() -> Variants {
    one(promise(BINARY, 1 << 63, b""))
}

fn stray() -> Variants {
    named([
        ("the last of nothing", frame(END | CONTINUATION, b"hello")),
        ("not the last of nothing", frame(CONTINUATION, b"hello")),
        (
            "behind a whole message",
            [frame(TEXT, b"whole"), frame(END | CONTINUATION, b"hello")].concat(),
        ),
    ])
}

fn interleaved() -> Variants {
    named([
        ("text in text", [frame(TEXT_BEGINS, b"a"), frame(TEXT, b"b")].concat()),
        ("binary in text", [frame(TEXT_BEGINS, b"a"), frame(BINARY, b"b")].concat()),
        ("a fragment in binary", [frame(BINARY_BEGINS, b"a"), frame(TEXT_BEGINS, b"b")].concat()),
    ])
}

fn long_control() -> Variants {
    let close = [&1000_u16.to_be_bytes()[..], &[b'x'; 124]].concat();
    named([
        ("ping", frame(PING, &[b'x'; 126])),
        ("pong", frame(PONG, &[b'x'; 126])),
        ("close", frame(CLOSE, &close)),
    ])
}

fn fragmented_control() -> Variants {
    const FIN: u8 = 0x80;
    named([
        ("ping", frame(PING & !FIN, b"hello")),
        ("pong", frame(PONG & !FIN, b"hello")),
        ("close", frame(CLOSE & !FIN, &1000_u16.to_be_bytes())),
    ])
}
