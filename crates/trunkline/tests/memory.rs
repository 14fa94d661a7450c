//! What connections cost in memory, counted by the allocator.

mod support;

use std::future::Future;

use allocation_counter::{AllocationInfo, measure};
use tokio::runtime::{Builder, Runtime};
use trunkline::testing::{Pipe, PipeControl, pipe};
use trunkline::{
    Acceptor, Batch, CloseCode, Connector, Error, Limit, ProtocolError, Role, WebSocket,
};

use support::*;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What `future` allocates in this thread.
fn cost<F: Future<Output = ()>>(runtime: &Runtime, future: F) -> AllocationInfo {
    let mut future = Some(future);
    measure(|| runtime.block_on(future.take().unwrap()))
}

/// A server, what controls its end of the pipe, and its peer.
async fn server(message_bytes: usize) -> (WebSocket<Pipe>, PipeControl, Pipe) {
    let (end, mut raw) = pipe(2 << 20);
    let control = end.control();
    let set = |settings: &mut trunkline::limits::Settings| {
        settings.limits.message_bytes = Limit::at_most(message_bytes);
    };
    let server = with_raw_peer(Role::Server, set, end, &mut raw).await;
    control.take_written();
    (server, control, raw)
}

/// A large message was received and answered, and a small one; then it waits for the next. All that it
/// has is counted, from the handshake on and with its own size, but for the pipe underneath.
#[test]
fn idle_connection_owns_no_buffer() {
    let runtime = runtime();
    let mut pipes = None;
    let pipe = measure(|| pipes = Some(pipe(2 << 20))).bytes_current;
    for split in [false, true] {
        let mut owned = 0;
        // The first has the buffers of the thread made.
        for _ in 0..2 {
            let mut kept = None;
            let cost = cost(&runtime, async {
                let (ours, control, raw) = server(1 << 20).await;
                let mut ours = Ours::new(ours, split);
                control.push(&frame(Role::Client, BINARY, &[7; 100_000]));
                let message = ours.recv().await.unwrap().unwrap();
                ours.send(message).await.unwrap();
                control.push(&frame(Role::Client, TEXT, b"hi"));
                let message = ours.recv().await.unwrap().unwrap();
                ours.send(message).await.unwrap();
                assert!(poll_up_to(1, ours.recv()).is_none());
                control.discard();
                kept = Some((ours, raw));
            });
            let own_size = kept.as_ref().map_or(0, |(ours, _)| size_of_val(ours));
            owned = cost.bytes_current - pipe + own_size as i64;
        }
        assert!((100..=2048).contains(&owned), "{owned} bytes, split: {split}");
    }
}

/// 5000 small messages: a read costs an allocation or a few, a message none.
#[test]
fn small_messages_cost_no_allocation_each() {
    let runtime = runtime();
    let (mut ours, control, _raw) = runtime.block_on(server(1 << 20));
    let messages = frame(Role::Client, BINARY, &[7; 32]).repeat(5000);
    let mut batch = Batch::new();
    for round in 0..5 {
        control.take_written();
        control.push(&messages);
        let cost = cost(&runtime, async {
            let mut received = 0;
            while received < 5000 {
                received += ours.recv_many(&mut batch).await.unwrap();
                for message in &batch {
                    ours.feed(message).await.unwrap();
                }
            }
            assert!(poll_up_to(1, ours.recv_many(&mut batch)).is_none());
        });
        assert!(round == 0 || cost.count_total <= 60, "{} allocations", cost.count_total);
    }
}

/// The same where they are answered as they come.
#[test]
fn small_answers_cost_no_allocation_each() {
    let runtime = runtime();
    let (mut ours, control, _raw) = runtime.block_on(server(1 << 20));
    let messages = frame(Role::Client, BINARY, &[7; 32]).repeat(5000);
    for round in 0..5 {
        control.take_written();
        control.push(&messages);
        let mut answered = 0;
        let cost = cost(&runtime, async {
            let answering = ours.answer(|message, answers| {
                answered += 1;
                answers.feed(message)
            });
            assert!(poll_up_to(10, answering).is_none());
        });
        assert_eq!(answered, 5000);
        assert!(round == 0 || cost.count_total <= 30, "{} allocations", cost.count_total);
    }
}

