//! How many connections a server lets in, and what becomes of the others.

mod support;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use trunkline::{CloseCode, Limit};

use support::assert_elapsed;
use support::server::*;

/// How many a server tells that it is full, while it is at it.
const REFUSALS_MAX: usize = 64;

#[tokio::test]
async fn beyond_the_limit_in_all_the_answer_is_503() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server.with_connections(Limit::at_most(2)));
    let (mut one, mut two) = (connect(address).await, connect(address).await);

    let mut third = raw_request(address).await;
    let said = said(&mut third).await;
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("come back later"), "{said}");
    let counts = handle.counts();
    assert_eq!((counts.open, counts.admitted, counts.full), (2, 2, 1));

    assert_echo(&mut one, "untouched").await;
    one.close(CloseCode::NORMAL, "").await.unwrap();
    until_counted(&handle, |counts| counts.open == 1).await;
    let mut third = connect(address).await;
    assert_echo(&mut third, "room again").await;
    assert_echo(&mut two, "untouched").await;
}

/// SEC-RL-12: each seat is given back, however a connection ends; else four would be taken soon.
#[tokio::test]
async fn sec_rl_12_hundreds_that_come_and_go_take_four_seats() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server.with_connections(Limit::at_most(4)));
    for number in 0..400 {
        until_counted(&handle, |counts| counts.open < 4).await;
        let tcp = TcpStream::connect(address).await.unwrap();
        let mut ws = trunkline::connect_over("ws://localhost/", tcp).await.unwrap();
        ws.send("hello").await.unwrap();
        match number % 4 {
            // A close frame; the end of the stream; a reset, since the echo has not been read.
            0 => ws.close(CloseCode::NORMAL, "").await.unwrap(),
            1 => drop(ws.recv().await.unwrap()),
            2 => ws.stream().set_zero_linger().unwrap(),
            _ => {}
        }
    }
    until_counted(&handle, |counts| counts.open == 0).await;
    let counts = handle.counts();
    assert_eq!((counts.admitted, counts.full), (400, 0));
}

/// Linux has a whole network of loopback addresses to come from.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn beyond_the_limit_of_an_address_the_answer_is_429() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server.with_connections_per_address(Limit::at_most(2)));
    let (mut one, mut two) = (connect(address).await, connect(address).await);

    let mut third = raw_request(address).await;
    assert!(said(&mut third).await.starts_with("HTTP/1.1 429 "));
    assert_eq!((handle.counts().full_address, handle.counts().full), (1, 0));
    let mut from_elsewhere = connect_from("127.0.0.2", address).await;
    assert_echo(&mut from_elsewhere, "others are let in").await;

    assert_echo(&mut one, "untouched").await;
    one.close(CloseCode::NORMAL, "").await.unwrap();
    until_counted(&handle, |counts| counts.open == 2).await;
    assert_echo(&mut connect(address).await, "room again").await;
    assert_echo(&mut two, "untouched").await;
}

/// Who has said nothing yet takes a seat like anyone else, until the handshake's deadline.
#[tokio::test(start_paused = true)]
async fn a_handshake_takes_a_seat_and_loses_it_at_its_deadline() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server.with_connections(Limit::at_most(1)));
    let start = Instant::now();
    let mut silent = TcpStream::connect(address).await.unwrap();
    until_counted(&handle, |counts| counts.open == 1).await;
    let mut other = raw_request(address).await;
    assert!(said(&mut other).await.starts_with("HTTP/1.1 503 "));
    assert!(said(&mut silent).await.starts_with("HTTP/1.1 408 "));
    assert_elapsed(start, 10);
    drop(silent);
    until_counted(&handle, |counts| counts.open == 0).await;
    assert_echo(&mut connect(address).await, "room again").await;
}

/// A flood costs a bounded number of answers: the others are dropped without a word, and those who are
/// there do not notice.
#[tokio::test]
async fn in_a_flood_few_are_told_and_the_others_dropped() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server.with_connections(Limit::at_most(1)));
    let mut inside = connect(address).await;
    let mut told = 0;
    for mut tcp in flood(address, REFUSALS_MAX + 30) {
        told += usize::from(is_told(&mut tcp).await);
    }
    assert_eq!(told, REFUSALS_MAX);
    assert_eq!(handle.counts().full, REFUSALS_MAX as u64 + 30);
    assert_echo(&mut inside, "untouched").await;
}

/// They need not even hang up for others to be told.
#[tokio::test(start_paused = true)]
async fn those_who_were_told_are_let_go_after_a_second() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server.with_connections(Limit::at_most(0)));
    let _told = flood(address, REFUSALS_MAX);
    until_counted(&handle, |counts| counts.full == REFUSALS_MAX as u64).await;
    assert!(!is_told(&mut TcpStream::connect(address).await.unwrap()).await);
    sleep(Duration::from_millis(1100)).await;
    assert!(is_told(&mut TcpStream::connect(address).await.unwrap()).await);
}

/// Connections that a server finds all at once: it does not run while they connect.
fn flood(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let connect = |_| {
        let tcp = std::net::TcpStream::connect(address).unwrap();
        tcp.set_nonblocking(true).unwrap();
        TcpStream::from_std(tcp).unwrap()
    };
    (0..count).map(connect).collect()
}

/// Whether the server says that it is full before it hangs up.
async fn is_told(tcp: &mut TcpStream) -> bool {
    let mut said = [0; 12];
    match tcp.read_exact(&mut said).await {
        Ok(_) => assert_eq!(&said, b"HTTP/1.1 503"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
    }
    said[0] != 0
}

/// SEC-RL-07: a server that runs out of descriptors waits for one, without burning the processor, and
/// goes on when there is one. In a process of its own, which is allowed few.
#[cfg(unix)]
#[test]
fn sec_rl_07_out_of_descriptors_the_server_waits_and_recovers() {
    let this = std::env::current_exe().unwrap();
    let run = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --ignored --exact within_40_descriptors"])
        .arg(this)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
#[ignore = "sec_rl_07 runs it in a process that may open 40 files"]
async fn within_40_descriptors() {
    let (server, address) = bind().await;
    let (handle, _serving) = serve_echo(server);
    let mut first = connect(address).await;
    // Each takes two descriptors here: the client's own, and the server's unless there is none left.
    let mut waiting = Vec::new();
    loop {
        match std::net::TcpStream::connect(address) {
            Ok(tcp) => waiting.push(tcp),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(24), "EMFILE, not {error}");
                break;
            }
        }
    }
    until_counted(&handle, |counts| counts.pauses == 1).await;
    assert_echo(&mut first, "those who are there are served").await;
    sleep(Duration::from_secs(10)).await;
    let tries = handle.counts().pauses;
    assert!((90..=101).contains(&tries), "{tries} tries in ten seconds");
    // One that ends makes room at once: no time passes here.
    let start = Instant::now();
    let admitted = handle.counts().admitted;
    first.close(CloseCode::NORMAL, "").await.unwrap();
    until_counted(&handle, |counts| counts.admitted == admitted + 1).await;
    assert_elapsed(start, 0);
    waiting.clear();
    let mut last = connect(address).await;
    assert_echo(&mut last, "there is room again").await;
}
