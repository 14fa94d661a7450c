//! Each future of a reconnecting client is dropped after each number of polls, while it connects, while the
//! hook runs, with a connection and between two, over streams that move one byte at a time and say "not
//! now" before each. Nothing is lost, doubled or begun again for it.

mod support;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::advance;
use trunkline::limits::Settings;
use trunkline::reconnect::{Reconnecting, State, Unsent};
use trunkline::testing::{Faulty, Peer, Pipe, faulty, pair_over, pipe};
use trunkline::{Acceptor, CloseCode, Connector, Limit, Message, Role};

use support::outages::World;

const QUEUE: Unsent = Unsent::Queue { bytes: 1 << 20, count: 1000 };

/// Polls `future` so many times, with time passing and the rest of the world going on in between, and
/// drops it.
async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)));
        if let std::task::Poll::Ready(output) = polled.await {
            return Some(output);
        }
        advance(Duration::from_millis(1)).await;
    }
    None
}

/// Runs `check` with more and more polls, until it says that the future got to its end.
async fn at_every_poll(mut check: impl AsyncFnMut(usize) -> bool) {
    let mut polls = 0;
    while !check(polls).await {
        polls += 1;
        assert!(polls < 10_000, "it gets to its end some time");
    }
    assert!(polls > 1, "it waits now and then");
}

/// What servers have received, in one row over all connections.
#[derive(Clone, Default)]
struct Servers {
    received: Arc<Mutex<Vec<String>>>,
    attempts: Arc<Mutex<u32>>,
    /// Whether the handshake moves one byte at a time as well.
    slow_handshake: bool,
}

