//! Deadlines. Time is a value here, so an hour costs nothing.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use std::time::{Duration, Instant};

use trunkline_proto::limits::Settings;
use trunkline_proto::{CloseCode, Event, Input, Role, Timeout};

use support::*;

const NANOSECOND: Duration = Duration::from_nanos(1);

fn at(seconds: u64) -> Instant {
    start() + secs(seconds)
}

/// Checks that `due` is when something happens, and that nothing does before.
#[track_caller]
fn check_due(driven: &mut Driven, due: Instant) {
    assert_eq!(driven.conn.poll_timeout(), Some(due));
    let waiting = driven.conn.transmit_bytes();
    for early in [start(), due - secs(1), due - NANOSECOND] {
        assert_eq!(driven.conn.handle_timeout(early), Ok(()));
        assert_eq!(driven.conn.transmit_bytes(), waiting, "early does nothing");
        assert_eq!(driven.conn.poll_timeout(), Some(due));
    }
}

/// What was sent since the last time, as first bytes and payloads.
fn sent(driven: &mut Driven) -> Vec<(u8, Vec<u8>)> {
    let role = driven.conn.role();
    twin::strict(role, &driven.drain()).into_iter().map(|it| (it.first, it.payload)).collect()
}

/// Settings that no two deadlines of fall together.
fn keepalive_25_10(settings: &mut Settings) {
    settings.keepalive_interval = Some(secs(25));
    settings.keepalive_timeout = secs(10);
}

#[test]
fn sec_rl_05_keepalive_a_silent_peer_is_asked_and_then_given_up() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        check_due(&mut driven, at(25));
        assert_eq!(driven.conn.handle_timeout(at(25)), Ok(()));
        assert_eq!(sent(&mut driven), [(0x89, 1_u32.to_be_bytes().to_vec())]);
        check_due(&mut driven, at(35));
        assert_eq!(driven.conn.handle_timeout(at(35)), Err(Timeout::Keepalive));
        assert!(driven.conn.is_closed() && !driven.conn.is_open());
        let reason = Timeout::Keepalive.to_string();
        assert_eq!(sent(&mut driven), [(0x88, close_payload(1011, reason))]);
        assert!(driven.conn.is_finished());
        driven.feed_at(&frame(role.peer(), 0x81, b"late"), at(36));
        assert_eq!(driven.events, []);
    }
}

#[test]
fn keepalive_goes_on_for_ever_with_a_peer_that_answers() {
    for role in ROLES {
        let mut ours = Driven::new(connection(role, keepalive_25_10));
        let mut theirs = Driven::new(connection(role.peer(), |settings| {
            settings.keepalive_interval = None;
        }));
        let mut now = start();
        for round in 1..100 {
            let due = ours.conn.poll_timeout().unwrap();
            assert_eq!(due, now + secs(25));
            ours.conn.handle_timeout(due).unwrap();
            theirs.feed_at(&ours.drain(), due);
            now = due + Duration::from_millis(round);
            ours.feed_at(&theirs.drain(), now);
            assert_eq!(ours.conn.round_trip(), Some(Duration::from_millis(round)));
        }
    }
}

/// Any byte shows that the peer lives, also one that means nothing yet.
#[test]
fn keepalive_any_byte_is_a_sign_of_life() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        let message = frame(role.peer(), 0x82, &[b'x'; 200]);
        driven.feed_at(&message[..1], at(15));
        check_due(&mut driven, at(40));
        driven.conn.handle_timeout(at(40)).unwrap();
        // One more byte after the ping is as good as a pong.
        driven.feed_at(&message[1..2], at(44));
        assert_eq!(driven.error, None);
        check_due(&mut driven, at(69));
        driven.feed_at(&message[2..], at(50));
        check_due(&mut driven, at(75));
    }
}

/// A dead peer is found within interval and timeout of its last byte, whatever it answered before.
#[test]
fn keepalive_a_peer_that_sends_but_never_pongs_lives() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        let mut now = start();
        for _ in 0..20 {
            now += secs(25);
            check_due(&mut driven, now);
            driven.conn.handle_timeout(now).unwrap();
            assert_eq!(sent(&mut driven).len(), 1);
            now += secs(9);
            driven.feed_at(&frame(role.peer(), 0x81, b"busy"), now);
        }
        driven.conn.handle_timeout(now + secs(25)).unwrap();
        assert_eq!(driven.conn.handle_timeout(now + secs(35)), Err(Timeout::Keepalive));
    }
}

