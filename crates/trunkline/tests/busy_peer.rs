//! The messages of a busy peer are not timed one by one: what its silence brings comes a quarter later at
//! most, and never before its time. All else is exact. The clock is stopped.

mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use trunkline::limits::Settings;
use trunkline::{Error, Role, Timeout};

use support::*;

const TENTH: Duration = Duration::from_millis(100);

/// Checks that so much time has passed since `start`: timers have a resolution of a millisecond.
#[track_caller]
fn assert_between(start: Instant, at_least: Duration, at_most: Duration) {
    let elapsed = start.elapsed();
    let at_most = at_most + Duration::from_millis(5);
    assert!((at_least..=at_most).contains(&elapsed), "{elapsed:?}");
}

/// Sends messages, ten a second, for so long; the last one at the end.
async fn be_busy<W: AsyncWrite + Unpin>(role: Role, raw: &mut W, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() + TENTH < end {
        raw.write_all(&frame(role.peer(), TEXT, b"busy")).await.unwrap();
        sleep(TENTH).await;
    }
    sleep_until(end).await;
    raw.write_all(&frame(role.peer(), TEXT, b"last")).await.unwrap();
}

/// Receives until the connection ends, as a task of its own.
fn receive<S>(mut ours: Ours<S>) -> JoinHandle<(Ours<S>, Error)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            match ours.recv().await {
                Ok(message) => assert!(message.is_some(), "nobody closes"),
                Err(error) => return (ours, error),
            }
        }
    })
}

/// The messages of a busy peer are not timed one by one: its silence is noticed after the interval, never
/// before, and a quarter later at most.
#[tokio::test(start_paused = true)]
async fn silence_of_a_busy_peer_is_noticed_within_a_quarter_more() {
    let mut late = Vec::new();
    for role in ROLES {
        for split in [false, true] {
            for tenths in (5..160).step_by(7) {
                let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
                let receiving = receive(Ours::new(ours, split));
                be_busy(role, &mut raw, TENTH * tenths).await;
                let last = Instant::now();
                assert_eq!(read_frame(role, &mut raw).await.unwrap().0, PING);
                assert_between(last, secs(20), secs(25));
                late.push(last.elapsed() - secs(20));
                // All else takes the time that it always takes.
                let pinged = Instant::now();
                let (_ours, error) = receiving.await.unwrap();
                assert!(matches!(error, Error::Timeout(Timeout::Keepalive)), "{error:?}");
                assert_elapsed(pinged, 20);
            }
        }
    }
    // With metrics, the recorder wants to know the time of each read.
    let expect = if cfg!(feature = "metrics") { secs(0)..secs(1) } else { secs(4)..secs(6) };
    let latest = late.into_iter().max().unwrap();
    assert!(expect.contains(&latest), "{latest:?}");
}

#[tokio::test(start_paused = true)]
async fn busy_peer_without_messages_is_idle_within_a_quarter_more() {
    for role in ROLES {
        for tenths in [3, 50, 99, 250] {
            let set = |settings: &mut Settings| settings.idle_timeout = Some(secs(8));
            let (ours, mut raw) = raw_pair(role, 1000, set).await;
            let receiving = receive(Ours::new(ours, false));
            be_busy(role, &mut raw, TENTH * tenths).await;
            let last = Instant::now();
            // Pings are no messages.
            for _ in 0..15 {
                sleep(TENTH * 5).await;
                raw.write_all(&frame(role.peer(), PING, b"p")).await.unwrap();
            }
            let (_ours, error) = receiving.await.unwrap();
            assert!(matches!(error, Error::Timeout(Timeout::Idle)), "{error:?}");
            assert_between(last, secs(8), secs(10));
        }
    }
}

/// Who sends a message now and then is timed with each of them.
#[tokio::test(start_paused = true)]
async fn silence_of_a_peer_that_is_not_busy_is_noticed_at_once() {
    for role in ROLES {
        for pause in [1, 4, 6, 15] {
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let _receiving = receive(Ours::new(ours, false));
            for _ in 0..20 {
                sleep(secs(pause)).await;
                raw.write_all(&frame(role.peer(), TEXT, b"now and then")).await.unwrap();
            }
            let last = Instant::now();
            assert_eq!(read_frame(role, &mut raw).await.unwrap().0, PING);
            assert_elapsed(last, 20);
        }
    }
}

