//! Each bound that a peer, or a caller, can run into: one under, at, and one over.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use std::time::Duration;

use trunkline_proto::limits::{Limits, Settings, TINY_FRAGMENT_BYTES};
use trunkline_proto::{
    CloseCode, Limit, MessageKind, Prepared, ProtocolError, QueueErrorKind, Role,
};

use support::*;

/// The sizes at which some path or other begins: in the header, in place, in blocks, in buffers.
const SIZES: [usize; 15] =
    [0, 1, 2, 63, 64, 124, 125, 126, 127, 4096, 8191, 8192, 8193, 65_535, 65_536];

fn no_event_but(error: ProtocolError) -> (Vec<Seen>, Option<ProtocolError>) {
    (vec![], Some(error))
}

/// A message of exactly the limit is delivered, one byte more closes with 1009, on every path.
#[test]
fn sec_fr_08_message_bytes_is_inclusive() {
    for role in ROLES {
        for limit in SIZES {
            let change = |settings: &mut Settings| {
                settings.limits.message_bytes = Limit::at_most(limit);
            };
            for (len, fits) in [(limit.saturating_sub(1), true), (limit, true), (limit + 1, false)]
            {
                for first in [0x81, 0x82] {
                    let payload = vec![b'm'; len];
                    let bytes = frame(role.peer(), first, &payload);
                    let event =
                        if first == 0x81 { text(&"m".repeat(len)) } else { binary(&payload) };
                    let expected = if fits {
                        (vec![event], None)
                    } else {
                        no_event_but(ProtocolError::MessageTooBig { limit })
                    };
                    for cuts in [vec![], vec![1], vec![bytes.len() / 2], vec![bytes.len() - 1]] {
                        let got = run(role, &change, &[], &bytes, &cuts);
                        assert_eq!((got.events, got.error), expected, "{role:?} {len} of {limit}");
                    }
                }
            }
        }
    }
}

#[test]
fn sec_fr_08_frame_bytes_is_inclusive() {
    for role in ROLES {
        for limit in SIZES {
            let change = |settings: &mut Settings| {
                settings.limits.frame_bytes = Limit::at_most(limit);
            };
            for (len, fits) in [(limit.saturating_sub(1), true), (limit, true), (limit + 1, false)]
            {
                let payload = vec![b'm'; len];
                for list in [vec![(0x82, &payload[..])], vec![(0x02, b""), (0x80, &payload)]] {
                    let bytes = frames(role.peer(), &list);
                    let expected = if fits {
                        (vec![binary(&payload)], None)
                    } else {
                        no_event_but(ProtocolError::FrameTooBig { limit })
                    };
                    for cuts in [vec![], vec![1], vec![bytes.len() - 1]] {
                        let got = run(role, &change, &[], &bytes, &cuts);
                        assert_eq!((got.events, got.error), expected, "{role:?} {len} of {limit}");
                    }
                }
            }
        }
    }
}

/// A character that a fragment begins counts from its first byte.
#[test]
fn sec_fr_08_message_bytes_counts_unfinished_characters() {
    let change = |settings: &mut Settings| settings.limits.message_bytes = Limit::at_most(8);
    let error = Some(ProtocolError::MessageTooBig { limit: 8 });
    for begun in 1..4 {
        let (a, b) = "four😀".as_bytes().split_at(4 + begun);
        check_with(&change, &[(0x01, a), (0x80, b)], &[text("four😀")], None);
        let (a, b) = "four😀5".as_bytes().split_at(4 + begun);
        check_with(&change, &[(0x01, a), (0x80, b)], &[], error);
    }
}

/// Control frames are bounded by §5.5, not by what messages may take.
#[test]
fn control_frames_are_not_bounded_by_message_limits() {
    let change = |settings: &mut Settings| {
        settings.limits.message_bytes = Limit::at_most(0);
        settings.limits.frame_bytes = Limit::at_most(0);
    };
    check_with(&change, &[(0x89, [1; 125])], &[ping(&[1; 125])], None);
    check_with(&change, &[(0x82, "")], &[binary(b"")], None);
}

