//! What goes out: every kind of message, in any number of slices, written in any pieces.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use std::io::IoSlice;

use bytes::Bytes;
use trunkline_proto::{
    CloseCode, Connection, Input, Limit, Message, MessageKind, Outgoing, Prepared, QueueErrorKind,
    Received, Role, Text,
};

use support::*;

fn unbounded(role: Role) -> Connection {
    connection(role, |settings| settings.limits.send_high_water_bytes = Limit::unbounded())
}

/// Everything that can be queued, as it is spelled by a caller, arrives as the same message.
#[test]
fn every_kind_of_outgoing_arrives() {
    let large = vec![7_u8; 10_000];
    let (string, large_text) = (String::from("ref string"), "ü".repeat(5000));
    let (message, prepared) = (Message::text("shared"), Prepared::new("prepared"));
    for role in ROLES {
        let mut conn = unbounded(role);
        conn.queue("str").unwrap();
        conn.queue(b"array").unwrap();
        conn.queue(&b"slice"[..]).unwrap();
        conn.queue(&string).unwrap();
        conn.queue(String::from("string")).unwrap();
        conn.queue(vec![1, 2, 3]).unwrap();
        conn.queue(Bytes::from_static(b"bytes")).unwrap();
        conn.queue(Text::from_static("text")).unwrap();
        conn.queue(&message).unwrap();
        conn.queue(message.clone()).unwrap();
        conn.queue(&prepared).unwrap();
        conn.queue(Received::Text("echo")).unwrap();
        conn.queue(Received::Binary(b"echo")).unwrap();
        conn.queue(Received::Whole(Message::text("whole"))).unwrap();
        conn.queue(&large[..]).unwrap();
        conn.queue(large.clone()).unwrap();
        conn.queue(large_text.clone()).unwrap();
        conn.queue(&Prepared::new(large.clone())).unwrap();
        let got = run(role.peer(), &|_| (), &[], &drain(&mut conn), &[]);
        let expected = [
            text("str"),
            binary(b"array"),
            binary(b"slice"),
            text("ref string"),
            text("string"),
            binary(&[1, 2, 3]),
            binary(b"bytes"),
            text("text"),
            text("shared"),
            text("shared"),
            text("prepared"),
            text("echo"),
            binary(b"echo"),
            text("whole"),
            binary(&large),
            binary(&large),
            text(&large_text),
            binary(&large),
        ];
        assert_eq!((&got.events[..], got.error), (&expected[..], None));
    }
}

