//! The whole server on a free port, spoken to over real sockets.

mod support;

use std::time::Duration;

use support::{Client, Running};

#[tokio::test]
async fn what_one_client_publishes_the_others_get() {
    let server = Running::start(&[("client.insecure", "true")]).await;
    let mut anna = Client::connect(&server).await;
    let mut bert = Client::connect(&server).await;
    for client in [&mut anna, &mut bert] {
        client.say(r#"{"id":2,"subscribe":{"channel":"news"}}"#).await;
        assert_eq!(client.hear().await, r#"{"id":2,"subscribe":{}}"#);
    }
    anna.say(r#"{"id":3,"publish":{"channel":"news","data":{"text":"hello"}}}"#).await;
    let heard = bert.hear().await;
    assert!(
        heard.starts_with(r#"{"push":{"channel":"news","pub":{"data":{"text":"hello"}"#),
        "{heard}"
    );
    let own = anna.hear().await;
    assert_eq!(own, heard, "the publisher is a subscriber too");
    assert_eq!(anna.hear().await, r#"{"id":3,"publish":{}}"#);
}

/// The first of several keeps the outbox from being empty, and nothing else happens on this server afterwards.
#[tokio::test]
async fn the_newest_of_each_channel_goes_out_as_soon_as_there_is_room() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("node.shards", "1"),
        ("channel.without_namespace.overflow", "latest_only"),
    ])
    .await;
    let mut client = Client::connect(&server).await;
    for name in ["a", "b", "c"] {
        client.say(&format!(r#"{{"id":2,"subscribe":{{"channel":"{name}"}}}}"#)).await;
        assert_eq!(client.hear().await, r#"{"id":2,"subscribe":{}}"#);
    }
    let publish = |name| format!(r#"{{"id":3,"publish":{{"channel":"{name}","data":1}}}}"#);
    client.say(&["a", "b", "c"].map(publish).join("\n")).await;
    let mut heard = Vec::new();
    let hearing = async {
        for _ in 0..6 {
            heard.push(client.hear().await);
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(5), hearing).await;
    assert!(in_time.is_ok(), "{heard:?}");
}

#[tokio::test]
async fn channels_live_on_one_shard_and_reach_clients_on_all() {
    let server = Running::start(&[("client.insecure", "true"), ("node.shards", "3")]).await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = Client::connect(&server).await;
        for name in ["a", "b", "c", "d"] {
            client.say(&format!(r#"{{"id":2,"subscribe":{{"channel":"{name}"}}}}"#)).await;
            assert_eq!(client.hear().await, r#"{"id":2,"subscribe":{}}"#);
        }
        clients.push(client);
    }
    for name in ["a", "b", "c", "d"] {
        let publish = format!(r#"{{"id":3,"publish":{{"channel":"{name}","data":1}}}}"#);
        clients[0].say(&publish).await;
        for client in &mut clients[1..] {
            let heard = client.hear().await;
            assert!(heard.contains(&format!(r#""channel":"{name}""#)), "{heard}");
        }
        let own = [clients[0].hear().await, clients[0].hear().await];
        assert!(own.iter().any(|it| it == r#"{"id":3,"publish":{}}"#), "{own:?}");
    }
}

#[tokio::test]
async fn who_says_anything_before_connect_is_closed_with_3501() {
    let server = Running::start(&[("client.insecure", "true")]).await;
    let mut client = Client::open(&server).await;
    client.say(r#"{"id":1,"subscribe":{"channel":"news"}}"#).await;
    assert_eq!(client.closed().await, (3501, "bad request".into()));
}

#[tokio::test]
async fn plain_http_is_served_on_the_same_port() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = Running::start(&[("health.enabled", "true")]).await;
    let mut tcp = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    tcp.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

/// One bound for all tokens, whatever frame they come in; the log can say which it was.
#[tokio::test]
async fn a_token_that_is_too_long_is_an_invalid_one() {
    use trunkline_server::auth::TOKEN_BYTES_MAX;

    let server = Running::start(&[
        ("client.token.hmac_secret_key", "0123456789abcdef0123456789abcdef"),
        ("client.allow_anonymous_connect_without_token", "true"),
    ])
    .await;
    for bytes in [TOKEN_BYTES_MAX + 1, 20_000, 60_000] {
        let token = "x".repeat(bytes);
        let mut client = Client::open(&server).await;
        client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
        assert_eq!(client.closed().await, (3500, "invalid token".into()), "{bytes}");

        let mut client = Client::connect(&server).await;
        let subscribe = format!(r#"{{"id":2,"subscribe":{{"channel":"a","token":"{token}"}}}}"#);
        client.say(&subscribe).await;
        let told = client.hear().await;
        assert!(told.contains(r#""error":{"code":103,"#), "{bytes}: {told}");
    }
}