/// Streamed messages are bounded by the frame alone.
#[test]
fn streamed_messages_are_not_bounded_by_message_bytes() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.limits.message_bytes = Limit::at_most(10);
            settings.limits.frame_bytes = Limit::at_most(100);
        }));
        driven.conn.receive_streamed(true);
        driven.feed(&frames(role.peer(), &[(0x02, [1; 100]), (0x00, [2; 100])]));
        assert_eq!((driven.events.len(), driven.error), (2, None));
        driven.feed(&header(role.peer(), 0x80, 101));
        assert_eq!(driven.error, Some(ProtocolError::FrameTooBig { limit: 100 }));
    }
}

/// A list of fragments of `len` bytes each, `count` of them, the first and last included.
fn fragments(count: usize, len: usize) -> Vec<(u8, Vec<u8>)> {
    let first = |i| if i == 0 { 0x02 } else { 0x00 } | if i + 1 == count { 0x80 } else { 0 };
    (0..count).map(|i| (first(i), vec![b'f'; len])).collect()
}

#[track_caller]
fn check_fragments(
    change: &dyn Fn(&mut Settings),
    count: usize,
    len: usize,
    error: Option<ProtocolError>,
) {
    for role in ROLES {
        let bytes = frames(role.peer(), &fragments(count, len));
        let expected =
            if error.is_none() { vec![binary(&vec![b'f'; count * len])] } else { vec![] };
        for cuts in [vec![], vec![bytes.len() / 2], (1..bytes.len()).collect()] {
            let got = run(role, change, &[], &bytes, &cuts);
            assert_eq!((got.events, got.error), (expected.clone(), error), "{count} of {len}");
        }
    }
}

#[test]
fn tiny_fragments_is_inclusive() {
    let error = Some(ProtocolError::TooManyTinyFragments);
    for limit in [2, 3, 10] {
        let change = |settings: &mut Settings| {
            settings.limits.tiny_fragments = Limit::at_most(limit);
        };
        for len in [1, TINY_FRAGMENT_BYTES - 1] {
            check_fragments(&change, limit - 1, len, None);
            check_fragments(&change, limit, len, None);
            check_fragments(&change, limit + 1, len, error);
        }
        // Of this size, any number.
        check_fragments(&change, 100, TINY_FRAGMENT_BYTES, None);
    }
    check_fragments(&|_| (), 1024, 1, None);
    check_fragments(&|_| (), 1025, 1, error);
}

#[test]
fn empty_fragments_is_inclusive() {
    let error = Some(ProtocolError::TooManyEmptyFragments);
    for limit in [2, 3, 10] {
        let change = |settings: &mut Settings| {
            settings.limits.empty_fragments = Limit::at_most(limit);
        };
        check_fragments(&change, limit - 1, 0, None);
        check_fragments(&change, limit, 0, None);
        check_fragments(&change, limit + 1, 0, error);
    }
    check_fragments(&|_| (), 64, 0, None);
    check_fragments(&|_| (), 65, 0, error);
}

/// The counts are of one message: the next begins anew, and whole messages are no fragments.
#[test]
fn fragment_counts_begin_anew_with_each_message() {
    let change = |settings: &mut Settings| {
        settings.limits.tiny_fragments = Limit::at_most(2);
        settings.limits.empty_fragments = Limit::at_most(1);
    };
    let list = [(0x02, "a"), (0x80, "b")].repeat(5);
    check_with(&change, &list, &vec![binary(b"ab"); 5], None);
    let list = [(0x82, "")].repeat(10);
    check_with(&change, &list, &vec![binary(b""); 10], None);
}

