//! §5.2: lengths, reserved bits, reserved opcodes.

use trunkline_proto::{ProtocolError, Role};

use crate::support::*;
use crate::twin;

const NO_CHANGE: &dyn Fn(&mut trunkline_proto::limits::Settings) = &|_| ();

/// A header spelled by hand: `first`, the seven bits of the length, its long form.
fn spelled(from: Role, first: u8, short: u8, long: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, short];
    bytes.extend(long);
    if from == Role::Client {
        bytes[1] |= 0x80;
        bytes.extend([0; 4]);
    }
    bytes
}

#[track_caller]
fn check_header(first: u8, short: u8, long: &[u8], error: ProtocolError) {
    for role in ROLES {
        let header = spelled(role.peer(), first, short, long);
        check_bytes(role, NO_CHANGE, &header, &[], Some(error));
    }
}

/// §5.2: RSV2 and RSV3 mean nothing here; RSV1 only where permessage-deflate was agreed.
#[test]
fn sec_fr_02_s5_2_reserved_bits_fail() {
    for rsv in (0x10..=0x70).step_by(0x10) {
        for opcode in [0x81, 0x82, 0x01, 0x02, 0x88, 0x89, 0x8a] {
            check(&[(opcode | rsv, "")], &[], Some(ProtocolError::ReservedBits));
            check(&[(opcode | rsv, "hi")], &[], Some(ProtocolError::ReservedBits));
        }
        let fragments = [(0x01, "a"), (0x80 | rsv, "b")];
        check(&fragments, &[], Some(ProtocolError::ReservedBits));
    }
}

#[test]
fn sec_fr_03_s5_2_reserved_opcodes_fail() {
    for opcode in (3..=7).chain(11..=15) {
        for fin in [0, 0x80] {
            let error = Some(ProtocolError::ReservedOpCode(opcode));
            check(&[(fin | opcode, "")], &[], error);
            check(&[(fin | opcode, "data")], &[], error);
            check(&[(0x81, "before"), (fin | opcode, "")], &[text("before")], error);
        }
    }
}

/// What is wrong in the first byte is told before the second has come.
#[test]
fn s5_2_a_wrong_first_byte_fails_alone() {
    for (first, error) in [
        (0x83, ProtocolError::ReservedOpCode(3)),
        (0xb3, ProtocolError::ReservedOpCode(3)),
        (0x91, ProtocolError::ReservedBits),
        (0xa1, ProtocolError::ReservedBits),
        (0x09, ProtocolError::FragmentedControlFrame),
    ] {
        for role in ROLES {
            check_bytes(role, NO_CHANGE, &[first], &[], Some(error));
        }
    }
}

/// Nothing resynchronises: what is not WebSocket fails in its first frame.
#[test]
fn sec_fr_04_garbage_fails_within_one_frame() {
    let http = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let tls = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    for role in ROLES {
        // 'G' is RSV1 and opcode 7, 0x16 is RSV3 and opcode 6.
        check_bytes(role, NO_CHANGE, http, &[], Some(ProtocolError::ReservedOpCode(7)));
        check_bytes(role, NO_CHANGE, &tls, &[], Some(ProtocolError::ReservedOpCode(6)));
    }
    let zeros = [0; 1000];
    check_bytes(Role::Server, NO_CHANGE, &zeros, &[], Some(ProtocolError::UnmaskedFrame));
    check_bytes(Role::Client, NO_CHANGE, &zeros, &[], Some(ProtocolError::UnexpectedContinuation));
}

#[test]
fn sec_fr_04_random_bytes_agree_with_the_twin() {
    for seed in 0..200 {
        let bytes = Random::new(seed).bytes(1 << 12);
        for role in ROLES {
            let limits = connection(role, |_| ()).settings().limits;
            let expected = twin::decode(role.peer(), &limits, &bytes);
            let got = run(role, NO_CHANGE, &[], &bytes, &[]);
            assert_eq!((got.events, got.error), (expected.events, expected.error), "seed {seed}");
        }
    }
}

#[test]
fn sec_fr_05_s5_2_length_with_the_top_bit_fails() {
    for first in [0x81, 0x82, 0x01] {
        check_header(first, 127, &(1_u64 << 63).to_be_bytes(), ProtocolError::PayloadLength);
        check_header(first, 127, &u64::MAX.to_be_bytes(), ProtocolError::PayloadLength);
    }
    // The last one below is a length, though one that nobody takes.
    for role in ROLES {
        let limit = connection(role, |_| ()).settings().limits.message_bytes.max();
        let header = spelled(role.peer(), 0x82, 127, &(i64::MAX as u64).to_be_bytes());
        let error = Some(ProtocolError::MessageTooBig { limit });
        check_bytes(role, NO_CHANGE, &header, &[], error);
    }
}

/// §5.2: "the minimal number of bytes MUST be used to encode the length".
#[test]
fn sec_fr_07_s5_2_length_in_a_longer_form_than_needed_fails() {
    for len in [0_u16, 1, 5, 124, 125] {
        check_header(0x82, 126, &len.to_be_bytes(), ProtocolError::PayloadLength);
    }
    for len in [0_u64, 5, 125, 126, 65_534, 65_535] {
        check_header(0x82, 127, &len.to_be_bytes(), ProtocolError::PayloadLength);
    }
}