#[test]
fn an_outgoing_message_says_what_it_is() {
    let prepared = Prepared::new(vec![1, 2]);
    let cases: [(Outgoing<'_>, MessageKind, &[u8]); 5] = [
        ("a".into(), MessageKind::Text, b"a"),
        (b"b".into(), MessageKind::Binary, b"b"),
        (Message::text("c").into(), MessageKind::Text, b"c"),
        ((&prepared).into(), MessageKind::Binary, &[1, 2]),
        (Received::Text("d").into(), MessageKind::Text, b"d"),
    ];
    for (outgoing, kind, bytes) in cases {
        assert_eq!((outgoing.kind(), outgoing.as_bytes()), (kind, bytes));
        let message = outgoing.into_message();
        assert_eq!((message.kind(), message.as_bytes(), message.len()), (kind, bytes, bytes.len()));
        assert!(!message.is_empty());
    }
}

/// A prepared message is one frame for all servers, and shares its bytes where that pays.
#[test]
fn prepared_is_encoded_once_for_servers() {
    for len in [0, 1, 125, 126, 4090, 4091, 4092, 4096, 65_535, 65_536, 100_000] {
        let prepared = Prepared::new(vec![3; len]);
        let mut firsts = Vec::new();
        for role in [Role::Server, Role::Server, Role::Client, Role::Client] {
            let mut conn = unbounded(role);
            conn.queue(&prepared).unwrap();
            conn.queue(&prepared.clone()).unwrap();
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = conn.poll_transmit(&mut slices);
            if role == Role::Server && len >= 4096 {
                assert_eq!(filled, 2, "each written from where it lies");
                firsts.push(slices[0].as_ptr());
                firsts.push(slices[1].as_ptr());
            }
            let frames = twin::strict(role, &drain(&mut conn));
            assert_eq!(frames.len(), 2);
            assert!(frames.iter().all(|it| it.first == 0x82 && it.payload == vec![3; len]));
            if role == Role::Client {
                assert_ne!(frames[0].key, frames[1].key, "masked for each frame anew (§5.3)");
            }
        }
        assert!(firsts.windows(2).all(|two| two[0] == two[1]), "and all the same bytes");
    }
}

/// Large messages that are handed over are written from where they lie; a client has to mask them.
#[test]
fn large_owned_messages_are_not_copied_by_servers() {
    let payload = Bytes::from(vec![9; 50_000]);
    let mut conn = connection(Role::Server, |_| ());
    conn.queue(payload.clone()).unwrap();
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(conn.poll_transmit(&mut slices), 2);
    assert_eq!(slices[1].as_ptr(), payload.as_ptr());
    let mut conn = connection(Role::Client, |_| ());
    conn.queue(payload).unwrap();
    assert_eq!(conn.poll_transmit(&mut [IoSlice::new(&[]); 8]), 1);
}

/// One call on a connection that makes it send something.
fn any_call(random: &mut Random, driven: &mut Driven, peer_pings: bool) {
    let len = *random.pick(&[0, 1, 100, 125, 126, 1000, 4000, 4095, 4096, 5000, 20_000]);
    let payload = random.bytes(len);
    let kind = MessageKind::Binary;
    let from = driven.conn.role().peer();
    match random.below(12) {
        0 | 1 => drop(driven.conn.queue(&payload[..])),
        2 | 3 => drop(driven.conn.queue(payload)),
        4 => drop(driven.conn.queue("text")),
        5 => drop(driven.conn.queue(&Prepared::new(payload))),
        6 => drop(driven.conn.queue_chunk(kind, &payload, false)),
        7 | 8 => drop(driven.conn.queue_chunk(kind, &payload, true)),
        9 => driven.conn.ping(start()),
        10 if peer_pings => driven.feed(&frame(from, 0x89, &payload[..payload.len().min(125)])),
        _ if random.chance(30) => driven.conn.close(CloseCode::NORMAL, "", start()),
        _ => {}
    }
}

/// Writes with `count` slices as a transport that takes `most` bytes; gives whether any went.
fn write(conn: &mut Connection, count: usize, most: usize, out: &mut Vec<u8>) -> bool {
    let mut slices = [IoSlice::new(&[]); 8];
    let filled = conn.poll_transmit(&mut slices[..count]);
    assert!(filled <= count);
    assert!(slices[..filled].iter().all(|slice| !slice.is_empty()));
    let offered = slices[..filled].iter().map(|it| &it[..]).collect::<Vec<_>>().concat();
    let taken = offered.len().min(most);
    out.extend(&offered[..taken]);
    if taken > 0 {
        conn.transmitted(taken, start());
    }
    taken > 0
}

/// Property: any calls, written in any number of slices and any pieces, are the bytes of one big
/// write. (Without pings of the peer, whose pongs depend on what has been written.)
#[test]
fn any_writes_give_the_bytes_of_one_write() {
    for seed in 0..400 {
        for role in ROLES {
            let whole = {
                let mut random = Random::new(seed);
                let mut driven = Driven::new(unbounded(role));
                for _ in 0..random.below(20) {
                    any_call(&mut random, &mut driven, false);
                }
                driven.drain()
            };
            let mut random = Random::new(seed);
            let mut pieces = Random::new(seed + 1);
            let mut driven = Driven::new(unbounded(role));
            let mut out = Vec::new();
            for _ in 0..random.below(20) {
                any_call(&mut random, &mut driven, false);
                while pieces.chance(2) {
                    let most = *pieces.pick(&[1, 2, 3, 100, 4096, 10_000, 50_000]);
                    write(&mut driven.conn, 1 + pieces.below(8), most, &mut out);
                }
                match pieces.below(6) {
                    0 => drop(driven.conn.reclaim_buffer()),
                    1 => driven.conn.lend_buffer(Vec::with_capacity(pieces.below(9000))),
                    _ => {}
                }
            }
            while write(&mut driven.conn, 1 + pieces.below(8), 1 + pieces.below(9000), &mut out) {}
            assert!(out == whole, "seed {seed} {role:?}");
            assert!(!driven.conn.wants_transmit());
        }
    }
}

/// Property: whatever is called and however it is written, the peer hears a valid stream, and every
/// message that was taken, in order.
#[test]
fn sec_cl_10_any_calls_send_what_a_strict_peer_takes() {
    for seed in 0..400 {
        for role in ROLES {
            let mut random = Random::new(seed);
            let mut driven = Driven::new(connection(role, |_| ()));
            let mut out = Vec::new();
            for _ in 0..random.below(40) {
                any_call(&mut random, &mut driven, true);
                while random.chance(3) {
                    let most = *random.pick(&[1, 7, 100, 4096, 50_000]);
                    write(&mut driven.conn, 1 + random.below(8), most, &mut out);
                }
                assert!(driven.conn.transmit_bytes() <= (64 << 10) + 20_014 + 300);
            }
            while write(&mut driven.conn, 1 + random.below(8), usize::MAX, &mut out) {}
            twin::strict(role, &out);
        }
    }
}

/// Bytes are not announced before they can be written, nor forgotten when they cannot.
#[test]
fn what_waits_is_counted() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        assert!(!conn.wants_transmit());
        assert_eq!(conn.poll_transmit(&mut [IoSlice::new(&[]); 2]), 0);
        conn.queue(&[1; 100]).unwrap();
        conn.queue(vec![2; 5000]).unwrap();
        let all = conn.transmit_bytes();
        assert_eq!(all, frame(role, 0x82, &[1; 100]).len() + frame(role, 0x82, &[2; 5000]).len());
        assert!(conn.wants_transmit());
        assert_eq!(conn.poll_transmit(&mut []), 0, "no slices, nothing in them");
        for written in 1..=all {
            conn.transmitted(1, start());
            assert_eq!(conn.transmit_bytes(), all - written);
        }
        assert!(!conn.wants_transmit());
        conn.transmitted(1000, start());
        assert_eq!(conn.transmit_bytes(), 0, "more than there was is all there was");
    }
}

