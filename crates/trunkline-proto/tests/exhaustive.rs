//! All 65 536 beginnings of a frame, for both ends, against the naive twin.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use trunkline_proto::limits::Limits;

use support::*;

/// What may follow the first two bytes: lengths of every form and at every bound, then a key.
const TAILS: [[u8; 16]; 6] = [
    [0; 16],
    [0xff; 16],
    [0, 125, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    [0, 126, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    [0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8],
    [0, 0, 0, 0, 0, 1, 0, 0, b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'8'],
];

#[test]
fn every_two_byte_header_means_what_the_twin_says() {
    for role in ROLES {
        let limits = Limits::for_role(role);
        for header in 0..=u16::MAX {
            for tail in &TAILS {
                let bytes = [&header.to_be_bytes(), &tail[..]].concat();
                let expected = twin::decode(role.peer(), &limits, &bytes);
                let mut driven = Driven::new(connection(role, |_| ()));
                driven.feed(&bytes);
                assert_eq!(driven.error, expected.error, "{role:?} {bytes:02x?}");
                assert_eq!(driven.events, expected.events, "{role:?} {bytes:02x?}");
            }
        }
    }
}

/// The same inside a message, where other opcodes are in order.
#[test]
fn every_two_byte_header_inside_a_message_means_what_the_twin_says() {
    for role in ROLES {
        let limits = Limits::for_role(role);
        for begin in [0x01, 0x02] {
            let begun = frame(role.peer(), begin, b"begun");
            for header in 0..=u16::MAX {
                let bytes = [&begun[..], &header.to_be_bytes(), &TAILS[5]].concat();
                let expected = twin::decode(role.peer(), &limits, &bytes);
                let mut driven = Driven::new(connection(role, |_| ()));
                driven.feed(&bytes);
                assert_eq!(driven.error, expected.error, "{role:?} {bytes:02x?}");
                assert_eq!(driven.events, expected.events, "{role:?} {bytes:02x?}");
            }
        }
    }
}

/// One byte at a time, for one tail: what the first bytes show does not wait for the rest.
#[test]
fn every_two_byte_header_cut_everywhere_means_the_same() {
    for role in ROLES {
        let limits = Limits::for_role(role);
        for header in 0..=u16::MAX {
            let bytes = [&header.to_be_bytes(), &TAILS[2][..]].concat();
            let expected = twin::decode(role.peer(), &limits, &bytes);
            let mut driven = Driven::new(connection(role, |_| ()));
            for byte in &bytes {
                driven.feed(&[*byte]);
            }
            assert_eq!(driven.error, expected.error, "{role:?} {bytes:02x?}");
            assert_eq!(driven.events, expected.events, "{role:?} {bytes:02x?}");
        }
    }
}