/// Bytes that were left are offered again with every call: they are heard once.
#[test]
fn keepalive_bytes_that_were_left_are_not_heard_again() {
    for role in ROLES {
        let bytes = frame(role.peer(), 0x89, b"ping");
        for left in 1..bytes.len() {
            let mut conn = connection(role, keepalive_25_10);
            for now in (5..25).map(at) {
                let mut unread = bytes[..left].to_vec();
                let mut input = Input::new(&mut unread);
                assert_eq!(conn.poll_event(&mut input, now), Ok(None));
                assert_eq!(input.len(), left);
                assert_eq!(conn.poll_timeout(), Some(at(5 + 25)));
            }
            // Those that complete them are heard.
            let mut unread = bytes.clone();
            let mut input = Input::new(&mut unread);
            assert_eq!(conn.poll_event(&mut input, at(28)), Ok(Some(Event::Ping(b"ping"))));
            assert_eq!(conn.poll_timeout(), Some(at(28 + 25)));
        }
    }
}

/// New bytes are heard also where fewer came than were left before.
#[test]
fn keepalive_new_bytes_after_a_message_that_was_cut_are_heard() {
    for role in ROLES {
        let bytes = frame(role.peer(), 0x81, b"message");
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        driven.feed_at(&bytes[..5], at(1));
        let mut unread = [&driven.unread[..], &bytes[5..]].concat();
        let mut input = Input::new(&mut unread);
        // The driver takes one event and leaves it at that.
        assert!(matches!(driven.conn.poll_event(&mut input, at(2)), Ok(Some(_))));
        driven.unread.clear();
        driven.feed_at(&bytes[..1], at(3));
        check_due(&mut driven, at(28));
    }
}

/// An application that pings on its own must not hide that nobody answers.
#[test]
fn keepalive_pings_of_the_application_do_not_put_it_off() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        driven.feed_at(&frame(role.peer(), 0x81, b"hello"), at(1));
        for now in [at(5), at(8), at(11), at(14)] {
            driven.conn.ping(now);
            check_due(&mut driven, at(15));
        }
        assert_eq!(driven.conn.handle_timeout(at(15)), Err(Timeout::Keepalive));
    }
}

/// After a night asleep a ping goes out first: nobody is given up on unasked.
#[test]
fn keepalive_a_late_call_asks_before_it_gives_up() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        assert_eq!(driven.conn.handle_timeout(at(36_000)), Ok(()));
        assert_eq!(sent(&mut driven).len(), 1);
        check_due(&mut driven, at(36_010));
    }
}

/// Whoever does not look at the clock for each message says later by when the last one has come: that counts
/// as a message for both kinds of silence, and bytes alone for one.
#[test]
fn messages_that_were_not_timed_count_from_when_they_had_come() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            keepalive_25_10(settings);
            settings.idle_timeout = Some(secs(30));
        }));
        driven.feed_at(&frame(role.peer(), 0x81, b"at 15, say"), at(0));
        driven.conn.heard_message(at(20));
        check_due(&mut driven, at(45));
        driven.conn.handle_timeout(at(45)).unwrap();
        driven.conn.heard(at(46));
        check_due(&mut driven, at(50));
        driven.conn.heard_message(at(49));
        check_due(&mut driven, at(74));
        // It answers a ping as any byte does.
        driven.conn.ping(at(60));
        check_due(&mut driven, at(70));
        driven.conn.heard_message(at(61));
        check_due(&mut driven, at(86));
    }
}

/// Who waits for nothing but the peer to be heard can be told so, whatever silence brings, and nothing else.
#[test]
fn other_deadlines_than_those_of_silence_are_told_apart() {
    for role in ROLES {
        let fresh = || Driven::new(connection(role, keepalive_25_10));
        let mut driven = fresh();
        assert!(driven.conn.is_only_silence_due());
        driven.conn.ping(at(1));
        driven.feed_at(&frame(role.peer(), 0x81, b"whole"), at(2));
        assert!(driven.conn.is_only_silence_due());
        driven.feed_at(&frame(role.peer(), 0x01, b"part"), at(3));
        assert!(!driven.conn.is_only_silence_due(), "a message is unfinished");
        driven.feed_at(&frame(role.peer(), 0x80, b"rest"), at(4));
        assert!(driven.conn.is_only_silence_due());
        driven.conn.transmitted(0, at(5));
        assert!(!driven.conn.is_only_silence_due(), "the ping cannot be written");
        driven.drain();
        assert!(driven.conn.is_only_silence_due());
        driven.conn.flush_stalled(at(6));
        assert!(!driven.conn.is_only_silence_due(), "it cannot be flushed");
        driven.conn.flushed();
        assert!(driven.conn.is_only_silence_due());
        driven.conn.close(CloseCode::NORMAL, "", at(7));
        assert!(!driven.conn.is_only_silence_due(), "closing is under way");
    }
}

