//! The closing handshake (RFC 6455 §7), in every order, and what methods say before and after it.

mod support;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};
use trunkline::testing::pipe;
use trunkline::{
    Batch, CloseCode, Error, Initiator, Limit, Message, ProtocolError, QueueErrorKind, Role,
    SendErrorKind, Timeout,
};

use support::*;

fn code(code: u16) -> CloseCode {
    CloseCode::new(code).unwrap()
}

/// After the end: nothing comes, nothing goes, and what was to be sent comes back.
async fn check_is_over<S: AsyncRead + AsyncWrite + Unpin>(ours: &mut Ours<S>) {
    assert_eq!(ours.recv().await.unwrap(), None);
    assert_eq!(ours.recv_many(&mut Batch::new()).await.unwrap(), 0);
    assert!(ours.recv_streamed().await.unwrap().is_none());
    for _ in 0..2 {
        let error = ours.send(Message::text("late")).await.unwrap_err();
        assert!(error.is_closed());
        assert!(matches!(error.kind(), SendErrorKind::Refused(QueueErrorKind::Closed)));
        assert_eq!(error.into_message(), Some(Message::text("late")));
    }
    assert!(ours.feed("late").await.unwrap_err().is_closed());
    ours.flush().await.unwrap();
    ours.ping().await.unwrap();
    ours.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn s7_either_side_closes_first() {
    for first in ROLES {
        for split in [false, true] {
            let (client, server) = pair(1000).await;
            let (first, second) =
                if first == Role::Client { (client, server) } else { (server, client) };
            let (mut first, mut second) = (Ours::new(first, split), Ours::new(second, split));
            let (closed, received) = tokio::join!(first.close(code(4001), "enough"), second.recv());
            closed.unwrap();
            assert_eq!(received.unwrap(), None);
            for (side, initiator) in [(&first, Initiator::Local), (&second, Initiator::Peer)] {
                let info = side.close_info().unwrap();
                assert_eq!((info.initiator, info.code), (initiator, Some(code(4001))));
                assert_eq!(info.reason.as_str(), "enough");
            }
            check_is_over(&mut first).await;
            check_is_over(&mut second).await;
        }
    }
}

/// SEC-CL-07.
#[tokio::test]
async fn sec_cl_07_both_close_at_the_same_instant() {
    for split in [false, true] {
        let (client, server) = pair(1000).await;
        let (mut client, mut server) = (Ours::new(client, split), Ours::new(server, split));
        let (a, b) = tokio::join!(client.close(code(4001), "c"), server.close(code(4002), "s"));
        a.unwrap();
        b.unwrap();
        assert_eq!(client.close_info().unwrap().code, Some(code(4001)));
        assert_eq!(server.close_info().unwrap().code, Some(code(4002)));
        check_is_over(&mut client).await;
        check_is_over(&mut server).await;
    }
}

#[tokio::test]
async fn sec_cl_07_one_close_frame_goes_each_way() {
    for role in ROLES {
        let (mut ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
        let closing = async {
            ours.close(code(4001), "").await.unwrap();
            drop(ours);
        };
        let peer = async {
            raw.write_all(&close_frame(role.peer(), 4002, "")).await.unwrap();
            raw.shutdown().await.unwrap();
            read_frames(role, &mut raw).await
        };
        let (_, frames) = tokio::join!(closing, peer);
        assert_eq!(frames, [(CLOSE, 4001_u16.to_be_bytes().to_vec())]);
    }
}

/// §5.5.1, §7.1.5: the code comes back, and none for none.
#[tokio::test]
async fn s5_5_1_close_is_answered_with_its_code() {
    for role in ROLES {
        for number in [1000, 1001, 1003, 1011, 1014, 3000, 4999] {
            let (mut ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            raw.write_all(&close_frame(role.peer(), number, "why")).await.unwrap();
            raw.shutdown().await.unwrap();
            assert_eq!(ours.recv().await.unwrap(), None);
            assert_eq!(
                ours.close_info().unwrap().to_string(),
                format!("closed by the peer with {number}: \"why\"")
            );
            drop(ours);
            assert_eq!(read_frames(role, &mut raw).await, [(CLOSE, number.to_be_bytes().to_vec())]);
        }
        let (mut ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
        raw.write_all(&frame(role.peer(), CLOSE, b"")).await.unwrap();
        raw.shutdown().await.unwrap();
        assert_eq!(ours.recv().await.unwrap(), None);
        assert_eq!(ours.close_info().unwrap().code, None);
        drop(ours);
        assert_eq!(read_frames(role, &mut raw).await, [(CLOSE, vec![])]);
    }
}

#[tokio::test]
async fn s5_5_1_long_reason_is_cut_between_characters() {
    let (mut client, mut server) = pair(1000).await;
    let reason = "€".repeat(100);
    let (closed, _) = tokio::join!(client.close(CloseCode::NORMAL, &reason), server.recv());
    closed.unwrap();
    assert_eq!(server.close_info().unwrap().reason.as_str(), "€".repeat(41));
}

#[tokio::test]
async fn messages_that_wait_are_sent_before_the_close() {
    for split in [false, true] {
        let (client, mut server) = pair(64).await;
        let mut client = Ours::new(client, split);
        let closing = async {
            for number in 0..100 {
                client.feed(format!("message {number}")).await.unwrap();
            }
            client.close(CloseCode::NORMAL, "").await.unwrap();
        };
        let receiving = async {
            for number in 0..100 {
                let message = server.recv().await.unwrap().unwrap();
                assert_eq!(message.as_text(), Some(&format!("message {number}")[..]));
            }
            assert_eq!(server.recv().await.unwrap(), None);
        };
        tokio::join!(closing, receiving);
    }
}

/// What the peer was sending when it heard of the close is received, by whoever still receives.
#[tokio::test]
async fn s5_5_1_messages_still_come_after_the_writer_has_closed() {
    let (client, server) = pair(1000).await;
    let (mut reader, mut writer) = client.split();
    let mut server = server;
    server.feed("on its way").await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    let receiving = async {
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text("on its way")));
        assert_eq!(reader.recv().await.unwrap(), None);
        assert_eq!(reader.close_info().unwrap().initiator, Initiator::Local);
    };
    let (_, received) = tokio::join!(receiving, server.recv());
    assert_eq!(received.unwrap(), None);
}

#[tokio::test]
async fn close_gets_through_to_a_peer_that_floods() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, raw) = raw_pair(role, 1000, |settings| {
                settings.close_timeout = Duration::from_millis(20);
            })
            .await;
            let mut ours = Ours::new(ours, split);
            let (mut from_us, mut to_us) = tokio::io::split(raw);
            let flood = async {
                let message = frame(role.peer(), BINARY, &[0; 500]);
                while to_us.write_all(&message).await.is_ok() {}
            };
            let peer = async {
                let close = read_frame(role, &mut from_us).await.unwrap();
                assert_eq!(close, (CLOSE, 1001_u16.to_be_bytes().to_vec()));
            };
            let closing = ours.close(CloseCode::GOING_AWAY, "");
            tokio::select! {
                closed = closing => {
                    assert!(matches!(closed, Err(Error::Timeout(Timeout::Close))), "{closed:?}");
                }
                () = async { tokio::join!(flood, peer); } => panic!("our end is still open"),
            }
        }
    }
}

