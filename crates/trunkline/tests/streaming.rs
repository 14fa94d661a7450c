//! Messages in parts: of any length, in bounded memory, with pings answered in between.

mod support;

use tokio::io::AsyncWriteExt;
use trunkline::testing::pipe;
use trunkline::{CloseCode, Error, Limit, Message, MessageKind, Role, SendErrorKind};

use support::*;

/// Far more than a server takes in one message by default.
const HUGE_BYTES: usize = if cfg!(debug_assertions) { 16 << 20 } else { 256 << 20 };

#[tokio::test]
async fn huge_message_passes_in_bounded_memory() {
    let (mut client, mut server) = pair(256 << 10).await;
    let part: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let expect = part.clone();
    let sending = async {
        let mut writer = client.send_streamed(MessageKind::Binary).unwrap();
        for _ in 0..HUGE_BYTES / part.len() {
            writer.write(&part).await.unwrap();
        }
        writer.finish().await.unwrap();
        // What waits is at most a frame above the high-water mark.
        client.recv().await.unwrap()
    };
    let receiving = async {
        let mut reader = server.recv_streamed().await.unwrap().unwrap();
        let mut received = 0;
        while let Some(chunk) = reader.chunk().await.unwrap() {
            assert!(chunk.len() <= 256 << 10, "a chunk is no more than one read brings");
            for (byte, at) in chunk.iter().step_by(4096).zip((received..).step_by(4096)) {
                assert_eq!(*byte, expect[at % expect.len()]);
            }
            received += chunk.len();
        }
        drop(reader);
        server.send("got it").await.unwrap();
        received
    };
    let (answer, received) = tokio::join!(sending, receiving);
    assert_eq!((answer.unwrap().as_text(), received), (Some("got it"), HUGE_BYTES));
}

#[tokio::test]
async fn text_is_cut_inside_characters_and_joined_again() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, theirs) = pair(100).await;
            let (ours, theirs) = if role == Role::Client { (ours, theirs) } else { (theirs, ours) };
            let (mut ours, mut theirs) = (Ours::new(ours, split), Ours::new(theirs, split));
            let text = "ä€😀".repeat(50);
            let sending = async {
                let mut writer = ours.send_streamed(MessageKind::Text).unwrap();
                for byte in text.as_bytes() {
                    writer.write(&[*byte]).await.unwrap();
                }
                writer.finish().await.unwrap();
                let mut writer = ours.send_streamed(MessageKind::Text).unwrap();
                for byte in text.as_bytes() {
                    writer.write(&[*byte]).await.unwrap();
                }
                writer.finish().await.unwrap();
                ours.send("next").await.unwrap();
            };
            let receiving = async {
                assert_eq!(theirs.recv().await.unwrap().unwrap().as_text(), Some(&text[..]));
                let mut reader = theirs.recv_streamed().await.unwrap().unwrap();
                assert_eq!(reader.kind(), MessageKind::Text);
                let mut bytes = Vec::new();
                while let Some(chunk) = reader.chunk().await.unwrap() {
                    bytes.extend(chunk);
                }
                assert_eq!(reader.chunk().await.unwrap(), None, "the end is told again");
                drop(reader);
                assert_eq!(String::from_utf8(bytes).unwrap(), text);
                assert_eq!(theirs.recv().await.unwrap().unwrap().as_text(), Some("next"));
            };
            tokio::join!(sending, receiving);
        }
    }
}

#[tokio::test]
async fn empty_message_in_parts_is_a_message() {
    let (mut client, mut server) = pair(1000).await;
    client.send_streamed(MessageKind::Text).unwrap().finish().await.unwrap();
    let mut writer = client.send_streamed(MessageKind::Binary).unwrap();
    writer.write(&[]).await.unwrap();
    writer.finish().await.unwrap();
    let mut reader = server.recv_streamed().await.unwrap().unwrap();
    assert_eq!(reader.kind(), MessageKind::Text);
    assert_eq!(reader.chunk().await.unwrap(), None);
    drop(reader);
    assert_eq!(server.recv().await.unwrap(), Some(Message::binary(&b""[..])));
}

#[tokio::test]
async fn whatever_comes_next_after_a_dropped_reader_is_a_message_of_its_own() {
    for role in ROLES {
        for split in [false, true] {
            // Dropped before the message is all there, and after; then received in either way.
            for (rest_is_there, streamed) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
                let (mut ours, peer) = (Ours::new(ours, split), role.peer());
                let rest = [
                    frame(peer, 0x00, b"unwanted"),
                    frame(peer, PING, b"!"),
                    frame(peer, 0x80, b"also unwanted"),
                    frame(peer, TEXT, b"wanted"),
                    frame(peer, TEXT, b"wanted too"),
                ]
                .concat();
                raw.write_all(&frame(peer, 0x01, b"begin")).await.unwrap();
                if rest_is_there {
                    raw.write_all(&rest).await.unwrap();
                }
                let mut reader = ours.recv_streamed().await.unwrap().unwrap();
                assert_eq!(reader.chunk().await.unwrap().unwrap(), "begin");
                drop(reader);
                if !rest_is_there {
                    raw.write_all(&rest).await.unwrap();
                }
                if streamed {
                    let mut reader = ours.recv_streamed().await.unwrap().unwrap();
                    assert_eq!(reader.chunk().await.unwrap().unwrap(), "wanted");
                    assert_eq!(reader.chunk().await.unwrap(), None);
                } else {
                    assert_eq!(ours.recv().await.unwrap(), Some(Message::text("wanted")));
                }
                assert_eq!(ours.recv().await.unwrap(), Some(Message::text("wanted too")));
                assert_eq!(read_frame(role, &mut raw).await, Some((PONG, b"!".to_vec())));
            }
        }
    }
}

