//! The doors for bytes that spare a copy, `poll_messages`, `poll_shared` and `fill_payload`, hear what
//! `poll_event` hears: it is the oracle here.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use bytes::{Buf, BufMut, BytesMut};
use trunkline_proto::limits::Settings;
use trunkline_proto::message::InPlace;
use trunkline_proto::{Connection, Event, Input, Limit, Message, ProtocolError, Role, Timeout};

use support::*;

type Heard = (Vec<Message>, Option<ProtocolError>);

/// What `poll_event` alone makes of `bytes`.
fn plainly(conn: &mut Connection, bytes: &[u8]) -> Heard {
    let mut messages = Vec::new();
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes);
    loop {
        match conn.poll_event(&mut input, start()) {
            Ok(Some(Event::Message(message))) => messages.push(message.into_message()),
            Ok(Some(_)) => {}
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

/// The same through every door that is open, with `bytes` coming in pieces that end at `cuts`.
fn sparing_copies(
    conn: &mut Connection,
    bytes: &[u8],
    cuts: &[usize],
    shared_from: usize,
    spare: usize,
) -> Heard {
    let mut messages = Vec::new();
    let mut unread = BytesMut::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let mut piece = &bytes[from..to];
        from = to;
        while !piece.is_empty() || !unread.is_empty() {
            if unread.is_empty() {
                let fill = |room: &mut bytes::buf::Limit<&mut BytesMut>| {
                    let fits = piece.len().min(room.remaining_mut());
                    room.put_slice(&piece[..fits]);
                    fits
                };
                if let Some(filled) = conn.fill_payload(fill, start) {
                    assert!(filled.result > 0, "there is room wherever bytes are asked for");
                    piece = &piece[filled.result..];
                    messages.extend(filled.message);
                    unread.extend_from_slice(&filled.behind);
                    continue;
                }
            }
            unread.extend_from_slice(std::mem::take(&mut piece));
            unread.reserve(spare);
            match conn.poll_shared(&mut unread, shared_from, start()) {
                Ok(Some(message)) => {
                    messages.push(message);
                    continue;
                }
                Ok(None) => {}
                Err(error) => return (messages, Some(error)),
            }
            let mut input = Input::new(&mut unread);
            conn.poll_messages(&mut input, start(), |message, _| {
                messages.push(copied(message));
                true
            });
            let event = match conn.poll_event(&mut input, start()) {
                Ok(Some(Event::Message(message))) => Some(Some(message.into_message())),
                Ok(Some(_)) => Some(None),
                Ok(None) => None,
                Err(error) => return (messages, Some(error)),
            };
            let left = input.len();
            unread.advance(unread.len() - left);
            match event {
                Some(message) => messages.extend(message),
                None => break,
            }
        }
    }
    (messages, None)
}

/// The message, unmasked in the pass that copies it.
fn copied(message: InPlace<'_>) -> Message {
    match message {
        InPlace::Text(text) => text.into(),
        InPlace::Binary(bytes) => {
            let mut copy = vec![0x55];
            bytes.append_to(&mut copy);
            assert_eq!(copy.len(), 1 + bytes.len());
            copy[1..].into()
        }
    }
}

#[track_caller]
fn check(role: Role, change: fn(&mut Settings), bytes: &[u8]) {
    let expected = plainly(&mut connection(role, change), bytes);
    let mut random = Random::new(bytes.len() as u64 + 1);
    for (shared_from, spare) in [(0, 0), (1000, 0), (70_000, 0), (0, 2 << 20), (20_000, 400_000)] {
        for pieces in [0, 1, 2, 7] {
            let mut cuts: Vec<usize> = (0..pieces).map(|_| random.below(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut conn = connection(role, change);
            let got = sparing_copies(&mut conn, bytes, &cuts, shared_from, spare);
            assert_eq!(got, expected, "{role:?}, shared from {shared_from}, cut at {cuts:?}");
        }
    }
}

fn generous(settings: &mut Settings) {
    settings.limits.message_bytes = Limit::at_most(4 << 20);
}

#[test]
fn messages_of_every_size_are_the_same_through_every_door() {
    for role in ROLES {
        let mut random = Random::new(6455);
        for size in [0, 1, 125, 126, 999, 1000, 8192, 65_535, 65_536, 300_000, 1_500_000] {
            let payload = random.bytes(size);
            let text = "ümlaut 語 ".repeat(size / 15);
            let peer = role.peer();
            check(role, generous, &frame(peer, 0x82, &payload));
            check(role, generous, &frame(peer, 0x81, text.as_bytes()));
            let fragments =
                [(0x02, &payload[..]), (0x00, &payload), (0x89, b"ping"), (0x80, &payload)];
            check(
                role,
                |it| it.limits.message_bytes = Limit::unbounded(),
                &frames(peer, &fragments),
            );
            check(
                role,
                generous,
                &frames(peer, &[(0x82, &payload[..]), (0x81, b"after"), (0x82, b"")]),
            );
        }
    }
}

/// §8.1, SEC-FR-08: what is wrong is told with the same error, and nothing before it is lost.
#[test]
fn faults_are_the_same_through_every_door() {
    for role in ROLES {
        let (peer, large) = (role.peer(), vec![b'x'; 100_000]);
        let bad_text = [&large[..], &[0xff]].concat();
        check(role, generous, &frames(peer, &[(0x82, &large[..]), (0x81, &bad_text)]));
        check(role, generous, &frames(peer, &[(0x82, &large[..]), (0x80, &large)]));
        check(role, generous, &frames(peer, &[(0x02, &large[..]), (0x82, &large)]));
        check(role, generous, &frames(peer, &[(0x82, &large[..]), (0xc2, &large)]));
        check(role, generous, &frame(role, 0x82, &large));
        check(
            role,
            |it| it.limits.message_bytes = Limit::at_most(99_999),
            &frame(peer, 0x82, &large),
        );
        check(
            role,
            |it| it.limits.message_bytes = Limit::at_most(100_000),
            &frame(peer, 0x82, &large),
        );
        check(
            role,
            |it| it.limits.frame_bytes = Limit::at_most(99_999),
            &frame(peer, 0x82, &large),
        );
    }
}

/// SEC-FR-09: a header alone reserves nothing, whatever it claims.
#[test]
fn sec_fr_09_no_room_is_made_before_the_first_byte_of_payload() {
    for role in ROLES {
        let mut conn = connection(role, generous);
        let mut header = header(role.peer(), 0x82, 4 << 20);
        assert_eq!(conn.poll_event(&mut Input::new(&mut header), start()), Ok(None));
        assert!(conn.fill_payload(|_| panic!("nothing has come"), start).is_none());
        assert!(conn.memory_bytes() < 1024);
    }
}

/// A message that is streamed, text or compressed goes through the door that checks it.
#[test]
fn only_binary_messages_that_are_wanted_whole_are_filled() {
    for role in ROLES {
        for (first, streamed) in [(0x81, false), (0x82, true)] {
            let mut conn = connection(role, generous);
            conn.receive_streamed(streamed);
            let whole = frame(role.peer(), first, &[b'x'; 500_000]);
            let mut part = whole[..100_000].to_vec();
            let mut input = Input::new(&mut part);
            while conn.poll_event(&mut input, start()).unwrap().is_some() {}
            assert!(conn.fill_payload(|_| panic!("not to be filled"), start).is_none());
        }
    }
}

/// Room for a large message is made as its bytes come; for a peer that has sent one as large before, at
/// once. So it can never be made to hold more than that peer has paid for in bytes.
#[test]
fn room_is_made_at_once_for_a_peer_that_has_filled_it_before() {
    const WHOLE: usize = 2 << 20;
    const FIRST: usize = 16 << 10;
    for role in ROLES {
        let mut conn = connection(role, generous);
        for expected in [(64 << 10) - FIRST, 1 << 20] {
            let whole = frame(role.peer(), 0x82, &vec![7; WHOLE]);
            let header_bytes = whole.len() - WHOLE;
            let (first, mut rest) = whole.split_at(header_bytes + FIRST);
            let mut first = first.to_vec();
            assert_eq!(conn.poll_event(&mut Input::new(&mut first), start()), Ok(None));
            let mut rooms = Vec::new();
            let message = loop {
                let fill = |room: &mut bytes::buf::Limit<&mut BytesMut>| {
                    rooms.push(room.remaining_mut());
                    let (fits, later) = rest.split_at(rest.len().min(room.remaining_mut()));
                    room.put_slice(fits);
                    rest = later;
                };
                let filled = conn.fill_payload(fill, start).expect("payload is all that comes");
                if let Some(message) = filled.message {
                    break message;
                }
                if rest.len() < 64 << 10 {
                    let mut rest = rest.to_vec();
                    let event = conn.poll_event(&mut Input::new(&mut rest), start()).unwrap();
                    let Some(Event::Message(message)) = event else {
                        panic!("the message is whole")
                    };
                    break message.into_message();
                }
            };
            assert_eq!(message, Message::Binary(vec![7; WHOLE].into()));
            assert_eq!(rooms[0], expected);
        }
    }
}

/// Messages come in order, each once, until the one that is enough; the next call goes on behind it.
#[test]
fn small_messages_stop_at_the_one_that_is_enough() {
    for role in ROLES {
        let mut conn = connection(role, generous);
        let sent: Vec<_> = (0..200).map(|len| vec![len; usize::from(len)]).collect();
        let mut bytes: Vec<u8> =
            sent.iter().flat_map(|payload| frame(role.peer(), 0x82, payload)).collect();
        let mut input = Input::new(&mut bytes);
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let enough = received.len() + 7;
            conn.poll_messages(&mut input, start(), |message, _| {
                received.push(message.unmask().into_message());
                received.len() < enough
            });
            assert_eq!(received.len(), enough.min(sent.len()));
        }
        assert!(input.is_empty());
        assert!(received.iter().map(Message::as_bytes).eq(&sent));
    }
}

/// What `poll_shared` makes of the first bytes of a message of 200 000, in an input with this capacity.
fn begun(conn: &mut Connection, first: u8, arrived: usize, capacity: usize) -> BytesMut {
    let whole = frame(conn.role().peer(), first, &[b'x'; 200_000]);
    let mut input = BytesMut::with_capacity(capacity);
    input.extend_from_slice(&whole[..whole.len() - 200_000 + arrived]);
    assert_eq!(conn.poll_shared(&mut input, 32 << 10, start()), Ok(None));
    input
}

/// An input is taken over with the beginning of a message that has room for its end there. It takes a
/// fair part of that memory for it to be pinned, and there is a deadline for the rest.
#[test]
fn sec_fr_09_beginning_of_a_message_takes_an_input_over() {
    const CAPACITY: usize = 256 << 10;
    for role in ROLES {
        let mut conn = connection(role, generous);
        assert!(begun(&mut conn, 0x82, 32 << 10, CAPACITY).is_empty());
        assert!(conn.memory_bytes() > 200_000);
        let due = start() + conn.settings().unfinished_message_timeout.unwrap();
        conn.handle_timeout(due - std::time::Duration::from_millis(1)).unwrap();
        assert_eq!(conn.handle_timeout(due), Err(Timeout::UnfinishedMessage));

        for (first, arrived, capacity) in [
            (0x82, 0, CAPACITY),
            (0x82, (32 << 10) - 1, CAPACITY),
            (0x82, 100_000, 200_000),
            // Text is checked as it comes, and more of a message may follow.
            (0x81, 100_000, CAPACITY),
            (0x02, 100_000, CAPACITY),
        ] {
            let mut conn = connection(role, generous);
            let left = begun(&mut conn, first, arrived, capacity);
            assert!(left.len() >= arrived && !left.is_empty(), "{first:x} {arrived} {capacity}");
            assert!(conn.memory_bytes() < 1024);
        }
    }
}