#[test]
fn keepalive_can_be_left_out() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
        }));
        assert_eq!(driven.conn.poll_timeout(), None);
        assert_eq!(driven.conn.handle_timeout(at(1_000_000)), Ok(()));
        driven.conn.ping(at(1));
        assert_eq!(driven.conn.poll_timeout(), None);
    }
}

/// §5.5.3: only the newest ping counts, for an answer to an older one measures something else.
#[test]
fn round_trip_is_that_of_the_newest_ping() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        conn.ping(at(1));
        conn.ping(at(3));
        let pings = twin::strict(role, &drain(&mut conn));
        let mut pong = |payload: &[u8], now| {
            let mut bytes = frame(role.peer(), 0x8a, payload);
            match conn.poll_event(&mut Input::new(&mut bytes), now) {
                Ok(Some(Event::Pong(round_trip))) => (round_trip, conn.round_trip()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(pong(&pings[0].payload, at(4)), (None, None));
        assert_eq!(pong(b"unasked", at(4)), (None, None));
        assert_eq!(pong(&[], at(4)), (None, None));
        assert_eq!(pong(&pings[1].payload, at(7)), (Some(secs(4)), Some(secs(4))));
        assert_eq!(pong(&pings[1].payload, at(9)), (None, Some(secs(4))), "answered once");
    }
}

#[test]
fn idle_counts_messages_and_nothing_else() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
            settings.idle_timeout = Some(secs(30));
        }));
        check_due(&mut driven, at(30));
        driven.feed_at(&frames(role.peer(), &[(0x89, "p"), (0x8a, "p")]), at(10));
        check_due(&mut driven, at(30));
        for (now, list) in [
            (11, &[(0x81, &b"small"[..])][..]),
            (12, &[(0x82, &[0; 200])]),
            (13, &[(0x82, &[0; 20_000])]),
            (14, &[(0x01, b"in "), (0x80, b"parts")]),
        ] {
            driven.feed_at(&frames(role.peer(), list), at(now));
            check_due(&mut driven, at(now + 30));
        }
        driven.conn.queue("what we send does not count").unwrap();
        driven.drain();
        driven.conn.receive_streamed(true);
        driven.feed_at(&frame(role.peer(), 0x01, b"chunk"), at(20));
        check_due(&mut driven, at(50));
        assert_eq!(driven.conn.handle_timeout(at(50)), Err(Timeout::Idle));
        let reason = Timeout::Idle.to_string();
        assert_eq!(sent(&mut driven), [(0x88, close_payload(1001, reason))]);
    }
}

/// An empty fragment is nothing: a stream of them is as idle as silence.
#[test]
fn idle_does_not_count_empty_fragments() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
            settings.idle_timeout = Some(secs(30));
        }));
        driven.conn.receive_streamed(true);
        driven.feed_at(&frame(role.peer(), 0x02, b"x"), at(5));
        driven.feed_at(&frame(role.peer(), 0x00, b""), at(20));
        check_due(&mut driven, at(35));
        driven.feed_at(&frame(role.peer(), 0x80, b""), at(25));
        check_due(&mut driven, at(55));
    }
}

/// Who is in the middle of sending a message is not idle: that has a timeout of its own.
#[test]
fn idle_counts_the_parts_of_a_message() {
    for role in ROLES {
        let from = role.peer();
        let large = frame(from, 0x82, &[0; 100_000]);
        let fragments = [frame(from, 0x01, &[b'a'; 20_000]), frame(from, 0x00, &[b'a'; 10_000])];
        for bytes in [large, fragments.concat()] {
            let mut driven = Driven::new(connection(role, |settings| {
                settings.keepalive_interval = None;
                settings.idle_timeout = Some(secs(30));
            }));
            for (piece, now) in bytes.chunks(10_000).zip([5, 20, 29]) {
                driven.feed_at(piece, at(now));
                assert_eq!(driven.events, []);
                check_due(&mut driven, at(now + 30));
            }
        }
    }
}

