//! Settings that a server obeys, seen from outside.

mod support;

use std::net::SocketAddr;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkline::Connector;
use trunkline::tls::ClientTls;
use trunkline_server::Server;
use trunkline_server::config::Sources;

use support::{Running, api};

async fn start(sources: Sources) -> Server {
    let config = sources.load().unwrap_or_else(|problems| panic!("{problems}")).config;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Server::start_on(listener, config).await.unwrap()
}

/// A certificate authority, with a certificate and a key for each of these names.
fn certificates(names: [&str; 2]) -> (String, [(String, String); 2]) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let made = names.map(|name| {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new([name.into()]).unwrap().signed_by(&key, &ca).unwrap();
        (cert.pem(), key.serialize_pem())
    });
    (ca.pem(), made)
}

#[tokio::test]
async fn with_client_ca_pem_only_clients_with_a_certificate_are_let_in() {
    let (ca, [server, client]) = certificates(["localhost", "client"]);
    let server = start(
        Sources::new()
            .set("client.insecure", "true")
            .set("http_server.tls.enabled", "true")
            .set("http_server.tls.cert_pem", server.0)
            .set("http_server.tls.key_pem", server.1)
            .set("http_server.tls.client_ca_pem", &ca),
    )
    .await;
    let url = format!("wss://localhost:{}/connection/websocket", server.local_addr().port());
    let tls = ClientTls::new().without_platform_roots().with_root_pem(&ca).unwrap();
    let without = Connector::new().with_tls(tls.clone()).connect(&url).await;
    assert!(without.is_err(), "it has no certificate");
    let with = tls.with_identity_pem(client.0, client.1).unwrap();
    Connector::new().with_tls(with).connect(&url).await.expect("it has one");
}

/// Whether a client that looks for `localhost` is shown a certificate of that name.
async fn shows_localhost(server: &Server, ca: &str) -> bool {
    let url = format!("wss://localhost:{}/connection/websocket", server.local_addr().port());
    let tls = ClientTls::new().without_platform_roots().with_root_pem(ca).unwrap();
    Connector::new().with_tls(tls).connect(&url).await.is_ok()
}

#[tokio::test]
async fn a_reload_shows_a_certificate_in_another_file() {
    let dir = std::env::temp_dir().join(format!("trunkline-certificates-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (ca, made) = certificates(["localhost", "other.example"]);
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    for (number, (cert, key)) in made.iter().enumerate() {
        write(&format!("{number}.pem"), cert);
        write(&format!("{number}.key"), key);
    }
    let sources = |number: usize| {
        let path = |end: &str| dir.join(format!("{number}.{end}")).to_str().unwrap().to_owned();
        Sources::new()
            .set("http_server.tls.enabled", "true")
            .set("http_server.tls.cert_pem", path("pem"))
            .set("http_server.tls.key_pem", path("key"))
    };
    let config = |number: usize| sources(number).load().unwrap().config;
    let server = start(sources(0)).await;
    assert!(shows_localhost(&server, &ca).await);

    let reload = server.reload(config(1)).await.unwrap();
    assert_eq!(reload.changed, ["http_server.tls.cert_pem", "http_server.tls.key_pem"]);
    assert!(!shows_localhost(&server, &ca).await);

    // Other bytes in the same file count as well; a key of another certificate changes nothing.
    write("1.pem", &made[0].0);
    assert!(server.reload(config(1)).await.is_err());
    assert!(!shows_localhost(&server, &ca).await);
    write("1.key", &made[0].1);
    assert!(server.reload(config(1)).await.unwrap().changed.is_empty());
    assert!(shows_localhost(&server, &ca).await);
    std::fs::remove_dir_all(&dir).unwrap();
}

/// The extensions that a client is told which offers compression.
async fn agreed(address: SocketAddr) -> Option<String> {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /connection/websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap().into());
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let line = head.lines().find(|it| it.to_ascii_lowercase().starts_with("sec-websocket-ext"))?;
    line.split_once(": ").map(|(_, value)| value.into())
}

#[tokio::test]
async fn compression_is_agreed_on_where_it_is_switched_on() {
    let plain = start(Sources::new()).await;
    assert_eq!(agreed(plain.local_addr()).await, None);
    let compressing = start(Sources::new().set("websocket.compression", "true")).await;
    let extensions = agreed(compressing.local_addr()).await.expect("it was offered");
    assert!(extensions.starts_with("permessage-deflate"), "{extensions}");
}

#[tokio::test]
async fn an_address_has_as_many_connections_as_it_may() {
    let server = start(Sources::new().set("client.address_connection_limit", "1")).await;
    let url = format!("ws://{}/connection/websocket", server.local_addr());
    let first = trunkline::connect(&url).await.expect("one may come");
    assert!(trunkline::connect(&url).await.is_err(), "a second one may not");
    drop(first);
}

/// A server that starts again finds its channels where they were; `tests/broker` says what follows from it.
#[tokio::test]
async fn a_data_directory_keeps_where_channels_live() {
    let dir = std::env::temp_dir().join(format!("trunkline-settings-{}", std::process::id()));
    let sources = Sources::new().set("data.dir", dir.to_str().unwrap()).set("node.shards", "3");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let server = start(sources.clone()).await;
        keys.push(std::fs::read(dir.join("homes.key")).unwrap());
        drop(server);
    }
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(keys[0].len(), 16);
    assert_eq!(keys[0], keys[1]);
}

