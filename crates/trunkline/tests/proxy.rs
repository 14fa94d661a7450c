//! Connections through proxies: real ones, and others that refuse, lie, or break off.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use trunkline::tls::ClientTls;
use trunkline::{CloseCode, ConnectError, Connector, Fault, Lookup, Proxy, Stage};

use support::certificates::Authority;
use support::proxies::{Asked, SocksRules, echo, http_proxy, listen, socks5_proxy};
use support::{read_head, tls_echo};

/// Only a proxy knows where this is.
const URL: &str = "ws://server.test:8080/chat";

async fn http(
    upstream: SocketAddr,
    credentials: Option<&'static str>,
    asked: &Asked,
) -> SocketAddr {
    let asked = asked.clone();
    listen(move |tcp| {
        let asked = asked.clone();
        async move { http_proxy(tcp, upstream, credentials, &asked).await }
    })
    .await
}

/// It is `localhost` by its certificate.
async fn https(
    authority: &Authority,
    upstream: SocketAddr,
    credentials: Option<&'static str>,
    asked: &Asked,
) -> SocketAddr {
    let acceptor = TlsAcceptor::from(authority.server("localhost"));
    let asked = asked.clone();
    listen(move |tcp| {
        let (acceptor, asked) = (acceptor.clone(), asked.clone());
        async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            http_proxy(tls, upstream, credentials, &asked).await;
        }
    })
    .await
}

async fn socks5(rules: SocksRules, asked: &Asked) -> SocketAddr {
    let asked = asked.clone();
    listen(move |tcp| socks5_proxy(tcp, rules.clone(), asked.clone())).await
}

/// A proxy that reads a CONNECT and says `answer`.
async fn saying(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer: Arc<[u8]> = answer.into().into();
    listen(move |mut tcp| {
        let answer = Arc::clone(&answer);
        async move {
            read_head(&mut tcp).await;
            let _ = tcp.write_all(&answer).await;
        }
    })
    .await
}

fn through(proxy: &str) -> Connector {
    Connector::new().with_proxy(Proxy::parse(proxy).unwrap())
}

