//! `Stream` and `Sink`, used as the futures crates have people use them.

#![cfg(feature = "stream")]

mod support;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::stream::FusedStream;
use futures_util::{Sink, SinkExt, Stream, StreamExt, TryStreamExt, future, stream};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use trunkline::testing::pipe;
use trunkline::{
    CloseCode, Error, Limit, Message, MessageKind, QueueErrorKind, Role, SendError, SendErrorKind,
};

use support::*;

/// What whole connections and halves have in common.
trait Receives: Stream<Item = Result<Message, Error>> + FusedStream + Unpin + Send {}
impl<T: Stream<Item = Result<Message, Error>> + FusedStream + Unpin + Send> Receives for T {}
trait Sends: Sink<Message, Error = SendError> + Unpin + Send {}
impl<T: Sink<Message, Error = SendError> + Unpin + Send> Sends for T {}

type BoxedStream = Pin<Box<dyn Receives>>;
type BoxedSink = Pin<Box<dyn Sends>>;

/// A stream and a sink of one connection: split by `futures`, or by us.
fn split<S>(ws: trunkline::WebSocket<S>, ours: bool) -> (BoxedSink, BoxedStream)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    if ours {
        let (reader, writer) = ws.split();
        (Box::pin(writer), Box::pin(reader))
    } else {
        let (sink, stream) = StreamExt::split(ws);
        (Box::pin(sink), Box::pin(stream.fuse()))
    }
}

fn message(number: usize) -> Message {
    Message::binary(number.to_be_bytes().to_vec())
}

#[tokio::test]
async fn stream_ends_with_none_after_a_clean_close() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let mut stream: BoxedStream = match split {
                false => Box::pin(ours),
                true => Box::pin(ours.split().0),
            };
            raw.write_all(&frame(role.peer(), TEXT, b"one")).await.unwrap();
            raw.write_all(&frame(role.peer(), PING, b"?")).await.unwrap();
            raw.write_all(&frame(role.peer(), TEXT, b"two")).await.unwrap();
            raw.write_all(&close_frame(role.peer(), 1000, "")).await.unwrap();
            raw.shutdown().await.unwrap();
            assert_eq!(stream.next().await.unwrap().unwrap(), Message::text("one"));
            assert_eq!(stream.next().await.unwrap().unwrap(), Message::text("two"));
            assert!(!stream.is_terminated());
            assert!(stream.next().await.is_none());
            assert!(stream.is_terminated());
            assert!(stream.next().await.is_none(), "the end is told again");
        }
    }
}

#[tokio::test]
async fn stream_ends_with_an_error_otherwise_and_then_with_none() {
    for split in [false, true] {
        let (ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
        let mut stream: BoxedStream = match split {
            false => Box::pin(ours),
            true => Box::pin(ours.split().0),
        };
        raw.write_all(&frame(Role::Client, TEXT, b"one")).await.unwrap();
        raw.write_all(&frame(Role::Client, TEXT, b"\xff")).await.unwrap();
        drop(raw);
        assert_eq!(stream.next().await.unwrap().unwrap(), Message::text("one"));
        assert!(stream.next().await.unwrap().unwrap_err().is_protocol());
        assert!(stream.is_terminated());
        assert!(stream.next().await.is_none());
    }
}

/// An echo is a stream that is forwarded to its sink, which closes with it.
#[tokio::test]
async fn forward_makes_an_echo_and_send_all_asks_it() {
    for ours in [false, true] {
        for room in [64, 100_000] {
            let (mut client, server) = pair(room).await;
            let (sink, stream) = split(server, ours);
            let echo = tokio::spawn(stream.err_into::<SendError>().forward(sink));
            let asking = async {
                let mut questions = stream::iter((0..100).map(message).map(Ok));
                client.send_all(&mut questions).await.unwrap();
                for number in 0..100 {
                    let answer = client.next().await.unwrap().unwrap();
                    assert_eq!(answer, message(number));
                }
                client.close(CloseCode::NORMAL, "").await.unwrap();
            };
            timeout(secs(20), asking).await.expect("nobody waits for ever");
            timeout(secs(20), echo).await.expect("the echo ends").unwrap().unwrap();
        }
    }
}

/// One task sends and another receives, through pipes that are always full: neither takes the other's
/// wake-up, whoever split the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_tasks_saturate_both_directions() {
    const MESSAGES: usize = 3000;
    for ours in [false, true] {
        for room in [16, 64, 5000] {
            let (client, server) = pair(room).await;
            let mut tasks = Vec::new();
            for ws in [client, server] {
                let (mut sink, mut stream) = split(ws, ours);
                tasks.push(tokio::spawn(async move {
                    for number in 0..MESSAGES {
                        sink.feed(message(number)).await.unwrap();
                    }
                    sink.flush().await.unwrap();
                    // The connection lives as long as its halves.
                    future::pending::<()>().await;
                }));
                tasks.push(tokio::spawn(async move {
                    for number in 0..MESSAGES {
                        assert_eq!(stream.next().await.unwrap().unwrap(), message(number));
                    }
                }));
            }
            for receiving in [1, 3] {
                let received = timeout(secs(20), &mut tasks[receiving]).await;
                received.expect("nobody waits for ever").unwrap();
            }
            tasks.iter().for_each(|task| task.abort());
        }
    }
}

