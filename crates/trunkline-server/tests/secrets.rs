//! What is secret is in nothing that the server writes: no log, no figure, no answer. A file of its own, as the log of
//! a process is for all of its tests.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use support::{Client, Running, api};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::fmt::MakeWriter;
use trunkline_server::auth::NewToken;
use trunkline_server::config::Secret;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const SECRET: &str = "planted-hmac-secret-of-more-than-32-bytes";
const KEY: &str = "planted-api-key";

/// SEC-HB-28: at the most talkative level, with good and bad tokens, keys and payloads.
#[tokio::test]
async fn sec_hb_28_what_is_secret_is_in_no_log_figure_or_answer() {
    let log = Written::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    subscriber.with_writer(log.clone()).try_init().unwrap();
    let server = Running::start(&[
        ("client.token.hmac_secret_key", SECRET),
        ("http_api.key", KEY),
        ("prometheus.enabled", "true"),
        ("health.enabled", "true"),
        ("channel.without_namespace.allow_publish_for_client", "true"),
        ("channel.without_namespace.allow_subscribe_for_client", "true"),
    ])
    .await;
    let (good, bad) =
        (Secret::new(SECRET), Secret::new("another secret of thirty-two bytes and more"));
    let mut token = NewToken::for_user("planted-user");
    token.exp = Some(4_000_000_000);
    token.info = Some("planted-info".into());
    let tokens = [token.sign(&good), token.sign(&bad), format!("planted.{}", token.sign(&good))];
    let mut answers = String::new();
    for token in &tokens[1..] {
        let mut client = Client::open(&server).await;
        client
            .say(&format!(r#"{{"id":1,"connect":{{"token":"{token}","data":"planted-data"}}}}"#))
            .await;
        answers += &client.closed().await.1;
    }
    let mut client = Client::open(&server).await;
    client
        .say(&format!(r#"{{"id":1,"connect":{{"token":"{}","data":"planted-data"}}}}"#, tokens[0]))
        .await;
    answers += &client.hear().await;
    let subscribe =
        format!(r#"{{"id":2,"subscribe":{{"channel":"news","token":"{}"}}}}"#, tokens[1]);
    for command in [
        &subscribe,
        r#"{"id":3,"subscribe":{"channel":"news"}}"#,
        r#"{"id":4,"publish":{"channel":"other","data":"planted-payload"}}"#,
        r#"{"id":5,"publish":{"channel":"planted name","data":"planted-payload"}}"#,
    ] {
        client.say(command).await;
        answers += &client.hear().await;
    }
    client.say(r#"{"id":6,"publish":{"channel":"news","data":planted-garbage}}"#).await;
    answers += &client.closed().await.1;

    let publish = r#"{"channel":"other","data":"planted-payload"}"#;
    answers += &api(&server, "publish", KEY, publish).await.1;
    answers += &api(&server, "publish", "planted-wrong-key", publish).await.1;
    answers += &api(&server, "publish", KEY, r#"{"data":"planted-payload"}"#).await.1;
    answers += &api(&server, "info", KEY, "{}").await.1;
    for path in [
        "/metrics",
        "/health",
        "/api/stats",
        "/planted-path",
        "/connection/websocket?token=planted-query",
    ] {
        let mut tcp = TcpStream::connect(server.address()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nCookie: planted-cookie\r\nConnection: close\r\n\r\n"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        tcp.read_to_string(&mut answers).await.unwrap();
    }
    drop(server);

    let log = log.text();
    assert!(
        log.contains("a token was refused") && log.contains("does not speak the protocol"),
        "{log}"
    );
    let denied = answers.lines().filter(|it| it.starts_with("trunkline_tokens_denied_total"));
    let denied = denied.filter_map(|it| it.rsplit(' ').next()?.parse::<u32>().ok()).sum::<u32>();
    assert_eq!(denied, 3, "the figures are in it: {answers}");
    for (place, text) in [("log", &log), ("answers", &answers)] {
        let shown =
            text.match_indices("planted").next().map(|(at, _)| &text[at.saturating_sub(200)..]);
        assert_eq!(shown, None, "in the {place}");
        for part in tokens.iter().flat_map(|it| it.split('.')).filter(|it| it.len() > 20) {
            assert!(!text.contains(part), "part of a token is in the {place}");
        }
    }
}
