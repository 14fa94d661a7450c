//! What a server counts of those that it does not let in.

mod support;

use support::{Client, Running, api, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn server(settings: &[(&str, &str)]) -> Running {
    let own = [("prometheus.enabled", "true"), ("client.token.hmac_secret_key", SECRET)];
    Running::start(&[&own, settings].concat()).await
}

/// The lines of the metrics that are not 0 and begin with one of these words.
async fn figures(server: &Running, begin: &[&str]) -> Vec<String> {
    let page = request(server, &["GET /metrics"], "").await.body;
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0"));
    let ours = lines.filter_map(|line| line.strip_prefix("trunkline_"));
    ours.filter(|line| begin.iter().any(|it| line.starts_with(it))).map(str::to_owned).collect()
}

/// Sends a request for a WebSocket and waits for the end of the answer.
async fn upgrade(server: &Running, path: &str, headers: &[&str]) -> String {
    let mut tcp = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{}\r\n\r\n",
        server.address(),
        headers.join("\r\n")
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn handshakes_that_are_refused_are_counted_by_reason() {
    let server = server(&[]).await;
    let path = "/connection/websocket";
    let version = "Sec-WebSocket-Version: 13";
    let long = format!("X: {}", "x".repeat(20_000));
    for (path, headers, status) in [
        (path, &[version, "Origin: https://evil.example"][..], 403),
        ("/elsewhere", &[version], 404),
        (path, &[version, &long], 431),
        (path, &["Sec-WebSocket-Version: 8"], 426),
    ] {
        let answer = upgrade(&server, path, headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    // On a connection that was plain HTTP before, it is another that judges.
    let mut tcp = TcpStream::connect(server.address()).await.unwrap();
    let twice = "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /elsewhere HTTP/1.1\r\nHost: a\r\n\
                 Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    tcp.write_all(twice.as_bytes()).await.unwrap();
    let mut answers = String::new();
    tcp.read_to_string(&mut answers).await.unwrap();
    assert!(answers.contains("HTTP/1.1 404 "), "{answers}");
    assert_eq!(
        figures(&server, &["handshakes_refused"]).await,
        [
            r#"handshakes_refused_total{reason="origin"} 1"#,
            r#"handshakes_refused_total{reason="path"} 2"#,
            r#"handshakes_refused_total{reason="too_large"} 1"#,
            r#"handshakes_refused_total{reason="request"} 1"#,
        ]
    );
}

#[tokio::test]
async fn tokens_that_are_refused_are_counted_by_reason_and_none_of_them_is_shown() {
    use trunkline_server::auth::{Denied, NewToken};
    use trunkline_server::config::Secret;

    let server = server(&[]).await;
    let old = NewToken { exp: Some(1), ..NewToken::for_user("planted-user") };
    let old = old.sign(&Secret::new(SECRET));
    for token in ["planted.token.x", "", &old, &old] {
        let mut client = Client::open(&server).await;
        client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
        // Those that expired are told so, and may bring another.
        if token == old {
            assert!(client.hear().await.contains(r#""code":109"#));
        } else {
            client.closed().await;
        }
    }
    assert_eq!(
        figures(&server, &["tokens_denied"]).await,
        [
            r#"tokens_denied_total{reason="no_token"} 1"#,
            r#"tokens_denied_total{reason="form"} 1"#,
            r#"tokens_denied_total{reason="expired"} 2"#,
        ]
    );
    let page = request(&server, &["GET /metrics"], "").await.body;
    assert!(!page.contains("planted") && !page.contains(SECRET));
    for denied in Denied::ALL {
        let line = format!(r#"trunkline_tokens_denied_total{{reason="{}"}} "#, denied.word());
        assert_eq!(page.matches(&line).count(), 1, "{line}");
    }
}

#[tokio::test]
async fn requests_without_a_key_or_of_other_pages_are_counted() {
    let server = server(&[("http_api.key", "a-key-for-tests")]).await;
    request(&server, &["POST /api/info", "X-API-Key: planted-key"], "").await;
    request(&server, &["GET /api/stats"], "").await;
    request(&server, &["GET /health", "Origin: https://planted.example"], "").await;
    assert_eq!(
        figures(&server, &["requests_refused"]).await,
        [
            r#"requests_refused_total{reason="key"} 2"#,
            r#"requests_refused_total{reason="origin"} 1"#,
        ]
    );
    let page = request(&server, &["GET /metrics"], "").await.body;
    assert!(!page.contains("planted"));
}

/// SEC-HB-24: whoever looks after many servers sees which of them has its checks off.
#[tokio::test]
async fn sec_hb_24_settings_that_switch_checks_off_are_a_metric() {
    let careful = server(&[]).await;
    assert_eq!(figures(&careful, &["insecure{"]).await, [""; 0]);
    let careless = server(&[("client.insecure", "true"), ("http_api.insecure", "true")]).await;
    assert_eq!(
        figures(&careless, &["insecure{"]).await,
        [r#"insecure{setting="client.insecure"} 1"#, r#"insecure{setting="http_api.insecure"} 1"#]
    );
    let disabled = [("http_api.insecure", "true"), ("http_api.disabled", "true")];
    assert_eq!(figures(&server(&disabled).await, &["insecure{"]).await, [""; 0]);
}

#[tokio::test]
async fn the_log_on_disk_tells_what_it_takes() {
    let memory = server(&[]).await;
    assert_eq!(figures(&memory, &["log_"]).await, [""; 0], "there is none");
    let folder = std::env::temp_dir().join(format!("trunkline-metrics-{}", std::process::id()));
    let settings = [
        ("data.dir", folder.to_str().unwrap()),
        ("data.fsync", "always"),
        ("http_api.key", "a-key-for-tests"),
        ("channel.without_namespace.history_size", "10"),
        ("channel.without_namespace.history_ttl", "1h"),
    ];
    let server = server(&settings).await;
    let body = r#"{"channel":"news","data":{}}"#;
    let (_, published) = api(&server, "publish", "a-key-for-tests", body).await;
    assert!(published.contains(r#""offset":1"#), "{published}");
    let page = request(&server, &["GET /metrics"], "").await.body;
    let figure = |name: &str| {
        let line = page.lines().find_map(|it| it.strip_prefix(&format!("trunkline_{name} ")));
        line.and_then(|it| it.parse::<u64>().ok()).unwrap_or_else(|| panic!("no {name}: {page}"))
    };
    let on_disk = folder.join("history.redb").metadata().unwrap().len();
    assert_eq!(figure("log_disk_bytes"), on_disk);
    assert!(figure("log_commits_total") >= 1);
    assert_eq!((figure("log_failures_total"), figure("log_failing")), (0, 0));
    drop(server);
    std::fs::remove_dir_all(&folder).unwrap();
}