/// 5000 pings, each of which is answered before the next: a pong is made in the buffer that it is written from, which
/// grows once on the way, and nowhere else before.
#[test]
fn s5_5_3_a_ping_costs_the_buffer_of_its_pong() {
    let runtime = runtime();
    let (mut ours, control, _raw) = runtime.block_on(server(1 << 20));
    let payload = b"are you there";
    let pings = frame(Role::Client, PING, payload).repeat(5000);
    let pongs = frame(Role::Server, PONG, payload).repeat(5000);
    for round in 0..5 {
        control.push(&pings);
        let cost = cost(&runtime, async { assert!(poll_up_to(10, ours.recv()).is_none()) });
        assert_eq!(control.take_written(), pongs);
        assert!(round == 0 || cost.count_total <= 10_030, "{} allocations", cost.count_total);
    }
}

/// It is sent from where it was read to: what waits for the stream is kept, and that text is UTF-8.
#[test]
fn a_large_answer_costs_an_allocation_or_two() {
    let runtime = runtime();
    let (mut ours, control, _raw) = runtime.block_on(server(1 << 20));
    for (opcode, allocations) in [(BINARY, 1), (TEXT, 2)] {
        let message = frame(Role::Client, opcode, &[b'x'; 64 << 10]);
        for round in 0..5 {
            control.take_written();
            control.push(&message);
            let cost = cost(&runtime, async {
                let answering = ours.answer(|message, answers| answers.feed(message));
                assert!(poll_up_to(10, answering).is_none());
            });
            assert!(
                round == 0 || cost.count_total <= allocations,
                "{} allocations",
                cost.count_total
            );
        }
    }
}

/// SEC-FR-09: a header that promises a megabyte costs next to nothing until it comes.
#[test]
fn sec_fr_09_promise_of_a_large_frame_costs_little() {
    let runtime = runtime();
    let promise = &frame(Role::Client, BINARY, &vec![0; 1 << 20])[..14];
    for round in 0..2 {
        let (mut ours, control, _raw) = runtime.block_on(server(1 << 20));
        control.push(promise);
        let cost = cost(&runtime, async {
            assert!(poll_up_to(1, ours.recv()).is_none());
        });
        assert!(round == 0 || cost.bytes_max <= 8 << 10, "{} bytes for 14", cost.bytes_max);
    }
}

/// Some peers send whatever they have in frames of a hundred bytes. What has come is moved when the
/// message has doubled, not for each of them: else 4 MiB in frames of 100 bytes move 80 GiB.
#[test]
fn message_in_many_short_frames_is_moved_a_few_times() {
    const FRAME_BYTES: usize = 100;
    const FRAMES: usize = (4 << 20) / FRAME_BYTES;
    let runtime = runtime();
    for first in [TEXT, BINARY] {
        let cost = cost(&runtime, async {
            let (mut server, control, _raw) = server(8 << 20).await;
            let mut bytes = Vec::new();
            for index in 0..FRAMES {
                let first = if index == 0 { first & 0x0f } else { 0 };
                let fin = if index + 1 == FRAMES { 0x80 } else { 0 };
                bytes.extend(frame(Role::Client, first | fin, &[b'x'; FRAME_BYTES]));
            }
            // Reads end within a frame, and bring what follows it.
            let (rest, last) = bytes.split_at(bytes.len() - 1);
            for piece in rest.chunks(257) {
                control.push(piece);
                assert!(poll_up_to(1, server.recv()).is_none());
            }
            control.push(last);
            let message = server.recv().await.unwrap().unwrap();
            assert_eq!(message.len(), FRAMES * FRAME_BYTES);
        });
        let total = usize::try_from(cost.bytes_total).unwrap();
        assert!(total < 16 * FRAMES * FRAME_BYTES, "{total} bytes for {first:#x}");
    }
}

/// SEC-FG-03: a message without an end is refused at the limit, and takes at most twice as much.
#[test]
fn sec_fg_03_message_without_an_end_takes_twice_the_limit_at_most() {
    let runtime = runtime();
    for round in 0..2 {
        let (mut ours, control, _raw) = runtime.block_on(server(1 << 20));
        let mut next = frame(Role::Client, 0x02, &[0; 64 << 10]);
        let following = frame(Role::Client, 0x00, &[0; 64 << 10]);
        control.push(&next);
        let cost = cost(&runtime, async {
            let mut sent = 1;
            let error = loop {
                if sent == 17 {
                    break ours.recv().await.unwrap_err();
                }
                assert!(poll_up_to(1, ours.recv()).is_none(), "{sent} fragments");
                next.clone_from(&following);
                control.push(&next);
                if sent == 16 {
                    control.end_reads();
                }
                sent += 1;
            };
            let limit = ProtocolError::MessageTooBig { limit: 1 << 20 };
            assert!(matches!(error, Error::Protocol(it) if it == limit), "{error:?}");
        });
        let max = cost.bytes_max;
        assert!(round == 0 || max <= (2 << 20) + (256 << 10), "{max} bytes");
    }
}

