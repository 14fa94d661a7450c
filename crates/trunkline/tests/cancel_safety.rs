//! Each future is dropped after each number of polls, over a stream that moves one byte at a time and
//! says "not now" before each: so it is dropped at every point where it can wait. What the peer has
//! got by the end is read by a strict peer. Nothing may be lost, doubled or cut.

mod support;

use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::unconstrained;
use trunkline::testing::{Faults, Faulty, Pipe, PipeControl, faulty, pipe};
use trunkline::{Answers, Batch, CloseCode, Limit, Message, MessageKind, Received, Role};

use support::*;

/// Our end, ready to be polled by hand, and what controls it and its peer.
struct Bench {
    role: Role,
    ours: Ours<Faulty<Pipe>>,
    control: PipeControl,
    faults: Faults,
    /// Keeps the pipe open.
    _peer: Pipe,
}

impl Bench {
    async fn new(role: Role, split: bool, high_water: usize) -> Self {
        let (end, mut peer) = pipe(1 << 20);
        let control = end.control();
        let (end, faults) = faulty(end, 0);
        let set = |settings: &mut trunkline::limits::Settings| {
            settings.limits.send_high_water_bytes = Limit::at_most(high_water);
        };
        let ws = with_raw_peer(role, set, end, &mut peer).await;
        control.take_written();
        faults.one_byte_at_a_time();
        Self { role, ours: Ours::new(ws, split), control, faults, _peer: peer }
    }

    fn peer_says(&self, frames: &[Vec<u8>]) {
        self.control.push(&frames.concat());
    }

    /// What a strict peer makes of all that was written.
    #[track_caller]
    fn heard(&self) -> Vec<Heard> {
        replay(self.role, &self.control.take_written())
    }
}

/// Runs `check` for each role, whole and in halves, with more and more polls until it says that the
/// future got to its end before it could be dropped.
async fn at_every_poll<F: Future<Output = bool>>(
    high_water: usize,
    mut check: impl FnMut(Bench, usize) -> F,
) {
    for role in ROLES {
        for split in [false, true] {
            let mut polls = 0;
            while !unconstrained(check(Bench::new(role, split, high_water).await, polls)).await {
                polls += 1;
                assert!(polls < 10_000, "it gets to its end some time");
            }
            assert!(polls > 2, "it waits now and then: {role:?}, split: {split}");
        }
    }
}

/// Documented: queued whole from the first poll on.
#[tokio::test]
async fn sec_bp_07_dropped_send_has_queued_its_message_whole_or_not_at_all() {
    at_every_poll(64 << 10, async |mut bench, polls| {
        let sent = poll_up_to(polls, bench.ours.send("dropped")).is_some();
        bench.ours.send("next").await.unwrap();
        let expect =
            if polls == 0 { vec![text("next")] } else { vec![text("dropped"), text("next")] };
        assert_eq!(bench.heard(), expect, "after {polls} polls");
        sent
    })
    .await;
}

/// The same where the first thing that `send` does is to wait for room.
#[tokio::test]
async fn sec_bp_07_send_dropped_while_it_waits_for_room_has_queued_nothing() {
    at_every_poll(8, async |mut bench, polls| {
        bench.ours.feed("fills the queue").await.unwrap();
        let sent = poll_up_to(polls, bench.ours.send("dropped")).is_some();
        bench.ours.send("next").await.unwrap();
        let mut heard = bench.heard();
        assert_eq!(heard.remove(0), text("fills the queue"));
        assert_eq!(heard.pop(), Some(text("next")));
        if sent {
            assert_eq!(heard, [text("dropped")]);
        } else {
            assert!(heard.is_empty() || heard == [text("dropped")], "{heard:?}");
        }
        sent
    })
    .await;
}

#[tokio::test]
async fn dropped_feed_has_queued_nothing() {
    at_every_poll(8, async |mut bench, polls| {
        bench.ours.feed("fills the queue").await.unwrap();
        let fed = poll_up_to(polls, bench.ours.feed("dropped")).is_some();
        bench.ours.send("next").await.unwrap();
        let expect = if fed {
            vec![text("fills the queue"), text("dropped"), text("next")]
        } else {
            vec![text("fills the queue"), text("next")]
        };
        assert_eq!(bench.heard(), expect, "after {polls} polls");
        fed
    })
    .await;
}

