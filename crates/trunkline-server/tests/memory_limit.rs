//! `client.memory_limit`: what all connections hold together is bounded, and those that want little live on.

mod support;

use futures_util::future::join_all;
use support::{Client, Running, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sixteen messages of the largest size.
const LIMIT: usize = 1 << 20;
const MESSAGE: usize = 64 << 10;
const HOSTILE: usize = 100;

async fn server() -> Running {
    Running::start(&[
        ("node.shards", "2"),
        ("client.insecure", "true"),
        ("prometheus.enabled", "true"),
        ("client.memory_limit", &LIMIT.to_string()),
        ("client.address_connection_rate", "1000000"),
        ("client.address_connection_burst", "1000000"),
        ("client.address_connection_limit", "10000"),
        ("client.command_rate", "1000000"),
        ("client.publish_rate", "1000000"),
        ("client.publish_burst", "1000000"),
    ])
    .await
}

/// The figure of this name, as Prometheus reads it.
async fn figure(server: &Running, name: &str) -> usize {
    let answer = request(server, &["GET /metrics"], "").await;
    let line = answer.body.lines().find_map(|it| it.strip_prefix(name)).expect("it is there");
    line.trim().parse().expect("a number")
}

/// A socket that has upgraded by hand.
async fn upgraded(server: &Running) -> TcpStream {
    let mut tcp = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "GET /connection/websocket HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address()
    );
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    tcp
}

/// SEC-FG-08, SEC-RL-08: a hundred messages of which a byte is missing, where there is room for sixteen.
#[tokio::test]
async fn sec_fg_08_messages_that_are_nearly_whole_hold_no_more_than_all_may() {
    let server = server().await;
    let mut honest = Client::connect(&server).await;
    let mut hostile = join_all((0..HOSTILE).map(|_| upgraded(&server))).await;
    // A masked text of 64 KiB less a byte, with a key that changes nothing.
    let length = u16::try_from(MESSAGE - 1).unwrap().to_be_bytes();
    let nearly = [&[0x81, 0x80 | 126], &length[..], &[0; 4], &vec![b' '; MESSAGE - 2]].concat();
    for tcp in &mut hostile {
        // One that is closed already takes no more.
        let _ = tcp.write_all(&nearly).await;
    }
    // Those that found no room are told so. A message of 64 KiB less two bytes is three steps of 16 KiB and a part.
    let room = LIMIT / (48 << 10);
    let closed = HOSTILE - room;
    while figure(&server, "trunkline_memory_disconnects_total{reason=\"message\"}").await < closed {
    }
    honest.say(r#"{"id":2,"subscribe":{"channel":"news"}}"#).await;
    assert!(honest.hear().await.starts_with(r#"{"id":2,"subscribe""#));
    let mut newcomer = Client::connect(&server).await;
    newcomer.say(r#"{"id":2,"publish":{"channel":"news","data":{"a":1}}}"#).await;
    assert!(honest.hear().await.contains(r#"{"a":1}"#));
    let told = join_all(hostile.iter_mut().rev().map(told_to_try_later)).await;
    let told = told.into_iter().filter(|it| *it).count();
    assert!(told >= closed - 1, "{told}");
}

/// Whether a close frame with 1013 is the first that comes; one that is in no hurry gives nothing.
async fn told_to_try_later(tcp: &mut TcpStream) -> bool {
    let mut frame = [0; 4];
    match tcp.try_read(&mut frame) {
        Ok(4) => frame[0] == 0x88 && frame[2..] == 1013_u16.to_be_bytes(),
        _ => false,
    }
}

/// SEC-RL-08: a hundred that never read what is published to them, where there is room for few.
#[tokio::test]
async fn sec_rl_08_queues_that_nobody_reads_hold_no_more_than_all_may() {
    let server = server().await;
    let mut honest = Client::connect(&server).await;
    honest.say(r#"{"id":2,"subscribe":{"channel":"calm"}}"#).await;
    honest.hear().await;
    let mut stuck = join_all((0..HOSTILE).map(|_| Client::connect(&server))).await;
    for client in &mut stuck {
        client.say(r#"{"id":2,"subscribe":{"channel":"flood"}}"#).await;
        client.hear().await;
    }
    let flood = format!(r#"{{"channel":"flood","data":"{}"}}"#, "x".repeat(32 << 10));
    let closed = async || {
        let of = async |reason| {
            figure(&server, &format!("trunkline_memory_disconnects_total{{reason=\"{reason}\"}}"))
                .await
        };
        of("message").await + of("queue").await
    };
    let mut publisher = Client::connect(&server).await;
    // The system's own buffers are filled first.
    while closed().await < HOSTILE / 2 {
        publisher.say(&format!(r#"{{"id":3,"publish":{flood}}}"#)).await;
        publisher.hear().await;
    }
    publisher.say(r#"{"id":4,"publish":{"channel":"calm","data":{"a":1}}}"#).await;
    assert!(honest.hear().await.contains(r#"{"a":1}"#));
}
