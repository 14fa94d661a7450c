//! Messages in parts, both ways: received as they come, sent as they are made.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use std::io::IoSlice;

use trunkline_proto::{
    CloseCode, Connection, Event, Input, Limit, MessageKind, Prepared, ProtocolError,
    QueueErrorKind, Role,
};

use support::*;

fn streamed(role: Role) -> Driven {
    let mut driven = Driven::new(connection(role, |_| ()));
    driven.conn.receive_streamed(true);
    driven
}

fn chunk(kind: MessageKind, bytes: &[u8], last: bool) -> Seen {
    Seen::Chunk(kind, bytes.into(), last)
}

/// Joins the chunks of each message; what is left of an unfinished one comes without its end.
fn join(events: &[Seen]) -> (Vec<Seen>, Vec<u8>) {
    let mut joined = Vec::new();
    let mut begun: Option<(MessageKind, Vec<u8>)> = None;
    for event in events {
        let Seen::Chunk(kind, bytes, last) = event else {
            joined.push(event.clone());
            continue;
        };
        assert!(*last || !bytes.is_empty(), "only the last chunk may be empty");
        let message = begun.get_or_insert((*kind, Vec::new()));
        assert_eq!(message.0, *kind, "one kind for all chunks of a message");
        message.1.extend(bytes);
        if *last {
            let (kind, bytes) = begun.take().unwrap();
            joined.push(match kind {
                MessageKind::Text => Seen::Text(String::from_utf8(bytes).unwrap()),
                MessageKind::Binary => Seen::Binary(bytes),
            });
        }
    }
    (joined, begun.map(|it| it.1).unwrap_or_default())
}

/// Feeds the frames in every way of cutting and checks that the joined chunks are these events.
#[track_caller]
fn check_streamed(list: &[(u8, &[u8])], events: &[Seen], error: Option<ProtocolError>) {
    for role in ROLES {
        let bytes = frames(role.peer(), list);
        for cuts in cuttings(bytes.len()) {
            let mut driven = streamed(role);
            let mut from = 0;
            for to in cuts.iter().copied().chain([bytes.len()]) {
                driven.feed(&bytes[from..to]);
                from = to;
            }
            let (joined, _) = join(&driven.events);
            assert_eq!((&joined[..], driven.error), (events, error), "{role:?} cut at {cuts:?}");
            twin::strict(role, &driven.drain());
        }
    }
}

#[test]
fn chunks_join_to_what_a_whole_message_would_be() {
    check_streamed(&[(0x81, b"text")], &[text("text")], None);
    check_streamed(&[(0x82, &[0xff; 200])], &[binary(&[0xff; 200])], None);
    check_streamed(&[(0x81, b""), (0x82, b"")], &[text(""), binary(b"")], None);
    check_streamed(&[(0x01, b"a"), (0x00, b"b"), (0x80, b"c")], &[text("abc")], None);
    check_streamed(&[(0x02, b""), (0x00, b""), (0x80, b"")], &[binary(b"")], None);
    check_streamed(&[(0x02, b"ab"), (0x80, b"")], &[binary(b"ab")], None);
    check_streamed(
        &[(0x01, "é—".as_bytes()), (0x80, "😀".as_bytes()), (0x81, b"next")],
        &[text("é—😀"), text("next")],
        None,
    );
    let control = [(0x02, &b"a"[..]), (0x89, b"p"), (0x00, b"b"), (0x8a, b""), (0x80, b"c")];
    for role in ROLES {
        let mut driven = streamed(role);
        driven.feed(&frames(role.peer(), &control));
        let binary = |bytes: &[u8], last| chunk(MessageKind::Binary, bytes, last);
        let (a, b, c) = (binary(b"a", false), binary(b"b", false), binary(b"c", true));
        assert_eq!(driven.events, [a, ping(b"p"), b, Seen::Pong, c]);
    }
}

/// A chunk is what is there: inside one frame as the input cuts it, and it is handed out at once.
#[test]
fn chunks_come_as_the_input_brings_them() {
    for role in ROLES {
        let mut driven = streamed(role);
        let bytes = frame(role.peer(), 0x82, b"0123456789");
        let header_len = bytes.len() - 10;
        driven.feed(&bytes[..header_len]);
        assert_eq!(driven.events, []);
        assert!(driven.conn.is_receiving_streamed());
        for (from, to) in [(0, 1), (1, 5), (5, 9)] {
            driven.feed(&bytes[header_len + from..header_len + to]);
            let expected = chunk(MessageKind::Binary, &b"0123456789"[from..to], false);
            assert_eq!(driven.events.pop(), Some(expected));
            assert_eq!(driven.unread, [], "nothing is kept");
        }
        driven.feed(&bytes[header_len + 9..]);
        assert_eq!(driven.events, [chunk(MessageKind::Binary, b"9", true)]);
        assert!(!driven.conn.is_receiving_streamed());
    }
}