#[track_caller]
fn assert_shows_no_secret(connector: &Connector, error: &ConnectError) {
    let mut shown = format!("{connector:?} {error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown += &format!(" {error} {error:?}");
        source = error.source();
    }
    // Plain, in base64 (`hans:geheim`), and as bytes.
    for secret in ["hans", "geheim", "aGFuczpnZWhlaW0", "104, 97, 110"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// What is said of the proxy, which stands at the front of the message.
async fn refused(connector: &Connector, proxy: &str) -> (ConnectError, String) {
    let error = connector.connect(URL).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Proxy, "{error}");
    assert_shows_no_secret(connector, &error);
    let text = error.to_string();
    let start = format!("proxy {proxy}");
    assert!(text.starts_with(&start), "{text:?} begins with {start:?}");
    (error, text[start.len()..].to_owned())
}

async fn assert_echoes(connector: &Connector, url: &str) {
    let mut ws = connector.connect(url).await.unwrap_or_else(|error| panic!("{error}"));
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn plain_connections_go_through_a_tunnel_too() {
    let asked = Asked::default();
    let proxy = http(echo().await, None, &asked).await;
    assert_echoes(&through(&format!("http://{proxy}")), URL).await;
    let connect = "CONNECT server.test:8080 HTTP/1.1\r\nHost: server.test:8080\r\n\r\n";
    assert_eq!(asked.take(), [connect]);
}

#[tokio::test]
async fn port_of_the_scheme_is_written_out_for_the_proxy() {
    let asked = Asked::default();
    let proxy = http(echo().await, None, &asked).await;
    assert_echoes(&through(&format!("http://{proxy}")), "ws://[fd00::1]/chat").await;
    assert_eq!(asked.take(), ["CONNECT [fd00::1]:80 HTTP/1.1\r\nHost: [fd00::1]:80\r\n\r\n"]);
}

#[tokio::test]
async fn wss_is_encrypted_inside_the_tunnel_and_checked_against_the_server() {
    let (authority, asked) = (Authority::new(), Asked::default());
    let server = tls_echo(authority.server("server.test")).await;
    let trusting = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    let rules = SocksRules { upstream: Some(server), ..SocksRules::default() };
    for proxy in [
        format!("http://{}", http(server, None, &asked).await),
        format!("socks5h://{}", socks5(rules, &asked).await),
    ] {
        let connector = through(&proxy).with_tls(trusting.clone());
        assert_echoes(&connector, "wss://server.test/chat").await;
        let error = connector.connect("wss://other.test/chat").await.unwrap_err();
        assert_eq!(error.stage(), Stage::Tls);
        let text = error.to_string();
        assert!(text.contains("is for server.test, not for other.test"), "{text}");
        assert_eq!(asked.take().len(), 2);
    }
}

#[tokio::test]
async fn credentials_of_the_proxy_go_to_the_proxy_alone() {
    let asked = Asked::default();
    let seen = Asked::default();
    let at_server = seen.clone();
    let server = listen(move |mut tcp| {
        let seen = at_server.clone();
        async move { seen.push(String::from_utf8(read_head(&mut tcp).await).unwrap()) }
    })
    .await;
    let proxy = http(server, Some("Basic aGFuczpnZWhlaW0="), &asked).await;
    let connector = through(&format!("http://hans:geheim@{proxy}"));
    let error = connector.connect(URL).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Handshake);
    assert_shows_no_secret(&connector, &error);
    assert_eq!(asked.take().len(), 1);
    let request = seen.take().concat();
    assert!(request.starts_with("GET /chat HTTP/1.1\r\n"), "{request}");
    assert!(!request.contains("Proxy-") && !request.contains("Basic"), "{request}");
}

#[tokio::test]
async fn proxy_that_wants_credentials_says_407() {
    let asked = Asked::default();
    let proxy = http(echo().await, Some("Basic aGFuczpyaWNodGln"), &asked).await;
    let (error, text) =
        refused(&through(&format!("http://{proxy}")), &format!("http://{proxy}")).await;
    assert_eq!(
        text,
        " asks for credentials (status 407): write them into its URL, as in \
         http://user:password@proxy:3128"
    );
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));
    let response = error.response().unwrap();
    assert_eq!(response.status(), 407);
    assert_eq!(response.header("Proxy-Authenticate"), Some(&b"Basic realm=\"tests\""[..]));

    let connector = through(&format!("http://hans:geheim@{proxy}"));
    let (error, text) = refused(&connector, &format!("http://{proxy}")).await;
    assert_eq!(text, " does not accept the user and the password of its URL (status 407)");
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));

    assert_echoes(&through(&format!("http://hans:richtig@{proxy}")), URL).await;
}

#[tokio::test]
async fn status_of_a_refusal_is_told_with_what_it_means() {
    for (answer, fault, is_retryable, expect) in [
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n<h1>no</h1>",
            Fault::Caller,
            false,
            "forbids a connection to that host and port (status 403)",
        ),
        (
            "HTTP/1.1 405 x\r\n\r\n",
            Fault::Caller,
            false,
            "makes no tunnel, perhaps because it is not a proxy (status 405)",
        ),
        (
            "HTTP/1.0 502 Bad Gateway\r\n\r\n",
            Fault::Network,
            true,
            "could not reach the server (status 502)",
        ),
        ("HTTP/1.1 429 x\r\n\r\n", Fault::Caller, true, "refused to make a tunnel (status 429)"),
        ("HTTP/1.1 511 x\r\n\r\n", Fault::Peer, false, "refused to make a tunnel (status 511)"),
    ] {
        let proxy = saying(answer).await;
        let proxy = format!("http://{proxy}");
        let (error, text) = refused(&through(&proxy), &proxy).await;
        assert_eq!(text, format!(" {expect}"));
        assert_eq!((error.fault(), error.is_retryable()), (fault, is_retryable), "{expect}");
        let status = error.response().unwrap().status();
        assert!(expect.contains(&status.to_string()), "{status}");
    }
}