impl Servers {
    /// A client whose first connection breaks after so many bytes. With little in its send queue it has to
    /// wait.
    fn client(&self, cut: Option<u64>) -> Reconnecting<Faulty<Pipe>> {
        let servers = self.clone();
        Reconnecting::from_fn(move || {
            let servers = servers.clone();
            *servers.attempts.lock().unwrap() += 1;
            let cut = cut.filter(|_| *servers.attempts.lock().unwrap() == 1);
            async move {
                let (ours, theirs) = pipe(1 << 20);
                let (ours, faults) = faulty(ours, 0);
                if servers.slow_handshake {
                    faults.one_byte_at_a_time();
                }
                let mut settings = Settings::for_role(Role::Client);
                settings.limits.send_high_water_bytes = Limit::at_most(8);
                let connector = Connector::new().with_settings(settings);
                let pair = pair_over(&connector, &Acceptor::new(), ours, theirs).await?;
                let (client, mut server) = pair;
                faults.one_byte_at_a_time();
                if let Some(cut) = cut {
                    faults.cut_after_writing(faults.bytes_written() + cut);
                }
                tokio::spawn(async move {
                    while let Ok(Some(message)) = server.recv().await {
                        let text = message.as_text().unwrap().to_owned();
                        servers.received.lock().unwrap().push(text);
                    }
                });
                Ok(client)
            }
        })
        .with_jitter(|_| Duration::ZERO)
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_connected_leaves_the_attempt_as_it_is() {
    at_every_poll(async |polls| {
        let servers = Servers { slow_handshake: true, ..Servers::default() };
        let runs = Arc::new(Mutex::new(0));
        let hook_runs = Arc::clone(&runs);
        let mut ws = servers.client(None).with_hook(move |mut ws| {
            *hook_runs.lock().unwrap() += 1;
            async move {
                ws.send("subscribe").await?;
                Ok(ws)
            }
        });
        let connected = drop_after(polls, ws.connected()).await.is_some();
        ws.connected().await.unwrap();
        ws.send("next").await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!((*servers.attempts.lock().unwrap(), *runs.lock().unwrap()), (1, 1));
        assert_eq!(servers.received(), ["subscribe", "next"], "after {polls} polls");
        connected
    })
    .await;
}

/// One conversation over three connections and an outage, received by futures that are dropped after so
/// many polls each.
#[tokio::test(start_paused = true)]
async fn dropped_recv_loses_no_message_and_no_attempt() {
    for polls in [1, 2, 3, 5, 8, 13, 100] {
        let peers = ["one", "two", "three"].map(|text| {
            Peer::script()
                .expect_text("subscribe")
                .send_text(text)
                .send_text("and")
                .send_close(1001, "")
        });
        let [first, second, third] = peers;
        let third = third.expect_close(1001);
        let world = World::of([first.expect_close(1001), second.expect_close(1001), third]);
        let mut ws = world.client().with_max_attempts(3).with_hook(|mut ws| async move {
            ws.send("subscribe").await?;
            Ok(ws)
        });
        let mut received = Vec::new();
        loop {
            match drop_after(polls, ws.recv()).await {
                Some(Ok(Some(message))) => received.push(message.as_text().unwrap().to_owned()),
                Some(Ok(None)) => unreachable!("it is given up"),
                Some(Err(_)) => break,
                None => {}
            }
        }
        assert_eq!(received, ["one", "and", "two", "and", "three", "and"], "{polls} polls");
        assert_eq!(world.attempts().len(), 3, "{polls} polls");
        world.is_over().await;
    }
}

/// Documented: not taken at all, or where `feed` would have put it. From the first poll on it is.
#[tokio::test(start_paused = true)]
async fn dropped_send_has_handed_its_message_over_or_not() {
    at_every_poll(async |polls| {
        let servers = Servers::default();
        let mut ws = servers.client(None);
        ws.connected().await.unwrap();
        let sent = drop_after(polls, ws.send("dropped")).await;
        ws.send("next").await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        let expect: &[&str] = if polls == 0 { &["next"] } else { &["dropped", "next"] };
        assert_eq!(servers.received(), expect, "after {polls} polls");
        sent.is_some_and(|sent| sent.is_ok())
    })
    .await;
}

/// The same where the connection breaks under it, at each byte of it: once at the most without a queue, and
/// what the peer has not got can be taken back; once with one.
#[tokio::test(start_paused = true)]
async fn dropped_send_over_a_break_is_there_once_at_the_most() {
    const BYTES: u64 = 13;
    for unsent in [Unsent::Fail, QUEUE] {
        for cut in 1..BYTES {
            at_every_poll(async |polls| {
                let servers = Servers::default();
                let mut ws = servers.client(Some(cut)).with_unsent(unsent);
                ws.connected().await.unwrap();
                let sent = drop_after(polls, ws.send("dropped")).await;
                if let Some(Err(error)) = &sent {
                    assert!(unsent == Unsent::Fail && !error.is_in_doubt(), "{error:?}");
                }
                // The break is noticed by whoever comes next.
                let mut message = Message::text("next");
                while let Err(error) = ws.send(message).await {
                    message = error.into_message().unwrap();
                    ws.connected().await.unwrap();
                }
                let back = ws.take_unsent();
                // That may be where it breaks.
                let _ = ws.close(CloseCode::NORMAL, "").await;
                advance(Duration::from_millis(1)).await;
                let mut all = servers.received();
                assert_eq!(all.pop().as_deref(), Some("next"));
                all.extend(back.iter().map(|it| it.as_text().unwrap().to_owned()));
                all.extend(
                    sent.iter()
                        .filter_map(|it| it.as_ref().err())
                        .map(|error| error.message().unwrap().as_text().unwrap().to_owned()),
                );
                let expect: &[&str] = if polls == 0 { &[] } else { &["dropped"] };
                assert_eq!(all, expect, "{unsent:?}, cut at {cut}, {polls} polls");
                sent.is_some()
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_feed_has_queued_nothing() {
    for unsent in [Unsent::Fail, QUEUE] {
        at_every_poll(async |polls| {
            let servers = Servers::default();
            let mut ws = servers.client(None).with_unsent(unsent);
            ws.connected().await.unwrap();
            ws.feed("fills the queue").await.unwrap();
            let fed = drop_after(polls, ws.feed("dropped")).await.is_some();
            ws.send("next").await.unwrap();
            ws.close(CloseCode::NORMAL, "").await.unwrap();
            let expect: &[&str] = if fed {
                &["fills the queue", "dropped", "next"]
            } else {
                &["fills the queue", "next"]
            };
            assert_eq!(servers.received(), expect, "after {polls} polls");
            fed
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_flush_loses_nothing_over_a_break() {
    for cut in [None, Some(0), Some(8), Some(9), Some(30)] {
        at_every_poll(async |polls| {
            let servers = Servers::default();
            let mut ws = servers.client(cut).with_unsent(QUEUE);
            for message in ["one", "two", "three", "four", "five"] {
                ws.feed(message).await.unwrap();
            }
            let flushed = drop_after(polls, ws.flush()).await.is_some();
            ws.flush().await.unwrap();
            ws.close(CloseCode::NORMAL, "").await.unwrap();
            let expect = ["one", "two", "three", "four", "five"];
            assert_eq!(servers.received(), expect, "after {polls} polls");
            flushed
        })
        .await;
    }
}

/// Documented: closing has begun, and calling it again waits for the rest.
#[tokio::test(start_paused = true)]
async fn dropped_close_can_be_called_again() {
    at_every_poll(async |polls| {
        let servers = Servers::default();
        let mut ws = servers.client(None).with_unsent(QUEUE);
        for message in ["one", "two", "last words"] {
            ws.send(message).await.unwrap();
        }
        ws.connected().await.unwrap();
        let code = CloseCode::new(4000).unwrap();
        let closed = drop_after(polls, ws.close(code, "bye")).await.is_some();
        if polls > 0 {
            assert!(ws.send("late").await.unwrap_err().is_ended(), "after {polls} polls");
        }
        ws.close(code, "bye").await.unwrap();
        assert_eq!(servers.received(), ["one", "two", "last words"], "after {polls} polls");
        assert_eq!(ws.close_info().unwrap().code, Some(code));
        assert_eq!((ws.state(), ws.recv().await.unwrap()), (State::Ended, None));
        assert_eq!(*servers.attempts.lock().unwrap(), 1, "it does not connect again");
        closed
    })
    .await;
}

/// All of them as halves, dropped in turns while the connection breaks again and again.
#[tokio::test(start_paused = true)]
async fn halves_lose_nothing_however_their_futures_are_dropped() {
    for polls in [1, 2, 3, 7, 20] {
        let servers = Servers::default();
        let (mut reader, mut writer) = servers.client(Some(50)).with_unsent(QUEUE).split();
        let expect: Vec<String> = (0..20).map(|number| format!("message {number}")).collect();
        for message in &expect {
            writer.feed(message).await.unwrap();
            assert!(drop_after(polls, reader.recv()).await.is_none());
            drop_after(polls, writer.flush()).await;
        }
        writer.flush().await.unwrap();
        drop_after(polls, writer.close(CloseCode::NORMAL, "")).await;
        let (closed, received) = tokio::join!(writer.close(CloseCode::NORMAL, ""), reader.recv());
        closed.unwrap();
        assert_eq!(received.unwrap(), None);
        assert_eq!(servers.received(), expect, "{polls} polls");
    }
}
