//! §5.6, §8.1: bad text found at the earliest byte.

use trunkline_proto::{MessageKind, ProtocolError, QueueErrorKind};

use crate::support::*;

const INVALID: Option<ProtocolError> = Some(ProtocolError::InvalidUtf8);

/// Sequences that RFC 3629 §3 and §4 exclude.
const BAD: [&[u8]; 24] = [
    b"\xff",
    b"\xfe",
    b"\x80",
    b"\xbf",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xc2 ",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"a\xffb",
    b"\xc3\xc3",
    b"\xe2\x82\x28",
    b"\xf0\x9f\x98\x28",
    b"\xf0\x9f\x28\x80",
];

#[test]
fn sec_ut_01_s8_1_invalid_sequences_fail() {
    for bad in BAD {
        check(&[(0x81, bad)], &[], INVALID);
        check(&[(0x81, &[b"prefix ".as_slice(), bad, b" suffix"].concat())], &[], INVALID);
    }
}

/// All 256 first bytes with second bytes at the bounds of their ranges, against the standard library.
#[test]
fn sec_ut_01_s8_1_every_first_byte_with_boundary_seconds() {
    for first in 0..=255 {
        for second in [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
            for tail in [&b""[..], b"\x80", b"\x80\x80"] {
                let payload = [&[first, second], tail].concat();
                for role in ROLES {
                    let bytes = frame(role.peer(), 0x81, &payload);
                    let expected = std::str::from_utf8(&payload);
                    for cuts in [vec![], (1..bytes.len()).collect()] {
                        let got = run(role, &|_| (), &[], &bytes, &cuts);
                        assert_eq!(got.error.is_none(), expected.is_ok(), "{payload:02x?}");
                        assert_eq!(got.events.first(), expected.ok().map(text).as_ref());
                    }
                }
            }
        }
    }
}

#[test]
fn sec_ut_02_s8_1_invalid_sequences_split_over_fragments_fail() {
    for bad in BAD {
        for at in 0..=bad.len() {
            let (a, b) = bad.split_at(at);
            check(&[(0x01, a), (0x80, b)], &[], INVALID);
            check(&[(0x01, a), (0x00, b""), (0x89, b""), (0x80, b)][..2], &[], first_error(a));
        }
        let bytes: Vec<_> = bad.chunks(1).collect();
        let mut list: Vec<_> = bytes.iter().map(|byte| (0x00, *byte)).collect();
        list[0].0 = 0x01;
        list.push((0x80, b""));
        check(&list, &[], INVALID);
    }
}

/// What an unfinished text that begins like this must be answered with.
fn first_error(begun: &[u8]) -> Option<ProtocolError> {
    let error = std::str::from_utf8(begun).err()?;
    error.error_len().and(INVALID)
}

/// §8.1: refused at the first byte that nothing can follow, in a frame that has hardly begun.
#[test]
fn sec_ut_02_s8_1_fails_at_the_earliest_byte() {
    for role in ROLES {
        for (begun, impossible) in [
            (&b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"[..], 0xf5),
            (b"", 0xc0),
            (b"\xed", 0xa0),
            (b"\xf4", 0x90),
            (b"\xf0\x9f\x98", b'x'),
            (b"ascii", 0x80),
        ] {
            for promised in [100, 1000, 100_000] {
                for first in [0x01, 0x81] {
                    let mut driven = Driven::new(connection(role, |_| ()));
                    driven.feed(&header(role.peer(), first, promised));
                    let payload = [begun, &[impossible]].concat();
                    let masked = frame(role.peer(), first, &payload);
                    let masked = &masked[masked.len() - payload.len()..];
                    for byte in &masked[..begun.len()] {
                        driven.feed(&[*byte]);
                        assert_eq!(driven.error, None);
                    }
                    driven.feed(&masked[begun.len()..]);
                    assert_eq!(driven.error, INVALID, "{payload:02x?} of {promised}");
                }
            }
        }
    }
}

/// §5.4, §8.1: one character over four fragments, with pings between.
#[test]
fn sec_ut_03_s8_1_character_split_over_fragments_with_pings_between() {
    check(
        &[
            (0x01, &b"\xf0"[..]),
            (0x89, b"1"),
            (0x00, b"\x9f"),
            (0x00, b""),
            (0x8a, b""),
            (0x00, b"\x98"),
            (0x89, b"2"),
            (0x80, b"\x80"),
        ],
        &[ping(b"1"), Seen::Pong, ping(b"2"), text("😀")],
        None,
    );
}

#[test]
fn sec_ut_04_s8_1_text_that_ends_inside_a_character_fails() {
    for cut in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98", b"ok\xf0\x9f", b"\xe2"] {
        check(&[(0x81, cut)], &[], INVALID);
        check(&[(0x01, cut), (0x80, b"")], &[], INVALID);
        check(&[(0x01, &b""[..]), (0x80, cut)], &[], INVALID);
        // The next message does not finish it.
        check(&[(0x81, b"\xc3"), (0x81, b"\xa9")], &[], INVALID);
    }
}

#[test]
fn s8_1_valid_text_is_delivered_as_it_is() {
    for valid in [
        "",
        "a",
        "\0",
        "κόσμε",
        "😀😀",
        "\u{7f}\u{80}\u{7ff}\u{800}",
        "\u{d7ff}\u{e000}\u{fffd}\u{feff}",
        "\u{ffff}\u{10000}\u{10ffff}",
    ] {
        check(&[(0x81, valid)], &[text(valid)], None);
        for at in 0..=valid.len() {
            let (a, b) = valid.as_bytes().split_at(at);
            check(&[(0x01, a), (0x80, b)], &[text(valid)], None);
        }
    }
}

/// Long text, with characters across every bound that a fast path may have.
#[test]
fn s8_1_long_text_with_characters_across_blocks() {
    for shift in 0..4 {
        let long = format!("{}{}", "x".repeat(shift), "😀".repeat(9000));
        for role in ROLES {
            let mut bytes = frame(role.peer(), 0x81, long.as_bytes());
            for cuts in cuttings(bytes.len()).into_iter().take(20) {
                let got = run(role, &|_| (), &[], &bytes, &cuts);
                assert_eq!((got.events, got.error), (vec![text(&long)], None));
            }
            // One wrong byte near the end.
            let at = bytes.len() - 3;
            bytes[at] ^= 0x40;
            let got = run(role, &|_| (), &[], &bytes, &[20_000]);
            assert_eq!((got.events, got.error), (vec![], INVALID));
        }
    }
}

#[test]
fn sec_ut_07_s5_6_binary_may_be_anything() {
    for bad in BAD {
        check(&[(0x82, bad)], &[binary(bad)], None);
        let (a, b) = bad.split_at(1);
        check(&[(0x02, a), (0x80, b)], &[binary(bad)], None);
        check(&[(0x89, &bad[..bad.len().min(125)])], &[ping(bad)], None);
    }
}

/// §5.6 on the way out: text in chunks is checked all together.
#[test]
fn s5_6_sent_chunks_of_text_must_be_utf8_together() {
    for role in ROLES {
        for bad in BAD {
            let mut conn = connection(role, |_| ());
            assert_eq!(
                conn.queue_chunk(MessageKind::Text, bad, true),
                Err(QueueErrorKind::InvalidUtf8)
            );
            assert_eq!(drain(&mut conn), []);
            conn.queue_chunk(MessageKind::Binary, bad, true).unwrap();
        }
    }
}
