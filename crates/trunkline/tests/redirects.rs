//! Redirects, the credentials that must not go with them, and cookies, against servers on real sockets.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use trunkline::handshake::Url;
use trunkline::tls::ClientTls;
use trunkline::{ConnectError, Connector, Cookies, Fault, Proxy, Stage};

use support::certificates::Authority;
use support::proxies::{Asked, http_proxy, listen};
use support::{read_head, response_to};

/// Answers one request: with what `answer` gives, or else a 101.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: impl Fn(&str) -> Option<String>,
    asked: &Asked,
) {
    let head = read_head(&mut stream).await;
    let text = String::from_utf8(head.clone()).unwrap();
    let answer = answer(&text).map_or_else(|| response_to(&head), String::into_bytes);
    asked.push(text);
    let _ = stream.write_all(&answer).await;
    let _ = stream.read(&mut [0]).await;
}

async fn site(
    answer: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static,
) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let address = listen(move |tcp| {
        let (answer, seen) = (answer.clone(), seen.clone());
        async move { serve(tcp, answer, &seen).await }
    })
    .await;
    (address, asked)
}

fn moved(status: u16, location: impl std::fmt::Display) -> Option<String> {
    Some(format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

/// The values of a header.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

async fn refused(connector: &Connector, url: &str) -> ConnectError {
    let error = connector.connect(url).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret"), "{shown}");
    error
}

/// SEC-HC-11.
#[tokio::test]
async fn sec_hc_11_redirects_are_told_but_not_followed() {
    let (other, asked) = site(|_| None).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("https://u:secret@{other}/chat?token=secret#x");
        let (address, _) = site(move |_| moved(status, &location)).await;
        let error = refused(&Connector::new(), &format!("ws://{address}/")).await;
        let text = error.to_string();
        assert!(text.starts_with(&format!("{address} refused with status {status} ")), "{text}");
        let expect = format!(
            ": it points to ...{other}/chat, and redirects are followed only by a `connect` with \
             `with_redirects`"
        );
        assert!(text.ends_with(&expect), "{text}");
        assert_eq!((error.stage(), error.is_retryable()), (Stage::Handshake, false));
        let response = error.response().unwrap();
        assert_eq!(response.status(), status);
        let location = response.location().unwrap();
        assert!(location.ends_with(b"/chat?token=secret#x"));
    }
    assert!(asked.take().is_empty());
}

#[tokio::test]
async fn each_redirect_is_followed_relative_or_not() {
    for status in [301, 302, 303, 307, 308] {
        let (address, asked) = site(move |head| match target(head) {
            "/a/b?x" => moved(status, "../c?y#z"),
            "/c?y" => moved(status, format_args!("http://{}/d", values(head, "Host")[0])),
            "/d" => moved(status, format_args!("//{}", values(head, "Host")[0])),
            _ => None,
        })
        .await;
        let connector = Connector::new().with_redirects(3);
        connector.connect(&format!("ws://{address}/a/b?x")).await.unwrap();
        let asked = asked.take();
        assert_eq!(
            asked.iter().map(|it| target(it)).collect::<Vec<_>>(),
            ["/a/b?x", "/c?y", "/d", "/"]
        );
    }
}

#[tokio::test]
async fn other_answers_of_3xx_are_refusals() {
    for answer in [
        "HTTP/1.1 300 x\r\nLocation: /b",
        "HTTP/1.1 304 x\r\nLocation: /b",
        "HTTP/1.1 305 x\r\nLocation: /b",
        "HTTP/1.1 200 x\r\nLocation: /b",
        "HTTP/1.1 302 x",
    ] {
        let whole = format!("{answer}\r\nContent-Length: 0\r\n\r\n");
        let (address, asked) = site(move |_| Some(whole.clone())).await;
        let error =
            refused(&Connector::new().with_redirects(9), &format!("ws://{address}/a")).await;
        let status = error.response().unwrap().status();
        assert!(answer.contains(&status.to_string()));
        let text = error.to_string();
        assert!(text.starts_with(&format!("{address} refused with status {status}")), "{text}");
        assert_eq!(asked.take().len(), 1);
    }
}

#[tokio::test]
async fn circles_end_where_the_caller_says() {
    let (address, asked) = site(|head| {
        moved(302, format_args!("{}x?secret", target(head).split('?').next().unwrap()))
    })
    .await;
    for max in [1, 2, 10] {
        let error =
            refused(&Connector::new().with_redirects(max), &format!("ws://{address}/")).await;
        let last = "x".repeat(max);
        assert_eq!(
            error.to_string(),
            format!(
                "after a redirect to ws://{address}/{last}: {address} redirects to \
                 ws://{address}/{last}x, one more than the {max} that `with_redirects` allows: is it a \
                 circle?"
            )
        );
        assert_eq!((error.fault(), error.is_retryable()), (Fault::Peer, false));
        assert_eq!(error.response().unwrap().status(), 302);
        assert_eq!(asked.take().len(), 1 + max);
    }
}

/// All redirects share one clock.
#[tokio::test]
async fn slow_circle_ends_with_the_total_timeout() {
    let (address, _) = site(|_| moved(302, "/")).await;
    let connector =
        Connector::new().with_redirects(usize::MAX).with_total_timeout(Duration::from_millis(50));
    let error = refused(&connector, &format!("ws://{address}/")).await;
    assert!(error.is_timeout(), "{error}");
    assert!(error.to_string().contains("total_timeout (50ms)"), "{error}");
}

/// A connector with all that is meant for one origin, and a header that is for anyone.
fn with_secrets() -> Connector {
    [
        ("Authorization", "Bearer secret"),
        ("Cookie", "id=secret"),
        ("Proxy-Authorization", "Basic secret"),
        ("Host", "secret.test"),
        ("X-Is", "there"),
    ]
    .into_iter()
    .fold(Connector::new().with_redirects(5), |it, (name, value)| {
        it.with_header(name, value).unwrap()
    })
}

/// SEC-HC-11.
#[tokio::test]
async fn sec_hc_11_credentials_do_not_go_to_another_origin() {
    let (other, at_other) = site(|_| None).await;
    let (address, asked) = site(move |head| match target(head) {
        "/a" => moved(307, "/b"),
        _ => moved(307, format_args!("http://{other}/c")),
    })
    .await;
    with_secrets().connect(&format!("ws://{address}/a")).await.unwrap();
    // On the same origin they stay.
    let asked = asked.take();
    assert_eq!(asked.len(), 2);
    for head in &asked {
        assert_eq!(values(head, "Authorization"), ["Bearer secret"]);
        assert_eq!(values(head, "Cookie"), ["id=secret"]);
        assert_eq!(values(head, "Host"), ["secret.test"]);
        assert_eq!(values(head, "X-Is"), ["there"]);
    }
    let at_other = at_other.take().concat();
    assert!(!at_other.contains("secret"), "{at_other}");
    assert_eq!(values(&at_other, "Host"), [other.to_string()]);
    assert_eq!(values(&at_other, "X-Is"), ["there"]);
}

#[tokio::test]
async fn credentials_that_were_dropped_do_not_come_back() {
    let back: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
    let home = Arc::clone(&back);
    let (other, _) =
        site(move |_| moved(302, format_args!("ws://{}/b", home.lock().unwrap().unwrap()))).await;
    let (address, asked) = site(move |head| match target(head) {
        "/a" => moved(302, format_args!("ws://{other}/")),
        _ => None,
    })
    .await;
    *back.lock().unwrap() = Some(address);
    with_secrets().connect(&format!("ws://{address}/a")).await.unwrap();
    let asked = asked.take();
    assert!(asked[0].contains("secret") && !asked[1].contains("secret"), "{asked:?}");
}

#[tokio::test]
async fn credentials_of_the_url_are_sent_to_its_origin_alone() {
    let (other, at_other) = site(|_| None).await;
    let (address, asked) = site(move |head| match target(head) {
        "/a" => moved(302, "b"),
        _ => moved(302, format_args!("http://{other}/")),
    })
    .await;
    let connector = Connector::new().with_redirects(2);
    connector.connect(&format!("ws://Aladdin:open%20sesame@{address}/a")).await.unwrap();
    let asked = asked.take();
    assert_eq!(asked.len(), 2);
    for head in &asked {
        assert_eq!(values(head, "Authorization"), ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
        assert_eq!(values(head, "Host"), [address.to_string()]);
    }
    assert!(!at_other.take().concat().contains("Authorization"));
}

#[tokio::test]
async fn server_may_not_choose_who_we_are() {
    let (other, at_other) = site(|_| None).await;
    let (address, _) = site(move |_| moved(302, format_args!("ws://u:secret@{other}/"))).await;
    let error = refused(&Connector::new().with_redirects(5), &format!("ws://{address}/")).await;
    assert_eq!(
        error.to_string(),
        format!(
            "{address} redirects to a URL with a user or a password, which no server may choose"
        )
    );
    assert!(at_other.take().is_empty());
}

#[tokio::test]
async fn locations_that_lead_nowhere_are_refused() {
    for (location, expect) in [
        (
            "ftp://a/",
            "something that is no URL of a WebSocket: the URL does not begin with ws:// or wss://",
        ),
        ("/a\r\nLocation: /b", "more than one location"),
        (
            "/a b",
            "something that is no URL of a WebSocket: the URL holds a space, a control or a character \
             beyond ASCII: percent-encode it",
        ),
    ] {
        let (address, asked) = site(move |_| moved(302, location)).await;
        let error = refused(&Connector::new().with_redirects(5), &format!("ws://{address}/")).await;
        assert_eq!(error.to_string(), format!("{address} redirects to {expect}"));
        assert_eq!((error.fault(), error.response().unwrap().status()), (Fault::Peer, 302));
        assert_eq!(asked.take().len(), 1);
    }
}

/// SEC-TL-03: what began encrypted stays so, and what did not may become it.
#[tokio::test]
async fn sec_tl_03_a_redirect_may_add_tls_but_not_drop_it() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(authority.server("localhost"));
    let (plain, at_plain) = site(|_| None).await;
    let secure = listen(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            let answer = |head: &str| match target(head) {
                "/down" => moved(301, format_args!("http://{plain}/?secret")),
                _ => None,
            };
            serve(tls, answer, &Asked::default()).await;
        }
    })
    .await;
    let host = format!("localhost:{}", secure.port());
    let tls = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    let connector = Connector::new().with_tls(tls).with_redirects(5);

    let error = refused(&connector, &format!("wss://{host}/down")).await;
    assert_eq!(
        error.to_string(),
        format!("{host} redirects to ws://{plain}/, which is not encrypted, unlike wss://")
    );
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Peer, false));
    assert!(at_plain.take().is_empty());

    let up = format!("https://{host}/up");
    let (address, _) = site(move |_| moved(301, &up)).await;
    let ws = connector.connect(&format!("ws://{address}/")).await.unwrap();
    assert!(ws.stream().tls().is_some());
}

