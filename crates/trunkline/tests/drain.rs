//! How a server stops: everyone is told, and it is over at the deadline.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use trunkline::{
    Accepted, CloseCode, Drain, Drained, Error, Message, Role, Server, Upgrade, WebSocket,
};

use support::server::*;
use support::{CLOSE, REQUEST, assert_elapsed, read_frame, read_head, secs};

fn going_away() -> (u16, String) {
    (1001, "server is shutting down".to_owned())
}

/// How many ended how: closed, broken, not accepted, dropped.
fn told(drained: Drained) -> (usize, usize, usize, usize) {
    let Drained { closed, broken, not_accepted, dropped, .. } = drained;
    (closed, broken, not_accepted, dropped)
}

/// A handler that waits in `recv` sees the close happen by itself: `recv` gives `None`.
#[tokio::test(start_paused = true)]
async fn who_waits_in_recv_is_closed_with_1001_and_hears_it() {
    let (tell_end, mut ends) = mpsc::unbounded_channel();
    let (handle, address) = serve(move |mut ws: WebSocket, _| {
        let tell_end = tell_end.clone();
        async move {
            while let Some(message) = ws.recv().await.unwrap() {
                ws.send(message).await.unwrap();
            }
            tell_end.send(ws.close_info().cloned().unwrap()).unwrap();
        }
    })
    .await;
    let mut clients = [connect(address).await, connect(address).await, connect(address).await];
    for client in &mut clients {
        assert_echo(client, "hello").await;
    }
    let start = Instant::now();
    let clients = tokio::spawn(async move {
        for client in &mut clients {
            assert_eq!(closed_with(client).await.unwrap(), going_away());
        }
    });
    assert_eq!(told(handle.drain(Drain::new()).await), (3, 0, 0, 0));
    assert_elapsed(start, 0);
    clients.await.unwrap();
    for _ in 0..3 {
        let info = ends.recv().await.unwrap();
        assert_eq!(info.code, Some(CloseCode::GOING_AWAY));
        assert_eq!(info.initiator, trunkline::Initiator::Local);
    }
    // Nobody listens any more.
    assert!(TcpStream::connect(address).await.is_err());
}

/// It reaches whichever task waits, not only the handler's own.
#[tokio::test(start_paused = true)]
async fn halves_and_other_tasks_hear_it_too() {
    let (handle, address) = serve(|ws: WebSocket, accepted: Accepted| async move {
        match accepted.request().path() {
            "/halves" => {
                let (mut reader, writer) = ws.split();
                let reading = tokio::spawn(async move { reader.recv().await.unwrap() });
                assert_eq!(reading.await.unwrap(), None);
                drop(writer);
            }
            "/select" => {
                let mut ws = ws;
                tokio::select! {
                    received = ws.recv() => assert_eq!(received.unwrap(), None),
                    () = std::future::pending() => {}
                }
            }
            _ => {
                let mut ws = ws;
                tokio::spawn(async move { assert_eq!(ws.recv().await.unwrap(), None) });
            }
        }
    })
    .await;
    let mut clients = Vec::new();
    for path in ["halves", "select", "spawned"] {
        clients.push(trunkline::connect(&format!("ws://{address}/{path}")).await.unwrap());
    }
    until_counted(&handle, |counts| counts.open == 3).await;
    let start = Instant::now();
    let clients = tokio::spawn(async move {
        for client in &mut clients {
            assert_eq!(closed_with(client).await.unwrap(), going_away());
        }
    });
    assert_eq!(told(handle.drain(Drain::new()).await), (3, 0, 0, 0));
    assert_elapsed(start, 0);
    clients.await.unwrap();
    assert_eq!(handle.counts().panics, 0);
}

/// A peer that never pauses does not keep the order from being heard, and all that was answered before
/// arrives in front of the close frame.
#[tokio::test]
async fn who_is_busy_hears_it_between_two_messages() {
    let (handle, address) = serve(|mut ws: WebSocket, _| async move {
        while let Some(message) = ws.recv().await.unwrap() {
            if ws.feed(message).await.is_err() {
                break;
            }
        }
    })
    .await;
    let (mut reader, mut writer) = connect(address).await.split();
    let flood = tokio::spawn(async move {
        let mut sent = 0_u32;
        while writer.send(sent.to_string()).await.is_ok() {
            sent += 1;
        }
        sent
    });
    assert!(reader.recv().await.unwrap().is_some());
    let draining = tokio::spawn(async move { handle.drain(Drain::new()).await });
    let mut next = 1_u32;
    while let Some(message) = reader.recv().await.unwrap() {
        assert_eq!(message, Message::text(next.to_string()));
        next += 1;
    }
    assert_eq!(reader.close_info().unwrap().code, Some(CloseCode::GOING_AWAY));
    assert!(next <= flood.await.unwrap());
    assert_eq!(told(draining.await.unwrap()), (1, 0, 0, 0));
}