/// A large payload is referenced, not copied, so a partial write ends in the middle of it.
#[tokio::test]
async fn dropped_send_of_a_large_message_is_finished_by_the_next() {
    for role in ROLES {
        let large = Message::binary(vec![7; 5000]);
        for polls in [1, 2, 3, 4, 5, 9, 10, 4999] {
            let mut bench = Bench::new(role, false, 64 << 10).await;
            unconstrained(async {
                assert!(poll_up_to(polls, bench.ours.send(&large)).is_none());
                bench.ours.send("next").await.unwrap();
            })
            .await;
            assert_eq!(bench.heard(), [Heard::Message(large.clone()), text("next")]);
        }
    }
}

#[tokio::test]
async fn dropped_flush_loses_nothing() {
    at_every_poll(64 << 10, async |mut bench, polls| {
        bench.ours.feed("one").await.unwrap();
        bench.ours.feed("two").await.unwrap();
        let flushed = poll_up_to(polls, bench.ours.flush()).is_some();
        bench.ours.flush().await.unwrap();
        assert_eq!(bench.heard(), [text("one"), text("two")], "after {polls} polls");
        flushed
    })
    .await;
}

/// Documented: the ping is queued from the first poll on, once.
#[tokio::test]
async fn dropped_ping_is_sent_once_or_never() {
    at_every_poll(64 << 10, async |mut bench, polls| {
        let pinged = poll_up_to(polls, bench.ours.ping()).is_some();
        bench.ours.send("next").await.unwrap();
        let ping = Heard::Ping(1_u32.to_be_bytes().to_vec());
        let expect = if polls == 0 { vec![text("next")] } else { vec![ping, text("next")] };
        assert_eq!(bench.heard(), expect, "after {polls} polls");
        pinged
    })
    .await;
}

/// Documented: closing has begun, and calling it again waits for the rest.
#[tokio::test]
async fn dropped_close_can_be_called_again() {
    at_every_poll(64 << 10, async |mut bench, polls| {
        let peer = bench.role.peer();
        bench.ours.feed("last words").await.unwrap();
        bench.peer_says(&[frame(peer, TEXT, b"too late"), close_frame(peer, 4000, "bye")]);
        bench.control.end_reads();
        let code = CloseCode::new(4000).unwrap();
        let closed = poll_up_to(polls, bench.ours.close(code, "bye")).is_some();
        bench.ours.close(code, "bye").await.unwrap();
        let expect = [text("last words"), Heard::Closed(Some(4000), "bye".into())];
        assert_eq!(bench.heard(), expect, "after {polls} polls");
        assert_eq!(bench.ours.close_info().unwrap().code, Some(code));
        assert!(bench.control.has_ended(), "a client too, as the server has hung up");
        closed
    })
    .await;
}

/// One of each that a peer can send: whole, empty, cut in three with a ping in between, with a long
/// header, and a close at last.
fn conversation(from: Role) -> (Vec<Vec<u8>>, Vec<Message>) {
    let long = "ä".repeat(150);
    let frames = vec![
        frame(from, TEXT, b"one"),
        frame(from, PING, b"?"),
        frame(from, BINARY, b""),
        frame(from, 0x01, "fragé".as_bytes().split_at(5).0),
        frame(from, 0x00, b""),
        frame(from, PING, b"??"),
        frame(from, 0x80, "fragé".as_bytes().split_at(5).1),
        frame(from, 0x02, b""),
        frame(from, 0x80, b"begun empty"),
        frame(from, TEXT, long.as_bytes()),
        frame(from, BINARY, &[9; 130]),
        close_frame(from, 1000, ""),
    ];
    let messages = vec![
        Message::text("one"),
        Message::binary(&b""[..]),
        Message::text("fragé"),
        Message::binary(&b"begun empty"[..]),
        Message::text(long),
        Message::binary(vec![9; 130]),
    ];
    (frames, messages)
}

/// Receives with futures that are each polled this often and then dropped.
macro_rules! check_received {
    ($receive:expr) => {
        for role in ROLES {
            for split in [false, true] {
                for polls in [1, 2, 3, 5, 7, 100] {
                    let mut bench = Bench::new(role, split, 64 << 10).await;
                    let (frames, expect) = conversation(role.peer());
                    bench.peer_says(&frames);
                    bench.control.end_reads();
                    let mut got = Vec::new();
                    unconstrained(async { while !$receive(&mut bench.ours, polls, &mut got) {} })
                        .await;
                    assert_eq!(got, expect, "{role:?}, split: {split}, dropped after {polls}");
                    let closed = Heard::Closed(Some(1000), String::new());
                    assert_eq!(bench.heard(), [Heard::Pong, Heard::Pong, closed]);
                }
            }
        }
    };
}

