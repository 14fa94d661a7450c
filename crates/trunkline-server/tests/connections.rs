//! What operators see of one client.

mod support;

use support::{Client, Running, api};
use trunkline::Connector;
use trunkline::handshake::Subprotocols;

const KEY: &str = "a-key-for-tests";

async fn server(settings: &[(&str, &str)]) -> Running {
    let all = [("client.insecure", "true"), ("http_api.key", KEY)];
    Running::start(&[&all[..], settings].concat()).await
}

/// A client that says this in its `connect`, and what operators see of it.
async fn seen(server: &Running, connect: &str) -> (Client, String) {
    let mut client = Client::open(server).await;
    client.say(&format!(r#"{{"id":1,"connect":{connect}}}"#)).await;
    let reply = client.hear().await;
    let (_, rest) = reply.split_once(r#""client":""#).expect("it is let in");
    let id = rest.get(..36).expect("a UUID");
    let (_, connection) = api(server, "connection", KEY, &format!(r#"{{"client":"{id}"}}"#)).await;
    let (_, list) = api(server, "connections", KEY, "{}").await;
    let (_, body) = connection.split_once(r#"{"result":"#).expect("a result");
    let body = body.strip_suffix('}').expect("its end").to_owned();
    let outbox = body.split_once(r#","connected_at""#).expect("since when").0;
    assert!(list.contains(outbox), "{list} has {body}");
    (client, body)
}

#[tokio::test]
async fn one_client_is_shown_with_what_it_says_it_is() {
    let server = server(&[]).await;
    let (_client, body) = seen(&server, r#"{"name":"js","version":"5.3.1"}"#).await;
    let expected = r#""user":"","name":"js","version":"5.3.1","transport":"websocket","protocol":"json","channels":[]"#;
    assert!(body.contains(expected), "{body}");
    let (_other, body) = seen(&server, r#"{"name":"\u001b[2J\u202e"}"#).await;
    assert!(body.contains("\"name\":\"\u{fffd}[2J\u{fffd}\",\"transport\""), "{body}");
    let (_nameless, body) = seen(&server, "{}").await;
    assert!(body.contains(r#""user":"","transport":"websocket""#), "{body}");
}

#[tokio::test]
async fn addresses_are_told_where_that_is_allowed() {
    let discreet = server(&[]).await;
    let (_client, body) = seen(&discreet, "{}").await;
    assert!(!body.contains("address") && !body.contains("127.0.0.1"), "{body}");
    let telling = server(&[("http_api.client_addresses", "true")]).await;
    let (_client, body) = seen(&telling, "{}").await;
    assert!(body.contains(r#""address":"127.0.0.1""#), "{body}");
}

#[tokio::test]
async fn the_protocol_is_shown_and_the_subprotocol_that_was_agreed_on() {
    let cases = [
        ("", "centrifuge-json", r#""protocol":"json","subprotocol":"centrifuge-json""#),
        ("", "centrifuge-protobuf", r#""protocol":"protobuf","subprotocol":"centrifuge-protobuf""#),
        ("?format=protobuf", "", r#""protocol":"protobuf","channels""#),
    ];
    for (query, offered, expected) in cases {
        let server = server(&[]).await;
        let offered: Vec<_> = [offered].into_iter().filter(|it| !it.is_empty()).collect();
        let connector = Connector::new().with_subprotocols(Subprotocols::new(offered).unwrap());
        let url = format!("ws://{}/connection/websocket{query}", server.address());
        let _ws = connector.connect(&url).await.unwrap();
        // Its session may begin a moment after the handshake.
        let list = loop {
            let (_, list) = api(&server, "connections", KEY, "{}").await;
            if list != r#"{"result":{"connections":[]}}"# {
                break list;
            }
        };
        assert!(list.contains(expected), "{list}");
    }
}
