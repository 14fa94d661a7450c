//! Who may come in, and how much of it: by connection, by address, by user.

use tokio::io::AsyncReadExt;

use crate::support::Running;
use crate::wire::{Wire, upgrade};

/// A socket that was used for something else first counts like any other.
#[tokio::test]
async fn sec_rl_04_a_websocket_that_began_as_plain_http_keeps_its_seat() {
    let server = Running::start(&[("client.address_connection_limit", "1")]).await;
    let mut first = Wire::open(&server).await;
    first.write("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = first.head().await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    let body = "there is nothing here\n";
    let mut read = vec![0; body.len()];
    first.0.read_exact(&mut read).await.unwrap();
    first.write(upgrade("")).await;
    assert!(first.head().await.starts_with("HTTP/1.1 101 "));
    // Nothing of HTTP goes on once a ping is answered.
    first.write(b"\x89\x80\0\0\0\0").await;
    let mut pong = [0; 2];
    first.0.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong, [0x8a, 0]);

    let mut second = Wire::open(&server).await;
    second.write(upgrade("")).await;
    assert_eq!(second.refused().await, 503, "the first is still there");
}
