//! How connections that no server of ours has accepted are closed, with a handle: those of an acceptor, and
//! those that hyper, axum and tower have upgraded.

#![cfg(all(feature = "axum", feature = "tower"))]

#[path = "support/http.rs"]
mod http_support;
mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::any;
use axum::{Extension, Router};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::{Layer, service_fn};
use trunkline::axum::WebSocketUpgrade;
use trunkline::tower::WebSocketLayer;
use trunkline::{
    AcceptError, Acceptor, CloseCode, Drain, DrainHandle, Drained, Error, Message, Role, Server,
    WebSocket,
};

use http_support::{Answer, ask, listen, upgrade_with};
use support::server::{bind, closed_with, connect};
use support::{CLOSE, REQUEST, close_frame, read_frame, read_head, secs};

fn going_away() -> (u16, String) {
    (1001, "server is shutting down".to_owned())
}

/// How many ended how: closed, broken, not accepted, dropped.
fn told(drained: Drained) -> (usize, usize, usize, usize) {
    let Drained { closed, broken, not_accepted, dropped, .. } = drained;
    (closed, broken, not_accepted, dropped)
}

fn tied() -> (DrainHandle, Acceptor) {
    let handle = DrainHandle::new();
    (handle.clone(), Acceptor::new().with_drain_handle(handle))
}

/// Echoes. To "wait" it answers, waits for something else than its connection, says one thing more and
/// leaves without having received the end.
async fn serve(mut ws: WebSocket, done: Arc<Notify>) {
    while let Ok(Some(message)) = ws.recv().await {
        let waits = message.as_text() == Some("wait");
        ws.send(message).await.unwrap();
        if waits {
            done.notified().await;
            ws.send("late").await.unwrap();
            return;
        }
    }
}

async fn say(ws: &mut WebSocket, text: &str) {
    ws.send(text).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text(text)));
}

/// Clients of [`serve`] hear goodbye, whatever its connections are being used for.
async fn check(address: SocketAddr, handle: &DrainHandle, done: &Notify) {
    let mut idle = [connect(address).await, connect(address).await];
    for client in &mut idle {
        say(client, "hello").await;
    }
    let mut waits = connect(address).await;
    say(&mut waits, "wait").await;
    assert_eq!(handle.connections(), 3);

    let start = Instant::now();
    let draining = drain(handle, Drain::new());
    for client in &mut idle {
        assert_eq!(closed_with(client).await.unwrap(), going_away());
    }
    done.notify_one();
    assert_eq!(waits.recv().await.unwrap(), Some(Message::text("late")));
    assert_eq!(closed_with(&mut waits).await.unwrap(), going_away());
    assert_eq!(told(draining.await.unwrap()), (3, 0, 0, 0));
    assert!(start.elapsed() < secs(8), "waited for the deadline");
    assert_eq!(handle.connections(), 0);
    let answer = ask(address, &upgrade_with(&[])).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

fn drain(handle: &DrainHandle, drain: Drain) -> JoinHandle<Drained> {
    let handle = handle.clone();
    tokio::spawn(async move { handle.drain(drain).await })
}

#[tokio::test]
async fn connections_that_hyper_has_upgraded_hear_it() {
    let ((handle, acceptor), done) = (tied(), Arc::new(Notify::new()));
    let gate = Arc::clone(&done);
    let address = http_support::serve(move |mut request| {
        let gate = Arc::clone(&gate);
        let answer = match acceptor.upgrade(&mut request) {
            Ok((response, upgrading)) => {
                tokio::spawn(async { serve(upgrading.await.unwrap(), gate).await });
                response
            }
            Err(rejection) => rejection.into_response(),
        };
        async { answer }
    })
    .await;
    check(address, &handle, &done).await;
}

/// A server of axum's with WebSockets on two paths.
fn app(acceptor: Acceptor, done: &Arc<Notify>) -> Router {
    let gate = Arc::clone(done);
    let accept = async move |upgrade: WebSocketUpgrade| upgrade.on_upgrade(|ws| serve(ws, gate));
    let app = Router::new().route("/", any(accept.clone())).route("/chat", any(accept));
    app.layer(Extension(acceptor))
}

#[tokio::test]
async fn connections_that_axum_has_upgraded_hear_it() {
    let ((handle, acceptor), done) = (tied(), Arc::new(Notify::new()));
    let (listener, address) = listen().await;
    let app = app(acceptor, &done);
    tokio::spawn(async { axum::serve(listener, app).await });
    check(address, &handle, &done).await;
}

/// A graceful shutdown waits for requests only, and leaves connections to the handle.
#[tokio::test]
async fn connections_outlive_the_graceful_shutdown_of_axum() {
    let ((handle, acceptor), done) = (tied(), Arc::new(Notify::new()));
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app(acceptor, &done));
    let serving = serving.with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(async { serving.await.unwrap() });
    let mut client = connect(address).await;
    stop.send(()).unwrap();
    serving.await.unwrap();
    say(&mut client, "still there").await;
    let draining = drain(&handle, Drain::new());
    assert_eq!(closed_with(&mut client).await.unwrap(), going_away());
    assert_eq!(told(draining.await.unwrap()), (1, 0, 0, 0));
}