/// The same where each side has something to say only now and then: what one task read while it wrote
/// reaches the other one.
#[tokio::test]
async fn question_and_answer_in_two_tasks() {
    for ours in [false, true] {
        let (client, mut server) = pair(50).await;
        let (mut sink, mut stream) = split(client, ours);
        let (told, mut heard) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                told.send(message).await.unwrap();
            }
        });
        tokio::spawn(async move {
            while let Ok(Some(message)) = server.recv().await {
                server.send(message).await.unwrap();
            }
        });
        let asking = async {
            for number in 0..200 {
                let question = Message::binary(vec![number; usize::from(number)]);
                sink.send(question.clone()).await.unwrap();
                assert_eq!(heard.recv().await.unwrap(), question);
            }
        };
        timeout(secs(20), asking).await.expect("nobody waits for ever");
    }
}

/// Above the high-water mark a sink is not ready.
#[tokio::test]
async fn sink_is_not_ready_above_the_high_water_mark() {
    for ours in [false, true] {
        let (end, mut raw) = pipe(10_000);
        let control = end.control();
        let ws = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
        control.take_written();
        control.set_room(0);
        let (mut sink, _stream) = split(ws, ours);
        let mut fed = 0;
        while poll_up_to(1, sink.feed(Message::binary(vec![1; 1000]))).is_some() {
            fed += 1;
        }
        // `futures` keeps one more.
        assert!((60..=67).contains(&fed), "{fed} messages of 1000 bytes");
        assert!(poll_up_to(3, sink.flush()).is_none());
        control.set_room(1 << 20);
        sink.flush().await.unwrap();
        assert_eq!(replay(Role::Server, &control.take_written()).len(), fed);
    }
}

/// Has `$sink` promise room, takes it away with a pong that `$stream` causes, and sends all the same;
/// the two may be one.
macro_rules! check_promise {
    ($sink:expr, $stream:expr, $control:expr) => {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut $sink).poll_ready(&mut cx), Poll::Ready(Ok(()))));
        $control.push(&frame(Role::Client, PING, &[b'!'; 100]));
        assert!(poll_up_to(1, $stream.next()).is_none());
        assert!(matches!(Pin::new(&mut $sink).poll_ready(&mut cx), Poll::Ready(Ok(()))));
        Pin::new(&mut $sink).start_send(Message::text("promised")).unwrap();
        assert!(Pin::new(&mut $sink).poll_ready(&mut cx).is_pending());
        let error = Pin::new(&mut $sink).start_send(Message::text("pushed")).unwrap_err();
        assert!(matches!(error.kind(), SendErrorKind::Refused(QueueErrorKind::Full)));
        assert_eq!(error.into_message(), Some(Message::text("pushed")));
        $control.set_room(1000);
        $sink.send("next").await.unwrap();
    };
}

/// A sink that was ready takes a message, although a pong took the room in between; one message, no more.
#[tokio::test]
async fn sink_that_was_ready_takes_one_message() {
    for split in [false, true] {
        let (end, mut raw) = pipe(1000);
        let control = end.control();
        let set = |settings: &mut trunkline::limits::Settings| {
            settings.limits.send_high_water_bytes = Limit::at_most(8);
        };
        let mut ws = with_raw_peer(Role::Server, set, end, &mut raw).await;
        control.take_written();
        control.set_room(0);
        if split {
            let (mut reader, mut writer) = ws.split();
            check_promise!(writer, reader, control);
        } else {
            check_promise!(ws, ws, control);
        }
        let heard = replay(Role::Server, &control.take_written());
        assert_eq!(heard, [Heard::Pong, text("promised"), text("next")]);
    }
}

