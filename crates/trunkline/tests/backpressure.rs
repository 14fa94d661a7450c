//! Peers that do not read: we wait, in bounded memory, and go on when they do.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use trunkline::testing::pipe;
use trunkline::{Answers, Batch, Message, Received};

use support::*;

const HIGH_WATER: usize = 64 << 10;

/// SEC-BP-02: `feed` takes messages up to the high-water mark and one beyond, then waits.
#[tokio::test]
async fn sec_bp_02_feed_waits_above_the_high_water_mark() {
    for role in ROLES {
        for split in [false, true] {
            let (end, mut raw) = pipe(10_000);
            let control = end.control();
            let ours = with_raw_peer(role, |_| (), end, &mut raw).await;
            control.take_written();
            control.set_room(0);
            let mut ours = Ours::new(ours, split);
            let message = Message::binary(vec![1; 1000]);
            let mut fed = 0;
            while poll_up_to(1, ours.feed(&message)).is_some_and(|it| it.is_ok()) {
                fed += 1;
            }
            assert!((HIGH_WATER / 1008..=HIGH_WATER / 1000 + 1).contains(&fed), "{fed}");
            assert!(poll_up_to(3, ours.send(&message)).is_none(), "send waits as well");
            assert!(poll_up_to(3, ours.flush()).is_none(), "and so does flush");
            // Once there is room, all of it goes out, and nothing of what was dropped.
            control.set_room(1 << 20);
            ours.send("last").await.unwrap();
            let heard = replay(role, &control.take_written());
            assert_eq!(heard.len(), fed + 1);
            assert_eq!(heard.last(), Some(&text("last")));
        }
    }
}