#[tokio::test]
async fn server_that_the_proxy_does_not_reach_is_told_as_such() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = format!("http://{}", http(nobody, None, &Asked::default()).await);
    let (error, text) = refused(&through(&proxy), &proxy).await;
    assert_eq!(text, " could not reach the server (status 502)");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn bytes_behind_the_answer_came_through_the_tunnel() {
    // They are taken for the server's answer, which this would be, had anyone asked it.
    let early = "HTTP/1.1 200 Connected\r\n\r\nHTTP/1.1 404 Not Found\r\nX-Is: early\r\n\r\n";
    let proxy = saying(early).await;
    let error = through(&format!("http://{proxy}")).connect(URL).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Handshake, "{error}");
    let response = error.response().unwrap();
    assert_eq!((response.status(), response.header("X-Is")), (404, Some(&b"early"[..])));
}

#[tokio::test]
async fn answer_that_is_cut_anywhere_is_told_as_such() {
    let answer = b"HTTP/1.1 200 OK\r\nVia: a\r\n\r\n";
    for cut in 0..answer.len() {
        let proxy = format!("http://{}", saying(&answer[..cut]).await);
        let (error, text) = refused(&through(&proxy), &proxy).await;
        assert_eq!(text, " closed the connection before its answer was whole", "cut at {cut}");
        assert_eq!((error.fault(), error.is_retryable()), (Fault::Network, true));
    }
}

#[tokio::test]
async fn head_that_never_ends_is_given_up_on() {
    let (done, written) = tokio::sync::oneshot::channel();
    let done = Arc::new(std::sync::Mutex::new(Some(done)));
    let proxy = listen(move |mut tcp| {
        let done = done.lock().unwrap().take().expect("one connection");
        async move {
            read_head(&mut tcp).await;
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
            let mut written = 0;
            while tcp.write_all(&[b'x'; 4096]).await.is_ok() {
                written += 4096;
            }
            let _ = done.send(written);
        }
    })
    .await;
    let proxy = format!("http://{proxy}");
    let (error, text) = refused(&through(&proxy), &proxy).await;
    assert_eq!(
        text,
        " does not answer in HTTP/1.1: the head is longer than 16384 bytes (HeadLimits::bytes); \
         does its URL have the right scheme and port?"
    );
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));
    // The rest is what the system buffers.
    assert!(written.await.unwrap() < 32 << 20);
}

#[tokio::test]
async fn interim_answers_without_end_are_given_up_on() {
    let proxy = format!("http://{}", saying("HTTP/1.1 102 x\r\n\r\n".repeat(100)).await);
    let (error, text) = refused(&through(&proxy), &proxy).await;
    assert_eq!(text, " sent too many interim (1xx) answers");
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Peer, false));
}

#[tokio::test]
async fn what_is_no_http_proxy_is_told_as_such() {
    for (answer, expect) in [
        ("\x05\x00", "the head holds a control character, so this is not HTTP/1.1"),
        ("220 mail.test ESMTP\r\n", "the status line is not of the form `HTTP/1.1 101 reason`"),
        ("HTTP/1.1 200 OK\n\n", "a line ends with LF alone: end lines with CRLF"),
    ] {
        let proxy = format!("http://{}", saying(answer).await);
        let (_, text) = refused(&through(&proxy), &proxy).await;
        let hint = "does its URL have the right scheme and port?";
        assert_eq!(text, format!(" does not answer in HTTP/1.1: {expect}; {hint}"));
    }
}

#[tokio::test]
async fn proxy_that_stays_silent_is_given_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for scheme in ["http", "socks5h"] {
        let proxy = format!("{scheme}://{}", listener.local_addr().unwrap());
        let connector = through(&proxy).with_proxy_timeout(Duration::from_millis(20));
        let error = connector.connect(URL).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("asking proxy {proxy} for a tunnel took longer than proxy_timeout (20ms)")
        );
        assert_eq!((error.stage(), error.is_timeout()), (Stage::Proxy, true));
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn proxy_that_cannot_be_connected_to_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (error, text) =
        refused(&through(&format!("http://hans:geheim@{nobody}")), &format!("http://{nobody}"))
            .await;
    assert_eq!(text, format!(": no connection to {nobody}: connection refused at {nobody}"));
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Network, true));

    let connector = through("socks5h://proxy.test").with_resolver(|_: &str, _| Lookup::ready([]));
    let (error, text) = refused(&connector, "socks5h://proxy.test:1080").await;
    assert_eq!(text, ": proxy.test has no address");
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Network, true));
}