#[tokio::test]
async fn dropped_recv_loses_no_message() {
    check_received!(|ours: &mut Ours<Faulty<Pipe>>, polls, got: &mut Vec<Message>| {
        match poll_up_to(polls, ours.recv()) {
            Some(Ok(Some(message))) => got.push(message),
            Some(Ok(None)) => return true,
            Some(Err(error)) => panic!("{error:?}"),
            None => {}
        }
        false
    });
}

#[tokio::test]
async fn dropped_recv_many_loses_no_message() {
    let mut batch = Batch::new();
    check_received!(|ours: &mut Ours<Faulty<Pipe>>, polls, got: &mut Vec<Message>| {
        match poll_up_to(polls, ours.recv_many(&mut batch)) {
            Some(Ok(0)) => return true,
            Some(Ok(count)) => {
                assert_eq!((count, batch.iter().len()), (batch.len(), batch.len()));
                got.extend(batch.iter().map(|it| it.into_message()));
            }
            Some(Err(error)) => panic!("{error:?}"),
            None => assert!(batch.is_empty(), "what was not told is not there"),
        }
        false
    });
}

/// Each message is answered once, and each answer is written once.
#[tokio::test]
async fn dropped_answer_loses_no_message_and_no_answer() {
    for role in ROLES {
        for polls in [1, 2, 3, 5, 7, 100] {
            let mut bench = Bench::new(role, false, 64 << 10).await;
            let (frames, expect) = conversation(role.peer());
            bench.peer_says(&frames);
            bench.control.end_reads();
            let Ours::Whole(ws) = &mut bench.ours else { panic!("it is whole") };
            let mut got = Vec::new();
            let mut echo = |message: Received<'_>, answers: &mut Answers<'_>| {
                got.push(message.clone().into_message());
                answers.feed(message)
            };
            unconstrained(async {
                while poll_up_to(polls, ws.answer(&mut echo)).is_none_or(|it| it.is_err()) {}
            })
            .await;
            assert_eq!(got, expect, "{role:?}, dropped after {polls}");
            let answers = bench.heard().into_iter().filter_map(|it| match it {
                Heard::Message(message) => Some(message),
                _ => None,
            });
            assert!(answers.eq(expect), "{role:?}, dropped after {polls}");
        }
    }
}

#[tokio::test]
async fn dropped_recv_streamed_and_chunk_lose_no_byte() {
    check_received!(|ours: &mut Ours<Faulty<Pipe>>, polls, got: &mut Vec<Message>| {
        let mut reader = match poll_up_to(polls, ours.recv_streamed()) {
            Some(Ok(Some(reader))) => reader,
            Some(Ok(None)) => return true,
            Some(Err(error)) => panic!("{error:?}"),
            None => return false,
        };
        let mut bytes = Vec::new();
        loop {
            match poll_up_to(polls, reader.chunk()) {
                Some(Ok(Some(chunk))) => {
                    assert!(!chunk.is_empty());
                    bytes.extend(chunk);
                }
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error:?}"),
                None => {}
            }
        }
        got.push(match reader.kind() {
            MessageKind::Text => Message::text(String::from_utf8(bytes).unwrap()),
            MessageKind::Binary => Message::binary(bytes),
        });
        false
    });
}

#[tokio::test]
async fn dropped_read_loses_no_byte() {
    check_received!(|ours: &mut Ours<Faulty<Pipe>>, polls, got: &mut Vec<Message>| {
        let mut reader = match poll_up_to(polls, ours.recv_streamed()) {
            Some(Ok(Some(reader))) => reader,
            Some(Ok(None)) => return true,
            Some(Err(error)) => panic!("{error:?}"),
            None => return false,
        };
        let (mut bytes, mut buffer) = (Vec::new(), [0; 3]);
        loop {
            match poll_up_to(polls, reader.read(&mut buffer)) {
                Some(Ok(0)) => break,
                Some(Ok(read)) => bytes.extend(&buffer[..read]),
                Some(Err(error)) => panic!("{error:?}"),
                None => {}
            }
        }
        got.push(match reader.kind() {
            MessageKind::Text => Message::text(String::from_utf8(bytes).unwrap()),
            MessageKind::Binary => Message::binary(bytes),
        });
        false
    });
}

