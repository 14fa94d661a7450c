//! Names of channels: checked once, before anything hears of them.

use crate::support::{Client, Running, api};
use crate::wire::{Wire, code, frame, upgrade};

const KEY: &str = "a-key-for-tests";

/// Names that are none, though something is there.
fn bad_names() -> Vec<String> {
    let mut names: Vec<_> =
        [" ", "a b", "a\r\nb", "a\0", "a*", ">", "a\x7f", "\u{202e}a", "\u{430}", "😀"]
            .map(String::from)
            .into();
    names.push("x".repeat(256));
    names
}

#[tokio::test]
async fn sec_hb_08_no_broker_hears_of_a_bad_name() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("http_api.key", KEY),
        ("client.command_burst", "1000"),
    ])
    .await;
    let mut client = Client::connect(&server).await;
    for name in bad_names() {
        let name = serde_json::to_string(&name).unwrap();
        for command in [
            format!(r#"{{"id":2,"subscribe":{{"channel":{name}}}}}"#),
            format!(r#"{{"id":2,"publish":{{"channel":{name},"data":1}}}}"#),
            format!(r#"{{"id":2,"history":{{"channel":{name}}}}}"#),
            format!(r#"{{"id":2,"presence":{{"channel":{name}}}}}"#),
        ] {
            client.say(&command).await;
            let reply = client.hear().await;
            assert!(reply.contains(r#""code":107"#), "{command}: {reply}");
        }
        let publish = format!(r#"{{"channel":{name},"data":1}}"#);
        assert_eq!(api(&server, "publish", KEY, &publish).await.0, 400, "{name}");
        let subscribe = format!(r#"{{"channel":{name},"user":"anna"}}"#);
        assert_eq!(api(&server, "subscribe", KEY, &subscribe).await.0, 400, "{name}");
    }
    // Who names nothing at all does not speak the protocol.
    let mut nameless = Client::connect(&server).await;
    nameless.say(r#"{"id":2,"subscribe":{"channel":""}}"#).await;
    assert_eq!(nameless.closed().await.0, 3501);
    // Names that other brokers would read something into are names, of channels or of namespaces that nobody has.
    for (name, expected) in
        [("{x}", "{}"), ("__keyspace@0__", "{}"), ("::a", r#""code":102"#), (":", r#""code":102"#)]
    {
        client.say(&format!(r#"{{"id":3,"subscribe":{{"channel":"{name}"}}}}"#)).await;
        let reply = client.hear().await;
        assert!(reply.contains(expected), "{name}: {reply}");
    }
    let (_, channels) = api(&server, "channels", KEY, "{}").await;
    let only =
        r#"{"result":{"channels":{"__keyspace@0__":{"num_clients":1},"{x}":{"num_clients":1}}}}"#;
    assert_eq!(channels, only);
}

/// In Protobuf a name may be any bytes: what is no UTF-8 is no command.
#[tokio::test]
async fn sec_hb_08_names_that_are_no_text_end_the_connection() {
    let server = Running::start(&[("client.insecure", "true")]).await;
    let mut wire = Wire::open(&server).await;
    wire.write(upgrade("Sec-WebSocket-Protocol: centrifuge-protobuf\r\n")).await;
    assert!(wire.head().await.starts_with("HTTP/1.1 101 "));
    // Commands 1 (connect) and 2 (subscribe to the byte FF), each behind its length.
    wire.write(frame(0x82, b"\x04\x08\x01\x22\0\x07\x08\x02\x2a\x03\x0a\x01\xff")).await;
    assert_eq!(code(&wire.frames().await), 3501);
}

/// A command of Protobuf behind its length: `publish` of `data` into `channel`.
fn publish(channel: &str, data: &[u8]) -> Vec<u8> {
    let len = |it: usize| u8::try_from(it).expect("less than 128 bytes");
    let mut publish = vec![0x0a, len(channel.len())];
    publish.extend_from_slice(channel.as_bytes());
    publish.extend([0x12, len(data.len())]);
    publish.extend_from_slice(data);
    let mut command = vec![0x08, 2, 0x3a, len(publish.len())];
    command.extend(publish);
    let mut message = vec![len(command.len())];
    message.extend(command);
    message
}

/// 3506 is for good, so that one publication could drive all subscribers away that speak JSON.
#[tokio::test]
async fn sec_hb_36_no_publisher_closes_those_who_read_json() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("channel.namespaces", r#"[{"name":"bytes","allow_binary_publish":true}]"#),
    ])
    .await;
    let mut reader = Client::connect(&server).await;
    for (id, channel) in [(2, "news"), (3, "bytes:all")] {
        reader.say(&format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#)).await;
        assert_eq!(reader.hear().await, format!(r#"{{"id":{id},"subscribe":{{}}}}"#));
    }
    let mut writer = Wire::open(&server).await;
    writer.write(upgrade("Sec-WebSocket-Protocol: centrifuge-protobuf\r\n")).await;
    assert!(writer.head().await.starts_with("HTTP/1.1 101 "));
    writer.write(frame(0x82, b"\x04\x08\x01\x22\0")).await;
    for hostile in [&b"\xff"[..], b"{", b"{} {}", b"no", &[b'['; 65]] {
        writer.write(frame(0x82, &publish("news", hostile))).await;
    }
    writer.write(frame(0x82, &publish("news", br#"{"n":1}"#))).await;
    let heard = reader.hear().await;
    assert!(heard.contains(r#""data":{"n":1}"#), "{heard}");

    writer.write(frame(0x82, &publish("bytes:all", b"\xff"))).await;
    assert_eq!(reader.closed().await, (3506, "inappropriate protocol".into()));
    writer.write(frame(0x88, &1000_u16.to_be_bytes())).await;
    let said = writer.rest().await;
    let refused = said.windows(11).filter(|it| it == b"bad request").count();
    assert_eq!(refused, 5, "each is told: {}", said.escape_ascii());
}
