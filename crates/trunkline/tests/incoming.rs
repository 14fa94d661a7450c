//! Pings and pongs, for those who ask to see them.

mod support;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use trunkline::{Incoming, Message, Role};

use support::*;

/// Messages, pings and pongs are given in the order in which they came, whether they came in one read
/// or one byte at a time, and every ping is answered on the way.
#[tokio::test]
async fn everything_is_given_in_its_order() {
    for role in ROLES {
        for split in [false, true] {
            for one_by_one in [false, true] {
                let (ours, mut raw) = raw_pair(role, 4096, |_| {}).await;
                let mut ours = Ours::new(ours, split);
                let peer = role.peer();
                let bytes = [
                    frame(peer, PING, b"1"),
                    frame(peer, TEXT, b"a"),
                    frame(peer, PING, b"2"),
                    frame(peer, PING, b"3"),
                    frame(peer, PONG, b"unasked"),
                    frame(peer, BINARY, b"b"),
                    close_frame(peer, 1000, "bye"),
                ]
                .concat();
                let writing = async {
                    for chunk in bytes.chunks(if one_by_one { 1 } else { bytes.len() }) {
                        raw.write_all(chunk).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                    raw.shutdown().await.unwrap();
                    read_frames(role, &mut raw).await
                };
                let reading = async {
                    let mut given = Vec::new();
                    while let Some(incoming) = ours.recv_incoming().await.unwrap() {
                        given.push(incoming);
                    }
                    drop(ours);
                    given
                };
                let (answers, given) = tokio::join!(writing, reading);
                let ping = |payload: &'static str| Incoming::Ping(Bytes::from(payload));
                let expected = [
                    ping("1"),
                    Incoming::Message(Message::text("a")),
                    ping("2"),
                    ping("3"),
                    Incoming::Pong(None),
                    Incoming::Message(Message::binary(&b"b"[..])),
                ];
                assert_eq!(given, expected);
                let pong = |payload: &[u8]| (PONG, payload.to_vec());
                assert_eq!(answers[..3], [pong(b"1"), pong(b"2"), pong(b"3")]);
                assert_eq!(answers[3].0, CLOSE);
            }
        }
    }
}

/// The pong that answers our newest ping says how long that took.
#[tokio::test]
async fn a_pong_tells_the_round_trip() {
    for role in ROLES {
        let (mut ours, mut raw) = raw_pair(role, 4096, |_| {}).await;
        ours.ping().await.unwrap();
        let (first, payload) = read_frame(role, &mut raw).await.unwrap();
        assert_eq!(first, PING);
        raw.write_all(&frame(role.peer(), PONG, &payload)).await.unwrap();
        let given = ours.recv_incoming().await.unwrap();
        assert!(ours.round_trip().is_some());
        assert_eq!(given, Some(Incoming::Pong(ours.round_trip())));
    }
}

/// Dropping the future at any time loses nothing.
#[tokio::test]
async fn nothing_is_lost_by_dropping_the_future() {
    let (mut ours, mut raw) = raw_pair(Role::Client, 4096, |_| {}).await;
    let bytes = [
        frame(Role::Server, PING, b"1"),
        frame(Role::Server, TEXT, b"a"),
        frame(Role::Server, PING, b"2"),
    ]
    .concat();
    let mut given = Vec::new();
    for byte in bytes {
        raw.write_all(&[byte]).await.unwrap();
        given.extend(poll_up_to(1, ours.recv_incoming()).map(|it| it.unwrap().unwrap()));
    }
    let ping = |payload: &'static str| Incoming::Ping(Bytes::from(payload));
    assert_eq!(given, [ping("1"), Incoming::Message(Message::text("a")), ping("2")]);
}
