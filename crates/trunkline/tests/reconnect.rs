//! A client that lives through outages: when it tries again, when it does not, and what it tells.

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;
use trunkline::handshake::Refusal;
use trunkline::reconnect::{Backoff, Failure, Reconnecting, SendErrorKind, State, Verdict, Why};
use trunkline::testing::Peer;
use trunkline::{CloseCode, Connector, Error, Message, Timeout};

use support::outages::{Meets, World};
use support::*;

fn text(message: Option<Message>) -> Option<String> {
    message.map(|message| message.as_text().unwrap().to_owned())
}

fn says(text: &str) -> Peer {
    Peer::script().send_text(text)
}

/// Over sockets, as it is used: the server goes away, is away, and comes back at its address.
#[tokio::test]
async fn server_that_restarts_is_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let refused = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&refused);
    let mut ws = Reconnecting::new(Connector::new(), format!("ws://{address}/"))
        .with_backoff(Backoff::new().with_initial(Duration::from_millis(5)).with_factor(1.0))
        .with_observer(move |change| {
            if let trunkline::reconnect::Change::Failed { failure: Failure::Connect(_), .. } =
                change
            {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        })
        .with_hook(|mut ws| async move {
            ws.send("subscribe").await?;
            Ok(ws)
        });
    let serve = async |listener: TcpListener, answer: &str| {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut ws = trunkline::accept(tcp).await.unwrap();
        assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "subscribe");
        ws.send(answer).await.unwrap();
    };
    let server = async {
        serve(listener, "one").await;
        while refused.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        serve(TcpListener::bind(address).await.unwrap(), "two").await;
    };
    let client = async {
        assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "one");
        assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "two");
        assert_eq!(ws.connections(), 2);
        ws.close(CloseCode::NORMAL, "").await
    };
    let _ = tokio::join!(server, client);
}

#[tokio::test(start_paused = true)]
async fn hook_runs_on_each_connection_before_anything_else() {
    let peers = ["one", "two", "three"]
        .map(|answer| Peer::script().expect_text("subscribe").send_text(answer));
    let world = World::of(peers);
    let mut ws = world.client().with_hook(|mut ws| async move {
        ws.send("subscribe").await?;
        Ok(ws)
    });
    for answer in ["one", "two", "three"] {
        assert_eq!(text(ws.recv().await.unwrap()).unwrap(), answer);
    }
    world.is_over().await;
}

/// A hook may take part in the conversation, and leaves the rest of it to `recv`.
#[tokio::test(start_paused = true)]
async fn hook_can_wait_for_an_answer() {
    let peer = says("welcome").expect_text("let me in").send_text("come in").send_text("news");
    let world = World::of([peer]);
    let mut ws = world.client().with_hook(|mut ws| async move {
        ws.recv().await?;
        ws.send("let me in").await?;
        match ws.recv().await? {
            Some(answer) if answer.as_text() == Some("come in") => Ok(ws),
            other => Err(format!("{other:?}").into()),
        }
    });
    assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "news");
}

#[tokio::test(start_paused = true)]
async fn connection_whose_hook_fails_is_given_up_and_tried_again() {
    let silent = || Peer::script().expect_end();
    let world = World::of([silent(), silent(), says("third time")]);
    let mut runs = 0;
    let mut ws = world.client().with_hook(move |ws| {
        runs += 1;
        async move { if runs < 3 { Err("not yet".into()) } else { Ok(ws) } }
    });
    assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "third time");
    assert_eq!(world.attempts(), [0.0, 1.0, 3.0]);
    assert_eq!(ws.connections(), 1, "the others never were");
    match &*ws.last_failure().unwrap() {
        Failure::Hook(error) => assert_eq!(error.to_string(), "not yet"),
        failure => panic!("{failure:?}"),
    }
    world.is_over().await;
}

/// Neither a function that opens connections nor a hook can hold the client up for ever.
#[tokio::test(start_paused = true)]
async fn attempt_that_hangs_is_given_up_after_a_minute() {
    let world =
        World::of([Meets::Silence, Peer::script().expect_end().into(), says("hello").into()]);
    let mut runs = 0;
    let mut ws = world.client().with_hook(move |ws| {
        runs += 1;
        async move {
            if runs == 1 {
                std::future::pending::<()>().await;
            }
            Ok(ws)
        }
    });
    assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "hello");
    assert_eq!(world.attempts(), [0.0, 61.0, 123.0]);
    assert!(matches!(*ws.last_failure().unwrap(), Failure::Timeout));

    let world = World::of([Meets::Silence]);
    let mut ws = world.client().with_attempt_timeout(secs(5)).with_max_attempts(1);
    let start = Instant::now();
    ws.connected().await.unwrap_err();
    assert_elapsed(start, 5);
}

