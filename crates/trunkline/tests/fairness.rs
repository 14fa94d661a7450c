//! A peer that sends as fast as it can does not keep a thread to itself: other connections on it have
//! their turn in between.

mod support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trunkline::{Batch, CloseCode, Role};

use trunkline::testing::{Pipe, PipeControl, pipe};

use support::*;

/// As many as SEC-FR-12 has.
const FRAMES: usize = 1_000_000;

/// What is read in one poll at the most, if there is nothing to show for it: a mebibyte and a read.
const READ_BYTES: usize = (1 << 20) + (256 << 10);

/// What the connection is called upon while another one makes an echo: once when the question comes
/// in, once when the answer does, and once more at either end of that.
const TURNS: usize = 4;

/// Empty frames of a client: a header and a key.
const FRAME_BYTES: usize = 6;

/// Runs `hostile` to its end beside another connection that makes echoes, and gives how far `progress`
/// got during one of them, at the most.
async fn progress_during_an_echo<P, F>(progress: P, hostile: F) -> usize
where
    P: Fn() -> usize + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (mut client, mut server) = pair(1000).await;
    let echo = tokio::spawn(async move {
        while let Ok(Some(message)) = server.recv().await {
            server.send(message).await.unwrap();
        }
    });
    let hostile = tokio::spawn(hostile);
    // A task of its own: the one of the test is asked less often than others.
    let asking = tokio::spawn(async move {
        let (mut most, mut echoes) = (0, 0);
        while !hostile.is_finished() {
            let before = progress();
            client.send("are you there?").await.unwrap();
            client.recv().await.unwrap().unwrap();
            most = most.max(progress() - before);
            echoes += 1;
        }
        hostile.await.unwrap();
        assert!(echoes > 1, "{echoes} echoes");
        most
    });
    let most = asking.await.unwrap();
    echo.abort();
    most
}

/// A server whose client has sent `FRAMES` empty frames that begin with `first`, and then a close.
async fn flooded(first: u8, split: bool) -> (Ours<Pipe>, PipeControl, Pipe) {
    let (end, mut raw) = pipe(8 << 20);
    let control = end.control();
    let ours = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
    control.push(&frame(Role::Client, first, b"").repeat(FRAMES));
    control.push(&close_frame(Role::Client, 1000, ""));
    (Ours::new(ours, split), control, raw)
}

/// Counts what the hostile peer has had done for it.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// SEC-FR-12: a million empty messages at once.
#[tokio::test]
async fn sec_fr_12_flood_of_messages_leaves_others_their_turn() {
    for split in [false, true] {
        let (mut ours, _control, _raw) = flooded(TEXT, split).await;
        let count = Count::default();
        let received = count.clone();
        let hostile = async move {
            while ours.recv().await.unwrap().is_some() {
                received.add(1);
            }
        };
        let handled = count.clone();
        let most = progress_during_an_echo(move || handled.get(), hostile).await;
        assert_eq!(count.get(), FRAMES);
        assert!(most <= TURNS * 128, "{most} messages during an echo, split: {split}");
    }
}

/// The same where they are answered as they come: with what the last of a row brought along, if it lies there
/// whole, but not with what has to be put together, which may be more than its bytes.
#[tokio::test]
async fn sec_fr_12_flood_of_questions_leaves_others_their_turn() {
    let read = (256 << 10) / FRAME_BYTES + 1;
    let whole = frame(Role::Client, BINARY, b"");
    let parts = [frame(Role::Client, 0x02, b""), frame(Role::Client, 0x80, b"")].concat();
    for (question, row) in [(whole, 128 + read), (parts, 128)] {
        let (end, mut raw) = pipe(16 << 20);
        let control = end.control();
        let mut ours = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
        control.push(&question.repeat(FRAMES));
        control.push(&close_frame(Role::Client, 1000, ""));
        let count = Count::default();
        let answered = count.clone();
        let hostile = async move {
            let answering = ours.answer(|message, answers| {
                answered.add(1);
                answers.feed(message)
            });
            answering.await.unwrap();
        };
        let handled = count.clone();
        let most = progress_during_an_echo(move || handled.get(), hostile).await;
        assert_eq!(count.get(), FRAMES);
        assert!(most <= TURNS * row, "{most} messages during an echo");
    }
}

/// The same by the batch: a batch is what one read brings.
#[tokio::test]
async fn sec_fr_12_flood_of_batches_leaves_others_their_turn() {
    for split in [false, true] {
        let (mut ours, _control, _raw) = flooded(BINARY, split).await;
        let count = Count::default();
        let received = count.clone();
        let hostile = async move {
            let mut batch = Batch::new();
            while ours.recv_many(&mut batch).await.unwrap() > 0 {
                received.add(batch.len());
            }
        };
        let handled = count.clone();
        let most = progress_during_an_echo(move || handled.get(), hostile).await;
        assert_eq!(count.get(), FRAMES);
        let read = (256 << 10) / FRAME_BYTES + 1;
        assert!(most <= TURNS * read, "{most} messages during an echo, split: {split}");
    }
}

/// The same in chunks, each message a stream of its own.
#[tokio::test]
async fn sec_fr_12_flood_of_streams_leaves_others_their_turn() {
    for split in [false, true] {
        let (mut ours, _control, _raw) = flooded(BINARY, split).await;
        let count = Count::default();
        let received = count.clone();
        let hostile = async move {
            while let Some(mut reader) = ours.recv_streamed().await.unwrap() {
                assert_eq!(reader.chunk().await.unwrap(), None);
                received.add(1);
            }
        };
        let handled = count.clone();
        let most = progress_during_an_echo(move || handled.get(), hostile).await;
        assert_eq!(count.get(), FRAMES);
        assert!(most <= TURNS * 128, "{most} messages during an echo, split: {split}");
    }
}

/// SEC-CT-07: control frames bring nothing to show for, however many there are.
#[tokio::test]
async fn sec_ct_07_flood_of_control_frames_leaves_others_their_turn() {
    for first in [PING, PONG] {
        for split in [false, true] {
            let (mut ours, control, _raw) = flooded(first, split).await;
            let hostile = async move { assert_eq!(ours.recv().await.unwrap(), None) };
            let sent = control.unread();
            let read = move || sent - control.unread();
            let most = progress_during_an_echo(read, hostile).await;
            assert!(most <= TURNS * READ_BYTES, "{most} bytes during an echo, split: {split}");
        }
    }
}

/// Nor do messages that are thrown away, since this end is closing.
#[tokio::test]
async fn sec_fr_12_flood_while_closing_leaves_others_their_turn() {
    let (mut ours, control, _raw) = flooded(TEXT, false).await;
    let hostile = async move { ours.close(CloseCode::NORMAL, "").await.unwrap() };
    let sent = control.unread();
    let read = move || sent - control.unread();
    let most = progress_during_an_echo(read, hostile).await;
    assert!(most <= TURNS * READ_BYTES, "{most} bytes during an echo");
}