/// The three ways of receiving take turns, each dropped after a poll or two.
#[tokio::test]
async fn ways_of_receiving_can_change_at_any_byte() {
    let (mut turn, mut batch) = (0_usize, Batch::new());
    check_received!(|ours: &mut Ours<Faulty<Pipe>>, polls, got: &mut Vec<Message>| {
        turn = turn.wrapping_mul(31).wrapping_add(7);
        let received = match turn % 3 {
            0 => poll_up_to(polls, ours.recv()).map(|it| it.unwrap().map(|it| vec![it])),
            1 => poll_up_to(polls, ours.recv_many(&mut batch)).map(|it| {
                let messages = batch.iter().map(|it| it.into_message()).collect();
                (it.unwrap() > 0).then_some(messages)
            }),
            _ => {
                let Some(reader) = poll_up_to(polls, ours.recv_streamed()) else { return false };
                reader
                    .unwrap()
                    .map(|mut reader| {
                        let mut bytes = Vec::new();
                        while let Some(chunk) =
                            poll_up_to(usize::MAX, reader.chunk()).unwrap().unwrap()
                        {
                            bytes.extend(chunk);
                        }
                        vec![match reader.kind() {
                            MessageKind::Text => Message::text(String::from_utf8(bytes).unwrap()),
                            MessageKind::Binary => Message::binary(bytes),
                        }]
                    })
                    .into()
            }
        };
        match received {
            Some(Some(messages)) => got.extend(messages),
            Some(None) => return true,
            None => {}
        }
        false
    });
}

/// Documented: of a part some may have been queued. What was is whole frames, and the peer is told
/// that the message ends there.
#[tokio::test]
async fn dropped_write_of_a_part_leaves_whole_frames() {
    at_every_poll(8, async |mut bench, polls| {
        let mut writer = bench.ours.send_streamed(MessageKind::Text).unwrap();
        writer.write(b"first").await.unwrap();
        writer.write(b"second").await.unwrap();
        let written = poll_up_to(polls, writer.write(b"third")).is_some();
        drop(writer);
        bench.ours.flush().await.unwrap();
        let frames = read_frames(bench.role, &mut &bench.control.take_written()[..]).await;
        let (close, parts) = frames.split_last().unwrap();
        assert_eq!((close.0, &close.1[..2]), (CLOSE, &1011_u16.to_be_bytes()[..]));
        let text = parts.iter().flat_map(|it| it.1.clone()).collect::<Vec<_>>();
        let expect = if written { "firstsecondthird" } else { "firstsecond" };
        assert_eq!(String::from_utf8(text).unwrap(), expect, "after {polls} polls");
        written
    })
    .await;
}

/// Documented: a `write` that was dropped has taken nothing, and the message can go on.
#[tokio::test]
async fn dropped_write_of_bytes_has_taken_none() {
    at_every_poll(8, async |mut bench, polls| {
        bench.faults.split_writes(700..=700);
        let mut writer = bench.ours.send_streamed(MessageKind::Binary).unwrap();
        writer.write_all(&[1; 4500]).await.unwrap();
        let written = poll_up_to(polls, AsyncWriteExt::write(&mut writer, &[2; 4500]));
        let written = written.map_or(0, |written| written.unwrap());
        writer.write_all(&[3; 4500]).await.unwrap();
        writer.finish().await.unwrap();
        let expect = [vec![1; 4500], vec![2; written], vec![3; 4500]].concat();
        assert_eq!(bench.heard(), [Heard::Message(Message::binary(expect))], "{polls} polls");
        written > 0
    })
    .await;
}

/// Documented: `flush` and `shutdown` can be called again.
#[tokio::test]
async fn dropped_flush_and_shutdown_of_a_message_can_be_called_again() {
    at_every_poll(8, async |mut bench, polls| {
        let mut writer = bench.ours.send_streamed(MessageKind::Text).unwrap();
        writer.write_all(b"one ").await.unwrap();
        let flushed = poll_up_to(polls, writer.flush()).is_some();
        writer.flush().await.unwrap();
        writer.write_all(b"message").await.unwrap();
        let ended = poll_up_to(polls, writer.shutdown()).is_some();
        writer.shutdown().await.unwrap();
        drop(writer);
        bench.ours.send("next").await.unwrap();
        assert_eq!(bench.heard(), [text("one message"), text("next")], "{polls} polls");
        flushed && ended
    })
    .await;
}

#[tokio::test]
async fn dropped_finish_ends_the_message_or_the_connection() {
    at_every_poll(8, async |mut bench, polls| {
        let mut writer = bench.ours.send_streamed(MessageKind::Text).unwrap();
        writer.write(b"fills the queue").await.unwrap();
        let finished = poll_up_to(polls, writer.finish()).is_some();
        let next = bench.ours.send("next").await;
        bench.ours.flush().await.unwrap();
        let heard = bench.heard();
        match next {
            Ok(()) => assert_eq!(heard, [text("fills the queue"), text("next")]),
            Err(error) => {
                assert!(error.is_closed() && !finished);
                assert!(matches!(heard[..], [Heard::Closed(Some(1011), _)]), "{heard:?}");
            }
        }
        finished
    })
    .await;
}
