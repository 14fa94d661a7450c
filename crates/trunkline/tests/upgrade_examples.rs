//! The examples that run in other servers of HTTP do what they say.

#![cfg(all(feature = "axum", feature = "tower"))]
#![allow(dead_code, unreachable_pub, reason = "each example has a main of its own")]

#[path = "../examples/axum_chat.rs"]
mod axum_chat;
#[path = "../examples/axum.rs"]
mod axum_echo;
#[path = "support/http.rs"]
mod http_support;
#[path = "../examples/hyper.rs"]
mod hyper_echo;
#[path = "../examples/tower.rs"]
mod tower_echo;

use std::net::SocketAddr;

use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use trunkline::{CloseCode, Message, WebSocket};

use http_support::{ask, listen, upgrade_with};

/// A server that says "hello" on `/`, and on `/echo` what it hears.
async fn check_echo(address: SocketAddr) {
    let page = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(ask(address, page).await.ends_with("\r\n\r\nhello\n"));
    let mut ws = trunkline::connect(&format!("ws://{address}/echo")).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn hyper_serves_pages_and_says_back_what_it_hears() {
    let (listener, address) = listen().await;
    tokio::select! {
        served = hyper_echo::serve(listener) => panic!("{served:?}"),
        () = check_echo(address) => {}
    }
}

#[tokio::test]
async fn axum_says_back_what_it_hears_and_closes_when_it_stops() {
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(axum_echo::serve(listener, async { drop(stopped.await) }));
    check_echo(address).await;

    let mut ws = trunkline::connect(&format!("ws://{address}/echo")).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    stop.send(()).unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::GOING_AWAY));
    assert_eq!(serving.await.unwrap().unwrap().closed, 1);
}

#[tokio::test]
async fn tower_serves_pages_and_says_back_what_it_hears() {
    let (listener, address) = listen().await;
    tokio::select! {
        served = tower_echo::serve(listener) => panic!("{served:?}"),
        () = check_echo(address) => {}
    }
}

/// A chat, and what stops it.
async fn chat() -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel();
    let stopped = async { drop(stopped.await) };
    let serving = async { axum_chat::serve(listener, stopped).await.unwrap() };
    (address, stop, tokio::spawn(serving))
}

/// A guest who has heard that it came.
async fn enter(address: SocketAddr, room: &str, name: &str) -> WebSocket {
    let url = format!("ws://{address}/rooms/{room}?name={name}");
    let mut ws = trunkline::connect(&url).await.unwrap();
    hear(&mut ws, &format!("* {name} came")).await;
    ws
}

/// The next that a guest hears.
async fn hear(ws: &mut WebSocket, text: &str) {
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text(text)));
}

#[tokio::test]
async fn chat_is_heard_by_all_in_the_room_and_by_nobody_else() {
    let (address, _stop, _serving) = chat().await;
    let mut ada = enter(address, "lobby", "ada").await;
    let mut bob = enter(address, "lobby", "bob").await;
    hear(&mut ada, "* bob came").await;
    let mut eve = enter(address, "cellar", "eve").await;
    ada.send("hello").await.unwrap();
    hear(&mut ada, "ada: hello").await;
    hear(&mut bob, "ada: hello").await;
    eve.send("anybody here?").await.unwrap();
    hear(&mut eve, "eve: anybody here?").await;
    bob.close(CloseCode::NORMAL, "").await.unwrap();
    hear(&mut ada, "* bob left").await;
}

#[tokio::test]
async fn chat_refuses_bad_names_and_those_that_are_taken() {
    let (address, _stop, _serving) = chat().await;
    let mut ada = enter(address, "lobby", "ada").await;
    let of = |target: &str| upgrade_with(&[]).replace("/chat", target);
    for target in
        ["/rooms/lobby", "/rooms/lobby?name=", "/rooms/lobby?name=a%20b", "/rooms/a.b?name=a"]
    {
        assert!(ask(address, &of(target)).await.starts_with("HTTP/1.1 400 "), "{target}");
    }
    let taken = of("/rooms/lobby?name=ada");
    assert!(ask(address, &taken).await.starts_with("HTTP/1.1 409 "));
    // The name is free again once its owner has left, or was refused for another reason.
    let foreign = upgrade_with(&[("Origin", "https://evil.example")]);
    let foreign = foreign.replace("/chat", "/rooms/lobby?name=bob");
    assert!(ask(address, &foreign).await.starts_with("HTTP/1.1 403 "));
    let bob = enter(address, "lobby", "bob").await;
    hear(&mut ada, "* bob came").await;
    drop(bob);
    hear(&mut ada, "* bob left").await;
    enter(address, "lobby", "bob").await;
}

#[tokio::test]
async fn chat_lets_slow_readers_go_and_nobody_waits_for_them() {
    let (address, _stop, _serving) = chat().await;
    let mut ada = enter(address, "lobby", "ada").await;
    // Bob takes little and sleeps. Ada says more than fits in his queue and in both sockets.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let tcp = socket.connect(address).await.unwrap();
    let url = "ws://localhost/rooms/lobby?name=bob";
    let mut bob = trunkline::connect_over(url, tcp).await.unwrap();
    hear(&mut ada, "* bob came").await;
    let text = "x".repeat(10_000);
    let said = Message::text(format!("ada: {text}"));
    for _ in 0..2000 {
        ada.send(&*text).await.unwrap();
        assert_eq!(ada.recv().await.unwrap().as_ref(), Some(&said));
    }
    while let Ok(Some(_)) = bob.recv().await {}
    let close = bob.close_info().unwrap();
    assert_eq!((close.code, &*close.reason), (Some(CloseCode::POLICY_VIOLATION), "too slow"));
}

#[tokio::test]
async fn chat_says_goodbye_before_it_stops() {
    let (address, stop, serving) = chat().await;
    let mut ada = enter(address, "lobby", "ada").await;
    stop.send(()).unwrap();
    assert_eq!(ada.recv().await.unwrap(), None);
    assert_eq!(ada.close_info().unwrap().code, Some(CloseCode::GOING_AWAY));
    serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn chat_has_a_page() {
    let (address, _stop, _serving) = chat().await;
    let page = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let page = ask(address, page).await;
    assert!(
        page.contains("content-type: text/html; charset=utf-8") && page.contains("new WebSocket(")
    );
}
