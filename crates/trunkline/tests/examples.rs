//! The examples do what they say.

#![allow(dead_code, unreachable_pub, reason = "each example has a main of its own")]

#[path = "../examples/chat.rs"]
mod chat;
#[path = "../examples/echo_client.rs"]
mod echo_client;
#[path = "../examples/echo_server.rs"]
mod echo_server;
#[path = "../examples/upload.rs"]
mod upload;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use trunkline::{Message, MessageKind, Server, WebSocket};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn bind() -> (Server, SocketAddr) {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addrs().next().unwrap();
    (server, address)
}

async fn connect(address: SocketAddr) -> WebSocket<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    trunkline::connect_over("ws://localhost/", tcp).await.unwrap()
}

#[tokio::test]
async fn echo_client_and_echo_server_understand_each_other() {
    let (server, address) = bind().await;
    let address = address.to_string();
    tokio::select! {
        served = server.serve(|ws, _| echo_server::echo(ws)) => panic!("{served:?}"),
        answer = echo_client::ask(&address, "hello") => {
            assert_eq!(answer.unwrap().as_deref(), Some("hello"));
        }
    }
}

#[tokio::test]
async fn chat_tells_everyone_and_nobody_waits_for_the_slow() {
    let (server, address) = bind().await;
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
        served = chat::serve(server) => panic!("{served:?}"),
        () = talking => {}
    }
}

/// An empty folder of the build's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn upload_sends_a_file_and_both_ends_agree_on_it() {
    let (listener, address) = listen().await;
    let (folder, address) = (folder("upload"), address.to_string());
    let uploading = async {
        // The check value of CRC-32, nothing at all, and more than any buffer holds.
        let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 7 / 5) as u8).collect();
        for (number, file) in [&b"123456789"[..], b"", &large].into_iter().enumerate() {
            let path = folder.join("file");
            std::fs::write(&path, file).unwrap();
            let mut steps = vec![0];
            let sent = upload::send(&address, &path, |bytes| steps.push(bytes)).await.unwrap();
            assert_eq!(sent.bytes, file.len() as u64);
            if number == 0 {
                assert_eq!(sent.to_string(), "9 bytes, CRC-32 cbf43926");
            }
            assert!(steps.is_sorted() && steps.last() == Some(&sent.bytes));
            let stored = std::fs::read(folder.join(format!("{}.upload", number + 1))).unwrap();
            assert!(stored == file);
        }
    };
    tokio::select! {
        served = upload::serve(listener, folder.clone()) => panic!("{served:?}"),
        () = uploading => {}
    }
}

#[tokio::test]
async fn upload_that_breaks_off_leaves_no_file() {
    let (listener, address) = listen().await;
    let folder = folder("upload_broken");
    let breaking_off = async {
        let mut ws = connect(address).await;
        let mut message = ws.send_streamed(MessageKind::Binary).unwrap();
        message.write(&[7; 100_000]).await.unwrap();
        message.flush().await.unwrap();
        drop(message);
        // The server has closed, so it is done with what came.
        while ws.recv().await.is_ok_and(|message| message.is_some()) {}
        while std::fs::read_dir(&folder).unwrap().next().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        served = upload::serve(listener, folder.clone()) => panic!("{served:?}"),
        gone = timeout(Duration::from_secs(20), breaking_off) => gone.expect("nothing is left"),
    }
}