/// Not asking for the next chunk is the backpressure: the input keeps what was not asked for.
#[test]
fn one_call_gives_one_chunk() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        conn.receive_streamed(true);
        let mut bytes = frames(role.peer(), &[(0x01, "one"), (0x00, "two"), (0x80, "three")]);
        let second = frame(role.peer(), 0x01, b"one").len();
        let all = bytes.len();
        let mut input = Input::new(&mut bytes);
        let event = conn.poll_event(&mut input, start()).unwrap();
        assert_eq!(event.map(Seen::from), Some(chunk(MessageKind::Text, b"one", false)));
        assert_eq!(input.len(), all - second);
    }
}

#[test]
fn s8_1_text_is_checked_across_chunks() {
    let invalid = Some(ProtocolError::InvalidUtf8);
    let smiley = "😀".as_bytes();
    for at in 0..=4 {
        let (a, b) = smiley.split_at(at);
        check_streamed(&[(0x01, a), (0x89, b""), (0x80, b)], &[ping(b""), text("😀")], None);
    }
    check_streamed(&[(0x01, &smiley[..2]), (0x80, b"x")], &[], invalid);
    check_streamed(&[(0x01, &smiley[..3]), (0x80, b"")], &[], invalid);
    check_streamed(&[(0x81, &smiley[..3])], &[], invalid);
    check_streamed(&[(0x81, b"\xff")], &[], invalid);
    check_streamed(&[(0x82, b"\xff")], &[binary(b"\xff")], None);
    // What was handed on before the wrong byte was right so far.
    for role in ROLES {
        let mut driven = streamed(role);
        driven.feed(&frames(role.peer(), &[(0x01, &b"good "[..]), (0x00, b"b\xffd")]));
        assert_eq!(driven.events, [chunk(MessageKind::Text, b"good ", false)]);
        assert_eq!(driven.error, invalid);
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent[0].payload[..2], 1007_u16.to_be_bytes());
    }
}

/// §5.4 holds for streamed messages as well.
#[test]
fn s5_4_streamed_fragments_out_of_order_fail() {
    check_streamed(&[(0x80, b"")], &[], Some(ProtocolError::UnexpectedContinuation));
    check_streamed(&[(0x01, b""), (0x81, b"")], &[], Some(ProtocolError::ExpectedContinuation));
    check_streamed(&[(0x01, b""), (0x88, b"")], &[Seen::Closed], None);
}

/// The switch is for the next message: one that has begun goes on as it began.
#[test]
fn the_switch_takes_effect_between_messages() {
    for role in ROLES {
        let from = role.peer();
        let mut driven = streamed(role);
        driven.feed(&frame(from, 0x01, b"begun "));
        driven.conn.receive_streamed(false);
        driven.feed(&frames(from, &[(0x80, "streamed"), (0x81, "whole"), (0x01, "in ")]));
        driven.conn.receive_streamed(true);
        driven.feed(&frames(from, &[(0x80, "parts"), (0x81, "chunk")]));
        assert_eq!(
            driven.events,
            [
                chunk(MessageKind::Text, b"begun ", false),
                chunk(MessageKind::Text, b"streamed", true),
                text("whole"),
                text("in parts"),
                chunk(MessageKind::Text, b"chunk", true),
            ]
        );
    }
}

#[test]
fn a_streamed_message_pins_no_memory() {
    for role in ROLES {
        let mut driven = streamed(role);
        let part = frame(role.peer(), 0x00, &[b'x'; 60_000]);
        driven.feed(&frame(role.peer(), 0x01, b"first"));
        for _ in 0..100 {
            driven.feed(&part);
            driven.events.clear();
            assert!(driven.conn.memory_bytes() < 1 << 10);
        }
        assert_eq!(driven.error, None);
    }
}

/// §5.4: each chunk is a frame; pongs and pings go between them, other messages do not.
#[test]
fn sec_ct_08_s5_4_pongs_go_between_sent_chunks() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.queue_chunk(MessageKind::Text, b"one", false).unwrap();
        driven.feed(&frame(role.peer(), 0x89, b"p"));
        driven.conn.queue_chunk(MessageKind::Text, b"two", false).unwrap();
        driven.conn.ping(start());
        driven.conn.queue_chunk(MessageKind::Text, b"", true).unwrap();
        driven.conn.queue("next").unwrap();
        let sent = twin::strict(role, &driven.drain());
        let firsts: Vec<_> = sent.iter().map(|it| it.first).collect();
        assert_eq!(firsts, [0x01, 0x8a, 0x00, 0x89, 0x80, 0x81]);
        let payloads: Vec<_> = sent.iter().map(|it| &it.payload[..]).collect();
        assert_eq!(payloads, [&b"one"[..], b"p", b"two", &[0, 0, 0, 1], b"", b"next"]);
    }
}