/// A fifth of the file is for histories, so of 64 MiB some 13: more is refused until there is room.
#[tokio::test]
async fn a_data_directory_grows_no_further_than_it_may() {
    let dir = std::env::temp_dir().join(format!("trunkline-max-size-{}", std::process::id()));
    let server = Running::start(&[
        ("data.dir", dir.to_str().unwrap()),
        ("data.max_size", "67108864"),
        ("data.fsync", "always"),
        ("http_api.key", "a-key-for-tests"),
        ("channel.without_namespace.history_size", "100000"),
        ("channel.without_namespace.history_ttl", "1h"),
    ])
    .await;
    let text = "x".repeat(1 << 19);
    let mut refused = 0;
    for number in 0..64 {
        let body = format!(r#"{{"channel":"{number}","data":"{text}"}}"#);
        let (status, answer) = api(&server, "publish", "a-key-for-tests", &body).await;
        assert_eq!(status, 200);
        refused += u32::from(answer.contains(r#""code":100"#));
    }
    let len = std::fs::metadata(dir.join("history.redb")).unwrap().len();
    drop(server);
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(len <= 67_108_864, "{len} bytes");
    assert!((1..64).contains(&refused), "{refused} of 64 were refused");
}

/// Paths are refused when they are read, or served: none is found out when a router is made of it.
#[tokio::test]
async fn every_path_that_is_taken_can_be_served() {
    let paths = [
        "/a",
        "/a/",
        "//",
        "//a",
        "/a//b",
        "/:a",
        "/a:b",
        "/*",
        "/*a",
        "/{a}",
        "/{*a}",
        "/{",
        "/}",
        "/{{a}}",
        "/a{b}c",
        "/api",
        "/health",
        "/ready",
        "/metrics",
        "/dashboard",
        "/dashboard/",
        "/api/x",
        "/api/health",
        "/connection/websocket",
        "/demos/token",
        "/.",
        "/..",
        "/~a",
        "/a;b",
        "/-",
    ];
    for key in ["websocket", "http_api", "prometheus", "health"] {
        for path in paths {
            let key = format!("{key}.handler_prefix");
            let sources = Sources::new().set("prometheus.enabled", "true").set(&key, path);
            let Ok(loaded) = sources.load() else { continue };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let started = Server::start_on(listener, loaded.config).await;
            assert!(started.is_ok(), "{key} = {path}");
        }
    }
}
