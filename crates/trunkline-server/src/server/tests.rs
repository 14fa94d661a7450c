use std::path::Path;

use tokio::net::TcpStream;
use trunkline::WebSocket;

use super::*;
use crate::config::Sources;
use crate::fault::Fault;
use folder::Folder;

#[path = "../../tests/broker/folder.rs"]
mod folder;

type Client = WebSocket<TcpStream>;

/// A server that does not survive publications into `fatal`.
async fn fragile(dir: Option<&Path>) -> Server {
    let mut sources = Sources::new()
        .set("client.insecure", "true")
        .set("http_api.insecure", "true")
        .set("node.shards", "2")
        .set("channel.without_namespace.history_size", "10")
        .set("channel.without_namespace.history_ttl", "1h")
        .set("channel.without_namespace.force_positioning", "true");
    if let Some(dir) = dir {
        sources = sources.set("data.dir", dir.display().to_string()).set("data.fsync", "interval");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = sources.load().unwrap().config;
    Server::start_with(listener, config, &Fault::Partition).await.unwrap()
}

async fn client(server: &Server) -> Client {
    let address = server.local_addr();
    let tcp = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/connection/websocket");
    let mut client = trunkline::connect_over(&url, tcp).await.unwrap();
    ask(&mut client, r#"{"id":1,"connect":{}}"#).await;
    client
}

async fn ask(client: &mut Client, command: &str) -> String {
    client.send(command).await.unwrap();
    client.recv().await.unwrap().expect("it is open").as_text().expect("JSON").into()
}

/// The epoch of a channel, for a client that subscribes to it.
async fn epoch(server: &Server) -> String {
    let reply = ask(&mut client(server).await, r#"{"id":2,"subscribe":{"channel":"news"}}"#).await;
    let (_, epoch) = reply.split_once(r#""epoch":""#).expect("a position");
    epoch.chars().take_while(|it| *it != '"').collect()
}

/// SEC-RL-15: what a panic left of hub and partition is not used any more. The clients of that thread are cut
/// off, so that they come back; the others stay until the process ends, which is told at once.
#[tokio::test]
async fn sec_rl_15_a_panic_in_what_clients_share_ends_its_shard_and_is_told() {
    let mut server = fragile(None).await;
    let mut clients = [client(&server).await, client(&server).await];
    let [unlucky, _] = &mut clients;
    unlucky.send(r#"{"id":2,"publish":{"channel":"fatal","data":1}}"#).await.unwrap();
    let Part::Shard(broken) = server.broken().await else { panic!("no shard") };
    // Sockets are dealt out in turn, the first to shard 1.
    let [first, second] = clients;
    let (mut cut_off, mut other) = if broken == 1 { (first, second) } else { (second, first) };
    assert!(cut_off.recv().await.is_err(), "the transport ends without a close frame");
    other.send(r#"{"id":3,"ping":{}}"#).await.unwrap();
    assert!(other.recv().await.unwrap().is_some());
}

/// The same where nobody's task is at work: a backend publishes.
#[tokio::test]
async fn sec_rl_15_a_panic_in_the_turn_of_a_shard_is_told() {
    let mut server = fragile(None).await;
    let channel = trunkline_hub::ChannelName::new("fatal").unwrap();
    let publishing = server.node().publish(channel, trunkline_hub::broker::Publish::default());
    assert!(matches!(server.broken().await, Part::Shard(_)));
    drop(publishing);
}

/// What a panic left is not closed as if it were in order: under a policy that does not wait for the disk
/// clients that come back are told that they may have missed something.
#[tokio::test]
async fn sec_rl_15_after_a_panic_the_log_is_not_closed_in_order() {
    let folder = Folder::new();
    let mut server = fragile(Some(folder.path())).await;
    let before = epoch(&server).await;
    drop(server);
    server = fragile(Some(folder.path())).await;
    assert_eq!(epoch(&server).await, before);
    // As in a process that ends: what holds the lock of the folder is left behind.
    let copy = Folder::new();
    let mut unlucky = client(&server).await;
    unlucky.send(r#"{"id":2,"publish":{"channel":"fatal","data":1}}"#).await.unwrap();
    server.broken().await;
    drop(server);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    server = fragile(Some(copy.path())).await;
    assert_ne!(epoch(&server).await, before);
}

/// Without the task that accepts nobody new comes in, so its end is told too.
#[tokio::test]
async fn sec_rl_15_a_panic_of_the_listener_is_told() {
    let (breaks, mut broken) = unbounded_channel();
    let failing = async { panic!("the mistake") };
    tokio::spawn(watched(Part::Listener, breaks.clone(), failing)).await.unwrap_err();
    assert_eq!(broken.recv().await, Some(Part::Listener));
    tokio::spawn(watched(Part::Listener, breaks, async {})).await.unwrap();
    assert_eq!(broken.recv().await, None);
}

/// SEC-HB-24: where checks are off, only loopback is listened on, unless somebody says that more is meant.
#[test]
fn sec_hb_24_what_is_insecure_is_for_loopback_unless_told_otherwise() {
    let config = |settings: &[&str]| {
        let sources = settings.iter().fold(Sources::new(), |it, key| it.set(*key, "true"));
        sources.load().unwrap().config
    };
    let judge = |address: &str, config: &Config| judge_address(address.parse().unwrap(), config);
    let mut demos = config(&[]);
    demo::enable(&mut demos);
    let cases = [
        (config(&["client.insecure"]), "(client.insecure)"),
        (config(&["http_api.insecure"]), "(http_api.insecure)"),
        (config(&["client.insecure", "http_api.insecure"]), "(client.insecure, http_api.insecure)"),
        (demos, "(demo)"),
    ];
    for (mut config, says) in cases {
        for address in ["0.0.0.0:8000", "[::]:80", "192.0.2.1:1", "[2001:db8::1]:1", "10.0.0.1:1"] {
            let refused = judge(address, &config).expect_err(says).to_string();
            assert!(refused.contains(says) && refused.contains(address), "{refused}");
            assert!(refused.contains("http_server.allow_insecure"), "{refused}");
        }
        for address in ["127.0.0.1:8000", "127.1.2.3:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            judge(address, &config).expect("nobody else gets there");
        }
        config.http_server.allow_insecure = true;
        judge("0.0.0.0:8000", &config).expect("it is meant");
    }
    let api_off = config(&["http_api.insecure", "http_api.disabled"]);
    judge("0.0.0.0:8000", &api_off).expect("what is not there needs no key");
    judge("0.0.0.0:8000", &config(&[])).expect("nothing is off");
}