#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_half_a_minute() {
    let world = World::of([const { Meets::Nobody }; 7]);
    let mut ws = world.client().with_max_attempts(8);
    assert!(ws.recv().await.is_err());
    assert_eq!(world.attempts(), [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]);

    let world = World::of([const { Meets::Nobody }; 4]);
    let backoff = Backoff::new().with_initial(secs(2)).with_factor(3.0).with_max(secs(10));
    let mut ws = world.client().with_backoff(backoff).with_max_attempts(4);
    assert!(ws.recv().await.is_err());
    assert_eq!(world.attempts(), [0.0, 2.0, 8.0, 18.0]);
}

/// Full jitter: anything from nothing to the bound, so that clients do not come back in step.
#[tokio::test(start_paused = true)]
async fn pauses_are_drawn_from_zero_to_the_bound() {
    let draw = || async {
        let backoff = Backoff::new().with_factor(1.0);
        let pauses = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&pauses);
        let mut ws = Reconnecting::<tokio::io::DuplexStream>::from_fn(|| async {
            Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
        })
        .with_backoff(backoff)
        .with_max_attempts(100)
        .with_observer(move |change| {
            if let trunkline::reconnect::Change::Failed { retry_in, .. } = change {
                seen.lock().unwrap().push(*retry_in);
            }
        });
        ws.connected().await.unwrap_err();
        std::mem::take(&mut *pauses.lock().unwrap())
    };
    let (one, other) = (draw().await, draw().await);
    assert_eq!(one.len(), 99);
    assert_ne!(one, other, "two clients are not in step");
    assert!(one.iter().all(|pause| *pause <= secs(1)));
    let early = one.iter().filter(|pause| **pause < Duration::from_millis(500)).count();
    assert!((20..80).contains(&early), "{early} of 99 in the first half");

    // What is injected cannot go beyond the bound.
    let world = World::of([const { Meets::Nobody }; 2]);
    let mut ws = world.client().with_jitter(|_| secs(3600)).with_max_attempts(2);
    ws.connected().await.unwrap_err();
    assert_eq!(world.attempts(), [0.0, 1.0]);
}

#[tokio::test(start_paused = true)]
async fn pauses_begin_anew_after_a_connection_that_lasted() {
    for (lived, next) in [(29, 8.0), (30, 1.0)] {
        let drops_at_once = || Meets::from(Peer::script());
        let lives = Peer::script().wait(secs(lived));
        let world = World::of([drops_at_once(), drops_at_once(), drops_at_once(), lives.into()]);
        let mut ws = world.client().with_max_attempts(6);
        assert!(ws.recv().await.is_err());
        let attempts = world.attempts();
        assert_eq!(attempts[..4], [0.0, 1.0, 3.0, 7.0]);
        let lost = 7.0 + lived as f32;
        assert_eq!(attempts[4] - lost, next, "after {lived} s");
        // And so does the count.
        assert_eq!(attempts.len(), if lived == 30 { 10 } else { 6 });
    }
}

#[tokio::test(start_paused = true)]
async fn max_elapsed_counts_from_the_beginning_of_the_outage() {
    // Attempts at 0, 1, 3, 7, 15; the next would be at 31.
    let world = World::of([const { Meets::Nobody }; 9]);
    let mut ws = world.client().with_max_elapsed(secs(30));
    let start = Instant::now();
    let ended = ws.recv().await.unwrap_err();
    assert_eq!((ended.why(), ended.attempts()), (Why::Elapsed, 5));
    assert_elapsed(start, 15);
    assert_eq!(world.attempts(), [0.0, 1.0, 3.0, 7.0, 15.0]);

    // A connection that lasted: the time begins with its loss.
    let world = World::of([Peer::script().wait(secs(35))]);
    let mut ws = world.client().with_max_elapsed(Duration::from_millis(3500));
    let ended = ws.recv().await.unwrap_err();
    assert_eq!((ended.why(), ended.attempts()), (Why::Elapsed, 2));
    assert_eq!(world.attempts(), [0.0, 36.0, 38.0]);
}

