//! A connection that has agreed on permessage-deflate (RFC 7692 §6): frames, cuts, limits, streams.

#![cfg(feature = "deflate")]

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use trunkline_proto::deflate::{Compressor, DeflateConfig, DeflateParams, Memory};
use trunkline_proto::limits::Settings;
use trunkline_proto::{
    Connection, Event, Input, Limit, MessageKind, Prepared, ProtocolError, Role,
};

use support::*;

const MODES: [Memory; 3] = [Memory::Dedicated, Memory::Hibernating, Memory::Stateless];

fn params(takeover: bool) -> DeflateParams {
    let mut params = DeflateParams::default();
    params.server_no_context_takeover = !takeover;
    params.client_no_context_takeover = !takeover;
    params
}

fn compressed(
    role: Role,
    memory: Memory,
    takeover: bool,
    change: impl FnOnce(&mut Settings),
) -> Connection {
    let config = DeflateConfig::new().memory(memory).context_takeover(takeover);
    connection(role, change).with_deflate(&config, params(takeover))
}

/// A payload in stored blocks, which needs no compressor: §7.2.3.3.
fn stored(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in payload.chunks(0xffff) {
        let len = block.len() as u16;
        out.push(0);
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    out.push(0);
    out
}

/// A payload that inflates to `len` times the letter z, a thousandth as long.
fn bomb(len: usize) -> Vec<u8> {
    let mut compressor =
        Compressor::new(&DeflateConfig::new(), DeflateParams::default(), Role::Server);
    let mut out = Vec::new();
    compressor.compress(&vec![b'z'; len], &mut out);
    assert!(out.len() < len / 100);
    out
}

/// What a stream of frames is made of, RSV1 included: first bytes and payloads.
fn split(from: Role, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while !rest.is_empty() {
        let short = usize::from(rest[1] & 0x7f);
        let (len, mut at) = match short {
            126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            127 => (u64::from_be_bytes(rest[2..10].try_into().unwrap()) as usize, 10),
            _ => (short, 2),
        };
        let mut key = [0; 4];
        if from == Role::Client {
            key.copy_from_slice(&rest[at..at + 4]);
            at += 4;
        }
        let payload = &rest[at..at + len];
        let unmasked = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        frames.push((rest[0], unmasked));
        rest = &rest[at + len..];
    }
    frames
}

/// Feeds `bytes` cut at `cuts`; chunks of a stream are joined.
fn hear(mut driven: Driven, bytes: &[u8], cuts: &[usize]) -> (Vec<Seen>, Option<ProtocolError>) {
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        driven.feed(&bytes[from..to]);
        from = to;
    }
    let (mut joined, mut begun) = (Vec::new(), Vec::new());
    for event in driven.events {
        match event {
            Seen::Chunk(kind, bytes, last) => {
                assert!(bytes.len() <= 16 << 10 && (last || !bytes.is_empty()));
                begun.extend(bytes);
                let bytes = if last { std::mem::take(&mut begun) } else { continue };
                joined.push(match kind {
                    MessageKind::Text => Seen::Text(String::from_utf8(bytes).unwrap()),
                    MessageKind::Binary => Seen::Binary(bytes),
                });
            }
            other => joined.push(other),
        }
    }
    twin::strict(driven.conn.role(), &drain(&mut driven.conn));
    (joined, driven.error)
}

