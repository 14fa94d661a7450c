//! §5.5.1, §7: both ends, either order, and silence.

use trunkline_proto::{CloseCode, Initiator, ProtocolError, QueueErrorKind, Timeout};

use crate::support::*;
use crate::twin;

#[test]
fn sec_cl_01_s5_5_1_close_payload_of_one_byte_fails() {
    for byte in [0, 3, 0xff] {
        check(&[(0x88, [byte])], &[], Some(ProtocolError::CloseFrameLength));
    }
}

/// §7.4: all 65 536 codes, each taken or refused as the registry and the RFC say.
#[test]
fn sec_cl_02_s7_4_reserved_close_codes_fail() {
    for code in 0..=u16::MAX {
        let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode::new(code).map(u16::from), valid.then_some(code));
        for role in ROLES {
            let bytes = frame(role.peer(), 0x88, &close_payload(code, ""));
            let mut driven = Driven::new(connection(role, |_| ()));
            driven.feed(&bytes);
            let error = (!valid).then_some(ProtocolError::InvalidCloseCode(code));
            assert_eq!(driven.error, error);
            let answer = if valid { code } else { 1002 };
            let sent = twin::strict(role, &driven.drain());
            assert_eq!(sent[0].payload[..2], answer.to_be_bytes());
        }
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        let error = Some(ProtocolError::InvalidCloseCode(code));
        check(&[(0x88, close_payload(code, ""))], &[], error);
        check(&[(0x88, close_payload(code, "reason"))], &[], error);
    }
}

/// §5.5.1: the reply carries the same code, and none where there was none.
#[test]
fn sec_cl_03_s5_5_1_close_is_answered_with_its_code() {
    check(&[(0x88, "")], &[Seen::Closed], None);
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        for reason in ["", "bye", "größe"] {
            check(&[(0x88, close_payload(code, reason))], &[Seen::Closed], None);
        }
    }
}

/// §7.1.5, §7.1.6: code and reason are those of the first close frame.
#[test]
fn s7_1_5_code_and_reason_of_the_peer_are_told() {
    for role in ROLES {
        for (payload, code, reason) in [
            (vec![], None, ""),
            (close_payload(1001, ""), CloseCode::new(1001), ""),
            (close_payload(4001, "größe"), CloseCode::new(4001), "größe"),
        ] {
            let mut driven = Driven::new(connection(role, |_| ()));
            assert_eq!(driven.conn.close_info(), None);
            driven.feed(&frame(role.peer(), 0x88, &payload));
            let info = driven.conn.close_info().unwrap();
            assert_eq!((info.initiator, info.code), (Initiator::Peer, code));
            assert_eq!(info.reason, reason);
            assert!(driven.conn.is_closed() && !driven.conn.is_finished());
            driven.drain();
            assert!(driven.conn.is_finished());
        }
    }
}

#[test]
fn sec_cl_04_s5_5_1_close_reason_that_is_not_utf8_fails() {
    for reason in [&b"\xff"[..], b"ok\xc0\x80", b"\xed\xa0\x80", b"cut \xf0\x9f\x98"] {
        let error = Some(ProtocolError::InvalidCloseReason);
        check(&[(0x88, close_payload(1000, reason))], &[], error);
        assert_eq!(ProtocolError::InvalidCloseReason.close_code(), CloseCode::INVALID_PAYLOAD);
    }
}

/// §5.5.1: what follows a close frame is discarded, and exactly one close is sent.
#[test]
fn sec_cl_05_s5_5_1_nothing_is_read_after_a_close() {
    check(
        &[(0x88, &close_payload(1000, "")[..]), (0x81, b"late"), (0x89, b"p"), (0x88, b"")],
        &[Seen::Closed],
        None,
    );
    // Garbage is not even looked at.
    check(&[(0x88, "")], &[Seen::Closed], None);
    check(&[(0x88, ""), (0xff, "x"), (0x08, "")], &[Seen::Closed], None);
    // The same after a broken rule.
    check(&[(0x83, ""), (0x81, "late"), (0x88, "")], &[], Some(ProtocolError::ReservedOpCode(3)));
}

/// §7.1.2: we begin, the peer may still send, its close ends it.
#[test]
fn s7_1_2_our_close_waits_for_the_peers() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.close(CloseCode::GOING_AWAY, "moving", start());
        assert!(!driven.conn.is_open() && !driven.conn.is_closed());
        assert_eq!(driven.conn.close_info(), None);
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent[0].payload, close_payload(1001, "moving"));
        assert!(!driven.conn.is_finished(), "the peer has not closed yet");
        driven.feed(&frames(role.peer(), &[(0x01, "last "), (0x80, "words")]));
        driven.feed(&frames(role.peer(), &[(0x88, &close_payload(1000, "their words")[..])]));
        assert_eq!(driven.events, [text("last words"), Seen::Closed]);
        let info = driven.conn.close_info().unwrap();
        assert_eq!((info.initiator, info.code), (Initiator::Local, Some(CloseCode::GOING_AWAY)));
        assert_eq!(info.reason, "moving");
        assert!(driven.conn.is_finished());
        assert_eq!(driven.drain(), [], "one close frame is enough");
    }
}

/// §7.1.2: both begin at the same moment; each sees the other's close and is done.
#[test]
fn sec_cl_07_both_close_at_the_same_instant() {
    for role in ROLES {
        let mut ours = Driven::new(connection(role, |_| ()));
        let mut theirs = Driven::new(connection(role.peer(), |_| ()));
        ours.conn.close(CloseCode::NORMAL, "a", start());
        theirs.conn.close(CloseCode::GOING_AWAY, "b", start());
        let (out, back) = (ours.drain(), theirs.drain());
        ours.feed(&back);
        theirs.feed(&out);
        for end in [&mut ours, &mut theirs] {
            assert_eq!(end.events, [Seen::Closed]);
            assert!(end.conn.is_finished());
            assert_eq!(end.conn.close_info().unwrap().initiator, Initiator::Local);
            assert_eq!(end.drain(), []);
        }
    }
}

