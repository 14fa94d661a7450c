//! What one user may do, over all connections and all shards.

mod support;

use support::{Client, Running, request};
use trunkline_server::auth::NewToken;
use trunkline_server::config::Secret;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A server of four shards, whichever machine this is. A rate of one in ten seconds gives no token back
/// while a test runs.
async fn server(settings: &[(&str, &str)]) -> Running {
    let all = [
        ("client.token.hmac_secret_key", SECRET),
        ("node.shards", "4"),
        ("prometheus.enabled", "true"),
        ("channel.without_namespace.allow_publish_for_client", "true"),
        ("client.allow_anonymous_connect_without_token", "true"),
        ("channel.without_namespace.allow_publish_for_anonymous", "true"),
    ];
    Running::start(&[&all[..], settings].concat()).await
}

/// A connection of `user`, and what is said to its `connect`, if it is not closed.
async fn connect(server: &Running, user: &str) -> Client {
    let mut client = Client::open(server).await;
    let token = match user {
        "" => String::new(),
        user => NewToken::for_user(user).sign(&Secret::new(SECRET)),
    };
    client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
    client
}

/// A connection of `user` that is let in.
async fn connected(server: &Running, user: &str) -> Client {
    let mut client = connect(server, user).await;
    let reply = client.hear().await;
    assert!(reply.starts_with(r#"{"id":1,"connect":{"client":"#), "{reply}");
    client
}

/// What a client is told about a publication.
async fn publish(client: &mut Client) -> String {
    client.say(r#"{"id":2,"publish":{"channel":"news","data":{}}}"#).await;
    client.hear().await
}

/// The figure of this name, as Prometheus reads it.
async fn figure(server: &Running, name: &str) -> String {
    let answer = request(server, &["GET /metrics"], "").await;
    let line = answer.body.lines().find_map(|it| it.strip_prefix(name)).expect("it is there");
    line.trim().to_owned()
}

#[tokio::test]
async fn publications_of_one_user_are_counted_over_all_shards() {
    let settings = [("client.user_publish_rate", "0.1"), ("client.user_publish_burst", "6")];
    let server = server(&settings).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(connected(&server, "anna").await);
    }
    let mut said = Vec::new();
    for client in &mut clients {
        said.push(publish(client).await);
    }
    assert!(said[..6].iter().all(|it| it == r#"{"id":2,"publish":{}}"#), "{said:?}");
    assert!(said[6..].iter().all(|it| it.contains(r#""code":111"#)), "{said:?}");
    let mut other = connected(&server, "bert").await;
    assert_eq!(publish(&mut other).await, r#"{"id":2,"publish":{}}"#, "he has done nothing yet");
    assert_eq!(figure(&server, "trunkline_publishes_refused_user_total").await, "2");
}

#[tokio::test]
async fn commands_beyond_the_rate_of_a_user_close_with_3013() {
    let settings = [("client.user_command_rate", "0.1"), ("client.user_command_burst", "1")];
    let server = server(&settings).await;
    let mut first = connected(&server, "anna").await;
    let mut second = connected(&server, "anna").await;
    publish(&mut first).await;
    second.say(r#"{"id":2,"publish":{"channel":"news","data":{}}}"#).await;
    assert_eq!(second.closed().await, (3013, "too many requests".into()));
    assert_eq!(figure(&server, "trunkline_commands_refused_user_total").await, "1");
}

#[tokio::test]
async fn a_user_who_connects_too_often_is_closed_with_3013_and_nobody_else() {
    let settings = [("client.user_connection_rate", "0.1"), ("client.user_connection_burst", "2")];
    let server = server(&settings).await;
    // Who has gone is not forgotten before the bucket is full again.
    drop(connected(&server, "anna").await);
    drop(connected(&server, "anna").await);
    let mut third = connect(&server, "anna").await;
    assert_eq!(third.closed().await, (3013, "too many requests".into()));
    connected(&server, "bert").await;
    assert_eq!(figure(&server, "trunkline_connections_refused_total{reason=\"user\"}").await, "1");
}

#[tokio::test]
async fn those_without_a_user_are_not_one_user() {
    let server = server(&[
        ("client.user_publish_rate", "0.1"),
        ("client.user_publish_burst", "1"),
        ("client.user_connection_rate", "0.1"),
        ("client.user_connection_burst", "1"),
    ])
    .await;
    for _ in 0..3 {
        let mut client = connected(&server, "").await;
        assert_eq!(publish(&mut client).await, r#"{"id":2,"publish":{}}"#);
    }
}