/// Both ends, every memory mode, whole and streamed, in every way of cutting: the same events.
#[track_caller]
fn check_compressed(list: &[(u8, Vec<u8>)], events: &[Seen], error: Option<ProtocolError>) {
    for role in ROLES {
        let bytes = frames(role.peer(), list);
        for cuts in cuttings(bytes.len()) {
            for (i, memory) in MODES.into_iter().enumerate() {
                for streamed in [false, true] {
                    let takeover = i < 2;
                    let mut driven = Driven::new(compressed(role, memory, takeover, |_| ()));
                    driven.conn.receive_streamed(streamed);
                    let got = hear(driven, &bytes, &cuts);
                    assert_eq!(
                        (&got.0[..], got.1),
                        (events, error),
                        "{role:?} {memory:?} {cuts:?}"
                    );
                }
            }
        }
    }
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// §6.2: the bit on the first frame decides for the whole message, whatever the cut.
#[test]
fn s6_2_rsv1_decides_whether_a_message_is_decompressed() {
    check_compressed(&[(0xc1, HELLO.to_vec())], &[text("Hello")], None);
    check_compressed(&[(0xc2, HELLO.to_vec())], &[binary(b"Hello")], None);
    check_compressed(&[(0x82, HELLO.to_vec())], &[binary(&HELLO)], None);
    check_compressed(
        &[(0x41, HELLO[..3].to_vec()), (0x80, HELLO[3..].to_vec())],
        &[text("Hello")],
        None,
    );
    check_compressed(
        &[
            (0x41, vec![]),
            (0x89, b"p".to_vec()),
            (0x00, HELLO[..1].to_vec()),
            (0x00, vec![]),
            (0x8a, vec![]),
            (0x00, HELLO[1..].to_vec()),
            (0x80, vec![]),
            (0x81, b"plain".to_vec()),
            (0xc1, stored(b"stored")),
            (0xc2, vec![0]),
        ],
        &[ping(b"p"), Seen::Pong, text("Hello"), text("plain"), text("stored"), binary(b"")],
        None,
    );
}

#[test]
fn sec_pd_07_s6_2_rsv1_on_a_continuation_fails() {
    let error = Some(ProtocolError::ReservedBits);
    for first in [0x02, 0x42] {
        for next in [0x40, 0xc0] {
            check_compressed(&[(first, stored(b"a")), (next, stored(b"b"))], &[], error);
        }
    }
}

#[test]
fn s6_2_rsv1_on_a_continuation_fails() {
    let list = [(0x42, HELLO[..3].to_vec()), (0xc0, HELLO[3..].to_vec())];
    check_compressed(&list, &[], Some(ProtocolError::ReservedBits));
}

#[test]
fn s6_2_rsv1_on_a_control_frame_fails() {
    for first in [0xc8, 0xc9, 0xca] {
        check_compressed(&[(first, vec![])], &[], Some(ProtocolError::ReservedBits));
        let list = [(0x41, HELLO[..3].to_vec()), (first, stored(b"x"))];
        check_compressed(&list, &[], Some(ProtocolError::ReservedBits));
    }
}

/// RSV2 and RSV3 still mean nothing.
#[test]
fn sec_fr_02_reserved_bits_fail_with_deflate_too() {
    for rsv in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
        check_compressed(&[(0x81 | rsv, HELLO.to_vec())], &[], Some(ProtocolError::ReservedBits));
    }
}

#[test]
fn s6_2_rsv1_without_the_extension_fails() {
    for first in [0xc1, 0xc2, 0x41] {
        check(&[(first, HELLO)], &[], Some(ProtocolError::ReservedBits));
    }
}

/// §6.2, RFC 6455 §8.1: what is checked is what was compressed; a frame may end anywhere.
#[test]
fn sec_ut_05_s6_2_rsv1_text_is_checked_after_decompression() {
    let invalid = Some(ProtocolError::InvalidUtf8);
    check_compressed(&[(0xc1, stored("é😀".as_bytes()))], &[text("é😀")], None);
    for bad in [&b"\xff"[..], b"ok\xc0\x80", b"\xed\xa0\x80", b"cut \xf0\x9f\x98"] {
        check_compressed(&[(0xc1, stored(bad))], &[], invalid);
        check_compressed(&[(0xc2, stored(bad))], &[binary(bad)], None);
    }
    let all = stored("😀".as_bytes());
    for at in 0..=all.len() {
        let (a, b) = all.split_at(at);
        check_compressed(&[(0x41, a.to_vec()), (0x80, b.to_vec())], &[text("😀")], None);
    }
}