/// What has a deadline of its own is timed exactly, however busy the peer was before.
#[tokio::test(start_paused = true)]
async fn other_deadlines_of_a_busy_peer_are_exact() {
    for role in ROLES {
        for split in [false, true] {
            // A message that is not finished.
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let receiving = receive(Ours::new(ours, split));
            be_busy(role, &mut raw, TENTH * 33).await;
            sleep(secs(1)).await;
            let start = Instant::now();
            // Together with whole ones, in one read.
            let whole = frame(role.peer(), TEXT, b"whole");
            let part = frame(role.peer(), 0x01, b"part");
            raw.write_all(&[&whole[..], &whole, &part].concat()).await.unwrap();
            for _ in 0..59 {
                sleep(secs(1)).await;
                raw.write_all(&frame(role.peer(), 0x00, b"on")).await.unwrap();
            }
            let (_ours, error) = receiving.await.unwrap();
            assert!(matches!(error, Error::Timeout(Timeout::UnfinishedMessage)), "{error:?}");
            assert_elapsed(start, 60);

            // A ping of the application that nobody answers.
            let set = |settings: &mut Settings| settings.keepalive_timeout = secs(3);
            let (ours, mut raw) = raw_pair(role, 1000, set).await;
            let mut ours = Ours::new(ours, split);
            let receiving =
                async { while ours.recv().await.unwrap().unwrap().as_text() != Some("last") {} };
            tokio::join!(receiving, be_busy(role, &mut raw, TENTH * 33));
            sleep(secs(1)).await;
            let pinged = Instant::now();
            ours.ping().await.unwrap();
            let ended = ours.recv().await;
            assert!(matches!(ended, Err(Error::Timeout(Timeout::Keepalive))), "{ended:?}");
            assert_elapsed(pinged, 3);

            // A closing handshake that does not come to its end.
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let receiving =
                async { while ours.recv().await.unwrap().unwrap().as_text() != Some("last") {} };
            tokio::join!(receiving, be_busy(role, &mut raw, TENTH * 33));
            let closed = Instant::now();
            let busy = async {
                be_busy(role, &mut raw, secs(9)).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = ours.close(trunkline::CloseCode::NORMAL, "") => assert!(ended.is_err()),
                () = busy => {}
            }
            assert_elapsed(closed, 10);
        }
    }
}

/// A connection on which nothing comes in is woken for its pings and their pongs, and for nothing else,
/// whether it was busy before or not; a busy one hardly more often than messages come.
#[tokio::test(start_paused = true)]
async fn busy_peer_costs_few_wakes_and_an_idle_one_none_more() {
    let mut in_an_hour = Vec::new();
    for busy in [0, 30] {
        let (ours, mut raw) = raw_pair(Role::Server, 1000, |_| ()).await;
        let polls = Arc::new(AtomicUsize::new(0));
        let mut receiving = Box::pin({
            let mut ours = ours;
            async move { while ours.recv().await.unwrap().is_some() {} }
        });
        let count = Arc::clone(&polls);
        tokio::spawn(poll_fn(move |cx| {
            count.fetch_add(1, Ordering::Relaxed);
            receiving.as_mut().poll(cx)
        }));
        if busy > 0 {
            be_busy(Role::Server, &mut raw, secs(busy)).await;
            sleep(TENTH).await;
            let messages = usize::try_from(busy * 10).unwrap();
            let polls = polls.swap(0, Ordering::Relaxed);
            assert!(polls <= messages + 10, "{polls} for {messages} messages");
        }
        for _ in 0..180 {
            let (first, payload) = read_frame(Role::Server, &mut raw).await.unwrap();
            assert_eq!(first, PING);
            raw.write_all(&frame(Role::Client, PONG, &payload)).await.unwrap();
        }
        in_an_hour.push(polls.load(Ordering::Relaxed));
    }
    let [idle, after_busy] = in_an_hour[..] else { unreachable!() };
    assert!(after_busy <= idle + 1, "{after_busy} instead of {idle}");
}

/// A deadline wakes whichever task has the connection by then, also if it has come to it before it polled.
#[tokio::test(start_paused = true)]
async fn deadline_wakes_the_task_that_the_connection_was_moved_to() {
    for role in ROLES {
        for split in [false, true] {
            for busy in [false, true] {
                for (away, expect) in [(0, 20), (10, 20), (30, 30)] {
                    let (ours, mut raw) = raw_pair(role, 10_000, |_| ()).await;
                    let mut ours = Ours::new(ours, split);
                    // As long as it was busy, it has been heard when it is looked at next.
                    let late = if busy { away.max(5) } else { 0 };
                    if busy {
                        let receiving = async {
                            while ours.recv().await.unwrap().unwrap().as_text() != Some("last") {}
                        };
                        tokio::join!(receiving, be_busy(role, &mut raw, secs(3)));
                    }
                    let last = Instant::now();
                    assert!(poll_up_to(1, ours.recv()).is_none());
                    tokio::time::advance(secs(away)).await;
                    let _receiving = receive(ours);
                    assert_eq!(read_frame(role, &mut raw).await.unwrap().0, PING);
                    match busy {
                        false => assert_elapsed(last, expect),
                        true => assert_between(last, secs(20), secs(20 + late)),
                    }
                }
            }
        }
    }
}