/// A pong that waited behind another goes out before the next chunk.
#[test]
fn s5_5_3_a_waiting_pong_goes_before_the_next_chunk() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.queue_chunk(MessageKind::Binary, b"one", false).unwrap();
        driven.feed(&frames(role.peer(), &[(0x89, "1"), (0x89, "2")]));
        let before = driven.conn.transmit_bytes();
        driven.conn.transmitted(before, start());
        driven.conn.queue_chunk(MessageKind::Binary, b"two", true).unwrap();
        let sent = driven.drain();
        assert_eq!(sent[0], 0x8a);
        assert_eq!(sent[sent.len() - 3 - if role == Role::Client { 6 } else { 2 }], 0x80);
    }
}

#[test]
fn s5_4_no_other_message_between_chunks() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        let prepared = Prepared::new("prepared");
        conn.queue_chunk(MessageKind::Text, b"one", false).unwrap();
        let before = conn.transmit_bytes();
        assert_eq!(conn.refusal(), Some(QueueErrorKind::Streaming));
        assert_eq!(conn.queue("other").unwrap_err().kind(), QueueErrorKind::Streaming);
        assert_eq!(conn.queue(&prepared).unwrap_err().kind(), QueueErrorKind::Streaming);
        for last in [false, true] {
            assert_eq!(
                conn.queue_chunk(MessageKind::Binary, b"other kind", last),
                Err(QueueErrorKind::Streaming)
            );
        }
        assert_eq!(conn.transmit_bytes(), before, "what is refused leaves no trace");
        conn.queue_chunk(MessageKind::Text, b"two", true).unwrap();
        assert_eq!(conn.refusal(), None);
        conn.queue_chunk(MessageKind::Binary, b"other kind", true).unwrap();
        assert_eq!(twin::strict(role, &drain(&mut conn)).len(), 3);
    }
}

/// A refused chunk leaves no trace: the message goes on with other bytes.
#[test]
fn s5_6_a_refused_chunk_leaves_no_trace() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        let smiley = "😀".as_bytes();
        let invalid = Err(QueueErrorKind::InvalidUtf8);
        assert_eq!(conn.queue_chunk(MessageKind::Text, b"\xff", false), invalid);
        assert_eq!(conn.refusal(), None, "that began nothing");
        conn.queue_chunk(MessageKind::Text, &smiley[..2], false).unwrap();
        assert_eq!(conn.queue_chunk(MessageKind::Text, b"x", false), invalid);
        assert_eq!(conn.queue_chunk(MessageKind::Text, b"", true), invalid);
        assert_eq!(conn.queue_chunk(MessageKind::Text, &smiley[2..3], true), invalid);
        conn.queue_chunk(MessageKind::Text, &smiley[2..3], false).unwrap();
        conn.queue_chunk(MessageKind::Text, &smiley[3..], true).unwrap();
        let sent = drain(&mut conn);
        let got = run(role.peer(), &|_| (), &[], &sent, &[]);
        assert_eq!((got.events, got.error), (vec![text("😀")], None));
    }
}

#[test]
fn no_chunk_goes_out_once_the_connection_closes() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.queue_chunk(MessageKind::Text, b"one", false).unwrap();
        driven.conn.close(CloseCode::GOING_AWAY, "", start());
        let closed = Err(QueueErrorKind::Closed);
        assert_eq!(driven.conn.queue_chunk(MessageKind::Text, b"two", true), closed);
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent.iter().map(|it| it.first).collect::<Vec<_>>(), [0x01, 0x88]);
    }
}