#[test]
fn s6_2_rsv1_text_is_checked_after_decompression() {
    // Compressed bytes are hardly ever UTF-8, and need not be.
    check_compressed(&[(0xc1, HELLO.to_vec())], &[text("Hello")], None);
    check_compressed(&[(0xc1, stored(b"\xff"))], &[], Some(ProtocolError::InvalidUtf8));
}

/// Corrupt data closes with 1002, and never hangs.
#[test]
fn sec_pd_08_corrupt_messages_fail() {
    let error = Some(ProtocolError::InvalidDeflate);
    // A block of the reserved type, a stored block whose lengths disagree, an empty payload.
    check_compressed(&[(0xc1, vec![0x06])], &[], error);
    check_compressed(&[(0xc2, vec![0, 1, 0, 0, 0, b'x', 0])], &[], error);
    check_compressed(&[(0xc2, vec![])], &[], error);
    let truncated = stored(b"truncated")[..9].to_vec();
    check_compressed(&[(0xc2, truncated)], &[], error);
    for role in ROLES {
        for bit in 0..HELLO.len() * 8 {
            let mut payload = HELLO;
            payload[bit / 8] ^= 1 << (bit % 8);
            let bytes = frame(role.peer(), 0xc2, &payload);
            let fresh = || Driven::new(compressed(role, Memory::Dedicated, true, |_| ()));
            let whole = hear(fresh(), &bytes, &[]);
            let everywhere: Vec<_> = (1..bytes.len()).collect();
            assert_eq!(hear(fresh(), &bytes, &everywhere), whole, "bit {bit}");
            assert!(matches!(whole.1, None | Some(ProtocolError::InvalidDeflate)));
        }
    }
}

/// Of several things that are wrong, the first is told, wherever the transport cut the bytes.
#[test]
fn sec_pd_08_the_earliest_fault_is_told_at_every_cut() {
    // A stored block, then one of the reserved type.
    let broken_off = |payload: &[u8]| {
        let mut out = stored(payload);
        *out.last_mut().unwrap() = 0x06;
        out
    };
    check_compressed(&[(0xc1, broken_off(b"ok"))], &[], Some(ProtocolError::InvalidDeflate));
    check_compressed(&[(0xc1, broken_off(b"ok\xff"))], &[], Some(ProtocolError::InvalidUtf8));

    let too_big = ProtocolError::MessageTooBig { limit: 8 };
    for (payload, error) in [
        (broken_off(b"12345678"), ProtocolError::InvalidDeflate),
        (broken_off(b"123456789"), too_big),
        (stored(b"1234567\xff9"), ProtocolError::InvalidUtf8),
        (stored(b"12345678\xff"), too_big),
    ] {
        for role in ROLES {
            let bytes = frame(role.peer(), 0xc1, &payload);
            for cuts in cuttings(bytes.len()) {
                let driven = Driven::new(compressed(role, Memory::Dedicated, true, |settings| {
                    settings.limits.message_bytes = Limit::at_most(8);
                }));
                assert_eq!(hear(driven, &bytes, &cuts), (vec![], Some(error)), "{cuts:?}");
            }
        }
    }
}

/// What the bytes that came stand for is heard at once, not with the next ones: a step that was full is
/// followed by another.
#[test]
fn all_that_came_is_heard_at_every_cut() {
    let payload = bomb(100_000);
    for role in ROLES {
        let bytes = frame(role.peer(), 0xc2, &payload);
        let hear = |bytes: &[u8], part: usize| {
            let mut driven = Driven::new(compressed(role, Memory::Hibernating, true, |_| ()));
            driven.conn.receive_streamed(true);
            bytes.chunks(part).for_each(|part| driven.feed(part));
            let len = |event: &Seen| match event {
                Seen::Chunk(_, bytes, _) => bytes.len(),
                _ => panic!("{event:?}"),
            };
            driven.events.iter().map(len).sum::<usize>()
        };
        for end in 1..=bytes.len() {
            let whole = hear(&bytes[..end], end);
            assert_eq!(hear(&bytes[..end], 1), whole, "{role:?} {end} of {}", bytes.len());
        }
        assert_eq!(hear(&bytes, 7), 100_000);
    }
}

