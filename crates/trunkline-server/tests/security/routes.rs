//! Plain HTTP on the port: what is off is not there, and what is there wants its key.

use crate::support::{Client, Running, api};
use crate::wire::{Wire, code, frame, upgrade};

/// The whole answer to a request that ends with itself.
async fn answer(server: &Running, request: &str) -> String {
    let mut wire = Wire::open(server).await;
    wire.write(request).await;
    String::from_utf8_lossy(&wire.rest().await).into_owned()
}

async fn get(server: &Running, path: &str) -> String {
    answer(server, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
}

#[tokio::test]
async fn sec_hb_05_what_is_off_or_unknown_is_not_there() {
    let server = Running::start(&[
        ("http_api.disabled", "true"),
        ("websocket.disabled", "true"),
        ("health.enabled", "false"),
    ])
    .await;
    let off =
        ["/metrics", "/health", "/ready", "/api/info", "/api/stats", "/demos/chat/", "/token"];
    for path in off {
        assert_eq!(status(&get(&server, path).await), 404, "{path}");
    }
    let mut wire = Wire::open(&server).await;
    wire.write(upgrade("")).await;
    assert_eq!(wire.refused().await, 404);
    let odd = [
        "//",
        "/.",
        "/..",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/dashboard/../../etc/passwd",
        "/dashboard/%2e%2e%2fx",
        "/dashboard//index.html",
        "/%00",
        "/dashboard/%00",
        "/connection/websocket/",
        "/connection//websocket",
        "/CONNECTION/websocket",
        "/api",
        "/api/",
        "/x?y=../..",
        "/\u{1}",
        "/\0",
        "*",
        "dashboard/",
    ];
    for path in odd {
        let got = status(&get(&server, path).await);
        assert!([400, 404].contains(&got), "{path:?}: {got}");
    }
    assert_eq!(status(&get(&server, "/dashboard/").await), 200, "the server is still there");
}

/// SEC-HB-27: no page of another site, no rebound name and no form gets anything without the key, which no
/// browser sends by itself.
#[tokio::test]
async fn sec_hb_27_the_api_and_the_dashboard_are_closed_without_a_key() {
    let server = Running::start(&[("http_api.key", "the-key-of-this-test")]).await;
    let requests = [
        "POST /api/info HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
        "POST /api/info HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nContent-Length: 2\r\n",
        "POST /api/publish HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\nCookie: key=the-key-of-this-test\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n",
        "POST /api/info?api_key=the-key-of-this-test HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
        "POST /api/info HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer the-key-of-this-test\r\nContent-Length: 2\r\n",
        "POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: the-key-of-this-tes\r\nContent-Length: 2\r\n",
        "POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key:\r\nContent-Length: 2\r\n",
        "POST /api/no_such_method HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
        "GET /api/stats HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n",
    ];
    for request in requests {
        let answer = answer(&server, &format!("{request}Connection: close\r\n\r\n{{}}")).await;
        let expect = if request.contains("evil.example") { 403 } else { 401 };
        assert_eq!(status(&answer), expect, "{request}");
        assert!(!answer.to_ascii_lowercase().contains("access-control-"), "{answer}");
    }
    // No page may ask what it would need to ask before it may send the header.
    let preflight = "OPTIONS /api/info HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-api-key\r\nConnection: close\r\n\r\n";
    let answer = answer(&server, preflight).await;
    assert!(
        status(&answer) >= 400 && !answer.to_ascii_lowercase().contains("access-control-"),
        "{answer}"
    );

    let page = get(&server, "/dashboard/").await;
    let head = page.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    for rule in ["default-src 'self'", "frame-ancestors 'none'", "x-content-type-options: nosniff"]
    {
        assert!(head.contains(rule), "{rule}: {head}");
    }
    assert!(!head.contains("set-cookie") && !page.contains("the-key-of-this-test"));
    assert_eq!(api(&server, "info", "the-key-of-this-test", "{}").await.0, 200);
}

/// SEC-HB-29: numbers at the edges of 64 bits are numbers, and what is none is refused.
#[tokio::test]
async fn sec_hb_29_pages_at_the_edges_of_64_bits() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("http_api.key", "k"),
        ("channel.without_namespace.history_size", "9"),
        ("channel.without_namespace.history_ttl", "60s"),
    ])
    .await;
    let _client = Client::connect(&server).await;
    let max = u64::MAX;
    let cases = [
        ("connections", format!(r#"{{"limit":{max}}}"#), 200),
        ("connections", r#"{"limit":18446744073709551616}"#.into(), 400),
        ("connections", r#"{"limit":-1}"#.into(), 400),
        ("connections", r#"{"limit":1.5}"#.into(), 400),
        ("connections", r#"{"limit":"1"}"#.into(), 400),
        ("connections", r#"{"cursor":"zzz"}"#.into(), 400),
        ("connections", r#"{"cursor":"ffffffff-ffff-ffff-ffff-ffffffffffff"}"#.into(), 200),
        (
            "history",
            format!(r#"{{"channel":"a","limit":1,"since":{{"offset":{max},"epoch":""}}}}"#),
            200,
        ),
        ("history", r#"{"channel":"a","since":{"offset":-1,"epoch":""}}"#.into(), 400),
        ("history", r#"{"channel":"a","limit":-1}"#.into(), 200),
        ("history", r#"{"channel":"a","limit":9223372036854775808}"#.into(), 400),
    ];
    for (method, body, expected) in cases {
        let (status, answer) = api(&server, method, "k", &body).await;
        assert_eq!(status, expected, "{method} {body}: {answer}");
    }
    assert_eq!(api(&server, "info", "k", "{}").await.0, 200);
}

/// SEC-HB-20: one frame cannot ask for more work than its bytes are worth.
#[tokio::test]
async fn sec_hb_20_frames_that_are_too_much_end_their_connection_alone() {
    let server = Running::start(&[("client.insecure", "true")]).await;
    let mut bystander = Client::connect(&server).await;
    let connect = "{\"id\":1,\"connect\":{}}";
    let publish = |data: &str| format!(r#"{{"id":2,"publish":{{"channel":"a","data":{data}}}}}"#);
    let keys: String = (0..5_000).map(|i| format!(r#""k{i}":1,"#)).collect();
    let cases = [
        (format!("{connect}{}", "\n{}".repeat(300)), 3501),
        (format!("{connect}\n{}", publish(&"[".repeat(60_000))), 3501),
        (format!("{connect}\n{}", publish(&("[".repeat(65) + &"]".repeat(65)))), 3501),
        (format!("{connect}\n{{\"id\":2,\"id\":3,\"ping\":{{}}}}"), 3501),
        (format!("{connect}\n{}", publish(&format!("\"{}\"", "x".repeat(70_000)))), 1009),
        (format!("{connect}\n{{{keys}\"id\":2}}"), 3501),
    ];
    for (message, expected) in cases {
        let mut wire = Wire::upgraded(&server).await;
        wire.write(frame(0x81, message.as_bytes())).await;
        let shown = &message[..message.len().min(80)];
        assert_eq!(code(&wire.frames().await), expected, "{shown}");
    }
    // Odd, and JSON all the same.
    bystander.say(&publish(r#"{"a":1e400,"a":-0,"b":"\u0000"}"#)).await;
    assert_eq!(bystander.hear().await, r#"{"id":2,"publish":{}}"#);
}

/// SEC-HS-10, for what is no WebSocket: a request that two readers could take for one of two hosts is none.
#[tokio::test]
async fn sec_hs_10_plain_http_says_once_which_host_it_is_for() {
    let server = Running::start(&[("http_api.key", "k")]).await;
    let requests = [
        ("/dashboard/", "", 400),
        ("/dashboard/", "Host: \r\n", 400),
        ("/dashboard/", "Host: a\r\nHost: a\r\n", 400),
        ("/dashboard/", "Host: a b[::\r\n", 400),
        ("/dashboard/", "Host: a:0x50\r\n", 400),
        ("http://b/dashboard/", "Host: a\r\n", 400),
        ("http://a:81/dashboard/", "Host: a:80\r\n", 400),
        ("http://A:81/dashboard/", "Host: a:81\r\n", 200),
        ("/dashboard/", "Host: [::1]:8000\r\n", 200),
    ];
    for (target, hosts, expected) in requests {
        // A second request behind one that is refused is not answered.
        let one = format!("GET {target} HTTP/1.1\r\n{hosts}");
        let both = format!("{one}\r\n{one}Connection: close\r\n\r\n");
        let answers = answer(&server, &both).await;
        assert_eq!(status(&answers), expected, "{target} {hosts}: {answers}");
        let count = answers.matches("HTTP/1.1 ").count();
        assert_eq!(count, if expected == 200 { 2 } else { 1 }, "{answers}");
    }
}

/// SEC-HB-39: a body of the API means one thing, and all of it.
#[tokio::test]
async fn sec_hb_39_no_body_of_the_api_can_be_taken_in_two_ways() {
    let server = Running::start(&[("http_api.key", "k")]).await;
    let bodies = [
        ("publish", r#"["a",1]"#),
        ("publish", r#"{"channel":"a","channel":"b","data":1}"#),
        ("publish", r#"{"channel":"a","data":1,"data":2}"#),
        ("publish", r#"{"channel":"a","data":NaN}"#),
        ("publish", r#"{"channel":"\ud800","data":1}"#),
        ("publish", r#"{"channel":"a","data":1}{"channel":"b","data":1}"#),
        ("batch", r#"{"commands":[{"publish":{"channel":"a","data":1},"info":{}}]}"#),
        ("batch", r#"{"commands":[{}]}"#),
        ("batch", r#"[[]]"#),
    ];
    for (method, body) in bodies {
        let (status, answer) = api(&server, method, "k", body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.contains(r#""code":107"#), "{body}: {answer}");
    }
}

/// SEC-HB-40: JSON is as deep for backends and tokens as for clients: what is deeper than one may be sent closes it.
#[tokio::test]
async fn sec_hb_40_no_json_is_deeper_than_clients_may_be_sent() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("http_api.key", "k"),
        ("channel.without_namespace.history_size", "9"),
        ("channel.without_namespace.history_ttl", "60s"),
    ])
    .await;
    let mut subscriber = Client::connect(&server).await;
    subscriber.say(r#"{"id":2,"subscribe":{"channel":"a"}}"#).await;
    subscriber.hear().await;
    let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    type Body = fn(&str) -> String;
    let bodies: [(&str, usize, Body); 6] = [
        ("publish", 1, |it| format!(r#"{{"channel":"a","data":{it}}}"#)),
        ("broadcast", 1, |it| format!(r#"{{"channels":["a"],"data":{it}}}"#)),
        ("batch", 4, |it| {
            format!(r#"{{"commands":[{{"publish":{{"channel":"a","data":{it}}}}}]}}"#)
        }),
        ("subscribe", 1, |it| format!(r#"{{"user":"u","channel":"b","info":{it}}}"#)),
        ("subscribe", 1, |it| format!(r#"{{"user":"u","channel":"b","data":{it}}}"#)),
        ("info", 1, |it| format!(r#"{{"nobody asked":{it}}}"#)),
    ];
    for (method, around, body) in bodies {
        for payload in [lists(64 - around), objects(64 - around)] {
            let (status, answer) = api(&server, method, "k", &body(&payload)).await;
            assert_eq!(status, 200, "{method}: {answer}");
            if method != "subscribe" && method != "info" {
                assert!(subscriber.hear().await.contains(&payload), "{method}");
            }
        }
        for payload in [lists(65 - around), objects(65 - around), lists(1_000_000)] {
            let (status, answer) = api(&server, method, "k", &body(&payload)).await;
            assert_eq!(status, 400, "{method}: {answer}");
            assert!(answer.contains("64 deep at most"), "{method}: {answer}");
        }
    }
    subscriber.say(r#"{"id":3,"history":{"channel":"a","limit":9}}"#).await;
    assert!(subscriber.hear().await.contains(r#""id":3"#), "it is still there");
}