#[tokio::test]
async fn proxy_is_reached_by_tls_and_has_to_be_who_it_says() {
    let (authority, asked) = (Authority::new(), Asked::default());
    let server_authority = Authority::new();
    let server = tls_echo(server_authority.server("server.test")).await;
    let address = https(&authority, server, Some("Basic aGFuczpnZWhlaW0="), &asked).await;
    let proxy = |tls: &ClientTls| {
        let url = format!("https://hans:geheim@localhost:{}", address.port());
        Connector::new().with_proxy(Proxy::parse(&url).unwrap().with_tls(tls.clone()))
    };
    let trusting = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    let trusting_server = ClientTls::new().with_root_pem(server_authority.pem()).unwrap();

    let connector = proxy(&trusting).with_tls(trusting_server.clone());
    assert_echoes(&connector, "wss://server.test/chat").await;
    assert_eq!(asked.take().len(), 1);

    // Whom the connector trusts as a server is not trusted as a proxy; nothing was said to it.
    let connector = proxy(&trusting_server).with_tls(trusting);
    let (error, text) = refused(&connector, &format!("https://localhost:{}", address.port())).await;
    assert!(text.starts_with(": the certificate of localhost "), "{text}");
    assert_eq!(error.fault(), Fault::Peer);
    assert!(asked.take().is_empty());
}

#[tokio::test]
async fn tls_of_the_proxy_is_not_taken_for_that_of_the_server() {
    let authority = Authority::new();
    let address = https(&authority, echo().await, None, &Asked::default()).await;
    let trusting = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    let proxy = Proxy::parse(&format!("https://localhost:{}", address.port())).unwrap();
    let connector = Connector::new().with_proxy(proxy.with_tls(trusting));
    let ws = connector.connect(URL).await.unwrap();
    assert!(ws.stream().tls().is_none());
    assert_eq!(ws.stream().tcp().unwrap().peer_addr().unwrap(), address);
    assert_echoes(&connector, URL).await;
}

#[tokio::test]
async fn socks5_proxy_gets_an_address_and_socks5h_a_name() {
    let asked = Asked::default();
    let rules = SocksRules { upstream: Some(echo().await), ..SocksRules::default() };
    let address = socks5(rules, &asked).await;
    let resolver = |host: &str, port: u16| {
        assert_eq!(host, "server.test");
        Lookup::ready([SocketAddr::from((Ipv4Addr::new(10, 0, 0, 9), port))])
    };
    for (scheme, url, expect) in [
        ("socks5h", "ws://server.test:8080/", "server.test:8080"),
        ("socks5", "ws://server.test:8080/", "10.0.0.9:8080"),
        ("socks5h", "ws://10.1.1.1/", "10.1.1.1:80"),
        ("socks5", "ws://10.1.1.1/", "10.1.1.1:80"),
        ("socks5h", "ws://[fd00::1]/", "[fd00::1]:80"),
        ("socks5", "ws://[fd00::1]/", "[fd00::1]:80"),
    ] {
        let connector = through(&format!("{scheme}://{address}")).with_resolver(resolver);
        assert_echoes(&connector, url).await;
        assert_eq!(asked.take(), [expect]);
    }
}

#[tokio::test]
async fn socks5_proxy_is_asked_for_the_next_address_if_one_is_out_of_reach() {
    let asked = Asked::default();
    let rules = SocksRules {
        upstream: Some(echo().await),
        refused: &[("[fd00::1]", 8), ("10.0.0.1", 5), ("[fd00::2]", 2), ("[fd00::3]", 4)],
        ..SocksRules::default()
    };
    let proxy = format!("socks5://{}", socks5(rules, &asked).await);
    let resolving = |addresses: &'static [&'static str]| {
        through(&proxy).with_resolver(move |_: &str, port| {
            Lookup::ready(
                addresses.iter().map(move |it| SocketAddr::new(it.parse().unwrap(), port)),
            )
        })
    };
    // Families take turns.
    assert_echoes(&resolving(&["fd00::1", "fd00::9", "10.0.0.1"]), URL).await;
    assert_eq!(asked.take(), ["[fd00::1]:8080", "10.0.0.1:8080", "[fd00::9]:8080"]);

    // What the proxy forbids, it forbids for good.
    let connector = resolving(&["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.9"]);
    let (_, text) = refused(&connector, &proxy).await;
    assert_eq!(text, " forbids a connection to that host and port (SOCKS5 reply 2)");
    assert_eq!(asked.take(), ["[fd00::1]:8080", "10.0.0.1:8080", "[fd00::2]:8080"]);

    // Four are enough.
    let connector = resolving(&["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.9"]);
    let (error, text) = refused(&connector, &proxy).await;
    assert_eq!(text, " was refused by the server: nothing listens at that port (SOCKS5 reply 5)");
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Network, true));
    assert_eq!(asked.take().len(), 4);
}

