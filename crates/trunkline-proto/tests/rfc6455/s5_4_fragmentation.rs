//! §5.4: the order of fragments, control frames between them.

use trunkline_proto::{Limit, MessageKind, ProtocolError};

use crate::support::*;
use crate::twin;

#[test]
fn sec_fg_01_s5_4_fragments_out_of_order_fail() {
    let unexpected = Some(ProtocolError::UnexpectedContinuation);
    let expected = Some(ProtocolError::ExpectedContinuation);
    for (first, second) in [(0x00, 0x80), (0x80, 0x80)] {
        check(&[(first, "a")], &[], unexpected);
        check(&[(first, "")], &[], unexpected);
        check(&[(0x81, "a"), (second, "b")], &[text("a")], unexpected);
        check(&[(0x01, "a"), (0x80, "b"), (first, "c")], &[text("ab")], unexpected);
    }
    for begin in [0x01, 0x02] {
        for next in [0x01, 0x02, 0x81, 0x82] {
            check(&[(begin, "a"), (next, "b")], &[], expected);
            check(&[(begin, ""), (next, "")], &[], expected);
            check(&[(begin, "a"), (0x00, "b"), (next, "c")], &[], expected);
        }
    }
}

#[test]
fn s5_4_fragments_make_one_message_of_the_first_ones_kind() {
    check(&[(0x01, "a"), (0x80, "b")], &[text("ab")], None);
    check(&[(0x02, "a"), (0x80, "b")], &[binary(b"ab")], None);
    check(&[(0x01, "a"), (0x00, "b"), (0x00, "c"), (0x80, "d")], &[text("abcd")], None);
    check(&[(0x01, ""), (0x00, ""), (0x80, "")], &[text("")], None);
    check(&[(0x02, ""), (0x80, "x")], &[binary(b"x")], None);
    check(&[(0x02, "x"), (0x80, "")], &[binary(b"x")], None);
    check(&[(0x01, "a"), (0x80, "b"), (0x81, "c")], &[text("ab"), text("c")], None);
}

/// §5.4: fragments of any size, also longer than what is handed out in place.
#[test]
fn s5_4_large_fragments_are_put_together() {
    let part = vec![b'p'; 9000];
    let whole = "p".repeat(27_000);
    for role in ROLES {
        for first in [0x01, 0x02] {
            let bytes = frames(role.peer(), &[(first, &part), (0x00, &part), (0x80, &part)]);
            let event = if first == 1 { text(&whole) } else { binary(whole.as_bytes()) };
            for cuts in cuttings(bytes.len()).into_iter().take(14) {
                let got = run(role, &|_| (), &[], &bytes, &cuts);
                assert_eq!((got.events, got.error), (vec![event.clone()], None));
            }
        }
    }
}

#[test]
fn sec_fg_09_s5_4_control_frames_between_fragments() {
    check(
        &[(0x01, "a"), (0x89, "1"), (0x00, "b"), (0x8a, ""), (0x89, "2"), (0x80, "c")],
        &[ping(b"1"), Seen::Pong, ping(b"2"), text("abc")],
        None,
    );
    // A thousand, with a peer that reads: every ping is answered.
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        let mut sent = Vec::new();
        for i in 0..1000_u32 {
            let first = if i == 0 { 0x02 } else { 0x00 };
            driven.feed(&frame(role.peer(), first, &[b'x'; 64]));
            driven.feed(&frame(role.peer(), 0x89, &i.to_be_bytes()));
            driven.feed(&frame(role.peer(), 0x8a, b"unasked"));
            driven.feed(&frame(role.peer(), 0x89, b""));
            sent.extend(driven.drain());
        }
        driven.feed(&frame(role.peer(), 0x80, b""));
        assert_eq!(driven.error, None);
        assert_eq!(driven.events.len(), 3001);
        assert_eq!(driven.events[3000], binary(&[b'x'; 64_000]));
        let pongs = twin::strict(role, &sent);
        assert_eq!(pongs.len(), 2000);
        assert!(pongs.iter().all(|it| it.first == 0x8a));
        assert_eq!(pongs[1998].payload, 999_u32.to_be_bytes());
    }
}

/// §5.5.1: a close frame between fragments ends the connection, and the message is never told.
#[test]
fn s5_4_close_between_fragments() {
    check(&[(0x01, "a"), (0x88, "")], &[Seen::Closed], None);
    check(&[(0x01, "a"), (0x88, ""), (0x80, "b")], &[Seen::Closed], None);
}

#[test]
fn sec_fg_02_fragments_that_sum_to_more_than_a_message_fail_at_the_header() {
    let change = |settings: &mut trunkline_proto::limits::Settings| {
        settings.limits.message_bytes = Limit::at_most(300);
        settings.limits.frame_bytes = Limit::at_most(150);
    };
    let part = [b'p'; 150];
    let too_big = Some(ProtocolError::MessageTooBig { limit: 300 });
    let whole = [binary(&[b'p'; 300])];
    check_with(&change, &[(0x02, &part[..]), (0x80, &part)], &whole, None);
    check_with(&change, &[(0x02, &part[..]), (0x00, &part), (0x80, b"")], &whole, None);
    for role in ROLES {
        // Not a byte of the payload has to come.
        let mut bytes = frames(role.peer(), &[(0x02, &part), (0x00, &part)]);
        bytes.extend(header(role.peer(), 0x80, 1));
        check_bytes(role, &change, &bytes, &[], too_big);
    }
}

#[test]
fn sec_fg_04_s10_4_many_tiny_fragments_fail() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        let one = frame(role.peer(), 0x00, b"x");
        driven.feed(&frame(role.peer(), 0x02, b"x"));
        let mut count = 1;
        while driven.error.is_none() {
            driven.feed(&one);
            count += 1;
            assert!(driven.conn.memory_bytes() <= 4 << 10, "{}", driven.conn.memory_bytes());
        }
        assert_eq!((count, driven.error), (1025, Some(ProtocolError::TooManyTinyFragments)));
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent[0].payload[..2], 1008_u16.to_be_bytes());
    }
}

#[test]
fn sec_fg_05_s10_4_many_empty_fragments_fail() {
    let mut list = vec![(0x02, "x")];
    list.extend([(0x00, ""); 64]);
    let last = [&list[..], &[(0x80, "y")]].concat();
    check(&last, &[binary(b"xy")], None);
    let too_many = [&list[..], &[(0x80, "")]].concat();
    check(&too_many, &[], Some(ProtocolError::TooManyEmptyFragments));
}

/// §5.4 on the way out: the first frame carries the opcode, the others are continuations, the last has FIN.
#[test]
fn s5_4_sent_chunks_are_fragments() {
    for role in ROLES {
        for (kind, first) in [(MessageKind::Text, 0x01), (MessageKind::Binary, 0x02)] {
            let mut conn = connection(role, |_| ());
            conn.queue_chunk(kind, b"a", false).unwrap();
            conn.queue_chunk(kind, b"", false).unwrap();
            conn.ping(start());
            conn.queue_chunk(kind, b"b", true).unwrap();
            conn.queue_chunk(kind, b"alone", true).unwrap();
            let sent = twin::strict(role, &drain(&mut conn));
            let firsts: Vec<_> = sent.iter().map(|it| it.first).collect();
            assert_eq!(firsts, [first, 0x00, 0x89, 0x80, 0x80 | first]);
        }
    }
}