#[test]
fn sec_pd_03_the_limit_is_for_what_comes_out() {
    const LIMIT: usize = 40_000;
    let change = |settings: &mut Settings| {
        settings.limits.message_bytes = Limit::at_most(LIMIT);
        settings.limits.frame_bytes = Limit::at_most(2 * LIMIT);
    };
    let too_big = Some(ProtocolError::MessageTooBig { limit: LIMIT });
    for role in ROLES {
        for first in [0xc1, 0xc2] {
            for (len, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
                for payload in [stored(&vec![b'z'; len]), bomb(len)] {
                    let bytes = frame(role.peer(), first, &payload);
                    for cuts in [vec![], vec![bytes.len() / 2], vec![bytes.len() - 1]] {
                        let driven = Driven::new(compressed(role, Memory::Dedicated, true, change));
                        let (events, error) = hear(driven, &bytes, &cuts);
                        assert_eq!(events.len(), usize::from(fits), "{len}");
                        assert_eq!(error, if fits { None } else { too_big });
                    }
                }
            }
        }
    }
}

/// SEC-PD-04: the limit of a frame is for what comes in, the limit of a message for what comes out; neither stands in
/// for the other.
#[test]
fn sec_pd_04_a_small_frame_may_not_inflate_beyond_a_message() {
    let change = |settings: &mut Settings| {
        settings.limits.frame_bytes = Limit::at_most(1000);
        settings.limits.message_bytes = Limit::at_most(4000);
    };
    let hear_one = |role: Role, payload: &[u8]| {
        let driven = Driven::new(compressed(role, Memory::Dedicated, true, change));
        hear(driven, &frame(role.peer(), 0xc2, payload), &[])
    };
    for role in ROLES {
        let payload = bomb(4001);
        assert!(payload.len() < 100);
        let too_big = ProtocolError::MessageTooBig { limit: 4000 };
        assert_eq!(hear_one(role, &payload), (vec![], Some(too_big)));
        assert!(hear_one(role, &bomb(4000)) == (vec![binary(&[b'z'; 4000])], None));
        let too_big = ProtocolError::FrameTooBig { limit: 1000 };
        assert_eq!(hear_one(role, &stored(&[7; 1001])), (vec![], Some(too_big)));
    }
}

/// The cap holds while a bomb goes off, and its memory with it.
#[test]
fn sec_pd_01_a_bomb_stops_at_the_cap() {
    const LIMIT: usize = 1 << 16;
    let payload = bomb(4 << 20);
    for role in ROLES {
        for pieces in [payload.len() + 14, 100, 1] {
            let mut driven = Driven::new(compressed(role, Memory::Hibernating, true, |settings| {
                settings.limits.message_bytes = Limit::at_most(LIMIT);
            }));
            for piece in frame(role.peer(), 0xc2, &payload).chunks(pieces) {
                driven.feed(piece);
                let memory = driven.conn.memory_bytes();
                assert!(memory <= 2 * LIMIT + (160 << 10), "{memory}");
            }
            assert_eq!(driven.error, Some(ProtocolError::MessageTooBig { limit: LIMIT }));
            assert_eq!(driven.events, []);
        }
    }
}

/// SEC-PD-02: nor does it help to cut the bomb into frames of a byte each: their sum counts, and if it
/// would not, their number does.
#[test]
fn sec_pd_02_a_bomb_in_frames_of_one_byte_stops_at_the_cap() {
    let payload = bomb(4 << 20);
    for role in ROLES {
        for (limit, error) in [
            (1 << 16, ProtocolError::MessageTooBig { limit: 1 << 16 }),
            (8 << 20, ProtocolError::TooManyTinyFragments),
        ] {
            let mut driven = Driven::new(compressed(role, Memory::Hibernating, true, |settings| {
                settings.limits.message_bytes = Limit::at_most(limit);
            }));
            for (i, byte) in payload.iter().enumerate() {
                let first = if i == 0 { 0x42 } else { 0x00 };
                driven.feed(&frame(role.peer(), first, &[*byte]));
                let memory = driven.conn.memory_bytes();
                assert!(memory <= 2 * limit + (160 << 10), "{memory}");
            }
            assert_eq!((driven.error, driven.events), (Some(error), vec![]));
        }
    }
}

