//! The pages, and what the demos ask for, over real sockets.

mod support;

use support::{Client, Running, api};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const KEY: &str = "a-key-for-tests";

async fn demo() -> Running {
    let secret = "a-secret-of-at-least-thirty-two-bytes";
    Running::start_demo(&[("client.token.hmac_secret_key", secret), ("http_api.key", KEY)]).await
}

/// The head and the body of an answer.
async fn ask(server: &Running, request: &str, headers: &str, body: &str) -> (String, String) {
    let mut tcp = TcpStream::connect(server.address()).await.unwrap();
    let (host, length) = (server.address(), body.len());
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    (head.to_ascii_lowercase(), body.to_owned())
}

async fn post(server: &Running, path: &str, origin: &str, body: &str) -> (u16, String) {
    let headers = format!("Content-Type: application/json\r\n{origin}");
    let (head, body) = ask(server, &format!("POST {path}"), &headers, body).await;
    (head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status"), body)
}

/// The token of a visitor.
async fn token(server: &Running, user: &str) -> String {
    let (status, body) = post(server, "/demos/token", "", &format!(r#"{{"user":"{user}"}}"#)).await;
    assert_eq!(status, 200, "{body}");
    body.trim_start_matches(r#"{"token":""#).trim_end_matches(r#""}"#).to_owned()
}

async fn enter(server: &Running, user: &str) -> Client {
    let token = token(server, user).await;
    let mut client = Client::open(server).await;
    client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
    let reply = client.hear().await;
    assert!(reply.contains(r#""expires":true"#), "{reply}");
    client
}

#[tokio::test]
async fn whoever_asks_gets_a_token_that_opens_the_demos_channels() {
    let server = demo().await;
    let mut ada = enter(&server, "ada").await;
    ada.say(r#"{"id":2,"subscribe":{"channel":"chat:lobby"}}"#).await;
    let reply = ada.hear().await;
    assert!(reply.contains(r#""recoverable":true"#), "{reply}");
    ada.say(r#"{"id":3,"publish":{"channel":"chat:lobby","data":{"id":"1"}}}"#).await;
    let (first, second) = (ada.hear().await, ada.hear().await);
    let push = if first.contains("push") { first } else { second };
    assert!(push.contains(r#""info":{"user":"ada""#), "{push}");
}

#[tokio::test]
async fn visitors_may_not_be_others_nor_speak_for_the_server() {
    let server = demo().await;
    let mut ada = enter(&server, "ada").await;
    for (command, error) in [
        (r#""subscribe":{"channel":"notifications:#ben"}"#, 103),
        (r#""subscribe":{"channel":"elsewhere:a"}"#, 102),
        (r#""publish":{"channel":"market:ACME","data":{"price":1}}"#, 103),
        (r#""publish":{"channel":"notifications:#ada","data":{}}"#, 103),
        (r#""publish":{"channel":"chat:lobby","data":{}}"#, 103),
    ] {
        ada.say(&format!(r#"{{"id":2,{command}}}"#)).await;
        let reply = ada.hear().await;
        assert!(reply.contains(&format!(r#""error":{{"code":{error}"#)), "{command}: {reply}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_no_token() {
    let server = demo().await;
    let here = format!("Origin: http://{}\r\n", server.address());
    let body = r#"{"user":"ada"}"#;
    assert_eq!(post(&server, "/demos/token", &here, body).await.0, 200);
    for origin in ["Origin: http://elsewhere.example\r\n", "Origin: null\r\n"] {
        assert_eq!(post(&server, "/demos/token", origin, body).await.0, 403, "{origin}");
        assert_eq!(post(&server, "/demos/notify", origin, body).await.0, 403, "{origin}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_told_what_is_wrong() {
    let server = demo().await;
    let long = format!(r#"{{"user":"ada","id":"1","title":"{}"}}"#, "x".repeat(401));
    let huge = format!(r#"{{"user":"ada","id":"1","title":"{}"}}"#, "x".repeat(10_000));
    for (path, body, status, said) in [
        ("/demos/token", r#"{"user":"Ada"}"#, 422, "lower-case letters"),
        ("/demos/token", r#"{"user":"a,b"}"#, 422, "lower-case letters"),
        ("/demos/token", "{", 400, "EOF"),
        ("/demos/notify", r#"{"user":"ada","id":"","title":"x"}"#, 400, "id has 1 to 64 bytes"),
        ("/demos/notify", &long, 400, "title 1 to 400"),
        ("/demos/notify", &huge, 413, "length limit"),
    ] {
        let (got, answer) = post(&server, path, "", body).await;
        assert_eq!(got, status, "{path} {body}: {answer}");
        assert!(answer.contains(said), "{path} {body}: {answer}");
    }
}

#[tokio::test]
async fn a_notification_that_is_asked_for_twice_comes_once() {
    let server = demo().await;
    let body = r#"{"user":"ben","id":"n1","title":"Coffee?","text":"At ten.","from":"ada"}"#;
    for _ in 0..2 {
        assert_eq!(post(&server, "/demos/notify", "", body).await, (200, "{}".to_owned()));
    }
    let history = r#"{"channel":"notifications:#ben","limit":10}"#;
    let (_, answer) = api(&server, "history", KEY, history).await;
    assert_eq!(answer.matches("Coffee?").count(), 1, "{answer}");
    assert!(answer.contains(r#""from":"ada","at":"#), "{answer}");
}

#[tokio::test]
async fn the_market_moves() {
    let server = demo().await;
    let mut ada = enter(&server, "ada").await;
    ada.say(r#"{"id":2,"subscribe":{"channel":"market:NOVA"}}"#).await;
    ada.hear().await;
    for _ in 0..3 {
        let push = ada.hear().await;
        assert!(push.contains(r#""channel":"market:NOVA""#), "{push}");
        assert!(push.contains(r#""price":"#) && push.contains(r#""open":"#), "{push}");
    }
}

#[tokio::test]
async fn pages_come_with_a_policy_and_are_sent_once() {
    let server = demo().await;
    let (head, body) = ask(&server, "GET /dashboard/", "", "").await;
    assert!(head.starts_with("http/1.1 200") && body.starts_with("<!doctype html>"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'self'"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an ETag");
    let again = format!("If-None-Match: {etag}\r\n");
    let (head, body) = ask(&server, "GET /dashboard/", &again, "").await;
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
    let (head, _) = ask(&server, "GET /demos/chat", "", "").await;
    assert!(head.starts_with("http/1.1 308") && head.contains("location: chat/"), "{head}");
    let (head, _) = ask(&server, "GET /nothing", "", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    let (head, _) = ask(&server, "POST /dashboard/", "", "").await;
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

#[tokio::test]
async fn without_demo_there_are_no_demos() {
    let server = Running::start(&[("client.insecure", "true"), ("http_api.key", KEY)]).await;
    let (head, _) = ask(&server, "GET /demos/chat/", "", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert_ne!(post(&server, "/demos/token", "", r#"{"user":"ada"}"#).await.0, 200);
    let (head, _) = ask(&server, "GET /", "", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}
