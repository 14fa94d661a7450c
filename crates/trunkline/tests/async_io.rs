//! Messages as streams of bytes, the way tokio has them: whatever reads or writes can do so with a message.

mod support;

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, copy, copy_buf,
};
use tokio::time::timeout;
use trunkline::{CollectError, Error, Message, MessageKind, Role, SendError};

use support::*;
use trunkline::testing::pipe;

/// Bytes that do not look the same anywhere.
fn bytes(len: usize) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect()
}

/// A file of the build's own folder.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[tokio::test]
async fn file_is_copied_into_a_message_and_a_message_into_a_file() {
    for split in [false, true] {
        for len in [0, 1, 4095, 4096, 4097, 100_000, 3 << 20] {
            let (client, server) = pair(64 << 10).await;
            let (mut client, mut server) = (Ours::new(client, split), Ours::new(server, split));
            let (from, to) = (file("copied_from"), file("copied_to"));
            let expect = bytes(len);
            tokio::fs::write(&from, &expect).await.unwrap();
            let sending = async {
                let mut file = tokio::fs::File::open(&from).await.unwrap();
                let mut message = client.send_streamed(MessageKind::Binary).unwrap();
                assert_eq!(copy(&mut file, &mut message).await.unwrap(), len as u64);
                message.shutdown().await.unwrap();
                drop(message);
                client.send("next").await.unwrap();
            };
            let receiving = async {
                let mut message = server.recv_streamed().await.unwrap().unwrap();
                assert_eq!(message.kind(), MessageKind::Binary);
                let mut file = tokio::fs::File::create(&to).await.unwrap();
                assert_eq!(copy(&mut message, &mut file).await.unwrap(), len as u64);
                file.flush().await.unwrap();
                drop(message);
                assert_eq!(server.recv().await.unwrap(), Some(Message::text("next")));
            };
            tokio::join!(sending, receiving);
            assert_eq!(tokio::fs::read(&to).await.unwrap(), expect);
        }
    }
}

/// The same without the copy that `AsyncRead` asks for, and in both directions at once.
#[tokio::test]
async fn messages_are_copied_both_ways_at_once() {
    let (mut client, server) = pair(10_000).await;
    let expect = bytes(1 << 20);
    let (mut reader, mut writer) = server.split();
    let echo = async {
        let mut question = reader.recv_streamed().await.unwrap().unwrap();
        let mut answer = writer.send_streamed(question.kind()).unwrap();
        copy_buf(&mut question, &mut answer).await.unwrap();
        answer.finish().await.unwrap();
    };
    let asking = async {
        let mut question = client.send_streamed(MessageKind::Binary).unwrap();
        // As much as is read ahead, and both pipes.
        question.write_all(&expect[..80_000]).await.unwrap();
        question.shutdown().await.unwrap();
        drop(question);
        let mut answer = Vec::new();
        let mut message = client.recv_streamed().await.unwrap().unwrap();
        copy_buf(&mut message, &mut answer).await.unwrap();
        assert!(answer == expect[..80_000]);
    };
    timeout(secs(20), async { tokio::join!(echo, asking) }).await.expect("nobody waits for ever");
}

/// Small writes do not become small frames, of which a peer takes only so many.
#[tokio::test]
async fn small_writes_are_gathered() {
    for role in ROLES {
        let (end, mut raw) = pipe(1 << 20);
        let control = end.control();
        let mut ours = with_raw_peer(role, |_| (), end, &mut raw).await;
        control.take_written();
        let mut message = ours.send_streamed(MessageKind::Text).unwrap();
        for _ in 0..10_000 {
            message.write_all(b"abc").await.unwrap();
        }
        message.finish().await.unwrap();
        let written = control.take_written();
        let frames = read_frames(role, &mut &written[..]).await;
        assert_eq!(frames.len(), 8, "30 000 bytes in frames of 4096");
        assert_eq!(replay(role, &written), [Heard::Message(Message::text("abc".repeat(10_000)))]);
    }
}

/// Order is kept whichever way the bytes are written, and parts are frames of their own.
#[tokio::test]
async fn parts_and_writes_can_be_mixed() {
    for role in ROLES {
        let (end, mut raw) = pipe(1 << 20);
        let control = end.control();
        let mut ours = with_raw_peer(role, |_| (), end, &mut raw).await;
        control.take_written();
        let mut message = ours.send_streamed(MessageKind::Binary).unwrap();
        message.write_all(b"gathered").await.unwrap();
        message.write(b"part").await.unwrap();
        message.write_all(b"gathered").await.unwrap();
        message.write_all(&[7; 5000]).await.unwrap();
        message.flush().await.unwrap();
        message.write_all(b"end").await.unwrap();
        message.finish().await.unwrap();
        let frames = read_frames(role, &mut &control.take_written()[..]).await;
        let lens: Vec<_> = frames.iter().map(|(first, payload)| (*first, payload.len())).collect();
        assert_eq!(lens, [(0x02, 8), (0x00, 4), (0x00, 4096), (0x00, 912), (0x80, 3)]);
        let all = frames.concat_payloads();
        assert_eq!(all, [&b"gatheredpartgathered"[..], &[7; 5000], b"end"].concat());
    }
}