/// The same where all of the frame is there, which is how the fast path sees it.
#[test]
fn sec_fr_07_s5_2_whole_frame_with_a_longer_length_than_needed_fails() {
    let error = Some(ProtocolError::PayloadLength);
    for role in ROLES {
        for first in [0x81, 0x82, 0x01] {
            for len in [0_u16, 1, 5, 124, 125] {
                let payload = vec![0; usize::from(len)];
                let short = spelled(role.peer(), first, 126, &len.to_be_bytes());
                check_bytes(role, NO_CHANGE, &[short, payload.clone()].concat(), &[], error);
                let long = spelled(role.peer(), first, 127, &u64::from(len).to_be_bytes());
                check_bytes(role, NO_CHANGE, &[long, payload].concat(), &[], error);
            }
        }
    }
}

#[test]
fn s5_2_lengths_at_the_bounds_of_each_form_are_delivered() {
    for len in [0, 1, 124, 125, 126, 127, 128, 255, 256, 8191, 8192, 8193, 65_535, 65_536] {
        let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        for role in ROLES {
            for (first, event) in [(0x82, binary(&payload)), (0x81, text(&"x".repeat(len)))] {
                let payload = if first == 0x82 { payload.clone() } else { vec![b'x'; len] };
                let bytes = frame(role.peer(), first, &payload);
                for cuts in cuttings(bytes.len()).into_iter().take(if len < 9000 { 99 } else { 12 })
                {
                    let got = run(role, NO_CHANGE, &[], &bytes, &cuts);
                    assert_eq!((got.events, got.error), (vec![event.clone()], None), "{len}");
                }
            }
        }
    }
}

/// §5.6: several messages in one input come out in order, none merged, none lost.
#[test]
fn s5_6_messages_back_to_back_keep_their_order_and_kind() {
    check(
        &[(0x81, "one"), (0x82, "two"), (0x81, ""), (0x82, ""), (0x81, "κόσμε")],
        &[text("one"), binary(b"two"), text(""), binary(b""), text("κόσμε")],
        None,
    );
}

/// A header that ends early is "not yet", whatever is still missing.
#[test]
fn sec_fr_10_truncated_header_waits_and_gives_nothing() {
    for role in ROLES {
        for len in [5, 300, 70_000] {
            let header = header(role.peer(), 0x82, len);
            for end in 0..header.len() {
                let mut driven = Driven::new(connection(role, |_| ()));
                driven.feed(&header[..end]);
                assert_eq!((&driven.events[..], driven.error), (&[][..], None));
                assert_eq!(driven.unread, header[..end], "nothing of it is lost");
                assert!(driven.conn.is_open() && !driven.conn.is_closed());
                assert_eq!(driven.drain(), []);
            }
        }
    }
}

#[test]
fn sec_fr_11_truncated_payload_gives_no_message() {
    for role in ROLES {
        for first in [0x81, 0x82, 0x89, 0x88] {
            let payload =
                if first == 0x88 { close_payload(1000, "bye") } else { b"hello".to_vec() };
            let bytes = frame(role.peer(), first, &payload);
            for end in 0..bytes.len() {
                for cuts in [vec![], (1..end).collect()] {
                    let got = run(role, NO_CHANGE, &[], &bytes[..end], &cuts);
                    assert_eq!(got, Outcome { events: vec![], error: None, sent: vec![] });
                }
            }
        }
    }
}

/// §5.7: the examples that the RFC gives, byte for byte.
#[test]
fn s5_7_examples_of_the_rfc() {
    let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    check_bytes(Role::Client, NO_CHANGE, &hello, &[text("Hello")], None);
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    check_bytes(Role::Server, NO_CHANGE, &masked, &[text("Hello")], None);
    let fragmented = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    check_bytes(Role::Client, NO_CHANGE, &fragmented, &[text("Hello")], None);
    let ping_hello = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    check_bytes(Role::Client, NO_CHANGE, &ping_hello, &[ping(b"Hello")], None);
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    check_bytes(Role::Server, NO_CHANGE, &pong, &[Seen::Pong], None);
    let mut of_256 = vec![0x82, 0x7e, 0x01, 0x00];
    of_256.extend([9; 256]);
    check_bytes(Role::Client, NO_CHANGE, &of_256, &[binary(&[9; 256])], None);
    let mut of_64_kib = vec![0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
    of_64_kib.extend([9; 65_536]);
    let got = run(Role::Client, NO_CHANGE, &[], &of_64_kib, &[3, 9, 11, 40_000]);
    assert_eq!(got.events, [binary(&[9; 65_536])]);
}

/// §5.2 on the way out: each payload length in the shortest form.
#[test]
fn s5_2_sent_lengths_are_in_their_shortest_form() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 4095, 4096, 65_535, 65_536, 70_000] {
            let mut conn = connection(role, |_| ());
            conn.queue(&vec![3; len][..]).unwrap();
            let sent = drain(&mut conn);
            let expected = header(role, 0x82, len as u64).len() + len;
            assert_eq!(sent.len(), expected, "{role:?} {len}");
            assert_eq!(twin::strict(role, &sent)[0].payload, vec![3; len]);
        }
    }
}
