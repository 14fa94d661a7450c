//! A server that listens: who is let in, what handlers get, and what becomes of their connections.

mod support;

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use trunkline::handshake::Refusal;
use trunkline::{
    AcceptError, Accepted, Acceptor, CloseCode, Drain, Drained, Error, Limit, Message, Server,
    Transport, Upgrade, WebSocket,
};

use support::poll_up_to;
use support::server::*;

#[tokio::test]
async fn one_server_listens_on_several_addresses() {
    let (second, second_address) = listener().await;
    let (server, first_address) = bind().await;
    let server = server.with_listener(second);
    assert_eq!(server.local_addrs().collect::<Vec<_>>(), [first_address, second_address]);
    assert_eq!(server.local_addr().unwrap(), first_address);
    let (handle, serving) = serve_echo(server);
    for address in [first_address, second_address] {
        let mut ws = connect(address).await;
        assert_echo(&mut ws, "hello").await;
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    }
    until_counted(&handle, |counts| counts.open == 0).await;
    assert_eq!(handle.counts().admitted, 2);
    handle.drain(Drain::new()).await;
    assert_eq!(serving.await.unwrap(), Drained::default());
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_listens_on_a_unix_socket() {
    let folder = std::env::temp_dir().join(format!("trunkline-unix-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("server.sock");
    let server = Server::new(tokio::net::UnixListener::bind(&path).unwrap());
    assert_eq!(server.local_addrs().next(), None);
    assert!(server.local_addr().unwrap_err().to_string().contains("Unix sockets alone"));
    // Nobody there has an address to be counted by.
    let server = server.with_connections_per_address(Limit::at_most(0));
    tokio::spawn(server.serve(|mut ws: WebSocket, accepted: Accepted| async move {
        ws.send(format!("{:?}", accepted.peer_addr())).await
    }));
    let unix = Transport::from(tokio::net::UnixStream::connect(&path).await.unwrap());
    let mut ws = trunkline::connect_over("ws://localhost/", unix).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("None")));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn handlers_see_the_request_and_where_it_comes_from() {
    let (_handle, address) = serve(|mut ws: WebSocket, accepted: Accepted| async move {
        let seen = format!(
            "{} {:?} {}",
            accepted.request().path(),
            accepted.request().query(),
            accepted.peer_addr().unwrap()
        );
        // Frames must not wait for one another.
        assert!(ws.stream().tcp().unwrap().nodelay().unwrap());
        ws.send(seen).await
    })
    .await;
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let ours = tcp.local_addr().unwrap();
    let mut ws = trunkline::connect_over("ws://localhost/chat?room=1", tcp).await.unwrap();
    let seen = ws.recv().await.unwrap().unwrap();
    assert_eq!(seen.as_text(), Some(&*format!("/chat Some(\"room=1\") {ours}")));
}

#[tokio::test]
async fn requests_are_looked_at_before_they_are_accepted() {
    async fn route(upgrade: Upgrade) -> Result<(), AcceptError> {
        assert!(upgrade.peer_addr().unwrap().ip().is_loopback());
        // The decision may take its time.
        tokio::task::yield_now().await;
        if upgrade.request().path() != "/chat" {
            let refusal = Refusal::not_found("no such room");
            return Err(upgrade.refuse(refusal).await);
        }
        let _ = echo(upgrade.accept().await?, ()).await;
        Ok(())
    }
    let (server, address) = bind().await;
    let handle = server.handle();
    tokio::spawn(server.serve_upgrades(route));

    let refused = trunkline::connect(&format!("ws://{address}/attic")).await.unwrap_err();
    let why = format!("{:?}", refused);
    assert!(why.contains("404"), "{why}");
    let mut ws = trunkline::connect(&format!("ws://{address}/chat")).await.unwrap();
    assert_echo(&mut ws, "hello").await;
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    until_counted(&handle, |counts| counts.open == 0).await;
    assert_eq!((handle.counts().admitted, handle.counts().not_accepted), (2, 1));
}

/// An [`Upgrade`] that is dropped hangs up, and leaves its seat to others.
#[tokio::test]
async fn dropping_an_upgrade_hangs_up() {
    let (server, address) = bind().await;
    let handle = server.handle();
    tokio::spawn(server.serve_upgrades(|upgrade| async move { drop(upgrade) }));
    let mut raw = raw_request(address).await;
    assert_eq!(said(&mut raw).await, "");
    until_counted(&handle, |counts| counts.not_accepted == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn a_bad_request_is_refused_and_counted() {
    let (handle, address) = serve(echo).await;
    let mut raw = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut raw, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(said(&mut raw).await.starts_with("HTTP/1.1 426 "));
    drop(raw);
    until_counted(&handle, |counts| counts.not_accepted == 1 && counts.open == 0).await;
}

#[tokio::test]
async fn the_acceptor_decides_on_limits_and_subprotocols() {
    let (server, address) = bind().await;
    let server = server.with_acceptor(Acceptor::new().with_message_bytes(10));
    let (_handle, _serving) = serve_echo(server);
    let mut ws = connect(address).await;
    assert_echo(&mut ws, "0123456789").await;
    ws.send("0123456789a").await.unwrap();
    assert_eq!(closed_with(&mut ws).await.unwrap().0, 1009);
}

/// What was fed and not yet written goes out before the close frame.
#[tokio::test]
async fn a_handler_that_returns_closes_with_1000() {
    let (handle, address) = serve(|mut ws: WebSocket, _| async move {
        ws.feed("one").await.unwrap();
        ws.feed("two").await.unwrap();
    })
    .await;
    let mut ws = connect(address).await;
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("one")));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("two")));
    assert_eq!(closed_with(&mut ws).await.unwrap(), (1000, String::new()));
    until_counted(&handle, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_handler_that_fails_closes_with_1011() {
    let (handle, address) = serve(|ws: WebSocket, _| async move {
        let _ws = ws;
        Err::<(), _>("no database")
    })
    .await;
    let mut ws = connect(address).await;
    assert_eq!(closed_with(&mut ws).await.unwrap(), (1011, "internal error".to_owned()));
    assert_eq!(handle.counts().panics, 0);
}

/// The handler's own words are the last ones.
#[tokio::test]
async fn a_handler_that_closes_is_not_contradicted() {
    let (_handle, address) = serve(|mut ws: WebSocket, _| async move {
        // Not to its end: dropped in the middle of closing.
        assert!(poll_up_to(1, ws.close(CloseCode::new(4000).unwrap(), "enough")).is_none());
        Err::<(), _>("whatever")
    })
    .await;
    let mut ws = connect(address).await;
    assert_eq!(closed_with(&mut ws).await.unwrap(), (4000, "enough".to_owned()));
}

/// SEC-RL-13: the peer of a handler that panics is told, the others hear nothing of it.
#[tokio::test]
async fn sec_rl_13_a_panic_ends_its_connection_with_1011_and_no_other() {
    let (handle, address) = serve(|mut ws: WebSocket, accepted: Accepted| {
        let path = accepted.request().path().to_owned();
        assert_ne!(path, "/at-once", "before there is a future");
        async move {
            while let Some(message) = ws.recv().await.unwrap() {
                match path.as_str() {
                    "/whole" => assert_ne!(message, Message::text("panic"), "on a message"),
                    "/split" => {
                        let (_reader, _writer) = ws.split();
                        panic!("with two halves");
                    }
                    "/task" => {
                        let holding = tokio::spawn(async move {
                            let _ws = ws;
                            panic!("in a task of the handler's own");
                        });
                        let _ = holding.await;
                        return;
                    }
                    _ => {}
                }
                ws.send(message).await.unwrap();
            }
        }
    })
    .await;
    let mut other = connect(address).await;
    assert_echo(&mut other, "before").await;
    for (panics, path) in ["whole", "split", "task", "at-once"].into_iter().enumerate() {
        let mut ws = trunkline::connect(&format!("ws://{address}/{path}")).await.unwrap();
        // The server may have closed already.
        let _ = ws.send("panic").await;
        let closed = closed_with(&mut ws).await.unwrap();
        assert_eq!(closed, (1011, "internal error".to_owned()), "{path}");
        until_counted(&handle, |counts| counts.panics == panics as u64 + 1).await;
        assert_echo(&mut other, "after").await;
    }
    assert_eq!(handle.counts().open, 1);
}

/// The connection lives where its handler has put it, and takes a seat until it is dropped.
#[tokio::test]
async fn a_connection_given_to_another_task_goes_on() {
    let (give, mut given) = mpsc::unbounded_channel::<WebSocket>();
    let (handle, address) = serve(move |ws: WebSocket, _| {
        let give = give.clone();
        async move { give.send(ws).unwrap() }
    })
    .await;
    let mut client = connect(address).await;
    let mut server = given.recv().await.unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("hello")));
    assert_eq!(handle.counts().open, 1);
    drop(server);
    assert_eq!(closed_with(&mut client).await.unwrap().0, 1000);
    until_counted(&handle, |counts| counts.open == 0).await;
}