/// A handler that waits in `send` for a peer that does not read hears it too; once the peer reads, it
/// gets everything, and the close frame.
#[tokio::test(start_paused = true)]
async fn who_waits_in_send_hears_it() {
    const MESSAGE: usize = 8 << 20;
    let (waiting, waits) = oneshot::channel();
    let waiting = Mutex::new(Some(waiting));
    let (handle, address) = serve(move |mut ws: WebSocket, _| {
        let waiting = waiting.lock().unwrap().take().unwrap();
        async move {
            let large = vec![7; MESSAGE];
            assert!(support::poll_up_to(1, ws.send(large)).is_none(), "more than the sockets hold");
            waiting.send(()).unwrap();
            assert!(ws.send("second").await.unwrap_err().is_closed());
        }
    })
    .await;
    let mut client = connect(address).await;
    waits.await.unwrap();
    let draining = tokio::spawn({
        let handle = handle.clone();
        async move { handle.drain(Drain::new()).await }
    });
    assert_eq!(client.recv().await.unwrap().unwrap().len(), MESSAGE);
    assert_eq!(closed_with(&mut client).await.unwrap(), going_away());
    assert_eq!(told(draining.await.unwrap()), (1, 0, 0, 0));
    assert_eq!(handle.counts().panics, 0);
}

/// Peers that do not answer, and handlers that do not look, are dropped at the deadline and not before.
#[tokio::test(start_paused = true)]
async fn who_is_left_at_the_deadline_is_dropped() {
    let (handle, address) = serve(|mut ws: WebSocket, accepted: Accepted| async move {
        if accepted.request().path() == "/busy" {
            std::future::pending::<()>().await;
        }
        let _ = ws.recv().await;
    })
    .await;
    // One whose handler has other things to do, one that never answers, one that does.
    let busy = trunkline::connect(&format!("ws://{address}/busy")).await.unwrap();
    let mut mute = raw_request(address).await;
    read_head(&mut mute).await;
    let mut polite = connect(address).await;
    until_counted(&handle, |counts| counts.open == 3).await;

    let start = Instant::now();
    let polite = tokio::spawn(async move { closed_with(&mut polite).await.unwrap() });
    assert_eq!(told(handle.drain(Drain::new()).await), (1, 0, 0, 2));
    assert_elapsed(start, 8);
    assert_eq!(polite.await.unwrap(), going_away());
    let (first, payload) = read_frame(Role::Server, &mut mute).await.unwrap();
    assert_eq!((first, &payload[2..]), (CLOSE, going_away().1.as_bytes()));
    assert_eq!(said(&mut mute).await, "");
    drop(busy);
    assert_eq!(handle.counts().open, 0);
}

/// A peer that is gone ends its connection, though not by a closing handshake.
#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_instead_of_closing_is_told_apart() {
    let (handle, address) = serve(echo).await;
    let mut raw = raw_request(address).await;
    read_head(&mut raw).await;
    let draining = tokio::spawn(async move { handle.drain(Drain::new()).await });
    assert_eq!(read_frame(Role::Server, &mut raw).await.unwrap().0, CLOSE);
    drop(raw);
    assert_eq!(told(draining.await.unwrap()), (0, 1, 0, 0));
}

/// Handshakes that are under way are refused, and connections accepted too late closed at once.
#[tokio::test(start_paused = true)]
async fn handshakes_under_way_are_told_503() {
    let (server, address) = bind().await;
    let handle = server.handle();
    let (undecided, mut upgrades) = mpsc::unbounded_channel();
    let (accepted, mut connections) = mpsc::unbounded_channel();
    tokio::spawn(server.serve_upgrades(move |upgrade: Upgrade| {
        let (undecided, accepted) = (undecided.clone(), accepted.clone());
        async move {
            let (decide, decided) = oneshot::channel::<()>();
            undecided.send(decide).unwrap();
            decided.await.unwrap();
            let mut ws = upgrade.accept().await.unwrap();
            accepted.send(ws.recv().await.unwrap()).unwrap();
        }
    }));
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(&REQUEST[..40]).await.unwrap();
    let mut late = raw_request(address).await;
    let decide = upgrades.recv().await.unwrap();
    until_counted(&handle, |counts| counts.open == 2).await;
    let draining = tokio::spawn(async move { handle.drain(Drain::new()).await });
    assert!(said(&mut half).await.starts_with("HTTP/1.1 503 "));
    drop(half);

    decide.send(()).unwrap();
    assert!(read_head(&mut late).await.starts_with(b"HTTP/1.1 101 "));
    assert_eq!(read_frame(Role::Server, &mut late).await.unwrap().0, CLOSE);
    late.write_all(&support::close_frame(Role::Client, 1001, "")).await.unwrap();
    assert_eq!(connections.recv().await.unwrap(), None);
    assert_eq!(told(draining.await.unwrap()), (1, 0, 1, 0));
}