trait ConcatPayloads {
    fn concat_payloads(&self) -> Vec<u8>;
}

impl ConcatPayloads for Vec<(u8, Vec<u8>)> {
    fn concat_payloads(&self) -> Vec<u8> {
        self.iter().flat_map(|(_, payload)| payload).copied().collect()
    }
}

#[tokio::test]
async fn flush_sends_what_was_gathered() {
    for split in [false, true] {
        let (ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
        let mut ours = Ours::new(ours, split);
        let mut message = ours.send_streamed(MessageKind::Text).unwrap();
        for token in ["one ", "by ", "one"] {
            message.write_all(token.as_bytes()).await.unwrap();
            message.flush().await.unwrap();
            let (_, payload) = read_frame(Role::Server, &mut raw).await.unwrap();
            assert_eq!(payload, token.as_bytes());
        }
        AsyncWriteExt::flush(&mut message).await.unwrap();
        message.finish().await.unwrap();
        assert_eq!(read_frame(Role::Server, &mut raw).await, Some((0x80, vec![])));
    }
}

/// `shutdown` ends the message, not the connection; it can be called again, and nothing can follow.
#[tokio::test]
async fn shutdown_ends_the_message_and_leaves_the_connection() {
    for split in [false, true] {
        let (client, mut server) = pair(1000).await;
        let mut client = Ours::new(client, split);
        let mut message = client.send_streamed(MessageKind::Text).unwrap();
        message.write_all(b"one").await.unwrap();
        message.shutdown().await.unwrap();
        message.shutdown().await.unwrap();
        message.flush().await.unwrap();
        let error = message.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        message.finish().await.unwrap();
        client.send("two").await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(Message::text("one")));
        assert_eq!(server.recv().await.unwrap(), Some(Message::text("two")));
    }
}

