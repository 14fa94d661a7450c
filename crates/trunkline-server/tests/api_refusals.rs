//! Requests that the HTTP API does not take, and what it says to them.

mod support;

use support::{Answer, Running, api, request, request_from};

const KEY: &str = "X-API-Key: a-key-for-tests";

async fn server() -> Running {
    Running::start(&[("http_api.key", "a-key-for-tests")]).await
}

#[track_caller]
fn check(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        answer.body.starts_with(&format!(r#"{{"error":{{"code":{status},"#)),
        "{}",
        answer.body
    );
    assert!(answer.body.contains(says), "{}", answer.body);
}

#[tokio::test]
async fn without_the_key_nothing_is_told_or_done() {
    let server = server().await;
    for key in ["", "a-key-for-test", "a-key-for-tests-"] {
        let (status, body) = api(&server, "publish", key, r#"{"channel":"a","data":1}"#).await;
        assert_eq!(status, 401, "{body}");
    }
    for path in ["/api/publish", "/api/fly", "/api/stats", "/api/a/b"] {
        let answer = request(&server, &[&format!("GET {path}")], "").await;
        check(&answer, 401, "X-API-Key");
        assert_eq!(answer.header("www-authenticate"), Some("apikey"));
    }
}

#[tokio::test]
async fn a_refusal_for_want_of_a_key_says_which_header_is_wrong() {
    let server = server().await;
    for (header, says) in [
        ("Accept: */*", "needed: in the header X-API-Key, or in Authorization as apikey KEY"),
        ("X-API-Key: other", "the key in X-API-Key is not one"),
        ("Authorization: Bearer a-key-for-tests", "the key in Authorization is not one"),
    ] {
        check(&request(&server, &["POST /api/info", header], "").await, 401, says);
    }
    let keyless = Running::start(&[]).await;
    check(&request(&keyless, &["POST /api/info", KEY], "").await, 401, "set http_api.key");
}

/// A body that is announced and does not come shows that nobody waits for it.
#[tokio::test]
async fn the_key_is_looked_at_before_the_body() {
    let server = server().await;
    for announced in ["Content-Length: 8388608", "Transfer-Encoding: chunked"] {
        let head = ["POST /api/publish", "X-API-Key: wrong", announced];
        check(&request(&server, &head, "").await, 401, "X-API-Key");
    }
}

#[tokio::test]
async fn what_has_no_such_method_is_refused_before_the_body() {
    let server = server().await;
    let head = ["POST /api/fly", KEY, "Content-Length: 1000000"];
    let answer = request(&server, &head, "").await;
    check(&answer, 404, "no such method; there are publish, broadcast, subscribe,");
}

#[tokio::test]
async fn another_method_of_http_is_told_which_one_is_taken() {
    let server = server().await;
    for (line, allowed) in [
        ("GET /api/publish", "POST"),
        ("DELETE /api/publish", "POST"),
        ("OPTIONS /api/publish", "POST"),
        ("POST /api/stats", "GET, HEAD"),
    ] {
        let answer = request(&server, &[line, KEY], "").await;
        check(&answer, 405, &format!("this takes {allowed} alone"));
        assert_eq!(answer.header("allow"), Some(allowed));
    }
}

#[tokio::test]
async fn a_body_over_8_mib_is_refused() {
    let server = server().await;
    let long = " ".repeat((8 << 20) - 2) + "{}";
    let head = ["POST /api/info", KEY, "Content-Length: 8388608"];
    assert_eq!(request(&server, &head, &long).await.status, 200);
    // That it is announced is enough.
    let head = ["POST /api/info", KEY, "Content-Length: 8388609"];
    check(&request(&server, &head, "").await, 413, "at most 8 MiB");
    // One that says nothing of its length is read so far. The last byte is the one too many.
    let head = ["POST /api/info", KEY, "Transfer-Encoding: chunked"];
    check(&request(&server, &head, &format!("800001\r\n{long} ")).await, 413, "at most 8 MiB");
}

#[tokio::test]
async fn a_body_that_calls_itself_something_else_than_json_is_refused() {
    let server = server().await;
    for (header, status) in [
        ("Content-Type: application/json; charset=utf-8", 200),
        ("content-type: Application/JSON", 200),
        ("Content-Type: application/x-www-form-urlencoded", 200),
        ("Content-Encoding: identity", 200),
        ("Content-Type: multipart/form-data; boundary=x", 415),
        ("Content-Type: application/octet-stream", 415),
        ("Content-Encoding: gzip", 415),
    ] {
        let head = ["POST /api/info", KEY, header, "Content-Length: 2"];
        let answer = request(&server, &head, "{}").await;
        assert_eq!(answer.status, status, "{header}: {}", answer.body);
    }
}

/// SEC-HB-37: whoever tries one key after the other is not told any more whether one is right.
#[tokio::test]
async fn sec_hb_37_keys_of_the_api_cannot_be_tried_without_an_end() {
    let server = Running::start(&[
        ("http_api.key", "a-key-for-tests"),
        ("http_api.wrong_keys_per_minute", "5"),
        ("prometheus.enabled", "true"),
    ])
    .await;
    // Neither a right key nor none is a guess.
    for _ in 0..7 {
        assert_eq!(request(&server, &["POST /api/info", KEY], "").await.status, 200);
        check(&request(&server, &["POST /api/info"], "").await, 401, "is needed");
    }
    for guess in 0..5 {
        let key = format!("X-API-Key: a-key-for-test-{guess}");
        check(&request(&server, &["POST /api/info", &key], "").await, 401, "not one of");
    }
    for header in ["X-API-Key: another", "Authorization: apikey another", KEY] {
        let answer = request(&server, &["POST /api/info", header], "").await;
        check(&answer, 429, "http_api.wrong_keys_per_minute");
        let seconds: u64 = answer.header("retry-after").expect("when").parse().unwrap();
        assert!((1..=13).contains(&seconds), "{seconds}");
    }
    let metrics = request(&server, &["GET /metrics"], "").await.body;
    for counted in [r#"reason="key"} 12"#, r#"reason="guesses"} 3"#] {
        let line = format!("trunkline_requests_refused_total{{{counted}");
        assert!(metrics.contains(&line), "{metrics}");
    }
    // From another address the right key is as good as ever.
    let elsewhere = request_from("127.0.0.2", &server, &["POST /api/info", KEY], "").await;
    assert_eq!(elsewhere.status, 200);
}