#[tokio::test]
async fn failure_behind_a_redirect_says_where_it_was() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (address, _) = site(move |_| moved(302, format_args!("http://{nobody}/b?secret"))).await;
    let error = refused(&Connector::new().with_redirects(1), &format!("ws://{address}/")).await;
    assert_eq!(
        error.to_string(),
        format!(
            "after a redirect to ws://{nobody}/b: no connection to {nobody}: connection refused at \
             {nobody}"
        )
    );
    assert_eq!((error.stage(), error.is_retryable()), (Stage::Tcp, true));
}

#[tokio::test]
async fn each_hop_chooses_its_proxy() {
    let (server, at_server) = site(|head| match target(head) {
        "/a" => moved(302, "ws://direct.test/b"),
        _ => None,
    })
    .await;
    let asked = Asked::default();
    let at_proxy = asked.clone();
    let proxy = listen(move |tcp| {
        let asked = at_proxy.clone();
        async move { http_proxy(tcp, server, None, &asked).await }
    })
    .await;
    let proxy = Proxy::parse(&format!("http://{proxy}")).unwrap().with_no_proxy("direct.test");
    let connector = Connector::new()
        .with_proxy(proxy)
        .with_redirects(1)
        .with_resolver(move |_: &str, _| trunkline::Lookup::ready([server]));
    connector.connect("ws://proxied.test/a").await.unwrap();
    assert_eq!(asked.take().len(), 1);
    assert_eq!(at_server.take().len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn redirect_at_a_socket_stays_there_unless_it_names_another_host() {
    let folder = std::env::temp_dir().join(format!("trunkline-redirects-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let (other, at_other) = site(|_| None).await;
    let asked = Asked::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = move |head: &str| match target(head) {
                "/a" => moved(302, "/b"),
                "/b" => moved(302, "http://localhost/c"),
                _ => moved(302, format_args!("http://{other}/d")),
            };
            serve(stream, answer, &seen).await;
        }
    });
    let connector = Connector::new().with_redirects(3);
    connector.connect(&format!("ws+unix://{}:/a", path.display())).await.unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    let targets: Vec<_> = asked.take().iter().map(|it| target(it).to_owned()).collect();
    assert_eq!(targets, ["/a", "/b", "/c"]);
    assert_eq!(at_other.take().len(), 1);
}

/// A jar that knows only hosts and ports.
#[derive(Default)]
struct Jar(Mutex<BTreeMap<(u16, String), String>>);

impl Cookies for Jar {
    fn header(&self, url: &Url) -> Option<String> {
        let jar = self.0.lock().unwrap();
        let pairs = jar.iter().filter(|((port, _), _)| *port == url.port());
        let pairs: Vec<_> = pairs.map(|((_, name), value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn store(&self, url: &Url, set_cookie: &mut dyn Iterator<Item = &[u8]>) {
        for line in set_cookie {
            let line = std::str::from_utf8(line).unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.0.lock().unwrap().insert((url.port(), name.into()), value.into());
        }
    }
}

#[tokio::test]
async fn cookies_are_kept_of_each_answer_and_sent_with_each_request() {
    let (other, at_other) = site(|_| None).await;
    let (address, asked) = site(move |head| match target(head) {
        "/login" => moved(302, "/chat\r\nSet-Cookie: id=1; HttpOnly\r\nSet-Cookie: b=2"),
        "/chat" => moved(302, format_args!("http://{other}/\r\nSet-Cookie: id=3")),
        _ => Some("HTTP/1.1 403 x\r\nSet-Cookie: id=4\r\nContent-Length: 0\r\n\r\n".into()),
    })
    .await;
    let jar = Arc::new(Jar::default());
    let connector = Connector::new().with_cookies(Arc::clone(&jar)).with_redirects(2);
    connector.connect(&format!("ws://{address}/login")).await.unwrap();
    // What the first answer set is sent to the same server, and to no other one.
    let cookies: Vec<_> = asked.take().iter().map(|it| values(it, "Cookie").concat()).collect();
    assert_eq!(cookies, ["", "b=2; id=1"]);
    assert!(!at_other.take().concat().contains("Cookie"));

    // A refusal sets cookies too.
    let error = connector.connect(&format!("ws://{address}/refused")).await.unwrap_err();
    assert_eq!(error.response().unwrap().status(), 403);
    assert_eq!(values(&asked.take().concat(), "Cookie"), ["b=2; id=3"]);
    let url = Url::parse(&format!("ws://{address}/")).unwrap();
    assert_eq!(jar.header(&url).as_deref(), Some("b=2; id=4"));
}

#[tokio::test]
async fn cookies_of_an_accepted_request_are_kept_over_a_stream_too() {
    let (client, mut raw) = tokio::io::duplex(4096);
    let jar = Arc::new(Jar::default());
    let connector = Connector::new()
        .with_cookies(Arc::clone(&jar))
        .with_header("Cookie", "theme=dark")
        .unwrap();
    jar.0.lock().unwrap().insert((80, "id".into()), "1".into());
    let server = async {
        let head = read_head(&mut raw).await;
        let response = String::from_utf8(response_to(&head)).unwrap();
        let response = response.replace("\r\n\r\n", "\r\nSet-Cookie: id=2\r\n\r\n");
        raw.write_all(response.as_bytes()).await.unwrap();
        String::from_utf8(head).unwrap()
    };
    let (connected, head) = tokio::join!(connector.connect_over("ws://localhost/", client), server);
    connected.unwrap();
    // One line, as RFC 6265 §5.4 wants it.
    assert_eq!(values(&head, "Cookie"), ["theme=dark; id=1"]);
    let url = Url::parse("ws://localhost/").unwrap();
    assert_eq!(jar.header(&url).as_deref(), Some("id=2"));
}

#[tokio::test]
async fn jar_cannot_break_out_of_its_line() {
    struct Broken;
    impl Cookies for Broken {
        fn header(&self, _: &Url) -> Option<String> {
            Some("a=secret\r\nX-Evil: 1".into())
        }
        fn store(&self, _: &Url, _: &mut dyn Iterator<Item = &[u8]>) {}
    }
    let (address, asked) = site(|_| None).await;
    let connector = Connector::new().with_cookies(Broken);
    let error = refused(&connector, &format!("ws://{address}/")).await;
    assert_eq!((error.stage(), error.fault()), (Stage::Request, Fault::Caller));
    assert_eq!(
        error.to_string(),
        "the request cannot be made: the value of header \"Cookie\" is not allowed: check it for line \
         breaks"
    );
    assert!(asked.take().is_empty());
}