/// With a spread the connections are closed one after the other, evenly.
#[tokio::test(start_paused = true)]
async fn a_spread_paces_the_closing() {
    let (handle, address) = serve(echo).await;
    let (heard, mut times) = mpsc::unbounded_channel();
    for _ in 0..10 {
        let (mut client, heard) = (connect(address).await, heard.clone());
        tokio::spawn(async move {
            assert_eq!(closed_with(&mut client).await.unwrap(), (1012, "new version".to_owned()));
            heard.send(Instant::now()).unwrap();
        });
    }
    until_counted(&handle, |counts| counts.open == 10).await;
    let start = Instant::now();
    let drain = Drain::new()
        .with_close(CloseCode::SERVICE_RESTART, "new version")
        .with_spread(secs(30))
        .with_deadline(secs(40));
    assert_eq!(told(handle.drain(drain).await), (10, 0, 0, 0));
    assert_elapsed(start, 27);
    for turn in 0..10 {
        let late = times.recv().await.unwrap() - start - secs(3 * turn);
        assert!(late < Duration::from_millis(20), "{turn}: {late:?} late");
    }
}

/// The second ctrl-c: now, please.
#[tokio::test(start_paused = true)]
async fn draining_again_replaces_the_deadline() {
    let (handle, address) = serve(|_ws: WebSocket, _| std::future::pending::<()>()).await;
    let _client = connect(address).await;
    until_counted(&handle, |counts| counts.open == 1).await;
    let start = Instant::now();
    let patient = tokio::spawn({
        let handle = handle.clone();
        async move { handle.drain(Drain::new().with_deadline(secs(3600))).await }
    });
    sleep(secs(1)).await;
    let now = Drain::new().with_deadline(Duration::ZERO);
    assert_eq!(told(handle.drain(now).await), (0, 0, 0, 1));
    assert_elapsed(start, 1);
    assert_eq!(told(patient.await.unwrap()), (0, 0, 0, 1));
}

/// Deadlines beyond the end of time are no reason to panic.
#[tokio::test(start_paused = true)]
async fn the_longest_deadline_is_taken() {
    let (handle, address) = serve(echo).await;
    let mut client = connect(address).await;
    let client = tokio::spawn(async move { closed_with(&mut client).await.unwrap() });
    let drain = Drain::new().with_deadline(Duration::MAX).with_spread(Duration::MAX);
    assert_eq!(told(handle.drain(drain).await), (1, 0, 0, 0));
    assert_eq!(client.await.unwrap(), going_away());
}

/// At the deadline a connection ends that its handler has given to a task which nobody can abort.
#[tokio::test(start_paused = true)]
async fn the_deadline_reaches_connections_in_other_tasks() {
    let (give, mut given) = mpsc::unbounded_channel();
    let (handle, address) = serve(move |ws: WebSocket, _| {
        let give = give.clone();
        async move { give.send(ws).unwrap() }
    })
    .await;
    let mut raw = raw_request(address).await;
    read_head(&mut raw).await;
    let mut ws = given.recv().await.unwrap();
    let receiving = tokio::spawn(async move { ws.recv().await });
    let start = Instant::now();
    assert_eq!(told(handle.drain(Drain::new()).await), (0, 0, 0, 1));
    assert_elapsed(start, 8);
    assert!(matches!(receiving.await.unwrap(), Err(Error::Disconnected)));
    drop(raw);
}

/// A handler that blocks its thread cannot be stopped; the server does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_is_not_waited_for() {
    let (unblock, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let (tell, mut begun) = mpsc::unbounded_channel();
    let (handle, address) = serve(move |mut ws: WebSocket, _| {
        let (blocked, tell) = (Arc::clone(&blocked), tell.clone());
        async move {
            // Not before: it could be the thread that is to notice that the client has its answer.
            ws.recv().await.unwrap();
            tell.send(()).unwrap();
            let _ = blocked.lock().unwrap().recv();
        }
    })
    .await;
    let mut client = connect(address).await;
    client.send("block").await.unwrap();
    begun.recv().await.unwrap();
    let now = Drain::new().with_deadline(Duration::ZERO);
    assert_eq!(told(handle.drain(now).await), (0, 0, 0, 1));
    drop(unblock);
}

#[tokio::test]
async fn a_server_that_never_served_is_drained_at_once() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let handle = server.handle();
    drop(server);
    assert_eq!(handle.drain(Drain::new()).await, Drained::default());

    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let handle = server.handle();
    let draining = tokio::spawn(async move { handle.drain(Drain::new()).await });
    assert_eq!(server.serve(echo).await, Drained::default());
    assert_eq!(draining.await.unwrap(), Drained::default());
}
