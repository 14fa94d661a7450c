//! What a client may do before it has said who it is, and who it is from then on.

use std::collections::HashSet;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use trunkline_server::Server;
use trunkline_server::auth::NewToken;
use trunkline_server::config::{Secret, Sources};

use crate::support::{Client, Running, api};
use crate::wire::{Wire, frame, upgrade};

const SECRET: &str = "a secret of more than thirty-two bytes";

#[tokio::test]
async fn sec_hb_01_nothing_is_done_before_a_connect() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("channel.without_namespace.history_size", "9"),
        ("channel.without_namespace.history_ttl", "60s"),
    ])
    .await;
    let mut witness = Client::connect(&server).await;
    witness.say(r#"{"id":2,"subscribe":{"channel":"news"}}"#).await;
    witness.hear().await;
    let commands = [
        r#""subscribe":{"channel":"news"}"#,
        r#""publish":{"channel":"news","data":"early"}"#,
        r#""history":{"channel":"news","limit":9}"#,
        r#""presence":{"channel":"news"}"#,
        r#""presence_stats":{"channel":"news"}"#,
        r#""unsubscribe":{"channel":"news"}"#,
        r#""rpc":{"method":"x","data":1}"#,
        r#""send":{"data":1}"#,
        r#""refresh":{"token":"x"}"#,
        r#""sub_refresh":{"channel":"news","token":"x"}"#,
        r#""subscribe":{"channel":"news","token":"x"}"#,
        r#""ping":{}"#,
    ];
    for command in commands {
        let mut client = Client::open(&server).await;
        // What follows in the same frame is not done either.
        client.say(&format!("{{\"id\":1,{command}}}\n{{\"id\":2,\"connect\":{{}}}}")).await;
        assert_eq!(client.closed().await.0, 3501, "{command}");
    }
    // The same in Protobuf: publish "early" to "news".
    let mut wire = Wire::open(&server).await;
    wire.write(upgrade("Sec-WebSocket-Protocol: centrifuge-protobuf\r\n")).await;
    wire.head().await;
    wire.write(frame(0x82, b"\x13\x08\x01\x3a\x0f\x0a\x04news\x12\x07\"early\"")).await;
    assert_eq!(wire.close_code().await, 3501);

    witness.say(r#"{"id":3,"publish":{"channel":"news","data":"first"}}"#).await;
    let heard = witness.hear().await;
    assert!(heard.contains(r#""data":"first""#) && heard.contains(r#""offset":1"#), "{heard}");
}

/// Nobody becomes another by connecting again, or with a token of another to refresh with.
#[tokio::test]
async fn sec_hb_04_a_connection_stays_who_it_is() {
    let server =
        Running::start(&[("client.token.hmac_secret_key", SECRET), ("http_api.key", "k")]).await;
    let secret = Secret::new(SECRET);
    let token = |user: &str| {
        NewToken { exp: Some(4_000_000_000), ..NewToken::for_user(user) }.sign(&secret)
    };
    let (anna, bert) = (token("anna"), token("bert"));
    // Whose connection it is, is asked before a token is looked at.
    for (second, token, expected) in
        [("connect", &*bert, 3501), ("connect", "x", 3501), ("refresh", &bert, 3500)]
    {
        let mut client = Client::open(&server).await;
        client.say(&format!(r#"{{"id":1,"connect":{{"token":"{anna}"}}}}"#)).await;
        assert!(client.hear().await.contains(r#""client":""#));
        let (_, page) = api(&server, "connections", "k", r#"{"user":"anna"}"#).await;
        assert!(page.contains(r#""user":"anna""#), "{page}");
        client.say(&format!(r#"{{"id":2,"{second}":{{"token":"{token}"}}}}"#)).await;
        assert_eq!(client.closed().await.0, expected, "{second} {token}");
        let (_, page) = api(&server, "connections", "k", r#"{"user":"bert"}"#).await;
        assert!(page.contains(r#""connections":[]"#), "{page}");
    }
}

/// Where there is no subscription, a token for one is not looked at, and costs nobody the connection.
#[tokio::test]
async fn sec_hb_04_a_token_for_a_channel_without_a_subscription_is_not_judged() {
    let server = Running::start(&[("client.allow_anonymous_connect_without_token", "true")]).await;
    let mut client = Client::connect(&server).await;
    client.say(r#"{"id":2,"sub_refresh":{"channel":"news","token":"x"}}"#).await;
    assert!(client.hear().await.starts_with(r#"{"id":2,"error":{"code":103,"#));
}

/// Whoever the API ends is gone at once, on every thread, and nobody else is.
#[tokio::test]
async fn sec_hb_03_who_is_disconnected_by_the_api_is_gone() {
    let server = Running::start(&[
        ("client.token.hmac_secret_key", SECRET),
        ("http_api.key", "k"),
        ("node.shards", "3"),
    ])
    .await;
    let mut clients = Vec::new();
    for user in ["anna", "bert", "anna", "anna"] {
        let token = NewToken::for_user(user).sign(&Secret::new(SECRET));
        let mut client = Client::open(&server).await;
        client.say(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#)).await;
        assert!(client.hear().await.contains(r#""client":""#));
        clients.push(client);
    }
    let mut bert = clients.remove(1);
    assert_eq!(api(&server, "disconnect", "k", r#"{"user":"anna"}"#).await.0, 200);
    for mut anna in clients {
        assert_eq!(anna.closed().await.0, 3503);
    }
    bert.say(r#"{"id":2,"publish":{"channel":"a","data":1}}"#).await;
    assert!(bert.hear().await.contains(r#""id":2"#), "he is still there");
}

/// SEC-HB-07: each bit of an id is as often 0 as 1, and no id comes twice.
#[tokio::test]
async fn sec_hb_07_ids_of_clients_cannot_be_foretold() {
    const CLIENTS: usize = 400;
    let server =
        Running::start(&[("client.insecure", "true"), ("client.address_connection_burst", "1000")])
            .await;
    let (mut seen, mut ones) = (HashSet::new(), [0; 128]);
    for _ in 0..CLIENTS {
        let mut client = Client::open(&server).await;
        client.say(r#"{"id":1,"connect":{}}"#).await;
        let reply = client.hear().await;
        let id = reply.split('"').nth(7).expect("an id").replace('-', "");
        let bits = u128::from_str_radix(&id, 16).expect("128 bits");
        assert!(seen.insert(bits), "{id} came twice");
        (0..128).for_each(|i| ones[i] += usize::from(bits >> i & 1 == 1));
    }
    // A UUID says of itself in six bits that it is one. Six standard deviations are 60 of 400.
    let fair = ones.iter().filter(|it| (140..=260).contains(*it)).count();
    assert!(fair >= 122, "{ones:?}");
}

/// SEC-BP-05: who stops reading is let go, and nobody else waits or misses anything.
#[tokio::test]
async fn sec_bp_05_who_stops_reading_is_let_go_and_others_miss_nothing() {
    const PUBLICATIONS: usize = 300;
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("http_api.key", "k"),
        ("prometheus.enabled", "true"),
        ("client.queue_max_size", "262144"),
        ("client.address_connection_burst", "10000"),
    ])
    .await;
    let mut stuck = Vec::new();
    for _ in 0..2 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut wire = Wire(socket.connect(server.address()).await.unwrap());
        wire.write(upgrade("")).await;
        wire.head().await;
        wire.write(frame(
            0x81,
            b"{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"news\"}}",
        ))
        .await;
        stuck.push(wire);
    }
    let mut readers = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(&server).await;
        client.say(r#"{"id":2,"subscribe":{"channel":"news"}}"#).await;
        assert_eq!(client.hear().await, r#"{"id":2,"subscribe":{}}"#);
        readers.push(tokio::spawn(async move {
            for number in 0..PUBLICATIONS {
                let heard = client.hear().await;
                assert!(heard.contains(&format!(r#""data":["{number}","#)), "{number}");
            }
        }));
    }
    while !api(&server, "channels", "k", "{}").await.1.contains(r#""num_clients":10"#) {}
    let large = "x".repeat(60_000);
    for number in 0..PUBLICATIONS {
        let body = format!(r#"{{"channel":"news","data":["{number}","{large}"]}}"#);
        assert_eq!(api(&server, "publish", "k", &body).await.0, 200);
        // As fast as those who read can read, on a busy machine as well.
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let mut wire = Wire::open(&server).await;
    wire.write("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let metrics = String::from_utf8(wire.rest().await).unwrap();
    assert!(metrics.contains("\ntrunkline_slow_disconnects_total 2\n"), "{metrics}");
}

/// SEC-HB-33: those who are there are told to come back, spread out; nobody new is let in.
#[tokio::test]
async fn sec_hb_33_a_drain_tells_all_to_come_back() {
    const CLIENTS: usize = 20;
    let sources = Sources::new().set("client.insecure", "true");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start_on(listener, sources.load().unwrap().config).await.unwrap();
    let address = server.local_addr();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let tcp = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/connection/websocket");
        let mut ws = trunkline::connect_over(&url, tcp).await.unwrap();
        ws.send(r#"{"id":1,"connect":{}}"#).await.unwrap();
        ws.recv().await.unwrap();
        clients.push(tokio::spawn(async move {
            while ws.recv().await.unwrap().is_some() {}
            (ws.close_info().and_then(|it| it.code).map(|it| it.get()), std::time::Instant::now())
        }));
    }
    let spread = Duration::from_millis(500);
    server.drain(spread, Duration::from_secs(20)).await;
    let mut ends = Vec::new();
    for client in clients {
        let (code, at) = client.await.unwrap();
        assert_eq!(code, Some(3001));
        ends.push(at);
    }
    ends.sort();
    let took = ends[CLIENTS - 1] - ends[0];
    assert!(took >= spread / 2, "they did not all go at once: {took:?}");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// Who was away and comes back to more than its outbox holds gets it all the same, as long as it reads.
#[tokio::test]
async fn sec_bp_05_who_comes_back_to_full_histories_is_not_taken_for_slow() {
    let server = Running::start(&[
        ("client.insecure", "true"),
        ("http_api.key", "k"),
        ("client.address_connection_burst", "10000"),
        ("channel.without_namespace.history_size", "100"),
        ("channel.without_namespace.history_ttl", "60s"),
        ("channel.without_namespace.force_recovery", "true"),
    ])
    .await;
    let large = "x".repeat(60_000);
    let mut commands = vec![r#"{"id":1,"connect":{}}"#.to_owned()];
    for channel in ["a", "b", "c", "d", "e", "f"] {
        let mut epoch = String::new();
        for number in 0..16 {
            let body = format!(r#"{{"channel":"{channel}","data":["{number}","{large}"]}}"#);
            let (_, answer) = api(&server, "publish", "k", &body).await;
            epoch = answer.split('"').nth(7).unwrap().to_owned();
        }
        commands.push(format!(
            r#"{{"id":2,"subscribe":{{"channel":"{channel}","recover":true,"offset":0,"epoch":"{epoch}"}}}}"#
        ));
    }
    let mut client = Client::open(&server).await;
    client.say(&commands.join("\n")).await;
    assert!(client.hear().await.contains(r#""client":""#));
    for _ in 0..6 {
        let reply = client.hear().await;
        assert!(reply.contains(r#""recovered":true"#), "{}", &reply[..reply.len().min(300)]);
    }
}
