//! Who may come in, and how much of it: by connection, by address, by user.

use tokio::io::AsyncReadExt;

use crate::support::{Client, Running};
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

/// SEC-HB-26: whatever a client says about where it comes from, the address of its socket counts.
#[tokio::test]
async fn sec_hb_26_forged_addresses_are_not_believed() {
    let server = Running::start(&[("client.address_connection_limit", "1")]).await;
    let mut first = Wire::open(&server).await;
    first.write(upgrade("X-Forwarded-For: 192.0.2.1\r\n")).await;
    assert!(first.head().await.starts_with("HTTP/1.1 101 "));
    let forged = [
        "X-Forwarded-For: 192.0.2.2\r\n".to_owned(),
        format!("X-Forwarded-For: {}192.0.2.3\r\n", "192.0.2.9, ".repeat(100)),
        "Forwarded: for=\"[2001:db8::1%25eth0]\"\r\n".to_owned(),
        "X-Real-IP: 192.0.2.4\r\n".to_owned(),
    ];
    for fields in forged {
        let mut second = Wire::open(&server).await;
        second.write(upgrade(&fields)).await;
        assert_eq!(second.refused().await, 503, "{fields}");
    }
    drop(first);
    // The seat is free once the server has seen the end. The PROXY protocol is not spoken: it is no HTTP.
    let mut wire = loop {
        let mut wire = Wire::open(&server).await;
        wire.write("PROXY TCP4 192.0.2.5 192.0.2.6 1 2\r\n").await;
        wire.write(upgrade("")).await;
        let rest = String::from_utf8(wire.rest().await).unwrap();
        if !rest.starts_with("HTTP/1.1 503 ") {
            assert!(rest.starts_with("HTTP/1.1 400 "), "{rest}");
            break Wire::open(&server).await;
        }
    };
    wire.write("\r\n\r\n\0\r\nQUIT\n").await;
    assert!([400, 503].contains(&wire.refused().await));
}

/// One connection may subscribe to so much, and one user may have so many connections.
#[tokio::test]
async fn sec_hb_18_subscriptions_of_a_connection_are_bounded_and_live_on() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("client.channel_limit", "3"),
        ("client.command_burst", "100000"),
    ])
    .await;
    let mut client = Client::connect(&server).await;
    for (id, expected) in [(2, "subscribe"), (3, "subscribe"), (4, "subscribe"), (5, "106")] {
        client.say(&format!(r#"{{"id":{id},"subscribe":{{"channel":"c{id}"}}}}"#)).await;
        let reply = client.hear().await;
        assert!(reply.contains(expected), "{reply}");
    }
    client.say(r#"{"id":6,"subscribe":{"channel":"c2"}}"#).await;
    assert!(client.hear().await.contains(r#""code":105"#), "twice");
    for round in 0..200 {
        client.say(r#"{"id":7,"unsubscribe":{"channel":"c2"}}"#).await;
        assert_eq!(client.hear().await, r#"{"id":7,"unsubscribe":{}}"#, "{round}");
        client.say(r#"{"id":8,"subscribe":{"channel":"c2"}}"#).await;
        assert_eq!(client.hear().await, r#"{"id":8,"subscribe":{}}"#, "{round}");
    }
}
