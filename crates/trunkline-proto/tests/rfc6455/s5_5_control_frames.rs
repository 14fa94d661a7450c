//! §5.5: close, ping and pong.

use trunkline_proto::{CloseCode, ProtocolError, Role};

use crate::support::*;
use crate::twin;

/// §5.5: a control frame carries at most 125 bytes, which its second byte already says.
#[test]
fn sec_ct_01_s5_5_control_frame_over_125_bytes_fails() {
    for first in [0x88, 0x89, 0x8a] {
        for short in [126, 127] {
            for role in ROLES {
                let mask = if role == Role::Server { 0x80 } else { 0 };
                let error = Some(ProtocolError::ControlFrameTooLong);
                check_bytes(role, &|_| (), &[first, mask | short], &[], error);
            }
        }
        check(&[(first, vec![0; 126])], &[], Some(ProtocolError::ControlFrameTooLong));
    }
    for role in ROLES {
        let bytes = header(role.peer(), 0x89, 1 << 32);
        check_bytes(role, &|_| (), &bytes, &[], Some(ProtocolError::ControlFrameTooLong));
        assert_eq!(connection(role, |_| ()).memory_bytes(), 0);
    }
}

#[test]
fn s5_5_control_frames_up_to_125_bytes_are_taken() {
    for len in [0, 1, 124, 125] {
        let payload = vec![b'p'; len];
        check(&[(0x89, &payload)], &[ping(&payload)], None);
        check(&[(0x8a, &payload)], &[Seen::Pong], None);
    }
    check(&[(0x88, close_payload(1000, "r".repeat(123)))], &[Seen::Closed], None);
}

#[test]
fn sec_ct_02_s5_5_fragmented_control_frame_fails() {
    for first in [0x08, 0x09, 0x0a] {
        let error = Some(ProtocolError::FragmentedControlFrame);
        check(&[(first, "")], &[], error);
        check(&[(first, "abc")], &[], error);
        check(&[(0x01, "a"), (first, "abc")], &[], error);
    }
}

/// §5.5.3: "identical application data".
#[test]
fn s5_5_3_ping_is_answered_with_its_payload() {
    for payload in [&b""[..], b"x", &[0; 125], &[0xff; 125]] {
        check(&[(0x89, payload)], &[ping(payload)], None);
    }
    // Before the message that was queued after it came.
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.queue("before").unwrap();
        driven.feed(&frame(role.peer(), 0x89, b"p"));
        driven.conn.queue("after").unwrap();
        let sent = twin::strict(role, &driven.drain());
        let firsts: Vec<_> = sent.iter().map(|it| it.first).collect();
        assert_eq!(firsts, [0x81, 0x8a, 0x81]);
    }
}

/// §5.5.3: while a pong waits to be written, only the newest of the pings that follow is answered.
#[test]
fn sec_ct_04_s5_5_3_burst_of_pings_answers_the_newest() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        for i in 0..1000_u32 {
            driven.feed(&frame(role.peer(), 0x89, &i.to_be_bytes()));
            assert!(driven.conn.memory_bytes() <= 4 << 10, "memory stays flat");
        }
        let sent = twin::strict(role, &driven.drain());
        let pongs: Vec<_> = sent.into_iter().map(|it| it.payload).collect();
        assert_eq!(pongs, [0_u32.to_be_bytes(), 999_u32.to_be_bytes()]);
        assert!(driven.conn.is_open());
        // And it goes on.
        driven.feed(&frames(role.peer(), &[(0x89, "more"), (0x81, "text")]));
        assert_eq!(twin::strict(role, &driven.drain())[0].payload, b"more");
        assert_eq!(driven.events.last(), Some(&text("text")));
    }
}

/// §5.5.3: the pong that waits goes out before a message that is queued later.
#[test]
fn s5_5_3_a_waiting_pong_is_not_overtaken_for_ever() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.feed(&frames(role.peer(), &[(0x89, "1"), (0x89, "2")]));
        let pong_1 = driven.conn.transmit_bytes();
        driven.conn.transmitted(pong_1, start());
        assert!(driven.conn.wants_transmit());
        driven.conn.queue("message").unwrap();
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent.iter().map(|it| it.first).collect::<Vec<_>>(), [0x8a, 0x81]);
    }
}

/// §5.5.2: a ping that came before we close is answered, in front of the close frame.
#[test]
fn s5_5_2_a_waiting_pong_goes_out_before_our_close() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.feed(&frames(role.peer(), &[(0x89, "1"), (0x89, "2")]));
        driven.conn.close(CloseCode::NORMAL, "", start());
        let sent = twin::strict(role, &driven.drain());
        let sent: Vec<_> = sent.into_iter().map(|it| (it.first, it.payload)).collect();
        let close = (0x88, close_payload(1000, ""));
        assert_eq!(sent, [(0x8a, b"1".to_vec()), (0x8a, b"2".to_vec()), close]);
    }
}

/// §5.5.3: pongs that nobody asked for are heard and cost nothing.
#[test]
fn sec_ct_05_s5_5_3_unsolicited_pongs_are_ignored() {
    check(
        &[(0x8a, ""), (0x8a, "x"), (0x8a, "\0\0\0\0"), (0x8a, "\0\0\0\u{1}")],
        &vec![Seen::Pong; 4],
        None,
    );
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        let deadline = driven.conn.poll_timeout();
        let burst = frame(role.peer(), 0x8a, b"flood").repeat(1000);
        for _ in 0..100 {
            driven.feed(&burst);
            driven.events.clear();
        }
        assert_eq!(driven.conn.memory_bytes(), 0);
        assert_eq!(driven.conn.poll_timeout(), deadline);
        assert!(!driven.conn.wants_transmit());
        assert_eq!(driven.conn.round_trip(), None);
    }
}

/// §5.5.2 on the way out: one frame, answered by the peer's machine, measured by ours.
#[test]
fn s5_5_2_a_sent_ping_comes_back_as_a_pong() {
    for role in ROLES {
        let mut ours = Driven::new(connection(role, |_| ()));
        let mut theirs = Driven::new(connection(role.peer(), |_| ()));
        ours.conn.ping(start());
        theirs.feed(&ours.drain());
        assert!(matches!(theirs.events[..], [Seen::Ping(_)]));
        ours.feed_at(&theirs.drain(), start() + secs(2));
        assert_eq!(ours.events, [Seen::Pong]);
        assert_eq!(ours.conn.round_trip(), Some(secs(2)));
    }
}

/// No ping goes out once a close frame has.
#[test]
fn s5_5_1_nothing_is_sent_after_a_close_frame() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.close(CloseCode::NORMAL, "", start());
        driven.conn.ping(start());
        driven.conn.close(CloseCode::GOING_AWAY, "again", start());
        assert!(driven.conn.queue("late").is_err());
        driven.feed(&frames(role.peer(), &[(0x89, "p"), (0x81, "still heard")]));
        assert_eq!(driven.events, [ping(b"p"), text("still heard")]);
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].first, &sent[0].payload[..]), (0x88, &close_payload(1000, "")[..]));
    }
}