/// 64 MiB from one connection to another, sent and received in chunks, in the memory of a few.
#[test]
fn a_round_trip_of_64_mib_takes_constant_memory() {
    const ALL: usize = 64 << 20;
    const CHUNK: usize = 128 << 10;
    let source = vec![0x5a; CHUNK];
    for role in ROLES {
        let mut ours = connection(role, |_| ());
        let mut theirs = connection(role.peer(), |_| ());
        theirs.receive_streamed(true);
        let (mut sent, mut received, mut ended) = (0, 0, false);
        let mut wire = Vec::new();
        while !ended {
            while sent < ALL {
                let last = sent + CHUNK == ALL;
                match ours.queue_chunk(MessageKind::Binary, &source, last) {
                    Ok(()) => sent += CHUNK,
                    Err(QueueErrorKind::Full) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = ours.poll_transmit(&mut slices);
            wire.clear();
            slices[..filled].iter().for_each(|slice| wire.extend_from_slice(slice));
            ours.transmitted(wire.len(), start());
            received += receive(&mut theirs, &mut wire, &mut ended);
            assert!(ours.memory_bytes() <= 4 * CHUNK, "{}", ours.memory_bytes());
            assert!(theirs.memory_bytes() <= 1 << 10, "{}", theirs.memory_bytes());
        }
        assert_eq!(received, ALL);
    }
}

/// Takes all of `wire` and gives how much payload it brought.
fn receive(conn: &mut Connection, wire: &mut [u8], ended: &mut bool) -> usize {
    let mut payload = 0;
    let mut input = Input::new(wire);
    while let Some(event) = conn.poll_event(&mut input, start()).unwrap() {
        let Event::Chunk(chunk) = event else { panic!("{event:?}") };
        assert!(chunk.bytes == vec![0x5a; chunk.bytes.len()]);
        payload += chunk.bytes.len();
        *ended = chunk.last;
    }
    assert!(input.is_empty());
    payload
}

/// A message of which nothing was handed on comes whole after all, however it began.
#[test]
fn a_message_of_which_nothing_was_handed_on_can_come_whole() {
    for role in ROLES {
        let from = role.peer();
        for begin in [
            header(from, 0x81, 5),
            [frame(from, 0x01, b""), header(from, 0x80, 5)].concat(),
            [frame(from, 0x01, b""), frame(from, 0x00, b""), header(from, 0x80, 5)].concat(),
        ] {
            let mut driven = streamed(role);
            driven.feed(&begin);
            assert_eq!(driven.events, []);
            driven.conn.receive_streamed(false);
            assert!(!driven.conn.is_receiving_streamed());
            let hello = frame(from, 0x81, b"hello");
            driven.feed(&hello[hello.len() - 5..]);
            assert_eq!((&driven.events[..], driven.error), (&[text("hello")][..], None));
        }
    }
}

/// Its header was not held to the limit of whole messages, so its bytes are; and it takes no more
/// memory than any other.
#[test]
fn a_message_that_comes_whole_after_all_is_bounded() {
    const LIMIT: usize = 100_000;
    for role in ROLES {
        for len in [LIMIT, LIMIT + 1, 1 << 40] {
            let mut driven = Driven::new(connection(role, |settings| {
                settings.limits.message_bytes = Limit::at_most(LIMIT);
            }));
            driven.conn.receive_streamed(true);
            driven.feed(&header(role.peer(), 0x82, len as u64));
            driven.conn.receive_streamed(false);
            for _ in 0..LIMIT / 1000 {
                driven.feed(&[0; 1000]);
                assert_eq!(driven.error, None);
                assert!(driven.conn.memory_bytes() <= 2 * LIMIT, "{}", driven.conn.memory_bytes());
            }
            assert_eq!(driven.events.len(), usize::from(len == LIMIT));
            if len > LIMIT {
                driven.feed(&[0]);
                assert_eq!(driven.error, Some(ProtocolError::MessageTooBig { limit: LIMIT }));
            }
        }
    }
}

/// Whoever gathers small messages leaves the rest for later: order is kept, and nothing is told early.
#[test]
fn poll_message_takes_what_is_whole_and_leaves_the_rest() {
    let rest: [(u8, &[u8]); 7] = [
        (0x89, b"ping"),
        (0x88, b""),
        (0x83, b"wrong"),
        (0x01, b"fragment"),
        (0x82, &[0; 8193]),
        (0x81, b"not \xff text"),
        (0xc1, b"compressed"),
    ];
    for role in ROLES {
        for (first, payload) in rest {
            let mut bytes = frames(role.peer(), &[(0x81, "one"), (0x82, "two")]);
            bytes.extend(frame(role.peer(), 0x82, &[7; 8192]));
            let whole = bytes.len();
            bytes.extend(frame(role.peer(), first, payload));
            let expected = run(role, &|_| (), &[], &bytes, &[]);
            let mut conn = connection(role, |_| ());
            let mut gathered = Vec::new();
            let mut input = Input::new(&mut bytes);
            while let Some(message) = conn.poll_message(&mut input, start()) {
                gathered.push(Seen::from(Event::Message(message)));
            }
            assert_eq!(gathered[..], [text("one"), binary(b"two"), binary(&[7; 8192])]);
            assert!(conn.is_open() && !conn.wants_transmit(), "nothing is heard of what follows");
            assert!(conn.poll_message(&mut input, start()).is_none());
            conn.queue("an answer").unwrap();
            let mut error = None;
            loop {
                match conn.poll_event(&mut input, start()) {
                    Ok(Some(event)) => gathered.push(event.into()),
                    Ok(None) => break,
                    Err(broken) => error = Some(broken),
                }
            }
            assert_eq!((gathered, error), (expected.events, expected.error), "{whole}");
            assert_eq!(twin::strict(role, &drain(&mut conn))[0].first, 0x81);
        }
    }
}
