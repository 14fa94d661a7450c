//! §5.1, §5.3: who masks, who must not, and with what.

use std::collections::HashSet;

use trunkline_proto::{MessageKind, Prepared, ProtocolError, Role};

use crate::support::*;
use crate::twin;

/// §5.1: a server closes on an unmasked frame, a client on a masked one.
#[test]
fn sec_fr_01_s5_1_wrong_masking_fails() {
    for (role, error) in
        [(Role::Server, ProtocolError::UnmaskedFrame), (Role::Client, ProtocolError::MaskedFrame)]
    {
        for first in [0x81, 0x82, 0x01, 0x02, 0x89, 0x8a, 0x88] {
            for payload in [&b""[..], &close_payload(1000, "x"), &[b'y'; 125]] {
                // As our own role sends it, which is not how the peer may.
                let bytes = frame(role, first, payload);
                check_bytes(role, &|_| (), &bytes, &[], Some(error));
            }
        }
        for len in [126, 65_536] {
            let bytes = header(role, 0x82, len);
            check_bytes(role, &|_| (), &bytes, &[], Some(error));
        }
        let second = [frame(role.peer(), 0x81, b"ok"), frame(role, 0x81, b"not")].concat();
        check_bytes(role, &|_| (), &second, &[text("ok")], Some(error));
    }
}

/// §5.3: any key, zero included, and any length unmask to what was sent.
#[test]
fn s5_3_every_key_unmasks() {
    for key in [[0; 4], [0xff; 4], [1, 0, 0, 0], [0, 0, 0, 1], [0xde, 0xad, 0xbe, 0xef]] {
        for len in [0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 125] {
            let payload: Vec<u8> = (0..len).map(|i| i as u8 ^ 0x5a).collect();
            let mut bytes = vec![0x82, 0x80 | len as u8];
            bytes.extend(key);
            bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
            check_bytes(Role::Server, &|_| (), &bytes, &[binary(&payload)], None);
        }
    }
}

/// §5.3, §10.3 (CVE-2025-10148): every frame of whatever kind draws one key of its own, in order.
#[test]
fn sec_fr_13_s5_3_every_sent_frame_has_a_fresh_key() {
    let keys = Keys::default();
    let mut conn = connection_with_keys(Role::Client, &keys, |_| ());
    let prepared = Prepared::new("to many");
    let mut sent = Vec::new();
    for round in 0..300 {
        conn.queue("text").unwrap();
        conn.queue(&[0; 4][..]).unwrap();
        conn.queue(vec![1; 5000]).unwrap();
        conn.queue(&prepared).unwrap();
        conn.queue(&prepared).unwrap();
        conn.queue_chunk(MessageKind::Binary, b"a", false).unwrap();
        conn.ping(start());
        conn.queue_chunk(MessageKind::Binary, b"b", true).unwrap();
        if round == 299 {
            conn.close(trunkline_proto::CloseCode::NORMAL, "", start());
        }
        sent.extend(drain(&mut conn));
    }
    let used: Vec<_> = twin::strict(Role::Client, &sent).iter().map(|it| it.key.unwrap()).collect();
    assert_eq!(used, keys.given());
    assert_eq!(used.len(), 300 * 8 + 1);
    assert_eq!(used.iter().collect::<HashSet<_>>().len(), used.len());
}

/// §5.3: pongs, close replies and closes for broken rules are masked as well.
#[test]
fn s5_3_answers_of_a_client_are_masked() {
    for list in [&[(0x89, "ping"), (0x88, "")][..], &[(0x89, ""), (0x83, "")]] {
        let keys = Keys::default();
        let mut driven = Driven::new(connection_with_keys(Role::Client, &keys, |_| ()));
        driven.feed(&frames(Role::Server, list));
        let sent = twin::strict(Role::Client, &driven.drain());
        assert_eq!(sent.len(), 2);
        assert_eq!(sent.iter().map(|it| it.key.unwrap()).collect::<Vec<_>>(), keys.given());
    }
}

#[test]
fn s5_1_a_server_never_masks() {
    let mut driven = Driven::new(connection(Role::Server, |_| ()));
    driven.conn.queue("text").unwrap();
    driven.conn.queue(&Prepared::new("many")).unwrap();
    driven.conn.queue_chunk(MessageKind::Text, b"part", true).unwrap();
    driven.conn.ping(start());
    driven.feed(&frames(Role::Client, &[(0x89, "ping"), (0x88, "")]));
    let sent = twin::strict(Role::Server, &driven.drain());
    assert_eq!(sent.len(), 6);
    assert!(sent.iter().all(|it| it.key.is_none()));
}