#[tokio::test]
async fn dropped_writer_closes_with_1011() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let mut writer = ours.send_streamed(MessageKind::Binary).unwrap();
            writer.write(b"half").await.unwrap();
            drop(writer);
            let error = ours.send("more").await.unwrap_err();
            assert!(error.is_closed());
            ours.flush().await.unwrap();
            assert_eq!(read_frame(role, &mut raw).await, Some((0x02, b"half".to_vec())));
            let (first, payload) = read_frame(role, &mut raw).await.unwrap();
            assert_eq!((first, &payload[..2]), (CLOSE, &1011_u16.to_be_bytes()[..]));
        }
    }
}

#[tokio::test]
async fn writer_that_was_not_used_leaves_no_trace() {
    let (mut client, mut server) = pair(1000).await;
    drop(client.send_streamed(MessageKind::Binary).unwrap());
    client.send("next").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("next")));
}

#[tokio::test]
async fn parts_that_are_no_text_are_refused_before_the_peer_sees_them() {
    for part in [&b"\xff"[..], b"\xc3"] {
        let (mut client, mut server) = pair(1000).await;
        let mut writer = client.send_streamed(MessageKind::Text).unwrap();
        writer.write(b"begin").await.unwrap();
        // One is wrong at once, the other where the message ends.
        let refused = match writer.write(part).await {
            Ok(()) => writer.finish().await,
            refused => {
                drop(writer);
                refused
            }
        };
        assert!(matches!(refused.unwrap_err().kind(), SendErrorKind::Refused(_)));
        let (_, received) = tokio::join!(client.recv(), server.recv());
        assert_eq!(received.unwrap(), None);
        assert_eq!(server.close_info().unwrap().code, Some(CloseCode::INTERNAL_ERROR));
    }
}

#[tokio::test]
async fn end_of_the_connection_inside_a_message_is_an_error() {
    for role in ROLES {
        for close in [false, true] {
            let (mut ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            raw.write_all(&frame(role.peer(), 0x02, b"begin")).await.unwrap();
            if close {
                raw.write_all(&close_frame(role.peer(), 1000, "")).await.unwrap();
            }
            raw.shutdown().await.unwrap();
            let mut reader = ours.recv_streamed().await.unwrap().unwrap();
            assert_eq!(reader.chunk().await.unwrap().unwrap(), "begin");
            assert!(matches!(reader.chunk().await, Err(Error::Disconnected)), "close: {close}");
        }
    }
}

/// SEC-CT-08: the pong leaves between two fragments, behind no more than the high-water mark and one.
#[tokio::test]
async fn sec_ct_08_pong_is_not_blocked_by_a_message_in_parts() {
    for role in ROLES {
        let (mut ours, mut raw) = raw_pair(role, 4096, |_| ()).await;
        let sending = async {
            let mut writer = ours.send_streamed(MessageKind::Binary).unwrap();
            writer.write(&vec![0; 2 << 20]).await.unwrap();
            writer.finish().await.unwrap();
        };
        let receiving = async {
            assert!(read_frame(role, &mut raw).await.is_some());
            raw.write_all(&frame(role.peer(), PING, b"now")).await.unwrap();
            let mut before_pong = 0;
            loop {
                let (first, payload) = read_frame(role, &mut raw).await.unwrap();
                assert!(payload.len() <= 64 << 10, "fragments have at most 64 KiB");
                if first == PONG {
                    assert_eq!(payload, b"now");
                    break;
                }
                before_pong += payload.len();
            }
            assert!(before_pong <= 192 << 10, "{before_pong} bytes came first");
            while read_frame(role, &mut raw).await.unwrap().0 != 0x80 {}
        };
        tokio::join!(sending, receiving);
    }
}

/// §5.4: whole messages and parts of another do not mix.
#[tokio::test]
async fn s5_4_unfinished_message_excludes_others() {
    let (end, mut peer) = pipe(1 << 20);
    let (control, mut server) =
        (end.control(), with_raw_peer(Role::Server, |_| (), end, &mut peer).await);
    control.take_written();
    let mut writer = server.send_streamed(MessageKind::Text).unwrap();
    writer.write(b"one ").await.unwrap();
    writer.write(b"message").await.unwrap();
    writer.finish().await.unwrap();
    server.send("another").await.unwrap();
    assert_eq!(
        replay(Role::Server, &control.take_written()),
        [text("one message"), text("another")]
    );
}

/// A message that is received in chunks is bounded by `frame_bytes` alone.
#[tokio::test]
async fn streamed_message_may_be_larger_than_message_bytes() {
    let (mut ours, mut raw) = raw_pair(Role::Server, 10_000, |settings| {
        settings.limits.message_bytes = Limit::at_most(100);
        settings.limits.frame_bytes = Limit::at_most(200);
    })
    .await;
    raw.write_all(&frame(Role::Client, 0x02, &[1; 200])).await.unwrap();
    raw.write_all(&frame(Role::Client, 0x80, &[2; 200])).await.unwrap();
    raw.write_all(&frame(Role::Client, BINARY, &[3; 201])).await.unwrap();
    let mut reader = ours.recv_streamed().await.unwrap().unwrap();
    let mut bytes = 0;
    while let Some(chunk) = reader.chunk().await.unwrap() {
        bytes += chunk.len();
    }
    assert_eq!(bytes, 400);
    drop(reader);
    drop(raw.shutdown().await);
    assert!(ours.recv_streamed().await.unwrap_err().is_protocol());
}
