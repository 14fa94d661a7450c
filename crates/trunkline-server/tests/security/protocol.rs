//! The client protocol, broken in every way: an answer or a close code for each, and nobody else notices.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::support::{Client, Running, request};
use crate::wire::{Wire, code, frame, upgrade};

const CONNECT: &str = r#"{"id":1,"connect":{}}"#;

async fn start() -> Running {
    Running::start(&[
        ("client.insecure", "true"),
        ("client.address_connection_burst", "10000"),
        ("channel.without_namespace.presence", "true"),
        ("channel.without_namespace.history_size", "9"),
        ("channel.without_namespace.history_ttl", "60s"),
    ])
    .await
}

/// What a client hears that is in and sends `message`: replies, or how it is closed.
async fn outcome(server: &Running, message: &str) -> Result<String, u16> {
    let mut wire = Wire::upgraded(server).await;
    wire.write(frame(0x81, CONNECT.as_bytes())).await;
    wire.frame().await;
    wire.write(frame(0x81, message.as_bytes())).await;
    // Replies come in the order of commands, and this one is always there.
    wire.write(frame(0x81, br#"{"id":99,"unsubscribe":{"channel":"never"}}"#)).await;
    let mut heard = String::new();
    while !heard.contains(r#""id":99"#) {
        let (first, payload) = wire.frame().await;
        if first == 0x88 {
            return Err(u16::from_be_bytes([payload[0], payload[1]]));
        }
        heard += &String::from_utf8(payload).unwrap();
    }
    Ok(heard)
}

/// SEC-HB-43: commands that are none, ids that are none, two of what there is one of.
#[tokio::test]
async fn sec_hb_43_what_is_no_command_ends_its_connection() {
    let server = start().await;
    let mut bystander = Client::connect(&server).await;
    let wrong = [
        "",
        "\n",
        "null",
        "[]",
        "{}",
        "\u{feff}{\"id\":2,\"ping\":{}}",
        r#"{"id":0,"publish":{"channel":"a","data":1}}"#,
        r#"{"publish":{"channel":"a","data":1}}"#,
        r#"{"id":-1,"ping":{}}"#,
        r#"{"id":4294967296,"ping":{}}"#,
        r#"{"id":9007199254740993,"ping":{}}"#,
        r#"{"id":2.0,"ping":{}}"#,
        r#"{"id":"2","ping":{}}"#,
        r#"{"id":2,"unheard_of":{}}"#,
        r#"{"id":2,"publish":{"channel":"a","data":1},"ping":{}}"#,
        r#"{"id":2,"publish":null}"#,
        r#"{"id":2,"publish":[]}"#,
        r#"{"id":2,"publish":{"channel":"a","channel":"b","data":1}}"#,
        r#"{"id":2,"history":{"channel":"a","since":{"offset":18446744073709551616,"epoch":""}}}"#,
        r#"{"id":2,"history":{"channel":"a","since":{"offset":-1,"epoch":""}}}"#,
        r#"{"id":2,"history":{"channel":"a","limit":2147483648}}"#,
        r#"{"id":2,"subscribe":{"channel":"\ud800"}}"#,
        CONNECT,
    ];
    for message in wrong {
        assert_eq!(outcome(&server, message).await, Err(3501), "{message}");
    }
    let odd = [
        (r#"{"id":2,"publish":{"channel":"a"}}"#, "107"),
        (r#"{"id":2,"publish":{"channel":"a","data":null}}"#, r#"{"id":2,"publish":{}}"#),
        (r#"{"id":2,"unsubscribe":{"channel":"never"}}"#, r#"{"id":2,"unsubscribe":{}}"#),
        (r#"{"id":2,"rpc":{"method":"x","data":1}}"#, "108"),
        (r#"{"send":{"data":1}}"#, ""),
    ];
    for (message, expected) in odd {
        let heard = outcome(&server, message).await.expect(message);
        assert!(heard.contains(expected), "{message}: {heard}");
    }
    bystander.say(r#"{"id":2,"presence":{"channel":"a"}}"#).await;
    assert!(bystander.hear().await.contains(r#""presence":{"#), "nobody else notices");
}

/// SEC-HB-44: positions that never were, of another epoch, at the edge of 64 bits; limits below and above all there is.
#[tokio::test]
async fn sec_hb_44_no_position_or_limit_gives_more_than_there_is() {
    let server = start().await;
    let publish = r#"{"id":9,"publish":{"channel":"a","data":"x"}}"#;
    outcome(&server, &[publish; 3].join("\n")).await.expect("it is published");
    let max = u64::MAX;
    let pages = [
        (format!(r#""limit":9,"since":{{"offset":{max},"epoch":""}}"#), 0),
        (format!(r#""limit":9,"reverse":true,"since":{{"offset":{max},"epoch":""}}"#), 3),
        (r#""limit":9,"reverse":true,"since":{"offset":0,"epoch":""}"#.into(), 0),
        (r#""limit":9,"reverse":true,"since":{"offset":1,"epoch":""}"#.into(), 0),
        (r#""limit":-2147483648"#.into(), 3),
        (r#""limit":2147483647"#.into(), 3),
        (r#""limit":0"#.into(), 0),
    ];
    for (fields, count) in pages {
        let command = format!(r#"{{"id":2,"history":{{"channel":"a",{fields}}}}}"#);
        let heard = outcome(&server, &command).await.expect(&command);
        assert_eq!(heard.matches(r#""data":"x""#).count(), count, "{command}: {heard}");
        assert!(heard.contains(r#""offset":3"#), "the position of the channel: {heard}");
    }
    for epoch in ["zzzz".to_owned(), "z".repeat(300), "\\u0000".into()] {
        for offset in [0, 1, max] {
            let at = format!(r#"{{"offset":{offset},"epoch":"{epoch}"}}"#);
            let command =
                format!(r#"{{"id":2,"history":{{"channel":"a","limit":9,"since":{at}}}}}"#);
            let heard = outcome(&server, &command).await.unwrap_or_default();
            assert!(!heard.contains(r#""data""#), "{command}: {heard}");
            let at = &at[1..at.len() - 1];
            let command =
                format!(r#"{{"id":2,"subscribe":{{"channel":"a","recover":true,{at}}}}}"#);
            let heard = outcome(&server, &command).await.unwrap_or_default();
            assert!(!heard.contains(r#""recovered":true"#), "{command}: {heard}");
        }
    }
}

/// A field of Protobuf with bytes in it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A message behind its length.
fn sized(message: &[u8]) -> Vec<u8> {
    [&[u8::try_from(message.len()).unwrap()], message].concat()
}

/// A command with an id.
fn command(number: u8, fields: &[u8]) -> Vec<u8> {
    sized(&[&[8, 2], &field(number, fields)[..]].concat())
}

/// SEC-HB-45: Protobuf with lengths and numbers in spellings of their own, groups, wire types that are none, and JSON
/// where Protobuf was agreed on.
#[tokio::test]
async fn sec_hb_45_what_is_no_protobuf_ends_its_connection() {
    let server = start().await;
    let publish = field(7, &[field(1, b"a"), field(2, b"1")].concat());
    let with = |more: &[u8]| sized(&[&[8, 2], &publish[..], more].concat());
    let wrong: [(u8, Vec<u8>); 17] = [
        (0x82, Vec::new()),
        (0x82, vec![0]),
        (0x82, vec![5, 8, 2]),
        (0x82, vec![0xff; 9]),
        (0x82, vec![0xff; 11]),
        (0x82, [vec![0xff; 10], vec![1]].concat()),
        (0x82, with(&[0x7b, 8, 1, 0x7c])),
        (0x82, with(&[0x7b; 50])),
        (0x82, with(&[6])),
        (0x82, with(&[7])),
        (0x82, with(&[0, 0])),
        (0x82, with(&publish)),
        (0x82, with(&field(4, b""))),
        (0x82, command(7, &[field(1, b"\xff\xfe"), field(2, b"1")].concat())),
        (0x82, command(7, &[field(1, b"\xed\xa0\x80"), field(2, b"1")].concat())),
        (0x82, sized(&[&[9, 2, 0, 0, 0, 0, 0, 0, 0], &publish[..]].concat())),
        (0x81, br#"{"id":2,"ping":{}}"#.to_vec()),
    ];
    for (first, bytes) in wrong {
        let mut wire = Wire::open(&server).await;
        wire.write(upgrade("Sec-WebSocket-Protocol: centrifuge-protobuf\r\n")).await;
        wire.head().await;
        wire.write(frame(0x82, &sized(&[&[8, 1], &field(4, b"")[..]].concat()))).await;
        wire.write(frame(first, &bytes)).await;
        let frames = wire.frames().await;
        assert_eq!(code(&frames), 3501, "{}", bytes.escape_ascii());
    }
    // Fields of a later version are passed over.
    let mut wire = Wire::open(&server).await;
    wire.write(upgrade("Sec-WebSocket-Protocol: centrifuge-protobuf\r\n")).await;
    wire.head().await;
    wire.write(frame(0x82, &sized(&[&[8, 1], &field(4, b"")[..]].concat()))).await;
    wire.write(frame(0x82, &with(&[0xf8, 7, 1]))).await;
    wire.write(frame(0x88, &1000_u16.to_be_bytes())).await;
    assert_eq!(code(&wire.frames().await), 1000);
}

/// SEC-HB-46: whatever a client says of itself, figures have as many lines as before, and answers no control characters.
#[tokio::test]
async fn sec_hb_46_nothing_that_clients_say_becomes_a_figure() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("prometheus.enabled", "true"),
        ("http_api.key", "k"),
        ("client.address_connection_burst", "10000"),
    ])
    .await;
    let lines = async || request(&server, &["GET /metrics"], "").await.body.lines().count();
    let before = lines().await;
    // Fewer than there may be wrong keys in a minute.
    for index in 0..15 {
        let mut client = Client::open(&server).await;
        let name = format!("a\\u001b[31m\\n{index}\\\"}} 1");
        client
            .say(&format!(r#"{{"id":1,"connect":{{"name":"{name}","version":"{name}"}}}}"#))
            .await;
        assert!(client.hear().await.contains(r#""client":""#));
        client.say(&format!(r#"{{"id":2,"subscribe":{{"channel":"c{index}"}}}}"#)).await;
        client.hear().await;
        let path = format!("GET /{index}?x=\"}}{index}");
        let (key, agent) = (format!("X-API-Key: {index}"), format!("User-Agent: \"}}{index}"));
        request(&server, &[&path, &agent], "").await;
        request(&server, &["POST /api/info", &key], "").await;
        let page = request(&server, &["POST /api/connections", "X-API-Key: k"], "").await;
        assert!(page.status == 200 && !page.body.contains(['\x1b', '\n']), "{}", page.body);
    }
    assert_eq!(lines().await, before);
}

/// SEC-HB-47: tokens that name no algorithm, another, or bring their own key; claims of other types than they have.
#[tokio::test]
async fn sec_hb_47_no_token_chooses_how_it_is_judged() {
    const SECRET: &str = "a secret of more than thirty-two bytes";
    let server = Running::start(&[
        ("client.token.hmac_secret_key", SECRET),
        ("client.address_connection_burst", "10000"),
    ])
    .await;
    let sign = |header: &str, claims: &str| {
        let parts = [header, claims].map(|it| URL_SAFE_NO_PAD.encode(it));
        let signed = parts.join(".");
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let good = r#"{"alg":"HS256"}"#;
    let user = r#"{"sub":"u"}"#;
    let headers = [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"[]"#,
        "{}",
    ];
    let dates =
        ["\"9999999999\"", "9.9e9", "1e400", "-1", "null", "[]", "{}", "9223372036854775808"];
    let claims = [
        r#"["u"]"#,
        r#"{"sub":42}"#,
        r#"{"sub":"u","sub":"admin"}"#,
        r#"{"sub":"u","aud":["a",1]}"#,
        r#"{"sub":"u","channels":["a b"]}"#,
        r#"{"sub":"u","channel":"a"}"#,
        "",
    ];
    let mut tokens: Vec<String> = headers.iter().map(|it| sign(it, user)).collect();
    tokens.extend(claims.iter().map(|it| sign(good, it)));
    for name in ["exp", "nbf", "iat", "expire_at"] {
        let claims = dates.iter().map(|date| format!(r#"{{"sub":"u","{name}":{date}}}"#));
        tokens.extend(claims.map(|it| sign(good, &it)));
    }
    let token = sign(good, user);
    let unsigned = token.rsplit_once('.').unwrap().0;
    tokens.extend([
        unsigned.to_owned(),
        format!("{unsigned}."),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\\n"),
        format!("{token}.x"),
        token.replace('.', ".."),
        "x".repeat(8_193),
    ]);
    for token in tokens {
        let mut client = Client::open(&server).await;
        client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
        assert_eq!(client.closed().await.0, 3500, "{}", &token[..token.len().min(300)]);
    }
    let mut client = Client::open(&server).await;
    client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
    assert!(client.hear().await.contains(r#""client":""#), "what is right is taken");
}

/// SEC-HB-48: names at the borders of namespaces, and lists of users that name nobody.
#[tokio::test]
async fn sec_hb_48_no_name_slips_past_its_namespace() {
    let server = Running::start(&[
        ("client.allow_anonymous_connect_without_token", "true"),
        ("client.address_connection_burst", "10000"),
        ("channel.without_namespace.allow_user_limited_channels", "true"),
        ("channel.namespaces", "open"),
        ("channel.namespaces[open].allow_subscribe_for_client", "true"),
        ("channel.namespaces[open].allow_subscribe_for_anonymous", "true"),
    ])
    .await;
    let mut client = Client::connect(&server).await;
    let names = [
        ("open:a", "subscribe"),
        ("open:", "subscribe"),
        ("open:a:b", "subscribe"),
        ("open", "103"),
        ("$x", "103"),
        ("$open:a", "103"),
        ("#", "103"),
        ("x#", "103"),
        ("x#,", "103"),
        ("x#,,a", "103"),
        ("x#a", "103"),
        (":x", "102"),
        ("::", "102"),
        (":open:a", "102"),
        ("Open:a", "102"),
        ("open::a", "subscribe"),
        ("a\\u202eb", "107"),
        ("a\\u0000", "107"),
        ("a b", "107"),
    ];
    for (name, expected) in names {
        client.say(&format!(r#"{{"id":2,"subscribe":{{"channel":"{name}"}}}}"#)).await;
        let heard = client.hear().await;
        assert!(heard.contains(expected), "{name}: {heard}");
    }
}

/// SEC-HS-33: pages whose origin looks like one that is listed.
#[tokio::test]
async fn sec_hs_33_no_origin_passes_for_a_listed_one() {
    let listed = "https://ok.example https://*.wild.example https://xn--bcher-kva.example";
    let server = Running::start(&[
        ("client.allowed_origins", listed),
        ("client.address_connection_burst", "10000"),
    ])
    .await;
    let origins = [
        ("https://ok.example", 101),
        ("HTTPS://OK.EXAMPLE", 101),
        ("https://ok.example:443", 101),
        ("https://a.wild.example", 101),
        ("https://XN--BCHER-KVA.example", 101),
        ("https://ok.example.", 403),
        ("https://ok.example:0", 403),
        ("https://ok.example:444", 403),
        ("http://ok.example", 403),
        ("null", 403),
        ("NULL", 403),
        ("", 403),
        ("https://ok.example/", 403),
        ("https://u@ok.example", 403),
        ("https://ok.example@evil.example", 403),
        ("https://ok.example.evil.example", 403),
        ("https://evil.example#ok.example", 403),
        ("https://evil.example?.wild.example", 403),
        ("https://evil.example/.wild.example", 403),
        ("https://a.b.wild.example", 403),
        ("https://.wild.example", 403),
        ("https://wild.example", 403),
        ("https://%61.wild.example", 403),
        ("https://b\u{fc}cher.example", 403),
        ("https://ok.example https://evil.example", 403),
        ("https://[::1].wild.example", 403),
        ("chrome-extension://ok.example", 403),
        ("file://", 403),
    ];
    for (origin, status) in origins {
        let mut wire = Wire::open(&server).await;
        wire.write(upgrade(&format!("Origin: {origin}\r\n"))).await;
        let head = wire.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {head}");
    }
}