#[test]
fn a_refused_message_comes_back() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        conn.close(CloseCode::NORMAL, "", start());
        let error = conn.queue(String::from("mine")).unwrap_err();
        assert_eq!(error.kind(), QueueErrorKind::Closed);
        assert_eq!(error.to_string(), "connection is closing");
        assert_eq!(error.into_outgoing().into_message(), Message::text("mine"));
        let prepared = Prepared::new("ours");
        let error = conn.queue(&prepared).unwrap_err();
        assert!(matches!(error.into_outgoing(), Outgoing::Prepared(_)));
    }
}

/// A lent buffer is written into and comes back with its capacity; an idle connection has none.
#[test]
fn lent_buffers_come_back() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        assert!(conn.reclaim_buffer().is_none());
        conn.lend_buffer(Vec::with_capacity(10_000));
        conn.queue("message").unwrap();
        assert!(conn.memory_bytes() >= 10_000);
        // What waits moves to memory of its own size.
        assert!(conn.reclaim_buffer().unwrap().capacity() >= 10_000);
        assert!(conn.memory_bytes() < 100);
        let got = run(role.peer(), &|_| (), &[], &drain(&mut conn), &[]);
        assert_eq!(got.events, [text("message")]);
        // What was in it before does not come out.
        conn.lend_buffer(vec![0xee; 5000]);
        conn.queue("next").unwrap();
        let got = run(role.peer(), &|_| (), &[], &drain(&mut conn), &[]);
        assert_eq!(got.events, [text("next")]);
        assert!(conn.reclaim_buffer().unwrap().capacity() >= 5000);
        assert_eq!(conn.memory_bytes(), 0);
    }
}

/// An echo needs no copy of its own: what was received can be queued as it lies in the input.
#[test]
fn received_messages_can_be_queued_as_they_are() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        let mut echo = connection(role, |_| ());
        let mut bytes = frames(role.peer(), &[(0x81, vec![b'e'; 100]), (0x82, vec![1; 9000])]);
        let mut input = Input::new(&mut bytes);
        while let Some(event) = conn.poll_event(&mut input, start()).unwrap() {
            let trunkline_proto::Event::Message(received) = event else { panic!("{event:?}") };
            echo.queue(received).unwrap();
        }
        let got = run(role.peer(), &|_| (), &[], &drain(&mut echo), &[]);
        assert_eq!(got.events, [text(&"e".repeat(100)), binary(&[1; 9000])]);
    }
}