#[test]
fn sec_fg_07_a_message_must_be_finished_in_time() {
    for role in ROLES {
        for begin in [
            frame(role.peer(), 0x01, b"once upon a time"),
            frame(role.peer(), 0x02, b""),
            header(role.peer(), 0x82, 100),
            header(role.peer(), 0x81, 10_000),
        ] {
            let mut driven = Driven::new(connection(role, |settings| {
                settings.keepalive_interval = Some(secs(1000));
            }));
            driven.feed_at(&begin, at(5));
            check_due(&mut driven, at(65));
        }
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = Some(secs(1000));
        }));
        driven.feed_at(&frame(role.peer(), 0x01, b"a"), at(5));
        // Neither more of it nor control frames buy time.
        driven.feed_at(&frames(role.peer(), &[(0x00, "b"), (0x89, "p")]), at(50));
        assert_eq!(sent(&mut driven), [(0x8a, b"p".to_vec())]);
        check_due(&mut driven, at(65));
        assert_eq!(driven.conn.handle_timeout(at(65)), Err(Timeout::UnfinishedMessage));
        let reason = Timeout::UnfinishedMessage.to_string();
        assert_eq!(sent(&mut driven), [(0x88, close_payload(1008, reason))]);
        assert!(driven.conn.is_finished());
    }
}

#[test]
fn the_time_for_a_message_begins_with_its_first_frame() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
        }));
        for now in [5, 50, 500] {
            driven.feed_at(&frame(role.peer(), 0x01, b"a"), at(now));
            check_due(&mut driven, at(now + 60));
            driven.feed_at(&frame(role.peer(), 0x80, b"b"), at(now + 30));
            assert_eq!(driven.conn.poll_timeout(), None);
        }
        // Who takes a message as a stream decides for himself how long it may be.
        driven.conn.receive_streamed(true);
        driven.feed_at(&frame(role.peer(), 0x01, b"a"), at(600));
        assert_eq!(driven.conn.poll_timeout(), None);
        assert_eq!(driven.conn.handle_timeout(at(6000)), Ok(()));
    }
}

#[test]
fn sec_bp_03_a_transport_that_takes_nothing_is_given_up() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
        }));
        driven.conn.queue(&[0; 1000][..]).unwrap();
        assert_eq!(driven.conn.poll_timeout(), None, "nobody has tried to write yet");
        driven.conn.transmitted(0, at(5));
        driven.conn.transmitted(0, at(10));
        check_due(&mut driven, at(35));
        driven.conn.transmitted(1, at(20));
        assert_eq!(driven.conn.poll_timeout(), None, "one byte is progress");
        driven.conn.transmitted(0, at(20));
        check_due(&mut driven, at(50));
        assert_eq!(driven.conn.handle_timeout(at(50)), Err(Timeout::Write));
        assert!(driven.conn.is_closed());
    }
}

/// A transport that takes nothing because there is nothing does not stall.
#[test]
fn nothing_stalls_where_nothing_waits() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
        }));
        driven.conn.transmitted(0, at(5));
        assert_eq!(driven.conn.poll_timeout(), None);
        driven.conn.queue("one").unwrap();
        assert_eq!(driven.conn.poll_timeout(), None);
        driven.conn.transmitted(0, at(100));
        check_due(&mut driven, at(130));
        let all = driven.conn.transmit_bytes();
        driven.conn.transmitted(all, at(101));
        driven.conn.transmitted(0, at(101));
        assert_eq!(driven.conn.poll_timeout(), None);
    }
}

