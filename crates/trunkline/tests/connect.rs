//! From a URL to an open connection, against servers on real sockets.

mod support;

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use trunkline::handshake::Acceptance;
use trunkline::{
    CloseCode, ConnectError, Connector, Fault, Lookup, Server, Stage, Upgrade, WebSocket,
};

use support::*;

/// Connects to addresses that a resolver of ours gives for a host that does not exist.
async fn connect_to(
    connector: Connector,
    addresses: &[SocketAddr],
) -> Result<WebSocket, ConnectError> {
    let addresses = addresses.to_vec();
    let connector = connector.with_resolver(move |host: &str, port: u16| {
        assert_eq!((host, port), ("host.invalid", 80));
        Lookup::ready(addresses.clone())
    });
    connector.connect("ws://host.invalid/").await
}

/// An address of which it is known that nobody listens there: its port is taken, and refuses. Where a
/// machine has no IPv6, it is one of IPv4 all the same.
fn refusing(ip: &str) -> (SocketAddr, TcpSocket) {
    let address: SocketAddr = format!("{ip}:0").parse().unwrap();
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    match socket.and_then(|socket| socket.bind(address).map(|()| socket)) {
        Ok(socket) => (socket.local_addr().unwrap(), socket),
        Err(error) if address.is_ipv6() => {
            eprintln!("skipped: no address {ip} here ({error})");
            refusing("127.0.0.1")
        }
        Err(error) => panic!("{error}"),
    }
}

/// An address that does not answer: its queue of connections is full, and what comes is dropped.
async fn silent() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(tcp) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queue.push(tcp.unwrap());
        assert!(queue.len() < 100, "the queue is never full");
    }
    (address, (listener, queue))
}

#[tokio::test]
async fn a_url_is_all_that_it_takes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut ws = trunkline::accept(tcp).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
        ws.recv().await.unwrap()
    });
    let mut ws: WebSocket = trunkline::connect(&format!("ws://{address}/chat")).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap(), None);
}

#[tokio::test]
async fn wss_over_a_stream_is_refused_unless_it_is_said_to_be_secured() {
    let (client, server) = tokio::io::duplex(4096);
    let refused = trunkline::connect_over("wss://localhost/", client).await;
    let error = refused.unwrap_err();
    assert_eq!((error.stage(), error.fault()), (Stage::Url, Fault::Caller));
    assert!(error.to_string().contains("connect_over_secured"), "{error}");
    drop(server);

    let (client, server) = tokio::io::duplex(4096);
    let connector = Connector::new();
    let (ws, accepted) = tokio::join!(
        connector.connect_over_secured("wss://localhost/", client),
        trunkline::accept(server)
    );
    assert!(ws.is_ok() && accepted.is_ok());
}

#[tokio::test]
async fn dead_address_in_front_is_passed_over() {
    let live = echo().await;
    for ip in ["127.0.0.1", "[::1]"] {
        let (dead, _socket) = refusing(ip);
        let mut ws = connect_to(Connector::new(), &[dead, live]).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    }
}