/// Whether the client tries again after `meets`, and after how long.
async fn after(meets: impl Into<Meets>) -> Result<f32, Why> {
    let world = World::of([meets.into(), says("again").into()]);
    let mut ws = world.client();
    match ws.recv().await {
        Ok(Some(message)) => {
            assert_eq!(message.as_text(), Some("again"));
            Ok(world.attempts()[1])
        }
        Ok(None) => Err(Why::Closed),
        Err(ended) => Err(ended.why()),
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_worth_another_attempt_if_time_may_help() {
    for status in [500, 502, 503, 504, 599, 408, 425, 429] {
        let refusal = Refusal::new(status, "no").unwrap();
        assert_eq!(after(Peer::script().refuse(refusal)).await, Ok(1.0), "{status}");
    }
    for status in [200, 302, 308, 400, 401, 403, 404, 410, 426, 451] {
        let refusal = Refusal::new(status, "no").unwrap();
        let verdict = after(Peer::script().refuse(refusal)).await;
        assert_eq!(verdict, Err(Why::NotRetryable), "{status}");
    }
    // It hung up in the middle of its answer; what it answered was no WebSocket at all.
    assert_eq!(after(Peer::script().answer_with("HTTP/1.1 101 Sw")).await, Ok(1.0));
    let verdict = after(Peer::script().answer_with("SSH-2.0-OpenSSH_9.9\r\n")).await;
    assert_eq!(verdict, Err(Why::NotRetryable));
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n";
    assert_eq!(after(Peer::script().answer_with(answer)).await, Err(Why::NotRetryable));
}

/// What the server asks for comes on top of the pause, so that not all come at that time.
#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_up_to_five_minutes() {
    for (asked, waits) in [("0", 1.0), ("7", 8.0), ("300", 301.0), ("301", 301.0), ("soon", 1.0)] {
        for status in [429, 503] {
            let refusal =
                Refusal::new(status, "").unwrap().with_header("Retry-After", asked).unwrap();
            assert_eq!(after(Peer::script().refuse(refusal)).await, Ok(waits), "{asked}");
        }
    }
    let refusal = Refusal::new(404, "").unwrap().with_header("Retry-After", "7").unwrap();
    assert_eq!(after(Peer::script().refuse(refusal)).await, Err(Why::NotRetryable));

    let refusal = Refusal::new(503, "").unwrap().with_header("Retry-After", "3600").unwrap();
    let world = World::of([Peer::script().refuse(refusal), says("again")]);
    let backoff = Backoff::new().with_retry_after_max(secs(10));
    let mut ws = world.client().with_backoff(backoff);
    assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "again");
    assert_eq!(world.attempts(), [0.0, 11.0]);
}

#[tokio::test(start_paused = true)]
async fn closes_are_worth_another_attempt_by_their_code() {
    let closes = |code: u16| Peer::script().send_close(code, "why").expect_close(code);
    assert_eq!(after(closes(1000)).await, Err(Why::Closed));
    for code in [1001, 1011, 1012, 1013, 1014, 3008] {
        assert_eq!(after(closes(code)).await, Ok(1.0), "{code}");
    }
    for code in [1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4000, 4999] {
        assert_eq!(after(closes(code)).await, Err(Why::NotRetryable), "{code}");
    }
    let without_code = Peer::script().send_frame(0x88, "").expect_close(None);
    assert_eq!(after(without_code).await, Ok(1.0));
    // 1006: not closed at all.
    assert_eq!(after(Peer::script().hang_up()).await, Ok(1.0));
}

#[tokio::test(start_paused = true)]
async fn peer_that_breaks_the_protocol_is_not_connected_to_again() {
    assert_eq!(after(Peer::script().send_frame(0x83, "?")).await, Err(Why::NotRetryable));
}

#[tokio::test(start_paused = true)]
async fn dead_peer_is_noticed_and_replaced() {
    let world = World::of([Peer::script().go_silent(), says("alive")]);
    let mut ws = world.client();
    assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "alive");
    assert_eq!(world.attempts(), [0.0, 41.0]);
    let failure = ws.last_failure().unwrap();
    assert!(matches!(*failure, Failure::Broken(Error::Timeout(Timeout::Keepalive))));
}

#[tokio::test]
async fn wrong_url_is_given_up_at_once() {
    let mut ws = Reconnecting::new(Connector::new(), "http://user:secret@localhost/");
    let ended = ws.connected().await.unwrap_err();
    assert_eq!((ended.why(), ended.attempts()), (Why::NotRetryable, 1));
    assert!(ended.failure().unwrap().connect_error().is_some());
    assert_eq!(
        ended.to_string(),
        "not connected again, as that would fail the same way (with_classifier decides)"
    );
    assert!(!format!("{ws:?}").contains("secret"), "{ws:?}");
}

#[tokio::test(start_paused = true)]
async fn classifier_decides_instead() {
    // Codes of the application mean what it says that they mean.
    let verdict = |failure: &Failure| match failure {
        Failure::Closed(info) if info.code == CloseCode::new(4000) => Verdict::Retry,
        Failure::Closed(info) if info.code == CloseCode::new(4001) => Verdict::Finish,
        Failure::Closed(info) if info.code == CloseCode::new(4002) => Verdict::RetryAfter(secs(9)),
        _ => Verdict::GiveUp,
    };
    let closes = |code: u16| Peer::script().send_close(code, "").expect_close(code);
    let world = World::of([closes(4000), closes(4002), closes(4001)]);
    let mut ws = world.client().with_classifier(verdict);
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(world.attempts(), [0.0, 1.0, 12.0]);
    assert_eq!(ws.close_info().unwrap().code, CloseCode::new(4001));

    let world = World::of([const { Meets::Nobody }]);
    let ended = world.client().with_classifier(verdict).recv().await.unwrap_err();
    assert_eq!(ended.why(), Why::NotRetryable);
}