/// A transport that took everything and cannot get rid of it has the same time, until it can.
#[test]
fn sec_bp_03_a_flush_that_does_not_end_is_given_up() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = None;
        }));
        driven.conn.queue("one").unwrap();
        driven.drain();
        driven.conn.flush_stalled(at(5));
        driven.conn.flush_stalled(at(10));
        check_due(&mut driven, at(35));
        driven.conn.flushed();
        assert_eq!(driven.conn.poll_timeout(), None, "it is rid of it");
        driven.conn.flush_stalled(at(40));
        driven.conn.queue("two").unwrap();
        driven.conn.flushed();
        check_due(&mut driven, at(70));
        driven.conn.transmitted(1, at(60));
        assert_eq!(driven.conn.poll_timeout(), None, "one byte is progress");
        driven.drain();
        driven.conn.flush_stalled(at(60));
        check_due(&mut driven, at(90));
        assert_eq!(driven.conn.handle_timeout(at(90)), Err(Timeout::Write));
        assert!(driven.conn.is_closed());
    }
}

/// §7.1.1: while closing, the close deadline takes the place of keepalive and idle.
#[test]
fn closing_has_one_deadline_for_all() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |settings| {
            keepalive_25_10(settings);
            settings.idle_timeout = Some(secs(26));
        }));
        driven.conn.close(CloseCode::NORMAL, "", at(20));
        driven.drain();
        check_due(&mut driven, at(30));
        // What the peer still sends does not put it off, nor does its close.
        driven.feed_at(&frame(role.peer(), 0x81, b"still here"), at(25));
        check_due(&mut driven, at(30));
        assert_eq!(driven.conn.handle_timeout(at(30)), Err(Timeout::Close));
    }
}

/// `close_timeout` is for all of closing, the end of the transport included: no answer of the peer,
/// right or wrong, makes it longer.
#[test]
fn the_close_deadline_is_not_put_off_by_the_peer() {
    for role in ROLES {
        for first in [0x88, 0x83] {
            let mut driven = Driven::new(connection(role, keepalive_25_10));
            driven.conn.close(CloseCode::NORMAL, "", at(20));
            driven.feed_at(&frame(role.peer(), first, b""), at(25));
            assert!(driven.conn.is_closed());
            driven.drain();
            check_due(&mut driven, at(30));
            assert_eq!(driven.conn.handle_timeout(at(30)), Err(Timeout::Close));
        }
    }
}

/// An unfinished message and a stalled transport matter also while we wait for the peer's close.
#[test]
fn closing_does_not_excuse_other_deadlines() {
    for role in ROLES {
        let change = |settings: &mut Settings| {
            settings.close_timeout = secs(1000);
            settings.keepalive_interval = None;
        };
        let mut driven = Driven::new(connection(role, change));
        driven.feed_at(&frame(role.peer(), 0x01, b"a"), at(1));
        driven.conn.close(CloseCode::NORMAL, "", at(2));
        check_due(&mut driven, at(61));
        driven.conn.transmitted(0, at(3));
        check_due(&mut driven, at(33));
        assert_eq!(driven.conn.handle_timeout(at(33)), Err(Timeout::Write));
        let mut driven = Driven::new(connection(role, change));
        driven.feed_at(&frame(role.peer(), 0x01, b"a"), at(1));
        driven.conn.close(CloseCode::NORMAL, "", at(2));
        assert_eq!(driven.conn.handle_timeout(at(61)), Err(Timeout::UnfinishedMessage));
        assert_eq!(sent(&mut driven).len(), 1, "one close frame is enough");
    }
}

/// A deadline beyond the end of time is none, and no call may panic over it.
#[test]
fn durations_that_never_end_are_no_deadlines() {
    for role in ROLES {
        let change = |settings: &mut Settings| {
            settings.keepalive_interval = Some(Duration::MAX);
            settings.keepalive_timeout = Duration::MAX;
            settings.idle_timeout = Some(Duration::MAX);
            settings.unfinished_message_timeout = Some(Duration::MAX);
            settings.write_timeout = Some(Duration::MAX);
            settings.close_timeout = Duration::MAX;
        };
        for list in [&[(0x01, "a"), (0x89, "p")][..], &[(0x88, "")], &[(0x83, "")]] {
            let mut driven = Driven::new(connection(role, change));
            driven.conn.ping(at(1));
            driven.feed_at(&frames(role.peer(), list), at(2));
            driven.conn.transmitted(0, at(3));
            assert_eq!(driven.conn.poll_timeout(), None);
            driven.conn.close(CloseCode::NORMAL, "", at(4));
            assert_eq!(driven.conn.poll_timeout(), None);
            assert_eq!(driven.conn.handle_timeout(at(1_000_000)), Ok(()));
        }
    }
}