/// A stream that always has another ping to read: it is never time to look at the clock while waiting.
struct Endless<S> {
    inner: S,
    pings: bool,
    frame: Vec<u8>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Endless<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.pings {
            let before = buf.filled().len();
            std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            self.pings = buf.filled()[before..].ends_with(b"\r\n\r\n");
            return Poll::Ready(Ok(()));
        }
        buf.put_slice(&self.frame);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Endless<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn close_timeout_holds_against_a_peer_that_never_pauses() {
    for role in ROLES {
        let (end, mut raw) = pipe(1 << 20);
        let frame = frame(role.peer(), PING, b"and on");
        let end = Endless { inner: end, pings: false, frame };
        let set = |settings: &mut trunkline::limits::Settings| {
            settings.close_timeout = Duration::from_millis(20);
        };
        let mut ours = with_raw_peer(role, set, end, &mut raw).await;
        let closed = ours.close(CloseCode::NORMAL, "").await;
        assert!(matches!(closed, Err(Error::Timeout(Timeout::Close))), "{closed:?}");
    }
}

#[tokio::test]
async fn write_timeout_holds_against_a_peer_that_never_pauses() {
    for role in ROLES {
        for split in [false, true] {
            let (end, mut raw) = pipe(1000);
            let frame = frame(role.peer(), PING, b"and on");
            let end = Endless { inner: end, pings: false, frame };
            let set = |settings: &mut trunkline::limits::Settings| {
                settings.write_timeout = Some(Duration::from_millis(20));
            };
            let ours = with_raw_peer(role, set, end, &mut raw).await;
            let error = Ours::new(ours, split).send(vec![0; 2000]).await.unwrap_err();
            let timed_out = SendErrorKind::Broken(Error::Timeout(Timeout::Write));
            assert_eq!(format!("{:?}", error.kind()), format!("{timed_out:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn peer_that_never_answers_is_waited_for_ten_seconds() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, raw) = raw_pair(role, 1000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let start = Instant::now();
            let closed = ours.close(CloseCode::NORMAL, "").await;
            assert!(matches!(closed, Err(Error::Timeout(Timeout::Close))), "{closed:?}");
            assert_elapsed(start, 10);
            assert_eq!(ours.recv().await.unwrap(), None, "an error is told once");
            ours.close(CloseCode::NORMAL, "").await.unwrap();
            drop(raw);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn peer_that_never_reads_is_waited_for_ten_seconds() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, raw) = raw_pair(role, 512, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            ours.feed(vec![0; 10_000]).await.unwrap();
            let start = Instant::now();
            let closed = ours.close(CloseCode::NORMAL, "").await;
            assert!(matches!(closed, Err(Error::Timeout(Timeout::Close))), "{closed:?}");
            assert_elapsed(start, 10);
            drop(raw);
        }
    }
}

/// §7.1.1: the server ends the transport; the client waits for that, but not for ever.
#[tokio::test(start_paused = true)]
async fn s7_1_1_server_hangs_up_first() {
    let (end, mut raw) = pipe(1000);
    let control = end.control();
    let mut server = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
    raw.write_all(&close_frame(Role::Client, 1000, "")).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), None);
    assert!(control.has_ended(), "while the client has not");

    for gone_after in [0, 3] {
        let (end, mut raw) = pipe(1000);
        let control = end.control();
        let mut client = with_raw_peer(Role::Client, |_| (), end, &mut raw).await;
        raw.write_all(&close_frame(Role::Server, 1000, "")).await.unwrap();
        let start = Instant::now();
        let hang_up = async {
            tokio::time::advance(secs(gone_after)).await;
            assert!(!control.has_ended(), "the client waits");
            raw.shutdown().await.unwrap();
        };
        let (received, ()) = tokio::join!(client.recv(), hang_up);
        assert_eq!(received.unwrap(), None);
        assert_elapsed(start, gone_after);
        assert!(control.has_ended(), "no longer: the server may be waiting for it in turn");
    }

    let (end, mut raw) = pipe(1000);
    let control = end.control();
    let mut client = with_raw_peer(Role::Client, |_| (), end, &mut raw).await;
    raw.write_all(&close_frame(Role::Server, 1000, "")).await.unwrap();
    let start = Instant::now();
    assert_eq!(client.recv().await.unwrap(), None, "all was said, whoever hangs up");
    assert_elapsed(start, 10);
    assert!(control.has_ended());
}

/// §7.1.7: the rule that was broken is told to both, once to us.
#[tokio::test]
async fn s7_1_7_peer_that_breaks_a_rule_sees_the_code_before_the_end() {
    for role in ROLES {
        let peer = role.peer();
        let cases: &[(Vec<u8>, ProtocolError, u16)] = &[
            (frame(peer, 0x83, b""), ProtocolError::ReservedOpCode(3), 1002),
            (frame(peer, TEXT, b"\xff"), ProtocolError::InvalidUtf8, 1007),
            (close_frame(peer, 1005, ""), ProtocolError::InvalidCloseCode(1005), 1002),
            (frame(peer, BINARY, &[0; 101]), ProtocolError::MessageTooBig { limit: 100 }, 1009),
        ];
        for (bytes, expect, code) in cases {
            for split in [false, true] {
                let (ours, mut raw) = raw_pair(role, 1000, |settings| {
                    settings.limits.message_bytes = Limit::at_most(100);
                })
                .await;
                let mut ours = Ours::new(ours, split);
                let receiving = async {
                    assert_eq!(ours.recv().await.unwrap(), Some(Message::text("fine")));
                    match ours.recv().await {
                        Err(Error::Protocol(error)) => assert_eq!(error, *expect),
                        other => panic!("{other:?}"),
                    }
                    check_is_over(&mut ours).await;
                    drop(ours);
                };
                let peer = async {
                    raw.write_all(&frame(peer, TEXT, b"fine")).await.unwrap();
                    raw.write_all(bytes).await.unwrap();
                    // Much is under way behind it, which nobody will read as messages.
                    for _ in 0..100 {
                        raw.write_all(&frame(peer, TEXT, &[b'x'; 90])).await.unwrap();
                    }
                    let (first, payload) = read_frame(role, &mut raw).await.unwrap();
                    assert_eq!((first, &payload[..2]), (CLOSE, &code.to_be_bytes()[..]));
                    assert_eq!(
                        String::from_utf8(payload[2..].to_vec()).unwrap(),
                        expect.to_string()
                    );
                    assert_eq!(raw.read(&mut [0]).await.unwrap(), 0);
                    drop(raw);
                };
                tokio::join!(receiving, peer);
            }
        }
    }
}

/// The peer writes all it has before it reads anything, so our close frame is stuck behind answers
/// that it has not read: unless it is let finish, neither gets on.
#[tokio::test(start_paused = true)]
async fn s7_1_7_peer_that_reads_late_still_sees_the_code() {
    for role in ROLES {
        let (mut ours, mut raw) = raw_pair(role, 256, |_| ()).await;
        let start = Instant::now();
        let echo = async {
            let error = loop {
                match ours.recv().await {
                    Ok(Some(message)) => ours.feed(message).await.unwrap(),
                    Ok(None) => panic!("not a clean close"),
                    Err(error) => break error,
                }
            };
            assert!(error.is_protocol(), "{error:?}");
            drop(ours);
        };
        let peer = async {
            raw.write_all(&frame(role.peer(), TEXT, &[b'a'; 1000])).await.unwrap();
            raw.write_all(&frame(role.peer(), TEXT, b"\xff")).await.unwrap();
            raw.write_all(&frame(role.peer(), TEXT, &[b'b'; 100_000])).await.unwrap();
            let mut frames = Vec::new();
            while let Some(frame) = read_frame(role, &mut raw).await {
                let is_close = frame.0 == CLOSE;
                frames.push(frame);
                if is_close {
                    break;
                }
            }
            drop(raw);
            assert_eq!(frames[0], (TEXT, vec![b'a'; 1000]));
            assert_eq!((frames[1].0, &frames[1].1[..2]), (CLOSE, &1007_u16.to_be_bytes()[..]));
        };
        timeout(secs(60), async { tokio::join!(echo, peer) }).await.expect("both get to the end");
        assert_elapsed(start, 0);
    }
}

#[tokio::test]
async fn errors_are_told_to_send_and_to_recv_and_then_no_more() {
    for split in [false, true] {
        let (ours, mut raw) = raw_pair(Role::Server, 64, |_| ()).await;
        let mut ours = Ours::new(ours, split);
        raw.write_all(&frame(Role::Client, 0x83, b"")).await.unwrap();
        let error = ours.send(vec![0; 1000]).await.unwrap_err();
        assert!(matches!(error.kind(), SendErrorKind::Broken(Error::Protocol(_))), "{error:?}");
        assert!(error.into_message().is_none(), "some of it was written");
        let receiving = async {
            assert!(matches!(ours.recv().await, Err(Error::Protocol(_))));
            check_is_over(&mut ours).await;
            drop(ours);
        };
        let mut rest = Vec::new();
        let (_, read) = tokio::join!(receiving, async {
            raw.shutdown().await.unwrap();
            raw.read_to_end(&mut rest).await
        });
        read.unwrap();
        assert!(matches!(&replay(Role::Server, &rest)[..], [_, Heard::Closed(Some(1002), _)]));
    }
}

#[tokio::test]
async fn writer_without_its_reader_closes_alone() {
    for role in ROLES {
        let (ours, mut raw) = raw_pair(role, 100, |_| ()).await;
        let (reader, mut writer) = ours.split();
        drop(reader);
        let closing = async {
            writer.send("last").await.unwrap();
            writer.close(CloseCode::NORMAL, "").await.unwrap();
            drop(writer);
        };
        let peer = async {
            raw.write_all(&frame(role.peer(), BINARY, &[0; 5000])).await.unwrap();
            assert_eq!(read_frame(role, &mut raw).await, Some((TEXT, b"last".to_vec())));
            assert_eq!(read_frame(role, &mut raw).await.unwrap().0, CLOSE);
            raw.write_all(&close_frame(role.peer(), 1000, "")).await.unwrap();
            raw.shutdown().await.unwrap();
        };
        timeout(secs(5), async { tokio::join!(closing, peer) }).await.unwrap();
    }
}

#[tokio::test]
async fn reader_without_its_writer_answers_a_close() {
    let (client, mut server) = pair(100).await;
    let (mut reader, writer) = client.split();
    drop(writer);
    let (closed, received) = tokio::join!(server.close(CloseCode::NORMAL, ""), reader.recv());
    closed.unwrap();
    assert_eq!(received.unwrap(), None);
}

#[tokio::test]
async fn halves_become_one_again() {
    let (client, mut server) = pair(100).await;
    let (other, _other_server) = pair(100).await;
    let (reader, mut writer) = client.split();
    let (_other_reader, other_writer) = other.split();
    let (reader, _) = reader.reunite(other_writer).expect_err("of another connection");
    writer.feed("fed").await.unwrap();
    let mut client = reader.reunite(writer).expect("of one connection");
    client.send("sent").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("fed")));
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("sent")));
    server.send("answer").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("answer")));
}

/// SEC-RL-13: a task that panics takes its own connection down and no other.
#[tokio::test]
async fn sec_rl_13_panic_of_one_task_ends_its_connection_only() {
    let (mut unlucky, mut server) = pair(100).await;
    let (mut other, mut other_server) = pair(100).await;
    let task = tokio::spawn(async move {
        server.recv().await.unwrap();
        panic!("a bug of the application");
    });
    unlucky.send("boom").await.unwrap();
    // Nobody is left to send 1011: the end of the transport has to do.
    assert!(matches!(unlucky.recv().await, Err(Error::Disconnected)));
    assert!(task.await.unwrap_err().is_panic());
    other.send("still here").await.unwrap();
    assert_eq!(other_server.recv().await.unwrap(), Some(Message::text("still here")));
}