/// What was only gathered so far is half a message as well.
#[tokio::test]
async fn dropped_before_its_end_it_closes_with_1011() {
    for split in [false, true] {
        for flushes in [false, true] {
            let (ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let mut message = ours.send_streamed(MessageKind::Binary).unwrap();
            message.write_all(b"half").await.unwrap();
            if flushes {
                message.flush().await.unwrap();
                assert_eq!(read_frame(Role::Server, &mut raw).await.unwrap().1, b"half");
            }
            drop(message);
            assert!(ours.send("more").await.unwrap_err().is_closed());
            ours.flush().await.unwrap();
            let (first, payload) = read_frame(Role::Server, &mut raw).await.unwrap();
            assert_eq!((first, &payload[..2]), (CLOSE, &1011_u16.to_be_bytes()[..]));
        }
    }
}

/// The same if the half that sends goes away with it: the other one waits, and says so for it.
#[tokio::test(start_paused = true)]
async fn reader_that_waits_tells_the_peer_of_a_dropped_message() {
    let (ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
    let (mut reader, mut writer) = ours.split();
    let start = tokio::time::Instant::now();
    let failing = async {
        tokio::time::sleep(secs(1)).await;
        let mut message = writer.send_streamed(MessageKind::Binary).unwrap();
        message.write(b"half").await.unwrap();
        drop(message);
        drop(writer);
    };
    let peer = async {
        let frames =
            [read_frame(Role::Server, &mut raw).await, read_frame(Role::Server, &mut raw).await];
        assert_eq!(frames[1].as_ref().unwrap().0, CLOSE);
        assert_elapsed(start, 1);
        raw.write_all(&close_frame(Role::Client, 1011, "")).await.unwrap();
    };
    // A task of its own, so that nothing but a wake has it polled.
    let receiving = tokio::spawn(async move { reader.recv().await.unwrap() });
    tokio::join!(failing, peer);
    assert_eq!(receiving.await.unwrap(), None);
}

/// A writer whose reader is gone throws away what comes in, so that the peer can go on: in the middle
/// of a message too.
#[tokio::test]
async fn message_is_written_on_without_a_reader() {
    let (ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
    let (reader, mut writer) = ours.split();
    drop(reader);
    let chatting = async {
        for _ in 0..300 {
            raw.write_all(&frame(Role::Client, BINARY, &[0; 1000])).await.unwrap();
        }
        let mut received = 0;
        while let (0x00 | 0x02, payload) = read_frame(Role::Server, &mut raw).await.unwrap() {
            received += payload.len();
        }
        assert_eq!(received, 300_000);
    };
    let writing = async {
        let mut message = writer.send_streamed(MessageKind::Binary).unwrap();
        copy(&mut &bytes(300_000)[..], &mut message).await.unwrap();
        message.shutdown().await.unwrap();
    };
    let both = async { tokio::join!(writing, chatting) };
    timeout(secs(20), both).await.expect("nobody waits for ever");
}

/// A peer that does not read: what is taken is bounded by the high-water mark and a frame.
#[tokio::test]
async fn writes_wait_above_the_high_water_mark() {
    for split in [false, true] {
        let (end, mut raw) = pipe(10_000);
        let control = end.control();
        let ours = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
        control.take_written();
        control.set_room(0);
        let mut ours = Ours::new(ours, split);
        let mut message = ours.send_streamed(MessageKind::Binary).unwrap();
        let (expect, mut taken) = (bytes(1 << 20), 0);
        while let Some(written) =
            poll_up_to(3, AsyncWriteExt::write(&mut message, &expect[taken..][..1000]))
        {
            taken += written.unwrap();
        }
        assert!((64 << 10..72 << 10).contains(&taken), "{taken} bytes were taken");
        assert!(poll_up_to(3, message.flush()).is_none());
        assert!(poll_up_to(3, message.shutdown()).is_none());
        control.set_room(1 << 20);
        message.shutdown().await.unwrap();
        let heard = replay(Role::Server, &control.take_written());
        assert_eq!(heard, [Heard::Message(Message::binary(expect[..taken].to_vec()))]);
    }
}

/// A message that nobody asks for stays with the peer.
#[tokio::test]
async fn reader_that_is_not_asked_reads_nothing() {
    let (end, mut raw) = pipe(1 << 20);
    let control = end.control();
    let mut ours = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
    control.push(&frame(Role::Client, BINARY, &bytes(1 << 20)));
    let mut message = ours.recv_streamed().await.unwrap().unwrap();
    let unread = control.unread();
    assert!(unread >= 768 << 10, "one read was enough to know: {unread} bytes are left");
    let (mut received, mut buffer) = (0, [0; 1000]);
    while received < 100_000 {
        received += message.read(&mut buffer).await.unwrap();
    }
    assert_eq!(control.unread(), unread);
    assert_eq!(message.read(&mut []).await.unwrap(), 0, "no room is not the end");
    let mut rest = Vec::new();
    message.read_to_end(&mut rest).await.unwrap();
    assert!(rest == bytes(1 << 20)[received..]);
}

#[tokio::test]
async fn text_message_is_read_by_the_line() {
    let (mut ours, mut raw) = raw_pair(Role::Client, 1000, |_| ()).await;
    raw.write_all(&frame(Role::Server, 0x01, b"one\ntw")).await.unwrap();
    raw.write_all(&frame(Role::Server, 0x80, b"o\nthree")).await.unwrap();
    let mut lines = ours.recv_streamed().await.unwrap().unwrap().lines();
    for line in ["one", "two", "three"] {
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(line));
    }
    assert_eq!(lines.next_line().await.unwrap(), None);
}

/// The cause of an `io::Error`, as what it was.
fn cause<E: std::error::Error + 'static>(error: &io::Error) -> &E {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    cause.unwrap_or_else(|| panic!("{error:?} has another cause"))
}

#[tokio::test]
async fn text_that_is_none_is_an_error_with_its_cause() {
    for (parts, shutdown_tells) in
        [(&[&b"begin"[..], b"\xff"][..], false), (&[b"begin", b"\xc3"], true)]
    {
        let (mut client, mut server) = pair(1000).await;
        let mut message = client.send_streamed(MessageKind::Text).unwrap();
        for part in parts {
            message.write_all(part).await.unwrap();
        }
        let error = match AsyncWriteExt::flush(&mut message).await {
            Err(error) => {
                assert!(!shutdown_tells);
                error
            }
            Ok(()) => {
                assert!(shutdown_tells);
                message.shutdown().await.unwrap_err()
            }
        };
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let source = cause::<SendError>(&error).source().unwrap().to_string();
        assert_eq!(source, "chunks of a text message are not UTF-8");
        // It does not get better by asking again, and the peer learns that it was no message.
        assert!(message.shutdown().await.is_err());
        drop(message);
        let (_, received) = tokio::join!(client.recv(), server.recv());
        assert_eq!(received.unwrap(), None);
        assert_eq!(server.close_info().unwrap().code.unwrap().get(), 1011);
    }
}

/// A message that was cut off never looks like one that has ended.
#[tokio::test]
async fn end_of_the_connection_inside_a_message_is_an_error_again_and_again() {
    for role in ROLES {
        for split in [false, true] {
            for close in [false, true] {
                let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
                let mut ours = Ours::new(ours, split);
                raw.write_all(&frame(role.peer(), 0x02, b"begin")).await.unwrap();
                if close {
                    raw.write_all(&close_frame(role.peer(), 1000, "")).await.unwrap();
                }
                raw.shutdown().await.unwrap();
                let mut message = ours.recv_streamed().await.unwrap().unwrap();
                let mut begin = [0; 5];
                message.read_exact(&mut begin).await.unwrap();
                assert_eq!(&begin, b"begin");
                for _ in 0..3 {
                    let error = message.read(&mut begin).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "close: {close}");
                    assert!(matches!(cause::<Error>(&error), Error::Disconnected));
                    assert!(matches!(message.chunk().await, Err(Error::Disconnected)));
                }
            }
        }
    }
}

