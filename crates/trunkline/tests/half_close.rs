//! Peers that stop writing, vanish, or break off in the middle.

mod support;

use std::io::ErrorKind;

use tokio::io::AsyncWriteExt;
use trunkline::testing::pipe;
use trunkline::{CloseCode, Error, Message, Role, SendErrorKind};

use support::*;

/// SEC-BP-08: it has stopped writing and still reads: what was said in answer gets there.
#[tokio::test]
async fn sec_bp_08_answers_reach_a_peer_that_has_stopped_writing() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            for question in ["one", "two", "three"] {
                raw.write_all(&frame(role.peer(), TEXT, question.as_bytes())).await.unwrap();
            }
            raw.shutdown().await.unwrap();
            let mut answered = 0;
            loop {
                match ours.recv().await {
                    Ok(Some(message)) => ours.feed(message).await.unwrap(),
                    Err(Error::Disconnected) => break,
                    other => panic!("{other:?}"),
                }
                answered += 1;
            }
            assert_eq!(answered, 3);
            assert_eq!(ours.recv().await.unwrap(), None, "an error is told once");
            // Nor is there a reason not to say more: the peer may still read.
            ours.send("goodbye").await.unwrap();
            drop(ours);
            let mut heard = Vec::new();
            for (first, payload) in read_frames(role, &mut raw).await {
                assert_eq!(first, TEXT);
                heard.push(String::from_utf8(payload).unwrap());
            }
            assert_eq!(heard, ["one", "two", "three", "goodbye"]);
        }
    }
}

/// The stream ends after each byte of a conversation: what came before is received, then the end is
/// told, as an error unless both sides have closed.
#[tokio::test]
async fn end_of_the_stream_after_each_byte_is_told_once() {
    for role in ROLES {
        for split in [false, true] {
            let peer = role.peer();
            let bytes = [
                frame(peer, TEXT, b"one"),
                frame(peer, 0x01, b"t"),
                frame(peer, PING, b"?"),
                frame(peer, 0x80, b"wo"),
                frame(peer, BINARY, &[0; 130]),
                close_frame(peer, 1000, "bye"),
            ];
            let bytes = bytes.concat();
            for cut in 0..=bytes.len() {
                let (end, mut raw) = pipe(1000);
                let ours = with_raw_peer(role, |_| (), end, &mut raw).await;
                let mut ours = Ours::new(ours, split);
                raw.write_all(&bytes[..cut]).await.unwrap();
                raw.shutdown().await.unwrap();
                let mut messages = 0;
                let ended = loop {
                    match ours.recv().await {
                        Ok(Some(_)) => messages += 1,
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                };
                if cut == bytes.len() {
                    ended.unwrap();
                    assert_eq!(messages, 3);
                } else {
                    assert!(matches!(ended, Err(Error::Disconnected)), "{ended:?}");
                    assert!(messages <= 3);
                }
                assert_eq!(ours.recv().await.unwrap(), None);
            }
        }
    }
}

/// SEC-CL-08: however the transport says that the peer is gone, it is told as that.
#[tokio::test]
async fn sec_cl_08_reset_in_each_state_is_a_disconnection() {
    for role in ROLES {
        for split in [false, true] {
            for kind in
                [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof]
            {
                for state in ["open", "inside a message", "closing", "sending"] {
                    let (end, mut raw) = pipe(100);
                    let control = end.control();
                    let ours = with_raw_peer(role, |_| (), end, &mut raw).await;
                    let mut ours = Ours::new(ours, split);
                    if state == "inside a message" {
                        raw.write_all(&frame(role.peer(), 0x01, b"begin")).await.unwrap();
                    }
                    let reset = async {
                        tokio::task::yield_now().await;
                        control.fail_reads(kind);
                        control.fail_writes(kind);
                    };
                    match state {
                        "closing" => {
                            let (closed, ()) =
                                tokio::join!(ours.close(CloseCode::NORMAL, ""), reset);
                            assert!(matches!(closed, Err(Error::Disconnected)), "{closed:?}");
                        }
                        "sending" => {
                            let (sent, ()) = tokio::join!(ours.send(vec![0; 1000]), reset);
                            let error = sent.unwrap_err();
                            let broken = SendErrorKind::Broken(Error::Disconnected);
                            assert_eq!(format!("{:?}", error.kind()), format!("{broken:?}"));
                            assert!(matches!(ours.recv().await, Err(Error::Disconnected)));
                        }
                        _ => {
                            let (received, ()) = tokio::join!(ours.recv(), reset);
                            assert!(matches!(received, Err(Error::Disconnected)), "{received:?}");
                        }
                    }
                    assert_eq!(ours.recv().await.unwrap(), None);
                    let error = ours.send("late").await.unwrap_err();
                    assert!(error.into_message().is_none());
                }
            }
        }
    }
}

#[tokio::test]
async fn failure_that_is_no_disconnection_is_told_as_it_is() {
    for role in ROLES {
        for (reads, writes) in [(true, false), (false, true)] {
            let (end, mut raw) = pipe(100);
            let control = end.control();
            let mut ours = with_raw_peer(role, |_| (), end, &mut raw).await;
            if reads {
                control.fail_reads(ErrorKind::InvalidData);
            }
            if writes {
                control.fail_writes(ErrorKind::InvalidData);
                ours.feed("unsaid").await.unwrap();
            }
            match ours.recv().await {
                Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::InvalidData),
                other => panic!("{other:?}"),
            }
            assert_eq!(ours.recv().await.unwrap(), None);
        }
    }
}

/// Writing fails as soon as the peer has hung up; what it said before is still there to be read.
#[tokio::test]
async fn last_words_are_heard_although_writing_fails() {
    for role in ROLES {
        let (end, mut raw) = pipe(1000);
        let control = end.control();
        let mut ours = with_raw_peer(role, |_| (), end, &mut raw).await;
        raw.write_all(&frame(role.peer(), TEXT, b"because")).await.unwrap();
        raw.write_all(&close_frame(role.peer(), 4000, "enough")).await.unwrap();
        drop(raw);
        control.fail_writes(ErrorKind::BrokenPipe);
        ours.feed("are you there?").await.unwrap();
        assert_eq!(ours.recv().await.unwrap(), Some(Message::text("because")));
        assert_eq!(ours.recv().await.unwrap(), None);
        assert_eq!(ours.close_info().unwrap().code.unwrap().get(), 4000);
    }
}

#[tokio::test]
async fn halves_both_hear_that_the_peer_is_gone() {
    let (server, raw) = raw_pair(Role::Server, 64, |_| ()).await;
    let (mut reader, mut writer) = server.split();
    let hang_up = async {
        tokio::task::yield_now().await;
        drop(raw);
    };
    let (received, sent, ()) = tokio::join!(reader.recv(), writer.send(vec![0; 1000]), hang_up);
    assert!(matches!(received, Err(Error::Disconnected)));
    assert!(matches!(sent.unwrap_err().kind(), SendErrorKind::Broken(Error::Disconnected)));
}
