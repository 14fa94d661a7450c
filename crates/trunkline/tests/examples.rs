//! The examples do what they say.

#![allow(dead_code, unreachable_pub, reason = "each example has a main of its own")]

#[path = "../examples/chat.rs"]
mod chat;
#[path = "../examples/compression.rs"]
mod compression;
#[path = "../examples/echo_client.rs"]
mod echo_client;
#[path = "../examples/echo_server.rs"]
mod echo_server;
#[path = "../examples/market_data.rs"]
mod market_data;
#[path = "../examples/upload.rs"]
mod upload;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use trunkline::{
    CloseCode, Connector, Drain, Message, MessageKind, Reconnecting, Server, WebSocket,
};

async fn bind() -> (Server, SocketAddr) {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    (server, address)
}

async fn connect(address: SocketAddr) -> WebSocket<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    trunkline::connect_over("ws://localhost/", tcp).await.unwrap()
}

#[tokio::test]
async fn echo_client_and_echo_server_understand_each_other() {
    let (server, address) = bind().await;
    let url = format!("ws://{address}/");
    tokio::select! {
        served = server.serve(|ws, _| echo_server::echo(ws)) => panic!("{served:?}"),
        answer = echo_client::ask(&url, "hello") => {
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

/// A server on this socket: the next one finds the connections that came while there was none.
fn server(socket: &std::net::TcpListener) -> Server {
    let listener = socket.try_clone().unwrap();
    listener.set_nonblocking(true).unwrap();
    Server::new(TcpListener::from_std(listener).unwrap())
}

/// A client that does not wait before it comes back.
fn feed(address: SocketAddr) -> market_data::Feed {
    let ws = Reconnecting::new(Connector::new(), format!("ws://{address}/"));
    market_data::Feed::new(ws.with_jitter(|_| Duration::ZERO))
}

#[tokio::test]
async fn market_data_has_no_gap_after_outages() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut feed = feed(socket.local_addr().unwrap());
    let market = market_data::Market::new(1);
    let mut numbers = 1..;
    for outage in 0..5 {
        // Made while there is nobody to tell of it.
        market.publish(1.0);
        market.publish(2.0);
        let server = server(&socket);
        let handle = server.handle();
        let serving = tokio::spawn(market_data::serve(server, market.clone()));
        for value in [1.0, 2.0, 3.0] {
            if value == 3.0 {
                market.publish(value);
            }
            let price = market_data::Price { number: numbers.next().unwrap(), value };
            assert_eq!(feed.next().await.unwrap(), Some((price, 0)));
        }
        // It ends with a goodbye, or without one.
        if outage % 2 == 0 {
            let going = Drain::new().with_close(CloseCode::SERVICE_RESTART, "");
            tokio::select! {
                _ = handle.drain(going) => {}
                next = feed.next() => panic!("{next:?} has not been made"),
            }
        }
        serving.abort();
        let _ = serving.await;
    }
}

#[tokio::test]
async fn market_data_says_what_is_lost_for_good() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut feed = feed(socket.local_addr().unwrap());
    let market = market_data::Market::new(1);
    for made in [1, 1500] {
        for _ in 0..made {
            market.publish(1.0);
        }
        let serving = tokio::spawn(market_data::serve(server(&socket), market.clone()));
        let (price, missed) = feed.next().await.unwrap().unwrap();
        // The last 1000 of 1501 are kept.
        let expected = if made == 1 { (1, 0) } else { (502, 500) };
        assert_eq!((price.number, missed), expected);
        serving.abort();
        let _ = serving.await;
    }
}

#[tokio::test]
async fn market_data_is_for_those_who_ask_for_it() {
    let (server, address) = bind().await;
    let asking = async {
        let mut ws = connect(address).await;
        ws.send("hello").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), None);
        assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::POLICY_VIOLATION));
    };
    tokio::select! {
        served = market_data::serve(server, market_data::Market::new(1)) => panic!("{served:?}"),
        () = asking => {}
    }
}

/// Bytes on the wire, and of an idle connection, are those that the guide has in its table. Times are not
/// compared.
#[test]
fn compression_costs_what_the_guide_says() {
    let guide = include_str!("../../../docs/guide/compression.md");
    let messages = compression::quotes(300);
    for (way, config) in compression::ways() {
        let row = guide.lines().find_map(|line| line.strip_prefix(&format!("| {way} | ")));
        let figures = row.expect("each way has its row").split(" B |").map(|it| it.trim().parse());
        let [wire, idle] = figures.take(2).collect::<Result<Vec<f64>, _>>().unwrap()[..] else {
            panic!("{way}: two figures in bytes");
        };
        let cost = compression::cost(config.as_ref(), &messages).unwrap();
        for (is, said) in [(cost.wire_bytes, wire), (cost.idle_bytes as f64, idle)] {
            assert!((is - said).abs() <= said * 0.05, "{way}: {is}, and the guide says {said}");
        }
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
    let (server, address) = bind().await;
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
        served = upload::serve(server, folder.clone()) => panic!("{served:?}"),
        () = uploading => {}
    }
}

#[tokio::test]
async fn upload_that_breaks_off_leaves_no_file() {
    let (server, address) = bind().await;
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
        served = upload::serve(server, folder.clone()) => panic!("{served:?}"),
        gone = timeout(Duration::from_secs(20), breaking_off) => gone.expect("nothing is left"),
    }
}
