//! Plain HTTP on the port, in spellings that two readers could take for two things; and in HTTP/1.0.

use crate::support::Running;
use crate::wire::{Wire, upgrade};

async fn start() -> Running {
    Running::start(&[("http_api.key", "k"), ("client.address_connection_burst", "10000")]).await
}

/// The statuses of all answers up to the end.
async fn statuses(server: &Running, bytes: &str) -> Vec<u16> {
    let mut wire = Wire::open(server).await;
    wire.write(bytes).await;
    let rest = String::from_utf8_lossy(&wire.rest().await).into_owned();
    rest.split("HTTP/1.").skip(1).filter_map(|it| it.get(2..5)?.parse().ok()).collect()
}

/// A request that is served, and leaves the connection open.
const GOOD: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

/// SEC-HS-30: the first request of a connection and each that follows are read by the same strict reader: what is
/// wrong with one is answered, and nothing behind it is.
#[tokio::test]
async fn sec_hs_30_a_request_that_could_end_in_two_places_is_refused() {
    let server = start().await;
    let post = |headers: &str, body: &str| {
        format!("POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: k\r\n{headers}\r\n{body}")
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let in_chunks = |body: &str| post(chunked, body);
    let get = |headers: &str| format!("GET /health HTTP/1.1\r\n{headers}\r\n");
    let whole = "2\r\n{}\r\n0\r\n\r\n";
    let cases = [
        post("Content-Length: 12\r\nTransfer-Encoding: chunked\r\n", whole),
        post("Transfer-Encoding: chunked\r\nContent-Length: 12\r\n", whole),
        post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
        post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        post("Content-Length: 2, 2\r\n", "{}"),
        post("Content-Length: +2\r\n", "{}"),
        post("Content-Length: -2\r\n", "{}"),
        post("Content-Length: 2 2\r\n", "{}"),
        post("Content-Length: 0x2\r\n", "{}"),
        post("Content-Length:\r\n", "{}"),
        post("Content-Length: 18446744073709551618\r\n", "{}"),
        post("Content-Length : 2\r\n", "{}"),
        post("Transfer-Encoding: chunked, chunked\r\n", whole),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", whole),
        post("Transfer-Encoding: gzip, chunked\r\n", whole),
        post("Transfer-Encoding: chunked, gzip\r\n", whole),
        post("Transfer-Encoding: identity\r\n", whole),
        post("Transfer-Encoding: xchunked\r\n", whole),
        post("Transfer-Encoding: chunked;q=1\r\n", whole),
        post("Transfer-Encoding:\r\n chunked\r\n", whole),
        post("Transfer-Encoding:\r\n", whole),
        in_chunks("2\n{}\n0\n\n"),
        in_chunks("0x2\r\n{}\r\n0\r\n\r\n"),
        in_chunks("2 \r\n{}\r\n0\r\n\r\n"),
        in_chunks("10000000000000002\r\n{}\r\n0\r\n\r\n"),
        in_chunks("ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        in_chunks("2;a\nb\r\n{}\r\n0\r\n\r\n"),
        in_chunks(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(5_000))),
        in_chunks("2\r\n{}xx0\r\n\r\n"),
        in_chunks(&format!("2\r\n{{}}\r\n0\r\n{}\r\n", "X: y\r\n".repeat(1_000))),
        "GET /health HTTP/1.1\nHost: a\n\n".into(),
        "GET /health HTTP/1.1\rHost: a\r\r".into(),
        "GET  /health HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /health HTTP/1.1 \r\nHost: a\r\n\r\n".into(),
        "GET /health#x HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET /health\r\n\r\n".into(),
        "\r\n\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        get("Host: a\r\nX: a\rb\r\n"),
        get("Host: a\r\nX: a\0b\r\n"),
        get("Host: a\r\n b\r\n"),
        get("Host : a\r\n"),
        get("Host: a\r\nHost: b\r\n"),
        get("Host: a\r\n: x\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8 << 10)),
        get(&format!("Host: a\r\n{}", "X: y\r\n".repeat(100))),
        get(&format!("Host: a\r\nX: {}\r\n", "y".repeat(16 << 10))),
        "GET /health HTTP/1.2\r\nHost: a\r\n\r\n".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n".into(),
        "CONNECT /health HTTP/1.1\r\nHost: a\r\n\r\n".into(),
    ];
    for request in cases {
        let shown = &request[..request.len().min(120)];
        for before in ["", GOOD, &in_chunks("1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n")] {
            let got = statuses(&server, &format!("{before}{request}{GOOD}")).await;
            let (last, first) = got.split_last().unwrap_or_else(|| panic!("no answer: {shown}"));
            assert!([400, 414, 431, 505].contains(last), "{got:?}: {shown}");
            assert_eq!(first, if before.is_empty() { &[][..] } else { &[200] }, "{shown}");
        }
    }
}

/// SEC-HS-31: a WebSocket that is asked for on a connection that served other requests: refused, it is the last; and
/// what stood behind it is no request.
#[tokio::test]
async fn sec_hs_31_nothing_behind_an_upgrade_is_a_request() {
    let server = start().await;
    for (request, status) in [
        (upgrade("").replace("/connection/websocket", "/elsewhere"), 404),
        (upgrade("Origin: https://evil.example\r\n"), 403),
        (upgrade("").replace("Version: 13", "Version: 8"), 426),
        (upgrade("").replace("HTTP/1.1", "HTTP/1.0"), 505),
        (upgrade("Content-Length: 5\r\n") + "hello", 400),
        (upgrade("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400),
    ] {
        let got = statuses(&server, &format!("{GOOD}{request}{GOOD}")).await;
        assert_eq!(got, [200, status], "{request}");
    }
    // Accepted, it is a broken frame: G has a reserved bit.
    let mut wire = Wire::open(&server).await;
    wire.write(format!("{GOOD}{}{GOOD}", upgrade(""))).await;
    let rest = wire.rest().await;
    let text = String::from_utf8_lossy(&rest);
    assert_eq!(text.matches("HTTP/1.1 ").count(), 2, "{text}");
    assert!(text.contains("HTTP/1.1 101 "), "{text}");
    assert!(rest.windows(4).any(|it| it[0] == 0x88 && it[2..] == 1002_u16.to_be_bytes()));
}

/// SEC-HS-32: health checks and old proxies speak HTTP/1.0. They are answered, and that is the end; no WebSocket
/// comes of it, and no body in chunks either way.
#[tokio::test]
async fn sec_hs_32_http_1_0_is_answered_once_and_never_with_a_websocket() {
    let server = start().await;
    let api = |headers: &str, body: &str| {
        format!("POST /api/info HTTP/1.0\r\nX-API-Key: k\r\n{headers}\r\n{body}")
    };
    let cases = [
        ("GET /health HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("GET /health HTTP/1.0\r\nHost: a\r\n\r\n".into(), 200),
        ("HEAD /health HTTP/1.0\r\n\r\n".into(), 200),
        ("GET /dashboard/ HTTP/1.0\r\n\r\n".into(), 200),
        ("GET /nothing HTTP/1.0\r\n\r\n".into(), 404),
        (api("Content-Length: 2\r\n", "{}"), 200),
        (api("", ""), 200),
        (api("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}"), 200),
        (api("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), 400),
        ("GET /health HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /health HTTP/1.0\r\nHost: a b[::\r\n\r\n".into(), 400),
        (upgrade("").replace("HTTP/1.1", "HTTP/1.0"), 505),
    ];
    for (request, status) in cases {
        for before in ["", GOOD] {
            let mut wire = Wire::open(&server).await;
            wire.write(format!("{before}{request}{GOOD}")).await;
            let rest = String::from_utf8_lossy(&wire.rest().await).into_owned();
            let mut answers = rest.split("HTTP/1.").skip(1);
            if !before.is_empty() {
                assert!(answers.next().is_some_and(|it| it.starts_with("1 200 ")), "{rest}");
            }
            let answer = answers.next().unwrap_or_else(|| panic!("no answer: {request}"));
            assert_eq!(answer[2..5].parse(), Ok(status), "{request}: {rest}");
            assert_eq!(answers.next(), None, "{request}: {rest}");
            let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
            assert!(!head.contains("transfer-encoding"), "{head}");
            assert!(!head.contains("keep-alive"), "{head}");
        }
    }
    // Unless it asks for more, as benchmarks do.
    let ask = "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(
        statuses(&server, &format!("{ask}{GOOD}{}", ask.replace("keep-alive", "close"))).await,
        [200; 3]
    );
    // The body is all that is said, or as long as it is said to be.
    let mut wire = Wire::open(&server).await;
    wire.write("GET /health HTTP/1.0\r\n\r\n").await;
    let answer = String::from_utf8(wire.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\n{}"), "{answer}");
}
