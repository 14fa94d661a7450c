//! §10: what an attacker tries: huge lengths, floods, smuggled lengths.

use trunkline_proto::{Connection, Limit, ProtocolError};

use crate::support::*;
use crate::twin;

/// §10.4: a promise costs nothing, whatever its size.
#[test]
fn sec_fr_09_s10_4_a_promised_length_reserves_nothing() {
    for role in ROLES {
        let cap = connection(role, |_| ()).settings().limits.message_bytes.max() as u64;
        for first in [0x01, 0x81, 0x02, 0x82] {
            let mut driven = Driven::new(connection(role, |_| ()));
            driven.feed(&header(role.peer(), first, cap));
            assert!(driven.conn.memory_bytes() < 1 << 10, "{}", driven.conn.memory_bytes());
            // Nor do the first bytes of it buy more than a fixed sum.
            driven.feed(&[0x61]);
            assert!(driven.conn.memory_bytes() <= (64 << 10) + 1024);
        }
        let mut driven = Driven::new(connection(role, |settings| {
            settings.limits.message_bytes = Limit::unbounded();
        }));
        driven.feed(&header(role.peer(), 0x82, i64::MAX as u64));
        driven.feed(&[0; 1000]);
        assert_eq!(driven.error, None);
        assert!(driven.conn.memory_bytes() <= (64 << 10) + 1024);
    }
}

/// §10.4: a frame over the limit fails at its header, with a code that names the size.
#[test]
fn s10_4_a_frame_too_big_fails_at_its_header() {
    for role in ROLES {
        let limit = connection(role, |_| ()).settings().limits.message_bytes.max();
        for len in [limit as u64 + 1, u64::from(u32::MAX), 1 << 40, i64::MAX as u64] {
            let bytes = header(role.peer(), 0x82, len);
            let error = Some(ProtocolError::MessageTooBig { limit });
            check_bytes(role, &|_| (), &bytes, &[], error);
        }
        assert_eq!(ProtocolError::MessageTooBig { limit }.close_code().get(), 1009);
    }
}

/// §10.3: a proxy must not be able to read our bytes as anything else: a payload chosen by an
/// attacker never stands on the wire as it is.
#[test]
fn s10_3_chosen_payloads_do_not_appear_on_the_wire() {
    let attack = b"GET /evil HTTP/1.1\r\nHost: victim\r\n\r\n";
    let mut conn = connection(trunkline_proto::Role::Client, |_| ());
    for _ in 0..100 {
        conn.queue(&attack[..]).unwrap();
    }
    let sent = drain(&mut conn);
    assert!(!sent.windows(8).any(|window| window == &attack[..8]));
    let frames = twin::strict(trunkline_proto::Role::Client, &sent);
    assert!(frames.iter().all(|it| it.payload == attack));
}

/// CVE-2026-11586: pings to a peer that does not read us pin a fixed sum.
#[test]
fn sec_ct_03_ping_flood_without_reading_pins_at_most_one_pong() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        let flood = frame(role.peer(), 0x89, &[b'f'; 125]).repeat(500);
        for _ in 0..20 {
            driven.feed(&flood);
            driven.events.clear();
            assert!(driven.conn.memory_bytes() <= 4 << 10);
            assert!(driven.conn.transmit_bytes() <= 131);
        }
    }
}

/// SEC-BP-01 in the machine: an echo that heeds `Full` is bounded by the high water and one message.
#[test]
fn sec_bp_01_an_echo_that_heeds_full_is_bounded() {
    for role in ROLES {
        let mut driven = Driven::new(connection(role, |_| ()));
        let message = frame(role.peer(), 0x82, &[b'e'; 64 << 10]);
        let mut refused = false;
        for _ in 0..100 {
            driven.feed(&message);
            let Some(Seen::Binary(payload)) = driven.events.pop() else { panic!() };
            refused |= driven.conn.queue(payload).is_err();
            assert!(driven.conn.transmit_bytes() <= (64 << 10) + (64 << 10) + 14);
        }
        assert!(refused);
    }
}

/// §10.1: one connection can be moved to, and shared with, another thread.
#[test]
fn a_connection_is_send_and_sync() {
    fn both<T: Send + Sync + 'static>() {}
    both::<Connection>();
    both::<ProtocolError>();
}

/// The logs of whoever prints an event or a connection hold no payload.
#[test]
fn s10_payloads_are_not_shown_by_debug() {
    let message = trunkline_proto::Message::text("secret");
    assert_eq!(format!("{message:?}"), "Text(6 bytes)");
    let prepared = trunkline_proto::Prepared::new("secret");
    assert!(!format!("{prepared:?}").contains("secret"));
    let mut conn = connection(trunkline_proto::Role::Server, |_| ());
    conn.queue("secret").unwrap();
    assert!(!format!("{conn:?}").contains("secret"));
}