#[tokio::test]
async fn broken_rule_inside_a_message_is_an_error_with_its_cause() {
    let (mut ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
    raw.write_all(&frame(Role::Client, 0x01, b"begin")).await.unwrap();
    raw.write_all(&frame(Role::Client, 0x80, b"\xff")).await.unwrap();
    drop(raw);
    let mut message = ours.recv_streamed().await.unwrap().unwrap();
    let error = message.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(cause::<Error>(&error).is_protocol());
    assert_eq!(message.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn write_to_a_connection_that_broke_is_an_error_with_its_cause() {
    for role in ROLES {
        let (mut ours, raw) = raw_pair(role, 1000, |_| ()).await;
        drop(raw);
        let mut message = ours.send_streamed(MessageKind::Binary).unwrap();
        let error =
            copy(&mut BufReader::new(tokio::io::repeat(7)), &mut message).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(matches!(cause::<Error>(&error), Error::Disconnected));
    }
}

/// Up to the limit, and not a byte more; the connection goes on in either case.
#[tokio::test]
async fn collect_takes_as_much_as_the_limit() {
    for split in [false, true] {
        for fragments in [1, 2, 10] {
            let (ours, mut raw) = raw_pair(Role::Server, 10_000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            for limit in [0, 99, 100, 101, usize::MAX] {
                let part = vec![7; 100 / fragments];
                for i in 0..fragments {
                    let opcode = if i == 0 { 0x02 } else { 0x00 };
                    let fin = if i + 1 == fragments { 0x80 } else { 0x00 };
                    raw.write_all(&frame(Role::Client, fin | opcode, &part)).await.unwrap();
                }
                raw.write_all(&frame(Role::Client, TEXT, b"next")).await.unwrap();
                let message = ours.recv_streamed().await.unwrap().unwrap();
                match message.collect(limit).await {
                    Ok(bytes) => assert!(limit >= 100 && bytes == [7; 100][..]),
                    Err(CollectError::TooLong { limit: told }) => {
                        assert!(limit < 100 && told == limit);
                    }
                    Err(error) => panic!("{error:?}"),
                }
                assert_eq!(ours.recv().await.unwrap(), Some(Message::text("next")));
            }
        }
    }
}

#[tokio::test]
async fn collect_tells_how_the_connection_broke() {
    let (mut ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
    raw.write_all(&frame(Role::Client, 0x02, b"begin")).await.unwrap();
    drop(raw);
    let message = ours.recv_streamed().await.unwrap().unwrap();
    let error = message.collect(1000).await.unwrap_err();
    assert!(matches!(error, CollectError::Broken(Error::Disconnected)), "{error:?}");
    assert_eq!(io::Error::from(error).kind(), ErrorKind::UnexpectedEof);
    let too_long = CollectError::TooLong { limit: 7 };
    assert_eq!(too_long.to_string(), "message is longer than 7 bytes");
    assert_eq!(io::Error::from(too_long).kind(), ErrorKind::FileTooLarge);
}

/// Whoever takes any writer takes a message.
#[tokio::test]
async fn message_is_a_writer_like_any_other() {
    async fn write_report(mut out: impl AsyncWrite + Unpin) -> io::Result<()> {
        for line in 0..1000 {
            out.write_all(format!("line {line}\n").as_bytes()).await?;
        }
        out.shutdown().await
    }
    let (mut client, mut server) = pair(1000).await;
    let sending = async {
        write_report(client.send_streamed(MessageKind::Text).unwrap()).await.unwrap();
    };
    let ((), message) = tokio::join!(sending, server.recv());
    let message = message.unwrap().unwrap();
    assert_eq!(message.as_text().unwrap().lines().count(), 1000);
}