#[tokio::test]
async fn silent_address_is_overtaken_after_the_attempt_delay() {
    let live = echo().await;
    let (silent, _queue) = silent().await;
    for (connector, delay) in [
        (Connector::new(), 250),
        (Connector::new().with_attempt_delay(Duration::from_millis(20)), 20),
        (Connector::new().with_attempt_delay(Duration::ZERO), 10),
    ] {
        let start = Instant::now();
        connect_to(connector, &[silent, live]).await.unwrap();
        // That it does not take longer is shown in stopped time, by `race`.
        assert!(start.elapsed() >= Duration::from_millis(delay), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn messages_are_not_held_back_by_nagle() {
    let ws = connect_to(Connector::new(), &[echo().await]).await.unwrap();
    assert_eq!(ws.stream().tcp().map(|tcp| tcp.nodelay().unwrap()), Some(true));
}

#[tokio::test]
async fn every_address_is_told_with_its_fate() {
    let (first, _first) = refusing("127.0.0.1");
    let (second, _second) = refusing("[::1]");
    let (third, _third) = refusing("127.0.0.1");
    let error = connect_to(Connector::new(), &[first, second, third]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no connection to host.invalid:80: connection refused at {first}, {second} and {third}"
        )
    );
    assert_eq!((error.stage(), error.fault()), (Stage::Tcp, Fault::Network));
    assert!(error.is_retryable() && !error.is_timeout());
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>();
    assert_eq!(source.unwrap().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn url_with_an_address_is_refused_at_that_address() {
    let (v4, _v4) = refusing("127.0.0.1");
    let (v6, _v6) = refusing("[::1]");
    for address in [v4, v6] {
        let error = trunkline::connect(&format!("ws://{address}/")).await.unwrap_err();
        let expect = format!("no connection to {address}: connection refused at {address}");
        assert_eq!(error.to_string(), expect);
    }
}

#[tokio::test]
async fn addresses_beyond_the_limit_are_not_tried() {
    let (dead, _socket) = refusing("127.0.0.1");
    let live = echo().await;
    let error =
        connect_to(Connector::new().with_addresses_max(1), &[dead, live]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no connection to host.invalid:80: connection refused at {dead}, one more address was \
             not tried"
        )
    );
    assert!(connect_to(Connector::new().with_addresses_max(2), &[dead, live]).await.is_ok());
    assert!(connect_to(Connector::new().with_addresses_max(0), &[live]).await.is_ok());
}

#[tokio::test]
async fn silence_is_given_up_after_the_tcp_timeout() {
    let (silent, _queue) = silent().await;
    let (dead, _socket) = refusing("127.0.0.1");
    let connector = Connector::new().with_tcp_timeout(Duration::from_millis(50));
    let error = connect_to(connector, &[dead, silent]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "connecting to host.invalid:80 (connection refused at {dead}, no answer at {silent}) took \
             longer than tcp_timeout (50ms)"
        )
    );
    assert!(error.is_timeout() && error.is_retryable());
    assert_eq!((error.stage(), error.fault()), (Stage::Tcp, Fault::Network));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn all_steps_together_have_the_total_timeout() {
    let (silent, _queue) = silent().await;
    let connector = Connector::new().with_total_timeout(Duration::from_millis(50));
    let error = connect_to(connector, &[silent]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "connecting to host.invalid:80 (no answer at {silent}) took longer than total_timeout (50ms)"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn resolver_that_never_answers_is_given_up() {
    let never = |_: &str, _: u16| Lookup::new(pending());
    for (connector, seconds, setting) in [
        (Connector::new(), 10, "resolve_timeout (10s)"),
        (Connector::new().with_resolve_timeout(secs(3)), 3, "resolve_timeout (3s)"),
        (Connector::new().with_resolve_timeout(Duration::MAX), 30, "total_timeout (30s)"),
        (Connector::new().with_total_timeout(secs(5)), 5, "total_timeout (5s)"),
        (Connector::new().with_total_timeout(Duration::MAX), 10, "resolve_timeout (10s)"),
    ] {
        let start = tokio::time::Instant::now();
        let error =
            connector.with_resolver(never).connect("wss://host.invalid/").await.unwrap_err();
        assert_elapsed(start, seconds);
        let expect = format!("looking up host.invalid took longer than {setting}");
        assert_eq!(error.to_string(), expect);
        assert_eq!((error.stage(), error.fault()), (Stage::Resolve, Fault::Network));
        assert!(error.is_timeout() && error.is_retryable());
    }
}

#[tokio::test]
async fn name_that_resolves_to_nothing_is_told() {
    let error = connect_to(Connector::new(), &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "host.invalid has no address");
    assert_eq!((error.stage(), error.fault()), (Stage::Resolve, Fault::Network));

    let failing = |_: &str, _: u16| {
        Lookup::new(async {
            Err(io::Error::new(io::ErrorKind::TimedOut, "no name server answers"))
        })
    };
    let connector = Connector::new().with_resolver(failing);
    let error = connector.connect("ws://host.invalid/").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no address of host.invalid is known (no name server answers): check the name and the name \
         server"
    );
    assert!(error.is_retryable() && error.is_timeout());
}

/// The system refuses a label of more than 63 bytes without asking anyone (RFC 1035 §2.3.4).
#[tokio::test]
async fn name_that_the_system_does_not_know_is_told() {
    let host = format!("{}.invalid", "a".repeat(64));
    let error = trunkline::connect(&format!("ws://{host}/?token=1")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("no address of {host} is known (")), "{text}");
    assert!(!text.contains("failed to lookup"), "{text}");
    assert_eq!((error.stage(), error.fault()), (Stage::Resolve, Fault::Network));
}

#[tokio::test]
async fn url_that_is_none_is_told_before_anything_is_looked_up() {
    let connector = Connector::new().with_resolver(|_: &str, _: u16| panic!("it is looked up"));
    for (url, expect) in [
        ("http://a.invalid/", "the URL does not begin with ws:// or wss://"),
        ("ws://a.invalid/#b", "the URL has a fragment: leave it out, or write # as %23"),
        (
            "ws://a b/",
            "the URL holds a space, a control or a character beyond ASCII: percent-encode it",
        ),
    ] {
        let error = connector.connect(url).await.unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert_eq!((error.stage(), error.fault()), (Stage::Url, Fault::Caller));
        assert!(!error.is_retryable() && error.response().is_none());
    }
}

#[cfg(unix)]
mod unix {
    use std::path::PathBuf;

    use tokio::net::UnixListener;

    use super::*;

    /// A place for a socket of the test `name`; paths of sockets are short.
    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tl {name} {}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    /// Accepts one connection, and gives the host and the target that were asked for.
    async fn accept(listener: UnixListener) -> (String, String) {
        let (unix, _) = listener.accept().await.unwrap();
        let upgrade = trunkline::Acceptor::new().read_request(unix).await.unwrap();
        let host = upgrade.request().header("Host").unwrap().to_vec();
        let path = upgrade.request().path().to_owned();
        let mut ws = upgrade.accept().await.unwrap();
        ws.recv().await.unwrap();
        (String::from_utf8(host).unwrap(), path)
    }

    #[tokio::test]
    async fn socket_is_reached_by_url_and_by_path() {
        let path = place("reached");
        let encoded = path.to_str().unwrap().replace(' ', "%20");
        for by_url in [true, false] {
            let server = tokio::spawn(accept(UnixListener::bind(&path).unwrap()));
            let mut ws = if by_url {
                trunkline::connect(&format!("ws+unix://{encoded}:/chat")).await.unwrap()
            } else {
                Connector::new().connect_unix(&path, "ws://app.example:8080/chat").await.unwrap()
            };
            ws.close(CloseCode::NORMAL, "").await.unwrap();
            let host = if by_url { "localhost" } else { "app.example:8080" };
            assert_eq!(server.await.unwrap(), (host.to_owned(), "/chat".to_owned()));
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[tokio::test]
    async fn socket_that_cannot_be_reached_is_told() {
        let path = place("unreached");
        let shown = path.display();
        let error = Connector::new().connect_unix(&path, "ws://localhost/").await.unwrap_err();
        assert_eq!(error.to_string(), format!("no connection to {shown}: no such socket"));
        assert!(error.is_retryable(), "its server may not have begun");

        drop(UnixListener::bind(&path).unwrap());
        let error = Connector::new().connect_unix(&path, "ws://localhost/").await.unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            error.to_string(),
            format!("no connection to {shown}: connection refused: nobody listens on it")
        );
        assert_eq!((error.stage(), error.fault()), (Stage::Tcp, Fault::Network));

        let long = "a".repeat(1000);
        let error = Connector::new().connect_unix(long, "ws://localhost/").await.unwrap_err();
        assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));
    }

    #[tokio::test]
    async fn url_of_a_socket_that_is_none_is_told() {
        let error = trunkline::connect("ws+unix://run/app.sock:/chat").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "a ws+unix: URL has an absolute path of a socket, then a colon and what to ask for: \
             ws+unix:///run/app.sock:/chat"
        );
    }
}

#[tokio::test]
async fn who_asks_for_the_answer_of_the_server_gets_it() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    tokio::spawn(server.serve_upgrades(|upgrade: Upgrade| async move {
        let acceptance = Acceptance::new().with_header("X-Session", "42").unwrap();
        let mut ws = upgrade.accept_with(&acceptance).await.unwrap();
        ws.send("welcome").await
    }));
    let (mut ws, response) = Connector::new().connect_with_response(&url).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.header("x-session"), Some(&b"42"[..]));
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("welcome"));
}