/// SEC-BP-01: an echo stops reading from a peer that never reads.
#[tokio::test]
async fn sec_bp_01_echo_stops_reading_from_a_peer_that_never_reads() {
    for role in ROLES {
        let (mut ours, mut raw) = raw_pair(role, 4096, |_| ()).await;
        let written = AtomicUsize::new(0);
        let echo = async {
            let mut batch = Batch::new();
            while ours.recv_many(&mut batch).await.unwrap() > 0 {
                for message in &batch {
                    ours.feed(message).await.unwrap();
                }
            }
        };
        let flood = async {
            let message = frame(role.peer(), BINARY, &[7; 1000]);
            loop {
                raw.write_all(&message).await.unwrap();
                written.fetch_add(message.len(), Ordering::Relaxed);
            }
        };
        // Both stand still in the end; when they do, so does the number.
        let watch = async {
            let mut before = usize::MAX;
            while before != written.load(Ordering::Relaxed) {
                before = written.load(Ordering::Relaxed);
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::select! { () = echo => {}, () = flood => {}, () = watch => {} }
        let written = written.load(Ordering::Relaxed);
        // Queued, read ahead, in both pipes, and one read's worth.
        assert!(written <= 2 * HIGH_WATER + 4 * 4096 + 4096, "{written} bytes were taken");
    }
}

/// The same where each message is answered as it comes, be they a thousand in one read.
#[tokio::test]
async fn sec_bp_01_answers_stop_reading_from_a_peer_that_never_reads() {
    const MESSAGES: usize = 1000;
    for role in ROLES {
        let (end, mut raw) = pipe(1 << 21);
        let control = end.control();
        let mut ours = with_raw_peer(role, |_| (), end, &mut raw).await;
        control.take_written();
        control.set_room(0);
        control.push(&frame(role.peer(), BINARY, &[7; 1000]).repeat(MESSAGES));
        let mut echo = |message: Received<'_>, answers: &mut Answers<'_>| answers.feed(message);
        assert!(poll_up_to(100, ours.answer(&mut echo)).is_none());
        assert!(ours.queued_bytes() <= HIGH_WATER + 1008, "{} bytes wait", ours.queued_bytes());
        assert!(control.unread() > MESSAGES * 500, "{} bytes are left", control.unread());
        // Once there is room, all of them are answered, and nothing is lost in between.
        control.set_room(1 << 21);
        assert!(poll_up_to(100, ours.answer(&mut echo)).is_none());
        let heard = replay(role, &control.take_written());
        assert_eq!(heard, vec![Heard::Message(Message::binary(vec![7; 1000])); MESSAGES]);
    }
}

/// SEC-CT-03: a flood of pings from a peer that never reads pins a pong or two.
#[tokio::test]
async fn sec_ct_03_ping_flood_without_reading_pins_two_pongs() {
    for role in ROLES {
        let (end, mut raw) = pipe(1000);
        let control = end.control();
        let mut ours = with_raw_peer(role, |_| (), end, &mut raw).await;
        let before = control.written();
        let pings = frame(role.peer(), PING, &[b'p'; 125]).repeat(1000);
        for _ in 0..20 {
            control.push(&pings);
            for _ in 0..20 {
                assert!(poll_up_to(3, ours.recv()).is_none());
            }
            assert_eq!(control.unread(), 0, "everything is read");
            assert!(ours.queued_bytes() <= 2 * 131, "{} bytes wait", ours.queued_bytes());
        }
        assert!(control.written() - before <= 1000);
        // The newest is answered in the end.
        control.push(&frame(role.peer(), PING, b"newest"));
        assert!(poll_up_to(3, ours.recv()).is_none());
        control.set_room(1 << 20);
        assert!(poll_up_to(3, ours.recv()).is_none());
        let frames = read_frames(role, &mut &control.take_written()[..]).await;
        assert_eq!(frames.last(), Some(&(PONG, b"newest".to_vec())));
    }
}

/// While a `send` waits, 64 KiB of messages are read ahead and no more.
#[tokio::test]
async fn read_ahead_is_bounded() {
    for role in ROLES {
        for split in [false, true] {
            let (end, mut raw) = pipe(1000);
            let control = end.control();
            let ours = with_raw_peer(role, |_| (), end, &mut raw).await;
            let mut ours = Ours::new(ours, split);
            let message = frame(role.peer(), BINARY, &[7; 20_000]);
            let mut taken = 0;
            {
                let mut sending = std::pin::pin!(ours.send(vec![0; 5000]));
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                for _ in 0..1000 {
                    control.push(&message);
                    assert!(sending.as_mut().poll(&mut cx).is_pending());
                    if control.unread() > 0 {
                        break;
                    }
                    taken += 1;
                }
            }
            assert!((3..=5).contains(&taken), "{taken} messages of 20 000 bytes");
            for _ in 0..=taken {
                assert_eq!(ours.recv().await.unwrap().unwrap().len(), 20_000);
            }
        }
    }
}

/// A writer whose reader is gone throws away what comes in, so that the peer can go on.
#[tokio::test]
async fn writer_without_its_reader_reads_on() {
    let (mut client, server) = pair(100).await;
    let (reader, mut writer) = server.split();
    drop(reader);
    let sending = async {
        for _ in 0..1000 {
            client.send(vec![0; 1000]).await.unwrap();
        }
        while let Some(message) = client.recv().await.unwrap() {
            if message.as_text() == Some("done") {
                break;
            }
        }
    };
    let answering = async {
        for _ in 0..1000 {
            writer.send(vec![0; 1000]).await.unwrap();
        }
        writer.send("done").await.unwrap();
    };
    let both = async { tokio::join!(sending, answering) };
    tokio::time::timeout(secs(20), both).await.expect("nobody waits for ever");
}

/// `feed_all` queues in order, waits where it must, and gives the message that cannot be queued back.
#[tokio::test]
async fn feed_all_waits_above_the_high_water_mark_and_loses_nothing() {
    let (mut client, server) = pair(1000).await;
    let messages: Vec<Message> = (0..2000).map(|n| Message::text(format!("message {n}"))).collect();
    let count = async {
        let (mut server, mut received) = (server, Vec::new());
        while let Some(message) = server.recv().await.unwrap() {
            received.push(message);
        }
        received
    };
    let feed = async {
        client.feed_all(&messages).await.unwrap();
        client.close(trunkline::CloseCode::NORMAL, "").await.unwrap();
        let error = client.feed_all([Message::text("late")]).await.unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.into_message(), Some(Message::text("late")));
    };
    let (received, ()) = tokio::join!(count, feed);
    assert_eq!(received, messages);
}

/// A queue of the caller's own is emptied as far as the connection takes it, without waiting.
#[tokio::test]
async fn try_feed_gives_the_message_back_when_there_is_no_room() {
    let (client, server) = tokio::io::duplex(1024);
    let (client, server) =
        tokio::join!(trunkline::connect_over("ws://localhost/", client), trunkline::accept(server));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let chunk = "x".repeat(16 << 10);
    let mut fed = 0;
    while server.has_room() {
        server.try_feed(chunk.clone()).unwrap();
        fed += 1;
    }
    let refused = server.try_feed(chunk.clone()).unwrap_err();
    assert!(!refused.is_closed());
    assert_eq!(refused.into_message().and_then(|it| it.as_text().map(str::len)), Some(chunk.len()));
    let (flushed, received) = tokio::join!(server.flush(), async {
        let mut received = 0;
        while received < fed {
            received += usize::from(client.recv().await.unwrap().is_some());
        }
        received
    });
    flushed.unwrap();
    assert_eq!(received, fed);
    assert!(server.has_room());
}