async fn page(_: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(Response::new(Full::from("page")))
}

#[tokio::test]
async fn connections_that_tower_has_upgraded_hear_it() {
    let ((handle, acceptor), done) = (tied(), Arc::new(Notify::new()));
    let gate = Arc::clone(&done);
    let layer = WebSocketLayer::new(acceptor, move |ws, _| serve(ws, Arc::clone(&gate)));
    let service = layer.layer(service_fn(page));
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
            tokio::spawn(connection.with_upgrades());
        }
    });
    check(address, &handle, &done).await;
}

/// A connection that an acceptor has opened, and the bytes of its peer.
async fn raw(acceptor: &Acceptor) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (stream, mut raw) = duplex(1 << 16);
    raw.write_all(REQUEST).await.unwrap();
    let ws = acceptor.accept(stream).await.unwrap();
    read_head(&mut raw).await;
    (ws, raw)
}

/// On any stream, whichever task has the connection: it is gone once nobody owns it.
#[tokio::test(start_paused = true)]
async fn connections_of_an_acceptor_hear_it() {
    let (handle, acceptor) = tied();
    let (ws, mut peer) = raw(&acceptor).await;
    let (mut reader, writer) = ws.split();
    let reading = tokio::spawn(async move { reader.recv().await.unwrap() });
    let draining = drain(&handle, Drain::new().with_close(CloseCode::SERVICE_RESTART, "new"));
    assert_eq!(read_frame(Role::Server, &mut peer).await, Some((CLOSE, b"\x03\xf4new".to_vec())));
    peer.write_all(&close_frame(Role::Client, 1012, "")).await.unwrap();
    assert_eq!(reading.await.unwrap(), None);
    assert_eq!(handle.connections(), 1);
    drop(writer);
    assert_eq!(told(draining.await.unwrap()), (1, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_asks_or_is_accepted_too_late_is_sent_away() {
    let (handle, acceptor) = tied();
    let (stream, mut undecided) = duplex(1000);
    undecided.write_all(REQUEST).await.unwrap();
    let upgrade = acceptor.read_request(stream).await.unwrap();
    assert_eq!(handle.drain(Drain::new()).await, Drained::default());

    let mut late = upgrade.accept().await.unwrap();
    let receiving = tokio::spawn(async move { late.recv().await.unwrap() });
    read_head(&mut undecided).await;
    assert_eq!(read_frame(Role::Server, &mut undecided).await.unwrap().0, CLOSE);
    undecided.write_all(&close_frame(Role::Client, 1001, "")).await.unwrap();
    assert_eq!(receiving.await.unwrap(), None);

    let (stream, mut asks) = duplex(1000);
    asks.write_all(REQUEST).await.unwrap();
    let refused = tokio::spawn(async move { acceptor.accept(stream).await });
    assert!(read_head(&mut asks).await.starts_with(b"HTTP/1.1 503 "));
    drop(asks);
    let refused = refused.await.unwrap().unwrap_err();
    assert!(matches!(refused, AcceptError::Refused(refusal) if refusal.status() == 503));
}

/// Nobody's task is stopped: who has other things to do is counted, and cut when he comes back.
#[tokio::test(start_paused = true)]
async fn who_is_left_at_the_deadline_is_cut() {
    let (handle, acceptor) = tied();
    let (mut busy, _busy_peer) = raw(&acceptor).await;
    let (mut mute, mut mute_peer) = raw(&acceptor).await;
    let mute = tokio::spawn(async move { mute.recv().await });
    let start = Instant::now();
    assert_eq!(told(handle.drain(Drain::new()).await), (0, 0, 0, 2));
    assert_eq!(start.elapsed().as_secs(), 8);
    assert_eq!(read_frame(Role::Server, &mut mute_peer).await.unwrap().0, CLOSE);
    assert!(matches!(mute.await.unwrap(), Err(Error::Disconnected)));
    assert_eq!(handle.connections(), 1);
    assert!(matches!(busy.recv().await, Err(Error::Disconnected)));
    // It was counted once.
    drop(busy);
    assert_eq!(told(handle.drain(Drain::new()).await), (0, 0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn draining_again_brings_the_deadline_forward() {
    let (handle, acceptor) = tied();
    let (busy, _peer) = raw(&acceptor).await;
    let patient = drain(&handle, Drain::new().with_deadline(secs(3600)));
    sleep(secs(1)).await;
    let start = Instant::now();
    assert_eq!(told(handle.drain(Drain::new().with_deadline(secs(0))).await), (0, 0, 0, 1));
    drop(busy);
    assert_eq!(told(patient.await.unwrap()), (0, 0, 0, 1));
    assert_eq!(start.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_spread_paces_the_closing() {
    let (handle, acceptor) = tied();
    let (heard, mut times) = mpsc::unbounded_channel();
    for _ in 0..10 {
        let (mut ws, mut peer) = raw(&acceptor).await;
        let heard = heard.clone();
        tokio::spawn(async move { ws.recv().await });
        tokio::spawn(async move {
            assert_eq!(read_frame(Role::Server, &mut peer).await.unwrap().0, CLOSE);
            heard.send(Instant::now()).unwrap();
            peer.write_all(&close_frame(Role::Client, 1001, "")).await.unwrap();
        });
    }
    let start = Instant::now();
    let slowly = Drain::new().with_spread(secs(10)).with_deadline(secs(15));
    assert_eq!(told(handle.drain(slowly).await), (10, 0, 0, 0));
    for turn in 0..10 {
        assert!(times.recv().await.unwrap() - start >= secs(turn), "{turn} is early");
    }
}

/// A peer that is gone, and an owner who does not wait, end a connection otherwise.
#[tokio::test(start_paused = true)]
async fn who_does_not_close_is_told_apart() {
    let (handle, acceptor) = tied();
    let (mut ws, peer) = raw(&acceptor).await;
    let (open, _its_peer) = raw(&acceptor).await;
    let receiving = tokio::spawn(async move { ws.recv().await });
    let draining = drain(&handle, Drain::new());
    tokio::task::yield_now().await;
    drop((open, peer));
    assert_eq!(told(draining.await.unwrap()), (0, 2, 0, 0));
    assert!(receiving.await.unwrap().is_err());
}

/// Those that have come and gone before do not count, and cost nothing.
#[tokio::test]
async fn who_has_left_before_is_not_counted() {
    let (handle, acceptor) = tied();
    for _ in 0..3 {
        drop(raw(&acceptor).await);
    }
    assert_eq!(handle.connections(), 0);
    assert_eq!(handle.drain(Drain::new()).await, Drained::default());
}

/// A server has a handle of its own, which its connections hear.
#[tokio::test(start_paused = true)]
async fn connections_of_a_server_hear_its_own_handle() {
    let (handle, acceptor) = tied();
    let (server, address) = bind().await;
    let server: Server = server.with_acceptor(acceptor);
    let own = server.handle();
    tokio::spawn(server.serve(|ws, _| serve(ws, Arc::default())));
    let mut client = connect(address).await;
    say(&mut client, "hello").await;
    assert_eq!(handle.drain(Drain::new()).await, Drained::default());
    say(&mut client, "still there").await;
    let closing = tokio::spawn(async move { closed_with(&mut client).await.unwrap() });
    assert_eq!(told(own.drain(Drain::new()).await), (1, 0, 0, 0));
    assert_eq!(closing.await.unwrap(), going_away());
}