#[tokio::test]
async fn sink_of_a_closed_connection_gives_the_message_back() {
    for ours in [false, true] {
        let (client, mut server) = pair(1000).await;
        let (mut sink, mut stream) = split(client, ours);
        let (closed, ended) = tokio::join!(server.close(CloseCode::NORMAL, ""), stream.next());
        closed.unwrap();
        assert!(ended.is_none());
        let error = sink.send(Message::text("late")).await.unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.into_message(), Some(Message::text("late")));
        sink.close().await.unwrap();
    }
}

/// What the peer sends after we have closed is received by whoever receives.
#[tokio::test]
async fn closing_the_sink_loses_nothing_of_the_stream() {
    for ours in [false, true] {
        let (client, mut raw) = raw_pair(Role::Client, 1000, |_| ()).await;
        let (mut sink, mut stream) = split(client, ours);
        let receiving = tokio::spawn(async move {
            let mut received = 0;
            while let Some(message) = stream.next().await {
                message.unwrap();
                received += 1;
                tokio::task::yield_now().await;
            }
            received
        });
        // It has a lot to say when it is told that we have closed.
        let peer = async {
            while read_frame(Role::Client, &mut raw).await.unwrap().0 != CLOSE {}
            for _ in 0..500 {
                raw.write_all(&frame(Role::Server, BINARY, &[7; 200])).await.unwrap();
            }
            raw.write_all(&close_frame(Role::Server, 1000, "")).await.unwrap();
            drop(raw);
        };
        tokio::task::yield_now().await;
        sink.send(Message::text("begin")).await.unwrap();
        let (closed, ()) = tokio::join!(sink.close(), peer);
        closed.unwrap();
        assert_eq!(timeout(secs(20), receiving).await.expect("it ends").unwrap(), 500);
    }
}

/// Closing a sink whose other half is not used waits for the peer, and throws away what still comes.
#[tokio::test]
async fn sink_without_a_stream_waits_for_the_peer_to_close() {
    for ours in [false, true] {
        let (client, mut raw) = raw_pair(Role::Client, 1000, |_| ()).await;
        let mut sink: BoxedSink = if ours { Box::pin(client.split().1) } else { Box::pin(client) };
        let peer = async {
            while read_frame(Role::Client, &mut raw).await.unwrap().0 != CLOSE {}
            for _ in 0..500 {
                raw.write_all(&frame(Role::Server, BINARY, &[7; 200])).await.unwrap();
            }
            raw.write_all(&close_frame(Role::Server, 1000, "")).await.unwrap();
            drop(raw);
        };
        let mut peer = Box::pin(peer);
        tokio::select! {
            biased;
            closed = sink.close() => panic!("the peer has not closed: {closed:?}"),
            () = &mut peer => {}
        }
        timeout(secs(20), sink.close()).await.expect("it has closed now").unwrap();
    }
}

/// A stream that waits learns of the deadline that closing the sink begins.
#[tokio::test(start_paused = true)]
async fn stream_that_waits_keeps_the_deadline_of_a_close() {
    for ours in [false, true] {
        let (client, _raw) = raw_pair(Role::Server, 1000, |_| ()).await;
        let (mut sink, mut stream) = split(client, ours);
        let start = tokio::time::Instant::now();
        let receiving = tokio::spawn(async move { stream.next().await });
        tokio::time::sleep(secs(1)).await;
        sink.close().await.unwrap();
        let error = receiving.await.unwrap().unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_elapsed(start, 11);
    }
}

#[tokio::test]
async fn message_in_parts_is_a_stream_of_them() {
    let (mut client, mut server) = pair(1000).await;
    let sending = async {
        let mut message = client.send_streamed(MessageKind::Text).unwrap();
        for part in ["one ", "by ", "one"] {
            message.write(part.as_bytes()).await.unwrap();
        }
        message.finish().await.unwrap();
    };
    let receiving = async {
        let message = server.recv_streamed().await.unwrap().unwrap();
        let parts: Vec<_> = message.try_collect().await.unwrap();
        parts.concat()
    };
    let ((), received) = tokio::join!(sending, receiving);
    assert_eq!(received, b"one by one");
}

/// The methods of a connection come before those of the traits, and both can be used in turns.
#[tokio::test]
async fn methods_and_traits_can_be_mixed() {
    let (mut client, mut server) = pair(1000).await;
    client.send("inherent").await.unwrap();
    SinkExt::send(&mut client, Message::text("trait")).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("inherent"));
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("trait")));
    let (closed, ended) = tokio::join!(client.close(CloseCode::NORMAL, ""), server.next());
    closed.unwrap();
    assert!(ended.is_none());
}