/// `Full` comes when as much waits as the limit says, not a byte before; one message may go beyond.
#[test]
fn send_high_water_bytes_is_where_full_begins() {
    for role in ROLES {
        // The frames are headers of 2 or 6 bytes and one of payload.
        let frame_len = frame(role, 0x82, b"x").len();
        for messages in [1, 2, 10] {
            for (limit, taken) in [
                (frame_len * messages - 1, messages),
                (frame_len * messages, messages),
                (frame_len * messages + 1, messages + 1),
            ] {
                let mut conn = connection(role, |settings| {
                    settings.limits.send_high_water_bytes = Limit::at_most(limit);
                });
                for _ in 0..taken {
                    assert!(!conn.is_above_high_water());
                    conn.queue(b"x").unwrap();
                }
                assert!(conn.is_above_high_water());
                assert_eq!(conn.refusal(), Some(QueueErrorKind::Full));
                let error = conn.queue("keep me").unwrap_err();
                assert_eq!(error.kind(), QueueErrorKind::Full);
                assert_eq!(error.into_outgoing().as_bytes(), b"keep me");
                assert_eq!(
                    conn.queue_chunk(MessageKind::Text, b"x", true),
                    Err(QueueErrorKind::Full)
                );
                // One byte less waits, and there is room again if there was just enough.
                conn.transmitted(taken * frame_len - limit + 1, start());
                conn.queue(b"x").unwrap();
            }
        }
        let mut conn = connection(role, |_| ());
        conn.queue(vec![0; 1 << 20]).unwrap();
        assert_eq!(conn.refusal(), Some(QueueErrorKind::Full));
    }
}

/// Control frames do not wait for room: they are few and small.
#[test]
fn control_frames_go_beyond_the_high_water() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.limits.send_high_water_bytes = Limit::at_most(1);
        }));
        driven.conn.queue(b"x").unwrap();
        driven.feed(&frame(role.peer(), 0x89, b"p"));
        driven.conn.ping(start());
        driven.conn.close(CloseCode::NORMAL, "", start());
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent.iter().map(|it| it.first).collect::<Vec<_>>(), [0x82, 0x8a, 0x89, 0x88]);
    }
}

/// Hostile inputs of every kind keep within twice the message, the high water and 8 KiB.
#[test]
fn memory_stays_within_its_bound_under_hostile_inputs() {
    const MESSAGE: usize = 1 << 18;
    const BOUND: usize = 2 * MESSAGE + (64 << 10) + (8 << 10);
    for role in ROLES {
        let from = role.peer();
        let never_ending = |first: u8, len: usize| {
            let mut bytes = frame(from, first, &vec![b'a'; len]);
            bytes.extend(frame(from, 0x00, &vec![b'a'; len]).repeat(MESSAGE / len.max(1) + 2));
            bytes
        };
        let attacks = [
            never_ending(0x01, 64),
            never_ending(0x02, 64),
            never_ending(0x02, 1000),
            never_ending(0x01, 65_536),
            never_ending(0x02, MESSAGE - 1),
            frame(from, 0x82, &vec![b'a'; MESSAGE]),
            frame(from, 0x81, &vec![b'a'; MESSAGE]),
            frame(from, 0x89, &[0; 125]).repeat(2000),
            frame(from, 0x8a, &[0; 125]).repeat(2000),
            frame(from, 0x82, b"").repeat(2000),
            header(from, 0x82, MESSAGE as u64),
            header(from, 0x01, MESSAGE as u64),
        ];
        for (attack, bytes) in attacks.iter().enumerate() {
            for piece in [bytes.len(), 100, 4096, 65_537] {
                let mut driven = Driven::new(connection(role, |settings| {
                    settings.limits.message_bytes = Limit::at_most(MESSAGE);
                }));
                let mut received = 0;
                for piece in bytes.chunks(piece) {
                    driven.feed(piece);
                    driven.events.clear();
                    received += piece.len();
                    let memory = driven.conn.memory_bytes();
                    assert!(memory <= BOUND, "attack {attack}: {memory} bytes");
                    let promised = (64 << 10) + 4 * received + 4096;
                    assert!(memory <= promised, "attack {attack}: {memory} for {received} bytes");
                }
                if driven.error.is_some() {
                    driven.drain();
                    driven.conn.reclaim_buffer();
                    assert_eq!(driven.conn.memory_bytes(), 0, "nothing is kept after the end");
                }
            }
        }
    }
}