/// Dropping what `serve` gave ends everything: listeners, handlers, connections.
#[tokio::test]
async fn dropping_a_server_ends_all_of_it() {
    let ended = Arc::new(Mutex::new(0));
    struct CountsItsEnd(Arc<Mutex<i32>>);
    impl Drop for CountsItsEnd {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let (server, address) = bind().await;
    let handle = server.handle();
    let counter = Arc::clone(&ended);
    let serving = tokio::spawn(server.serve(move |ws: WebSocket, _| {
        let counted = CountsItsEnd(Arc::clone(&counter));
        async move {
            let _counted = counted;
            let _ = echo(ws, ()).await;
        }
    }));
    let mut clients = [connect(address).await, connect(address).await];
    for client in &mut clients {
        assert_echo(client, "hello").await;
    }
    serving.abort();
    let drained = handle.drained().await;
    assert_eq!((drained.dropped, drained.closed, drained.broken), (2, 0, 0));
    for client in &mut clients {
        assert!(matches!(client.recv().await, Err(Error::Disconnected)));
    }
    assert_eq!(*ended.lock().unwrap(), 2);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn binding_a_taken_address_fails() {
    let (_server, address) = bind().await;
    assert_eq!(Server::bind(address).await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

/// After a restart all clients come at once. None of them has to try again, as one does that finds the
/// queue of the listener full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn clients_may_come_all_at_once() {
    let (_server, address) = bind().await;
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let count = allowed.trim().parse::<usize>().unwrap().min(500);
    let mut clients = Vec::new();
    let connecting = async {
        while clients.len() < count {
            clients.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
    };
    let connected = tokio::time::timeout(std::time::Duration::from_secs(20), connecting).await;
    assert!(connected.is_ok(), "{} of {count} clients came in", clients.len());
}