/// Property: whatever was called before, nothing is due a nanosecond before `poll_timeout`, and
/// something is at that very time.
#[test]
fn poll_timeout_is_exact_after_any_calls() {
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let role = *random.pick(&ROLES);
        let mut any = || secs(1 + random.below(50) as u64);
        let times = [any(), any(), any(), any(), any(), any()];
        let mut driven = Driven::new(connection(role, |settings| {
            settings.keepalive_interval = Some(times[0]);
            settings.keepalive_timeout = times[1];
            settings.idle_timeout = Some(times[2]);
            settings.unfinished_message_timeout = Some(times[3]);
            settings.write_timeout = Some(times[4]);
            settings.close_timeout = times[5];
        }));
        let mut now = start();
        for _ in 0..random.below(12) {
            now += Duration::from_millis(random.next() % 9000);
            let from = role.peer();
            match random.below(12) {
                0 => driven.feed_at(&frame(from, 0x81, b"small"), now),
                1 => driven.feed_at(&frame(from, 0x02, b"begun"), now),
                2 => driven.feed_at(&frame(from, 0x80, b"ended"), now),
                3 => driven.feed_at(&frame(from, 0x89, b"ping"), now),
                4 => driven.feed_at(&frame(from, 0x8a, &1_u32.to_be_bytes()), now),
                5 => driven.feed_at(&frame(from, 0x88, b""), now),
                6 => driven.conn.ping(now),
                7 => drop(driven.conn.queue("message")),
                8 => driven.conn.transmitted(0, now),
                9 => driven.conn.transmitted(3, now),
                10 if random.chance(4) => driven.conn.close(CloseCode::NORMAL, "", now),
                _ => drop(driven.conn.handle_timeout(now)),
            }
        }
        let Some(due) = driven.conn.poll_timeout() else { continue };
        if due <= now {
            assert!(acts(&mut driven, now), "seed {seed}: overdue");
            continue;
        }
        assert!(!acts(&mut driven, due - NANOSECOND), "seed {seed}: too early");
        assert!(acts(&mut driven, due), "seed {seed}: due and nothing happened");
    }
}

/// Whether a call at `now` does anything.
fn acts(driven: &mut Driven, now: Instant) -> bool {
    let before = driven.conn.transmit_bytes();
    driven.conn.handle_timeout(now).is_err() || driven.conn.transmit_bytes() != before
}

#[test]
fn each_timeout_names_the_setting_that_it_comes_from() {
    for (timeout, setting) in [
        (Timeout::Keepalive, "keepalive_timeout"),
        (Timeout::Idle, "idle_timeout"),
        (Timeout::UnfinishedMessage, "unfinished_message_timeout"),
        (Timeout::Write, "write_timeout"),
        (Timeout::Close, "close_timeout"),
    ] {
        assert!(timeout.to_string().contains(setting));
        assert!(timeout.to_string().len() <= 123, "it is the reason in a close frame");
    }
    assert_eq!(Role::Client.peer(), Role::Server);
}

/// Once a deadline has ended it, a connection waits for nothing: whoever asks does not spin.
#[test]
fn a_connection_that_was_given_up_has_no_deadline_in_the_past() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.close(CloseCode::NORMAL, "", at(0));
        driven.drain();
        let due = driven.conn.poll_timeout().unwrap();
        assert_eq!(driven.conn.handle_timeout(due), Err(Timeout::Close));
        assert!(driven.conn.is_closed());
        assert_eq!(driven.conn.poll_timeout(), None);
        driven.feed_at(&frame(role.peer(), 0x81, b"late"), due);
        assert_eq!(driven.events, []);

        let mut stuck = connection(role, |settings| settings.write_timeout = Some(secs(30)));
        stuck.queue("never written").unwrap();
        stuck.transmitted(0, at(0));
        assert_eq!(stuck.handle_timeout(at(30)), Err(Timeout::Write));
        assert!(stuck.poll_timeout().is_none_or(|due| due > at(30)));
    }
}

/// What waits to be read is a sign of life, if its driver says so.
#[test]
fn keepalive_hears_what_the_driver_has_not_read() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, keepalive_25_10));
        driven.conn.handle_timeout(at(25)).unwrap();
        driven.conn.heard(at(34));
        assert_eq!(driven.conn.handle_timeout(at(35)), Ok(()));
        assert_eq!(driven.conn.poll_timeout(), Some(at(34 + 25)));
    }
}