/// Not asking for more is the backpressure for inflated bytes as well: 16 KiB at a time.
#[test]
fn a_streamed_bomb_comes_in_steps() {
    let payload = bomb(1 << 20);
    for role in ROLES {
        let mut conn = compressed(role, Memory::Hibernating, true, |_| ());
        conn.receive_streamed(true);
        let mut bytes = frame(role.peer(), 0xc2, &payload);
        let mut input = Input::new(&mut bytes);
        let (mut received, mut ended) = (0, false);
        while !ended {
            let Ok(Some(Event::Chunk(chunk))) = conn.poll_event(&mut input, start()) else {
                panic!("after {received} bytes");
            };
            assert!(chunk.bytes.len() <= 16 << 10 && chunk.bytes.iter().all(|it| *it == b'z'));
            received += chunk.bytes.len();
            ended = chunk.last;
            assert!(conn.memory_bytes() <= 160 << 10, "{}", conn.memory_bytes());
        }
        assert_eq!(received, 1 << 20);
    }
}

/// A message that compresses well, not twice the same.
fn json(number: usize) -> String {
    let item = |i: usize| format!("{{\"id\":{},\"price\":{}}},", number * 100 + i, i * number);
    (0..20).map(item).collect()
}

#[test]
fn s6_1_rsv1_marks_the_first_frame_of_a_compressed_message() {
    for role in ROLES {
        let mut conn = compressed(role, Memory::Dedicated, true, |_| ());
        conn.queue(json(1).as_str()).unwrap();
        conn.queue(json(2)).unwrap();
        conn.queue(json(3).as_bytes()).unwrap();
        conn.queue(&Prepared::new(json(4))).unwrap();
        conn.queue("tiny").unwrap();
        conn.queue(&Prepared::new("tiny")).unwrap();
        let frames = split(role, &drain(&mut conn));
        let firsts: Vec<_> = frames.iter().map(|it| it.0).collect();
        assert_eq!(firsts, [0xc1, 0xc1, 0xc2, 0xc1, 0x81, 0x81]);
        assert!(frames[..4].iter().all(|it| it.1.len() < json(1).len() / 2));
    }
}

#[test]
fn s6_1_rsv1_is_never_sent_on_a_continuation() {
    for role in ROLES {
        for memory in MODES {
            let mut conn = compressed(role, memory, true, |_| ());
            conn.queue_chunk(MessageKind::Text, json(1).as_bytes(), false).unwrap();
            conn.queue_chunk(MessageKind::Text, json(2).as_bytes(), false).unwrap();
            conn.queue_chunk(MessageKind::Text, b"", true).unwrap();
            let bytes = drain(&mut conn);
            let firsts: Vec<_> = split(role, &bytes).iter().map(|it| it.0).collect();
            assert_eq!(firsts, [0x41, 0x00, 0x80]);
            let driven = Driven::new(compressed(role.peer(), memory, true, |_| ()));
            assert_eq!(hear(driven, &bytes, &[]), (vec![text(&(json(1) + &json(2)))], None));
        }
    }
}

#[test]
fn s6_1_rsv1_is_never_sent_on_a_control_frame() {
    for role in ROLES {
        let mut driven = Driven::new(compressed(role, Memory::Dedicated, true, |_| ()));
        driven.feed(&frame(role.peer(), 0x89, &[b'p'; 125]));
        driven.conn.ping(start());
        let reason = "r".repeat(123);
        driven.conn.close(trunkline_proto::CloseCode::NORMAL, &reason, start());
        let frames = split(role, &driven.drain());
        assert_eq!(frames.iter().map(|it| it.0).collect::<Vec<_>>(), [0x8a, 0x89, 0x88]);
        assert_eq!(frames[0].1, [b'p'; 125]);
        assert_eq!(frames[2].1, close_payload(1000, reason));
    }
}