/// An error is told once, then it is the end; what is sent comes back with the reason each time.
#[tokio::test(start_paused = true)]
async fn end_is_told_once_by_recv_and_each_time_by_the_others() {
    let world = World::of([says("last words").send_close(1008, "enough").expect_close(1008)]);
    let mut ws = world.client();
    assert_eq!(text(ws.recv().await.unwrap()).unwrap(), "last words");
    let ended = ws.recv().await.unwrap_err();
    assert_eq!(ended.why(), Why::NotRetryable);
    assert_eq!(
        ended.failure().unwrap().to_string(),
        "connection was closed by the peer with 1008: \"enough\""
    );
    for _ in 0..2 {
        assert_eq!(ws.recv().await.unwrap(), None);
        assert_eq!(ws.connected().await.unwrap_err().why(), Why::NotRetryable);
        let error = ws.send("late").await.unwrap_err();
        assert!(matches!(error.kind(), SendErrorKind::Ended(it) if it.why() == Why::NotRetryable));
        assert_eq!(text(error.into_message()).unwrap(), "late");
        assert!(ws.feed("late").await.unwrap_err().is_ended());
        ws.flush().await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    }
    assert_eq!(ws.state(), State::Ended);
}

#[tokio::test(start_paused = true)]
async fn close_is_for_good_in_every_state() {
    // Idle, and in a pause: nothing is dialled for it.
    let world = World::of([const { Meets::Nobody }; 3]);
    let mut ws = world.client();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(world.attempts(), [0.0; 0]);

    let mut ws = world.client();
    tokio::time::timeout(Duration::from_millis(500), ws.recv()).await.unwrap_err();
    assert_eq!(ws.state(), State::Waiting);
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.state(), State::Ended);
    let ended = ws.connected().await.unwrap_err();
    assert_eq!(
        (ended.why(), ended.to_string().as_str()),
        (Why::Closed, "connection was closed for good")
    );
    assert_eq!(world.attempts(), [0.0]);

    // While it connects.
    let world = World::of([Peer::script().expect_end()]);
    let mut ws = world.client().with_hook(|_| std::future::pending());
    tokio::time::timeout(Duration::from_millis(500), ws.recv()).await.unwrap_err();
    assert_eq!(ws.state(), State::Connecting);
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);

    // With a connection.
    let world = World::of([Peer::script().send_text("thrown away").expect_close(4000)]);
    let mut ws = world.client();
    ws.connected().await.unwrap();
    ws.close(CloseCode::new(4000).unwrap(), "done").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.close_info().unwrap().code, CloseCode::new(4000));
    assert!(ws.send("late").await.unwrap_err().is_ended());
    assert_eq!(world.attempts(), [0.0]);
    world.is_over().await;

    // With one whose peer hangs up instead of answering.
    let world = World::of([Peer::script().expect_message()]);
    let mut ws = world.client();
    ws.connected().await.unwrap();
    assert!(matches!(ws.close(CloseCode::NORMAL, "").await, Err(Error::Disconnected)));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(world.attempts(), [0.0]);
}

#[tokio::test(start_paused = true)]
async fn state_and_changes_are_visible() {
    let bye = Peer::script().expect_close(1000);
    let world = World::of([says("one").into(), Meets::Nobody, Meets::from(bye)]);
    let mut ws = world.client();
    assert_eq!((ws.state(), ws.attempts(), ws.connections()), (State::Idle, 0, 0));
    assert!(ws.last_failure().is_none() && ws.websocket().is_none());
    assert!(poll_up_to(1, ws.connected()).is_none());
    assert_eq!(ws.state(), State::Connecting);
    ws.connected().await.unwrap();
    assert_eq!((ws.state(), ws.attempts(), ws.connections()), (State::Open, 1, 1));
    assert!(ws.websocket().unwrap().subprotocol().is_none());
    assert!(ws.recv().await.unwrap().is_some());
    tokio::task::yield_now().await;
    assert!(poll_up_to(1, ws.recv()).is_none());
    assert_eq!(ws.state(), State::Waiting);
    ws.connected().await.unwrap();
    assert_eq!((ws.state(), ws.attempts(), ws.connections()), (State::Open, 3, 2));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.state(), State::Ended);
    assert_eq!(
        world.changes(),
        [
            "connecting 1",
            "connected 1",
            "connection broke, 1 s",
            "connecting 2",
            "no connection could be opened, 2 s",
            "connecting 3",
            "connected 2",
            "ended: connection was closed for good",
        ]
    );
}