/// Whoever was told that there is room has it, although a pong came first; nothing else is excused.
#[test]
fn a_promised_message_is_queued_above_the_high_water_mark() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.limits.send_high_water_bytes = Limit::at_most(8);
        }));
        assert_eq!(driven.conn.refusal(), None);
        driven.feed(&frame(role.peer(), 0x89, b"a long ping"));
        assert_eq!(driven.conn.refusal(), Some(QueueErrorKind::Full));
        assert_eq!(driven.conn.queue("no").unwrap_err().kind(), QueueErrorKind::Full);
        driven.conn.queue_promised("yes").unwrap();
        let sent: Vec<_> = twin::strict(role, &driven.drain())
            .into_iter()
            .map(|it| (it.first, it.payload))
            .collect();
        assert_eq!(sent, [(0x8a, b"a long ping".to_vec()), (0x81, b"yes".to_vec())]);

        driven.conn.queue_chunk(MessageKind::Text, b"part", false).unwrap();
        let refused = driven.conn.queue_promised("no").unwrap_err();
        assert_eq!(refused.kind(), QueueErrorKind::Streaming);
        driven.drain();
        driven.conn.queue_chunk(MessageKind::Text, b"", true).unwrap();
        driven.conn.close(CloseCode::NORMAL, "", start());
        let refused = driven.conn.queue_promised("no").unwrap_err();
        assert_eq!(refused.kind(), QueueErrorKind::Closed);
        assert_eq!(refused.into_outgoing().as_bytes(), b"no");
    }
}

fn plain<'m>(conn: &mut Connection, message: impl Into<Outgoing<'m>>) -> bool {
    conn.sending().queue_plain(&message.into())
}

/// The way for small answers spells a frame as the way for all does, and leaves alone what has no room.
#[test]
fn s5_2_a_plain_frame_is_spelled_as_any_other() {
    for len in (0..300).chain([65_534, 65_535, 65_536]) {
        let payload = "x".repeat(len);
        for room in [0, 2, 64, 127, 128, 130, 1 << 10, 1 << 18] {
            let (mut conn, mut any) = (unbounded(Role::Server), unbounded(Role::Server));
            conn.lend_buffer(Vec::with_capacity(room));
            let header_len = if len <= 125 { 2 } else { 4 };
            let fits = len <= 0xffff && header_len + len <= room;
            for _ in 0..2 {
                let before = conn.transmit_bytes();
                if plain(&mut conn, &*payload) {
                    any.queue(&*payload).unwrap();
                } else {
                    assert!(!fits || before > 0, "the first of {len} bytes fits {room}");
                    assert_eq!(conn.transmit_bytes(), before);
                }
            }
            assert!(fits || conn.transmit_bytes() == 0);
            if plain(&mut conn, payload.as_bytes()) {
                any.queue(payload.as_bytes()).unwrap();
            }
            assert_eq!(drain(&mut conn), drain(&mut any));
        }
    }
}

/// Where a frame has to be masked, or something else has to be done before, it is not queued that way.
#[test]
fn what_takes_more_than_a_header_is_no_plain_frame() {
    let ready = |role| {
        let mut driven = Driven::new(unbounded(role));
        driven.conn.lend_buffer(Vec::with_capacity(1 << 10));
        driven
    };
    let is_plain = |driven: &mut Driven| plain(&mut driven.conn, "a");
    assert!(is_plain(&mut ready(Role::Server)));
    assert!(!is_plain(&mut ready(Role::Client)), "s5_3: a client masks");

    let mut server = ready(Role::Server);
    assert!(!plain(&mut server.conn, Message::text("a")));
    assert!(!plain(&mut server.conn, &Prepared::new("a")));
    server.feed(&frame(Role::Client, 0x89, b"1"));
    assert!(is_plain(&mut server));
    server.feed(&frame(Role::Client, 0x89, b"2"));
    assert!(!is_plain(&mut server), "s5_5_3: a pong waits to go before");

    let mut server = ready(Role::Server);
    server.conn.queue_chunk(MessageKind::Text, b"part", false).unwrap();
    assert!(!is_plain(&mut server), "s5_4: no message goes between the parts of another");

    let mut server = ready(Role::Server);
    server.conn.close(CloseCode::NORMAL, "", start());
    assert!(!is_plain(&mut server), "s5_5_1: nothing follows a close frame");
}