#[tokio::test]
async fn socks5_name_that_is_not_found_here_is_not_the_fault_of_the_proxy() {
    let asked = Asked::default();
    let proxy = socks5(SocksRules::default(), &asked).await;
    let connector =
        through(&format!("socks5://{proxy}")).with_resolver(|_: &str, _| Lookup::ready([]));
    let error = connector.connect(URL).await.unwrap_err();
    assert_eq!(
        (error.stage(), &*error.to_string()),
        (Stage::Resolve, "server.test has no address")
    );
    assert!(asked.take().is_empty());
}

#[tokio::test]
async fn socks5_proxy_may_want_user_and_password() {
    let asked = Asked::default();
    let rules = SocksRules {
        upstream: Some(echo().await),
        credentials: Some("hans:rich:tig"),
        ..SocksRules::default()
    };
    let address = socks5(rules, &asked).await;
    let proxy = format!("socks5h://{address}");
    assert_echoes(&through(&format!("socks5h://hans:rich%3Atig@{address}")), URL).await;

    let (error, text) =
        refused(&through(&format!("socks5h://hans:geheim@{address}")), &proxy).await;
    assert_eq!(text, " does not accept the user and the password of its URL");
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));

    let (error, text) = refused(&through(&proxy), &proxy).await;
    assert_eq!(
        text,
        " asks for credentials: write them into its URL, as in http://user:password@proxy:3128"
    );
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));
    assert_eq!(asked.take().len(), 1);
}

#[tokio::test]
async fn socks5_refusals_say_whose_fault_they_are() {
    for (code, fault, is_retryable, expect) in [
        (1, Fault::Peer, true, "failed for a reason of its own"),
        (2, Fault::Caller, false, "forbids a connection to that host and port"),
        (3, Fault::Network, true, "could not reach the server's network"),
        (4, Fault::Network, true, "could not reach or find the host"),
        (5, Fault::Network, true, "was refused by the server: nothing listens at that port"),
        (6, Fault::Network, true, "got no answer of the server in time"),
        (7, Fault::Peer, false, "makes no connections for others (CONNECT is not supported)"),
        (99, Fault::Peer, false, "refused for a reason that has no name"),
    ] {
        let rules = SocksRules {
            refused: Box::leak(Box::new([("server.test", code)])),
            ..SocksRules::default()
        };
        let proxy = format!("socks5h://{}", socks5(rules, &Asked::default()).await);
        let (error, text) = refused(&through(&proxy), &proxy).await;
        assert_eq!(text, format!(" {expect} (SOCKS5 reply {code})"));
        assert_eq!((error.fault(), error.is_retryable()), (fault, is_retryable), "{code}");
    }
}

/// Reads a greeting without and the request for `server.test`, and says `method` and `reply` in between.
async fn socks5_saying(method: &'static [u8], reply: &'static [u8]) -> SocketAddr {
    listen(move |mut tcp: TcpStream| async move {
        tcp.read_exact(&mut [0; 3]).await.unwrap();
        let _ = tcp.write_all(method).await;
        if method == [5, 0] {
            tcp.read_exact(&mut [0; 4 + 1 + "server.test".len() + 2]).await.unwrap();
            let _ = tcp.write_all(reply).await;
        }
    })
    .await
}