/// SEC-PD-02: a thousand messages that are each just under the limit lie there in no more than 100 bytes
/// each. They come out one by one, as they are asked for, in the memory of one.
#[cfg(feature = "deflate")]
#[test]
fn sec_pd_02_thousand_bombs_take_the_memory_of_one() {
    use trunkline::deflate::{Compressor, DeflateConfig, DeflateParams};
    const LIMIT: usize = 64 << 10;
    let config = DeflateConfig::new().context_takeover(false);
    let mut payload = Vec::new();
    Compressor::new(&config, DeflateParams::default(), Role::Client)
        .compress(&[0; LIMIT - 1], &mut payload);
    let bombs = frame(Role::Client, 0xc2, &payload).repeat(1000);
    assert!(bombs.len() <= 100_000, "{} bytes", bombs.len());

    let runtime = runtime();
    let acceptor = Acceptor::new().with_compression(config.clone()).with_message_bytes(LIMIT);
    let connector = Connector::new().with_compression(config);
    for round in 0..2 {
        let (end, raw) = pipe(2 << 20);
        let control = end.control();
        let (_client, mut ours) = runtime.block_on(connect(&connector, &acceptor, raw, end));
        assert!(ours.is_compressed());
        control.push(&bombs);
        let cost = cost(&runtime, async {
            for _ in 0..1000 {
                assert_eq!(ours.recv().await.unwrap().unwrap().len(), LIMIT - 1);
            }
        });
        // The message, the room it grew in, a step of inflation, and the rest of what was read.
        let bound = (3 * LIMIT + 2 * bombs.len()) as u64;
        assert!(round == 0 || cost.bytes_max <= bound, "{} bytes", cost.bytes_max);
    }
}

/// SEC-RL-09: a million tiny messages for an application that takes its time with each: what it has
/// not come to yet stays with the peer, but for one read.
#[test]
fn sec_rl_09_flood_of_tiny_messages_stays_with_the_peer() {
    const MESSAGES: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    const ROOM: usize = 4096;
    let runtime = runtime();
    for batches in [false, true] {
        for round in 0..2 {
            let (end, raw) = pipe(ROOM);
            let control = raw.control();
            let (mut peer, mut ours) =
                runtime.block_on(connect(&Connector::new(), &Acceptor::new(), raw, end));
            let before = control.written();
            let cost = cost(&runtime, async {
                let flood = async {
                    for _ in 0..MESSAGES {
                        peer.feed(&[7]).await.unwrap();
                    }
                    peer.close(CloseCode::NORMAL, "").await.unwrap();
                };
                let slow = async {
                    let (mut handled, mut batch) = (0, Batch::new());
                    loop {
                        let count = if batches {
                            ours.recv_many(&mut batch).await.unwrap()
                        } else {
                            usize::from(ours.recv().await.unwrap().is_some())
                        };
                        if count == 0 {
                            break handled;
                        }
                        tokio::task::yield_now().await;
                        handled += count;
                        // Seven bytes each: what is in the pipe, and what one read brought.
                        let sent = (control.written() - before) as usize;
                        let ahead = sent.saturating_sub(handled * 7);
                        assert!(ahead <= 2 * ROOM + 16, "{ahead} bytes ahead of the application");
                    }
                };
                assert_eq!(tokio::join!(flood, slow).1, MESSAGES);
            });
            // The peer's send queue is in it as well.
            assert!(round == 0 || cost.bytes_max <= 256 << 10, "{} bytes", cost.bytes_max);
        }
    }
}

/// SEC-RL-12: connections that come, say something and go, half of them by a reset, leave nothing behind.
#[test]
fn sec_rl_12_connections_that_come_and_go_leave_nothing() {
    const CONNECTIONS: usize = 500;
    let runtime = runtime();
    // The first round has the buffers of the thread made.
    for round in 0..2 {
        let cost = cost(&runtime, async {
            for number in 0..CONNECTIONS {
                let (mut ours, control, raw) = server(1 << 20).await;
                control.push(&frame(Role::Client, BINARY, &[7; 1000]));
                let message = ours.recv().await.unwrap().unwrap();
                ours.send(message).await.unwrap();
                if number % 2 == 0 {
                    control.fail_reads(std::io::ErrorKind::ConnectionReset);
                    assert!(matches!(ours.recv().await, Err(Error::Disconnected)));
                } else {
                    control.push(&frame(Role::Client, 0x88, &1000_u16.to_be_bytes()));
                    assert!(ours.recv().await.unwrap().is_none());
                }
                drop((ours, raw));
            }
        });
        assert!(round == 0 || cost.bytes_current == 0, "{} bytes stay", cost.bytes_current);
    }
}