/// §5.5.1: we never send a close frame that we would refuse.
#[test]
fn sec_cl_09_s5_5_1_long_reasons_are_cut_at_a_character() {
    let cases = [
        ("r".repeat(122), 122),
        ("r".repeat(123), 123),
        ("r".repeat(124), 123),
        ("r".repeat(5000), 123),
        (format!("{}é", "r".repeat(121)), 123),
        (format!("{}é", "r".repeat(122)), 122),
        (format!("{}😀", "r".repeat(120)), 120),
        ("😀".repeat(50), 120),
    ];
    for role in ROLES {
        for (reason, len) in &cases {
            let mut conn = connection(role, |_| ());
            conn.close(CloseCode::NORMAL, reason, start());
            let sent = twin::strict(role, &drain(&mut conn));
            assert_eq!(sent[0].payload, close_payload(1000, &reason[..*len]));
        }
    }
    // §7.4.1: codes that must not stand on the wire cannot be named.
    assert_eq!([1004, 1005, 1006, 1015].map(CloseCode::new), [None; 4]);
}

/// §7.1.7: a broken rule is answered with its code before the transport ends.
#[test]
fn s7_1_7_a_broken_rule_is_told_to_the_peer() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.queue("on its way").unwrap();
        driven.feed(&frame(role.peer(), 0x83, b""));
        assert!(driven.conn.is_closed() && !driven.conn.is_finished());
        assert_eq!(driven.conn.queue("late").unwrap_err().kind(), QueueErrorKind::Closed);
        assert_eq!(driven.conn.close_info(), None, "that was no close");
        let sent = twin::strict(role, &driven.drain());
        assert_eq!(sent.iter().map(|it| it.first).collect::<Vec<_>>(), [0x81, 0x88]);
        assert_eq!(sent[1].payload, close_payload(1002, "reserved opcode 3"));
        assert!(driven.conn.is_finished());
    }
}

/// A rule broken after our own close: there is no second close frame to send.
#[test]
fn s7_1_7_a_broken_rule_after_our_close_sends_nothing_more() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        driven.conn.close(CloseCode::NORMAL, "", start());
        driven.feed(&frame(role.peer(), 0x83, b""));
        assert_eq!(driven.error, Some(ProtocolError::ReservedOpCode(3)));
        assert_eq!(twin::strict(role, &driven.drain()).len(), 1);
        assert!(driven.conn.is_finished());
    }
}

/// §7.1.3, §5.5.1: the close frame is the last one, behind all that was queued before it.
#[test]
fn s5_5_1_close_goes_out_behind_what_was_queued() {
    for role in ROLES {
        let mut conn = connection(role, |_| ());
        conn.queue("first").unwrap();
        conn.queue(vec![1; 100_000]).unwrap();
        conn.close(CloseCode::NORMAL, "", start());
        let sent = twin::strict(role, &drain(&mut conn));
        assert_eq!(sent.iter().map(|it| it.first).collect::<Vec<_>>(), [0x81, 0x82, 0x88]);
    }
}

/// §7.1.1: a peer that never closes is not waited for, whichever side began.
#[test]
fn s7_1_1_the_end_of_the_transport_is_not_waited_for_forever() {
    for role in ROLES {
        let local = |driven: &mut Driven| {
            driven.conn.close(CloseCode::NORMAL, "", start());
        };
        let peer = |driven: &mut Driven| driven.feed(&frame(role.peer(), 0x88, b""));
        let failed = |driven: &mut Driven| driven.feed(&frame(role.peer(), 0x83, b""));
        for end in [&local as &dyn Fn(&mut Driven), &peer, &failed] {
            let mut driven = Driven::new(connection(role, |settings| {
                settings.close_timeout = secs(7);
            }));
            end(&mut driven);
            driven.drain();
            assert_eq!(driven.conn.poll_timeout(), Some(start() + secs(7)));
            assert_eq!(driven.conn.handle_timeout(start() + secs(6)), Ok(()));
            assert_eq!(driven.conn.handle_timeout(start() + secs(7)), Err(Timeout::Close));
        }
    }
}

/// §7.4.1: which broken rule is answered with which code.
#[test]
fn s7_4_1_each_broken_rule_has_its_code() {
    use ProtocolError::*;
    for (errors, code) in [
        (&[InvalidUtf8, InvalidCloseReason][..], CloseCode::INVALID_PAYLOAD),
        (&[FrameTooBig { limit: 1 }, MessageTooBig { limit: 1 }], CloseCode::MESSAGE_TOO_BIG),
        (&[TooManyTinyFragments, TooManyEmptyFragments], CloseCode::POLICY_VIOLATION),
        (
            &[
                ReservedBits,
                ReservedOpCode(3),
                FragmentedControlFrame,
                ControlFrameTooLong,
                PayloadLength,
                UnmaskedFrame,
                MaskedFrame,
                UnexpectedContinuation,
                ExpectedContinuation,
                CloseFrameLength,
                InvalidCloseCode(1005),
                InvalidDeflate,
            ],
            CloseCode::PROTOCOL_ERROR,
        ),
    ] {
        for error in errors {
            assert_eq!(error.close_code(), code, "{error}");
            let shown = error.to_string();
            assert!(shown.len() <= 123 && !shown.ends_with('.'), "{shown:?} fits a close frame");
        }
    }
}