#[tokio::test]
async fn socks5_answer_that_is_cut_anywhere_is_told_as_such() {
    let reply = b"\x05\0\0\x01\x7f\0\0\x01\x12\x34";
    let methods = [&b""[..], b"\x05"].map(|method| (method, &b""[..]));
    let replies = (0..reply.len()).map(|cut| (&b"\x05\0"[..], &reply[..cut]));
    for (method, reply) in methods.into_iter().chain(replies) {
        let proxy = format!("socks5h://{}", socks5_saying(method, reply).await);
        let (error, text) = refused(&through(&proxy), &proxy).await;
        assert_eq!(
            text, " closed the connection before its answer was whole",
            "{method:?} {reply:?}"
        );
        assert_eq!((error.fault(), error.is_retryable()), (Fault::Network, true));
    }
}

#[tokio::test]
async fn socks5_bytes_behind_the_answer_came_through_the_tunnel() {
    let reply = b"\x05\0\0\x01\x7f\0\0\x01\x12\x34HTTP/1.1 404 Not Found\r\nX-Is: early\r\n\r\n";
    let proxy = socks5_saying(b"\x05\0", reply).await;
    let error = through(&format!("socks5h://{proxy}")).connect(URL).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Handshake, "{error}");
    assert_eq!(error.response().unwrap().header("X-Is"), Some(&b"early"[..]));
}

#[tokio::test]
async fn what_is_no_socks5_proxy_is_told_as_such() {
    for (answer, expect) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "speaks HTTP, not SOCKS5: write http:// into its URL",
        ),
        (b"\0\x5b", "speaks SOCKS4, not SOCKS5"),
        (b"\x15\x03\x03", "does not speak SOCKS5: its answer begins with 0x15"),
        (b"\x05\x01", "chose a way to log in that was not offered (0x01)"),
    ] {
        let proxy = format!("socks5h://{}", socks5_saying(answer, b"").await);
        let (_, text) = refused(&through(&proxy), &proxy).await;
        assert_eq!(text, format!(" {expect}"));
    }
}

#[tokio::test]
async fn host_that_socks5_has_no_room_for_is_refused_before_anything_is_sent() {
    let proxy = "socks5h://127.0.0.1:1";
    let connector = through(proxy);
    let error = connector.connect(&format!("ws://{}/", "x".repeat(256))).await.unwrap_err();
    assert_eq!((error.stage(), error.fault()), (Stage::Proxy, Fault::Caller));
    assert_eq!(
        error.to_string(),
        format!(
            "proxy {proxy} cannot be told of a host with more than 255 bytes: SOCKS5 has no room for it"
        )
    );
}

#[tokio::test]
async fn environment_names_the_proxy() {
    let asked = Asked::default();
    let upstream = echo().await;
    let proxy = http(upstream, None, &asked).await.to_string();
    let connector = |variable: &'static str, value: String| {
        Connector::new().with_proxy(Proxy::from_vars(move |name| match name {
            "no_proxy" => Some("direct.test".into()),
            _ => (name == variable).then(|| value.clone()),
        }))
    };
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        assert_echoes(&connector(variable, proxy.clone()), URL).await;
        assert_eq!(asked.take().len(), 1, "{variable}");
    }
    // Neither what is listed nor this machine itself.
    let connector =
        connector("ALL_PROXY", proxy).with_resolver(move |_: &str, _| Lookup::ready([upstream]));
    assert_echoes(&connector, "ws://direct.test/").await;
    assert_echoes(&connector, &format!("ws://{upstream}/")).await;
    assert_echoes(&connector, "ws://localhost/").await;
    assert!(asked.take().is_empty());
}

#[tokio::test]
async fn environment_that_names_no_proxy_is_told_with_the_variable() {
    let connector = Connector::new().with_proxy(Proxy::from_vars(|name| {
        (name == "ALL_PROXY").then(|| "socks://hans:geheim@127.0.0.1".into())
    }));
    let error = connector.connect(URL).await.unwrap_err();
    assert_eq!((error.stage(), error.fault()), (Stage::Proxy, Fault::Caller));
    assert_eq!(
        error.to_string(),
        "the proxy in the environment variable ALL_PROXY has to begin with http://, https://, \
         socks5:// or socks5h://"
    );
    assert_shows_no_secret(&connector, &error);
}