#[test]
fn s6_1_uncompressed_message_leaves_the_context_alone() {
    for role in ROLES {
        for memory in [Memory::Dedicated, Memory::Hibernating] {
            let mut conn = compressed(role, memory, true, |_| ());
            let messages = [json(1), "tiny".into(), json(1), "tiny".into(), json(1)];
            messages.iter().for_each(|it| conn.queue(it).unwrap());
            let bytes = drain(&mut conn);
            let frames = split(role, &bytes);
            assert!(frames[2].1.len() * 4 < frames[0].1.len(), "it refers to the first");
            assert!(frames[4].1.len() * 4 < frames[0].1.len());
            let expected: Vec<_> = messages.iter().map(|it| text(it)).collect();
            for cuts in cuttings(bytes.len()).into_iter().take(30) {
                let driven = Driven::new(compressed(role.peer(), memory, true, |_| ()));
                assert_eq!(hear(driven, &bytes, &cuts), (expected.clone(), None));
            }
        }
    }
}

/// Property: whatever is sent, in whatever way, arrives, in all modes and cut anywhere.
#[test]
fn any_messages_arrive() {
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let (role, memory) = (*random.pick(&ROLES), *random.pick(&MODES));
        let takeover = memory != Memory::Stateless && random.chance(2);
        let mut conn = compressed(role, memory, takeover, |settings| {
            settings.limits.send_high_water_bytes = Limit::unbounded();
        });
        let mut expected = Vec::new();
        for number in 0..random.below(10) {
            let message = match random.below(3) {
                0 => json(number),
                1 => "tiny".into(),
                _ => json(number).repeat(random.below(40)),
            };
            match random.below(4) {
                0 => conn.queue(&message).unwrap(),
                1 => conn.queue(message.clone()).unwrap(),
                2 => conn.queue(&Prepared::new(message.clone())).unwrap(),
                _ => {
                    let cut = random.below(message.len() + 1);
                    let (a, b) = message.as_bytes().split_at(cut);
                    conn.queue_chunk(MessageKind::Text, a, false).unwrap();
                    conn.ping(start());
                    conn.queue_chunk(MessageKind::Text, b, true).unwrap();
                }
            }
            expected.push(text(&message));
        }
        let bytes = drain(&mut conn);
        let mut cuts: Vec<_> = (0..20).map(|_| random.below(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        for cuts in [vec![], cuts, (1..bytes.len()).step_by(7).collect()] {
            for streamed in [false, true] {
                let mut driven = Driven::new(compressed(role.peer(), memory, takeover, |_| ()));
                driven.conn.receive_streamed(streamed);
                let (mut events, error) = hear(driven, &bytes, &cuts);
                events.retain(|event| !matches!(event, Seen::Ping(_)));
                assert_eq!((events, error), (expected.clone(), None), "seed {seed}");
            }
        }
    }
}

/// An idle connection without takeover keeps nothing between two messages.
#[test]
fn sec_pd_09_an_idle_connection_without_takeover_keeps_next_to_nothing() {
    for role in ROLES {
        for memory in [Memory::Hibernating, Memory::Stateless] {
            let mut driven = Driven::new(compressed(role, memory, false, |_| ()));
            driven.feed(&frame(role.peer(), 0xc2, &bomb(30_000)));
            driven.conn.queue(json(1).repeat(30)).unwrap();
            driven.drain();
            driven.conn.reclaim_buffer();
            assert!(driven.conn.memory_bytes() <= 4 << 10, "{}", driven.conn.memory_bytes());
        }
    }
}

/// Whoever compresses decides for each message whether that pays: none goes past that.
#[test]
fn what_may_be_compressed_is_no_plain_frame() {
    let mut conn = compressed(Role::Server, Memory::Dedicated, true, |_| ());
    conn.lend_buffer(Vec::with_capacity(1 << 10));
    assert!(!conn.sending().queue_plain(&"a".into()));
    assert_eq!(conn.transmit_bytes(), 0);
}
