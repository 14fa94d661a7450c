//! The examples do what they say.

#![allow(dead_code, unreachable_pub, reason = "each example has a main of its own")]

#[path = "../examples/chat.rs"]
mod chat;
#[path = "../examples/echo_client.rs"]
mod echo_client;
#[path = "../examples/echo_server.rs"]
mod echo_server;

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use trunkline::{Message, WebSocket};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn connect(address: SocketAddr) -> WebSocket<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    trunkline::connect_over("ws://localhost/", tcp).await.unwrap()
}

#[tokio::test]
async fn echo_client_and_echo_server_understand_each_other() {
    let (listener, address) = listen().await;
    let address = address.to_string();
    tokio::select! {
        served = echo_server::serve(listener) => panic!("{served:?}"),
        answer = echo_client::ask(&address, "hello") => {
            assert_eq!(answer.unwrap().as_deref(), Some("hello"));
        }
    }
}

#[tokio::test]
async fn chat_tells_everyone_and_nobody_waits_for_the_slow() {
    let (listener, address) = listen().await;
    let talking = async {
        let (mut ada, mut bob) = (connect(address).await, connect(address).await);
        // Whoever hears itself has joined.
        for member in [&mut ada, &mut bob] {
            member.send("here").await.unwrap();
            while member.recv().await.unwrap() != Some(Message::text("here")) {}
        }
        ada.send("hello, bob").await.unwrap();
        while bob.recv().await.unwrap() != Some(Message::text("hello, bob")) {}
        while ada.recv().await.unwrap() != Some(Message::text("hello, bob")) {}
        // Bob sleeps. Ada says more than fits in his queue and in both sockets.
        let message = Message::binary(vec![0; 200_000]);
        for _ in 0..200 {
            ada.send(&message).await.unwrap();
            assert_eq!(ada.recv().await.unwrap().as_ref(), Some(&message));
        }
        while let Ok(Some(message)) = bob.recv().await {
            assert_eq!(message.len(), 200_000);
        }
        assert_eq!(bob.close_info().unwrap().code.unwrap().get(), 1008);
    };
    tokio::select! {
        served = chat::serve(listener) => panic!("{served:?}"),
        () = talking => {}
    }
}
