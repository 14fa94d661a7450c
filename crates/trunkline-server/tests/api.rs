//! The HTTP API, over real sockets, with clients that feel what it does.

mod support;

use support::{Client, Running, api};

const KEY: &str = "a-key-for-tests";

async fn server() -> Running {
    Running::start(&[
        ("client.insecure", "true"),
        ("http_api.key", KEY),
        ("channel.without_namespace.history_size", "10"),
        ("channel.without_namespace.history_ttl", "60s"),
        ("channel.without_namespace.presence", "true"),
    ])
    .await
}

#[tokio::test]
async fn publish_reaches_subscribers_and_tells_the_position() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    client.say(r#"{"id":2,"subscribe":{"channel":"news"}}"#).await;
    assert_eq!(client.hear().await, r#"{"id":2,"subscribe":{}}"#);
    let body = r#"{"channel":"news","data":{"n":1},"tags":{"a":"b"}}"#;
    let (status, answer) = api(&server, "publish", KEY, body).await;
    assert_eq!(status, 200);
    assert!(answer.starts_with(r#"{"result":{"offset":1,"epoch":""#), "{answer}");
    let heard = client.hear().await;
    assert!(heard.contains(r#""data":{"n":1}"#) && heard.contains(r#""offset":1"#), "{heard}");

    let (_, history) = api(&server, "history", KEY, r#"{"channel":"news","limit":5}"#).await;
    assert!(history.contains(r#""publications":[{"data":{"n":1},"offset":1"#), "{history}");
    let (_, stats) = api(&server, "presence_stats", KEY, r#"{"channel":"news"}"#).await;
    assert_eq!(stats, r#"{"result":{"num_clients":1,"num_users":1}}"#);
    let (_, channels) = api(&server, "channels", KEY, "{}").await;
    assert_eq!(channels, r#"{"result":{"channels":{"news":{"num_clients":1}}}}"#);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_told_what_is_wrong() {
    let server = server().await;
    let cases = [
        ("publish", r#"{"channel":"a"}"#, 400, "there is no data"),
        ("publish", r#"{"channel":"a b","data":1}"#, 400, "not printable ASCII"),
        ("publish", "{", 400, "EOF"),
        ("disconnect", r#"{"user":"a","disconnect":{"code":1000}}"#, 400, "3000 to 4999"),
        ("history", r#"{"channel":"x:a"}"#, 200, "unknown channel"),
    ];
    for (method, body, status, expected) in cases {
        let (got, answer) = api(&server, method, KEY, body).await;
        assert_eq!(got, status, "{method} {body}: {answer}");
        assert!(answer.contains(expected), "{method} {body}: {answer}");
    }
}

#[tokio::test]
async fn a_batch_does_one_thing_after_the_other() {
    let server = server().await;
    let body = r#"{"commands":[{"publish":{"channel":"a","data":1}},{"fly":{}},{"history":{"channel":"a"}}]}"#;
    let (status, answer) = api(&server, "batch", KEY, body).await;
    assert_eq!(status, 200);
    assert!(answer.starts_with(r#"{"replies":[{"publish":{"offset":1"#), "{answer}");
    assert!(answer.contains(r#"{"error":{"code":404"#), "{answer}");
    assert!(answer.contains(r#"{"history":{"publications":[],"offset":1"#), "{answer}");
}

#[tokio::test]
async fn disconnect_ends_the_connections_of_a_user() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    let (_, page) = api(&server, "connections", KEY, "{}").await;
    assert!(page.contains(r#""transport":"websocket""#), "{page}");
    // Anonymous clients are no user's.
    let (status, _) = api(&server, "disconnect", KEY, r#"{"user":"anna"}"#).await;
    assert_eq!(status, 200);
    client.say(r#"{"id":2,"presence_stats":{"channel":"news"}}"#).await;
    assert_eq!(client.hear().await, r#"{"id":2,"presence_stats":{"num_clients":0,"num_users":0}}"#);
}

/// What the API takes the broker takes as well, and the other way around.
#[tokio::test]
async fn keys_of_publications_have_at_most_255_bytes() {
    let server = server().await;
    for field in ["idempotency_key", "version_epoch"] {
        for (bytes, status) in [(255, 200), (256, 400)] {
            let key = "k".repeat(bytes);
            let body = format!(r#"{{"channel":"a","data":1,"{field}":"{key}"}}"#);
            let (got, answer) = api(&server, "publish", KEY, &body).await;
            assert_eq!(got, status, "{answer}");
            let says = if status == 200 { r#"{"result":{"# } else { "more than 255 bytes" };
            assert!(answer.contains(says), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_node_has_a_name() {
    async fn name(server: &Running) -> String {
        let (_, info) = api(server, "info", KEY, "{}").await;
        let (_, rest) = info.split_once(r#""name":""#).expect("there is one");
        rest.split('"').next().unwrap_or_default().to_owned()
    }
    let server = server().await;
    let (host, port) = (name(&server).await, server.address().port());
    assert!(host.ends_with(&format!("_{port}")) && !host.starts_with('_'), "{host}");
    let named = Running::start(&[("http_api.key", KEY), ("node.name", "berta")]).await;
    assert_eq!(name(&named).await, "berta");
}