/// A buffer that grows does not grow beyond what the message may have: while it does, the old one is there too, and
/// both together are to stay below twice the limit.
#[test]
fn sec_fg_03_a_message_has_no_more_room_than_it_may_fill() {
    const MESSAGE: usize = 1 << 20;
    for role in ROLES {
        for first in [0x01, 0x02] {
            for len in [1000, 4097, 50_001] {
                let mut driven = Driven::new(connection(role, |settings| {
                    settings.limits.message_bytes = Limit::at_most(MESSAGE);
                }));
                driven.feed(&frame(role.peer(), first, &vec![b'a'; len]));
                let fragment = frame(role.peer(), 0x00, &vec![b'a'; len]);
                let mut memory = 0;
                while driven.error.is_none() {
                    memory = driven.conn.memory_bytes();
                    assert!(memory <= MESSAGE + 256, "{memory} bytes");
                    driven.feed(&fragment);
                }
                assert!(memory > MESSAGE / 2, "it was nearly whole");
            }
        }
    }
}

/// Whoever holds a message has all of it: the connection keeps nothing of what it handed out.
#[test]
fn an_idle_connection_holds_no_memory() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.feed(&frames(role.peer(), &[(0x01, vec![b'a'; 9000]), (0x80, vec![b'b'; 90_000])]));
        driven.feed(&frames(role.peer(), &[(0x89, [0; 125]), (0x89, [1; 125])]));
        driven.conn.queue(vec![1; 50_000]).unwrap();
        driven.conn.queue(&Prepared::new(vec![2; 5000])).unwrap();
        driven.drain();
        assert!(driven.conn.reclaim_buffer().is_some());
        assert_eq!(driven.conn.memory_bytes(), 0);
        assert!(driven.conn.reclaim_buffer().is_none());
    }
}

/// The defaults are promises: a change of one is a change of the interface.
#[test]
fn defaults_are_those_of_the_documentation() {
    for (role, message_bytes) in [(Role::Server, 1 << 20), (Role::Client, 16 << 20)] {
        let limits = Limits::for_role(role);
        assert_eq!(limits.message_bytes, Limit::at_most(message_bytes));
        assert_eq!(limits.frame_bytes, Limit::unbounded());
        assert_eq!(limits.tiny_fragments, Limit::at_most(1024));
        assert_eq!(limits.empty_fragments, Limit::at_most(64));
        assert_eq!(limits.send_high_water_bytes, Limit::at_most(64 << 10));
        let settings = Settings::for_role(role);
        assert_eq!(settings.limits, limits);
        assert_eq!(settings.keepalive_interval, Some(secs(20)));
        assert_eq!(settings.keepalive_timeout, secs(20));
        assert_eq!(settings.idle_timeout, None);
        assert_eq!(settings.unfinished_message_timeout, Some(Duration::from_secs(60)));
        assert_eq!(settings.write_timeout, Some(secs(30)));
        assert_eq!(settings.close_timeout, secs(10));
    }
}

#[test]
fn a_limit_allows_its_maximum() {
    let limit = Limit::at_most(10);
    assert_eq!([9, 10, 11].map(|value| limit.allows(value)), [true, true, false]);
    assert_eq!(limit.max(), 10);
    assert_eq!(format!("{limit:?}"), "at most 10");
    assert!(Limit::unbounded().allows(usize::MAX));
    assert_eq!(format!("{:?}", Limit::unbounded()), "unbounded");
}

/// A message of many fragments is copied a few times as it grows, not once for each of them.
#[test]
fn a_message_of_many_fragments_grows_in_few_steps() {
    for role in ROLES {
        for first in [0x01, 0x02] {
            let mut driven = Driven::new(connection(role, |_| ()));
            driven.feed(&frame(role.peer(), first, &[b'g'; 64]));
            let fragment = frame(role.peer(), 0x00, &[b'g'; 64]);
            let mut steps = 0;
            let mut before = driven.conn.memory_bytes();
            for _ in 0..4096 {
                driven.feed(&fragment);
                let now = driven.conn.memory_bytes();
                steps += usize::from(now != before);
                before = now;
            }
            assert!(steps < 20, "{steps} reallocations for 256 KiB");
        }
    }
}
