//! §4.1: what a client sends, and what it must see before it speaks.

use std::sync::Arc;

use trunkline_proto::handshake::{
    Acceptance, ClientConfig, ClientHandshake, HandshakeError, Headers, InvalidHeader,
    InvalidSubprotocol, InvalidUrl, Origin, Response, ServerConfig, Subprotocols, Url,
};

use crate::handshakes::{ACCEPT, KEY, NONCE, check_client, serve, switching, upgrade};

fn config(change: impl FnOnce(&mut ClientConfig)) -> ClientConfig {
    let mut config = ClientConfig::default();
    change(&mut config);
    config
}

fn offering<'a>(names: impl IntoIterator<Item = &'a str>) -> ClientConfig {
    config(|it| it.subprotocols = Subprotocols::new(names).expect("tokens"))
}

fn sending(headers: Headers) -> ClientConfig {
    config(|it| it.headers = headers)
}

fn client(url: &str, config: ClientConfig) -> Result<ClientHandshake, InvalidHeader> {
    ClientHandshake::new(&url.parse().expect(url), Arc::new(config), NONCE)
}

#[track_caller]
fn refused(input: impl AsRef<[u8]>) -> Box<Response> {
    match check_client(&ClientConfig::default(), input) {
        Err(HandshakeError::Refused(response)) => response,
        other => panic!("no refusal: {other:?}"),
    }
}

#[track_caller]
fn fails(config: &ClientConfig, input: impl AsRef<[u8]>, expect: &str) {
    let error = check_client(config, input).expect_err("a client must not go on");
    assert!(format!("{error:?}").starts_with(expect), "{error:?} is not {expect}");
}

#[test]
fn s4_1_the_least_request_has_what_must_be_there() {
    let handshake = client("ws://server.example.com/chat", ClientConfig::default()).unwrap();
    assert_eq!(handshake.request(), upgrade().bytes());
}

#[test]
fn s4_1_the_request_has_what_the_caller_asks_for() {
    let config = config(|it| {
        it.subprotocols = Subprotocols::new(["chat", "superchat"]).unwrap();
        it.origin = Some(Origin::parse("http://example.com").unwrap());
        it.headers = Headers::new().with("User-Agent", "tests").unwrap();
    });
    let handshake = client("ws://server.example.com/chat", config).unwrap();
    let expect = upgrade()
        .and("Origin", "http://example.com")
        .and("Sec-WebSocket-Protocol", "chat, superchat")
        .and("User-Agent", "tests");
    assert_eq!(handshake.request(), expect.bytes());
}

#[test]
fn s4_1_the_host_has_a_port_unless_it_is_the_default() {
    let host = |url| {
        let handshake = client(url, ClientConfig::default()).unwrap();
        let text = String::from_utf8(handshake.request().to_vec()).unwrap();
        text.lines().find_map(|it| it.strip_prefix("Host: ").map(str::to_owned)).unwrap()
    };
    assert_eq!(host("ws://a:80/"), "a");
    assert_eq!(host("wss://a:443/"), "a");
    assert_eq!(host("wss://a:80/"), "a:80");
    assert_eq!(host("ws://[::1]:8080/"), "[::1]:8080");
}

#[test]
fn s4_1_client_and_server_agree() {
    let url: Url = "ws://server.example.com/chat?x".parse().unwrap();
    let offer = Arc::new(offering(["v1", "v2"]));
    let mut client = ClientHandshake::new(&url, offer, NONCE).unwrap();
    let mut rules = ServerConfig::default();
    rules.subprotocols = Subprotocols::new(["v2"]).unwrap();
    let answer =
        serve(&Arc::new(rules), &Acceptance::new(), [client.request()].into_iter()).unwrap();
    let opened = client.handle_input(answer.text.as_bytes()).unwrap().done.unwrap();
    assert_eq!(Some(opened.agreement), answer.agreement);
    assert_eq!(opened.response.status(), 101);
    assert_eq!(opened.response.reason(), b"Switching Protocols");
}

#[test]
fn sec_hc_01_a_url_cannot_inject() {
    for (url, expect) in [
        ("ws://a/\r\nX: y", InvalidUrl::Character),
        ("ws://a/ b", InvalidUrl::Character),
        ("ws://a\r\n/", InvalidUrl::Character),
        ("ws://a/?x\ny", InvalidUrl::Character),
        ("ws://u\r\n@a/", InvalidUrl::Character),
        ("ws://%0d%0a/", InvalidUrl::Host),
        ("ws://u%0d%0a@a/", InvalidUrl::User),
        ("ws://a/#x", InvalidUrl::Fragment),
        ("http://a/", InvalidUrl::Scheme),
        ("ws://a b/", InvalidUrl::Character),
    ] {
        assert_eq!(Url::parse(url), Err(expect), "{url:?}");
    }
    let handshake = client("ws://a/x%0d%0ay?z=%0d%0a", ClientConfig::default()).unwrap();
    assert!(handshake.request().starts_with(b"GET /x%0d%0ay?z=%0d%0a HTTP/1.1\r\nHost: a\r\n"));
}

/// RFC 7617: credentials of the URL are sent in one header and nowhere else.
#[test]
fn s10_5_credentials_of_the_url_are_sent_as_basic() {
    let url = "ws://Aladdin:open%20sesame@a/x";
    let basic = "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    let handshake = client(url, ClientConfig::default()).unwrap();
    let request = std::str::from_utf8(handshake.request()).unwrap();
    assert!(request.starts_with("GET /x HTTP/1.1\r\nHost: a\r\n"), "{request}");
    assert_eq!(request.matches("\r\nAuthorization: ").count(), 1, "{request}");
    assert!(request.contains(basic), "{request}");
    assert!(!request.contains("Aladdin") && !request.contains("sesame"), "{request}");
    // The bytes of the request would be as good as the text.
    let debug = format!("{handshake:?}");
    assert!(
        !debug.contains("Aladdin") && !debug.contains("Basic") && !debug.contains('['),
        "{debug}"
    );
}

#[test]
fn s10_5_an_authorization_of_the_caller_wins_over_the_url() {
    let mut config = ClientConfig::default();
    config.headers = Headers::new().with("authorization", "Bearer x").unwrap();
    let handshake = client("ws://a:b@c/", config).unwrap();
    let request = std::str::from_utf8(handshake.request()).unwrap().to_ascii_lowercase();
    assert_eq!(request.matches("authorization").count(), 1, "{request}");
    assert!(request.contains("\r\nauthorization: bearer x\r\n"), "{request}");
}

#[test]
fn sec_hc_02_a_header_cannot_inject() {
    for (name, value) in [("X", "a\r\nb"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\0b")] {
        assert!(matches!(Headers::new().with(name, value), Err(InvalidHeader::Value { .. })));
    }
    for name in ["X\r\nY", "X\n", "X\0", "X:", "X Y", "", "X:Y"] {
        assert!(matches!(Headers::new().with(name, "a"), Err(InvalidHeader::Name { .. })));
    }
    assert!(Origin::parse("https://a\r\nX: y").is_err());
}

#[test]
fn sec_hc_03_a_subprotocol_is_a_token() {
    for name in ["a,b", "a b", "a\r\nb", "", "a;b", "\"a\""] {
        let error = Subprotocols::new([name]).expect_err(name);
        assert_eq!(error, InvalidSubprotocol::NotAToken { name: name.into() });
    }
    let error = InvalidSubprotocol::Repeated { name: "a".into() };
    assert_eq!(Subprotocols::new(["a", "b", "a"]), Err(error));
}

#[test]
fn sec_hc_04_reserved_headers_are_refused() {
    for name in [
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Connection",
        "UPGRADE",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let error = client("ws://a", sending(Headers::new().with(name, "x").unwrap()));
        assert_eq!(error.err(), Some(InvalidHeader::Reserved { name: name.into() }));
    }
    let host = Headers::new().with("Host", "b:1").unwrap();
    let handshake = client("ws://a", sending(host.clone())).expect("another host is fine, once");
    let text = String::from_utf8(handshake.request().to_vec()).unwrap();
    assert!(text.contains("\r\nHost: b:1\r\n") && !text.contains("Host: a"));
    let twice = client("ws://a", sending(host.with("host", "c").unwrap()));
    assert_eq!(twice.err(), Some(InvalidHeader::Repeated { name: "Host".into() }));
    let bad = client("ws://a", sending(Headers::new().with("Host", "a b").unwrap()));
    assert_eq!(bad.err(), Some(InvalidHeader::Value { name: "Host".into() }));

    let mut origins = sending(Headers::new().with("Origin", "https://a").unwrap());
    assert!(client("ws://a", origins.clone()).is_ok());
    origins.origin = Some(Origin::parse("https://b").unwrap());
    let error = client("ws://a", origins).err();
    assert_eq!(error, Some(InvalidHeader::Repeated { name: "Origin".into() }));
}

#[test]
fn sec_hc_05_the_accept_key_is_proof() {
    let default = ClientConfig::default();
    let wrong = ACCEPT.replace('s', "t");
    for accept in [&wrong, "", KEY, &ACCEPT.to_lowercase(), &format!("{ACCEPT}, {ACCEPT}")] {
        fails(&default, switching().with("Sec-WebSocket-Accept", accept).bytes(), "Accept");
    }
    fails(&default, switching().without("Sec-WebSocket-Accept").bytes(), "Accept");
    fails(&default, switching().and("Sec-WebSocket-Accept", ACCEPT).bytes(), "Accept");
    let padded = switching().with("Sec-WebSocket-Accept", format!(" {ACCEPT}\t"));
    assert!(check_client(&default, padded.bytes()).is_ok());
}

#[test]
fn s4_1_the_answer_must_upgrade_to_websocket() {
    let default = ClientConfig::default();
    for value in ["websocketx", "h2c", "websocket, h2c", ""] {
        fails(&default, switching().with("Upgrade", value).bytes(), "Upgrade");
    }
    fails(&default, switching().without("Upgrade").bytes(), "Upgrade");
    fails(&default, switching().and("Upgrade", "websocket").bytes(), "Upgrade");
    for value in ["close", "keep-alive", "upgrades", ""] {
        fails(&default, switching().with("Connection", value).bytes(), "Connection");
    }
    fails(&default, switching().without("Connection").bytes(), "Connection");
    let liberal =
        switching().with("Upgrade", "WebSocket").with("Connection", "keep-alive, upgrade");
    assert!(check_client(&default, liberal.bytes()).is_ok());
    fails(&default, switching().line("HTTP/1.0 101 Hm").bytes(), "Version");
}

#[test]
fn sec_hc_07_the_server_chooses_among_the_subprotocols_offered() {
    let with = |name| switching().and("Sec-WebSocket-Protocol", name).bytes();
    let mut config = offering(["v1", "v2"]);
    let (agreement, _) = check_client(&config, with("v2")).expect("v2 was offered");
    assert_eq!(agreement.subprotocol.as_deref(), Some("v2"));
    for name in ["v3", "V2", "v1, v2", "", "v1,"] {
        fails(&config, with(name), "SubprotocolNotOffered");
    }
    fails(&ClientConfig::default(), with("v1"), "SubprotocolNotOffered");
    let twice = switching().and("Sec-WebSocket-Protocol", "v1").and("Sec-WebSocket-Protocol", "v1");
    fails(&config, twice.bytes(), "SubprotocolNotOffered");
    assert!(check_client(&config, switching().bytes()).is_ok_and(|it| it.0.subprotocol.is_none()));
    config.require_subprotocol = true;
    fails(&config, switching().bytes(), "SubprotocolMissing");
    assert!(check_client(&config, with("v1")).is_ok());
}

#[test]
fn sec_hc_08_an_extension_that_was_not_offered_fails() {
    let with = |value| switching().and("Sec-WebSocket-Extensions", value).bytes();
    let default = ClientConfig::default();
    for value in ["permessage-deflate", "x-unknown; a=b", "constructor"] {
        fails(&default, with(value), "ExtensionNotOffered");
    }
    for value in ["", "a;", "a; b=\"", "a b"] {
        fails(&default, with(value), "MalformedExtensions(Syntax)");
    }
    fails(&default, with(&["a"; 33].join(",")), "MalformedExtensions(TooMany)");
    let twice =
        switching().and("Sec-WebSocket-Extensions", "a").and("Sec-WebSocket-Extensions", "a");
    fails(&default, twice.bytes(), "MalformedExtensions(Repeated)");
}

#[cfg(feature = "deflate")]
#[test]
fn sec_hc_08_changed_parameters_fail() {
    use trunkline_proto::deflate::DeflateConfig;
    use trunkline_proto::handshake::Extension;

    let with = |value: &str| switching().and("Sec-WebSocket-Extensions", value).bytes();
    let config = config(|it| it.deflate = Some(DeflateConfig::default()));
    for bits in ["7", "16", "0x0f", "015", "", "256"] {
        let value = format!("permessage-deflate; server_max_window_bits=\"{bits}\"");
        let error = check_client(&config, with(&value)).expect_err("no such window");
        let is_refused = matches!(error, HandshakeError::Deflate(_));
        assert!(is_refused || bits.is_empty(), "{error:?}");
    }
    fails(&config, with("permessage-deflate; unknown"), "Deflate");

    // What a server answers to our own offer is fine; once, and alone.
    let deflate = DeflateConfig::default();
    let offers = Extension::parse_list(deflate.offer().as_bytes()).expect("a good offer");
    let (_, good) = deflate.negotiate(&offers).expect("a server with the same settings");
    assert!(check_client(&config, with(&good)).is_ok_and(|it| it.0.deflate.is_some()));
    fails(&config, with(&format!("{good}, {good}")), "ExtensionNotOffered");
    fails(&config, with(&format!("{good}, other")), "ExtensionNotOffered");
    let handshake = client("ws://a", config).unwrap();
    let text = String::from_utf8(handshake.request().to_vec()).unwrap();
    assert!(text.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"));
}

#[test]
fn sec_hc_09_the_answer_has_limits() {
    let default = ClientConfig::default();
    fails(&default, switching().and("X", "x".repeat(1 << 20)).bytes(), "Head(TooLong");
    let many = (0..1_000).fold(switching(), |head, i| head.and(&format!("X-{i}"), ""));
    fails(&default, many.bytes(), "Head(TooManyHeaders");
    let interim = |count| {
        [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(count), switching().bytes()].concat()
    };
    assert!(check_client(&default, interim(8)).is_ok());
    fails(&default, interim(9), "TooManyInterim");
    fails(&default, interim(10_000), "TooManyInterim");
}

#[test]
fn s4_1_an_answer_that_is_no_http_fails() {
    let default = ClientConfig::default();
    for line in [
        "HTTP/1.1 1011 x",
        "HTTP/1.1 10 x",
        "HTTP/1.1 0x1 x",
        "HTTP/1.1",
        "SSH-2.0-x",
        "HTTP/1.1  101 x",
        "",
    ] {
        let error = check_client(&default, switching().line(line).bytes()).expect_err(line);
        assert!(matches!(error, HandshakeError::Head(_)), "{line:?}: {error:?}");
    }
    fails(&default, switching().line("HTTP/2.0 101 x").bytes(), "Head(Version)");
    fails(&default, b"\x15\x03\x01", "Head(Control)");
    fails(
        &default,
        String::from_utf8(switching().bytes()).unwrap().replace("\r\n", "\n"),
        "Head(BareLf)",
    );
    assert!(check_client(&default, switching().line("HTTP/1.1 101").bytes()).is_ok());
}

#[test]
fn sec_hc_10_a_refusal_carries_its_body() {
    let response =
        refused("HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nX: y\r\n\r\nhello, more");
    assert_eq!((response.status(), response.body()), (403, &b"hello"[..]));
    assert_eq!((response.header("x"), response.is_body_cut()), (Some(&b"y"[..]), false));
    let response = refused("HTTP/1.0 500 Oh\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((response.status(), response.body()), (500, &b""[..]));
    refused("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(refused("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").status(), 200);
}

#[test]
fn sec_hc_10_chunks_of_a_refusal_are_joined() {
    let with = |body: &str| {
        refused(format!("HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n{body}"))
    };
    assert_eq!(with("5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n").body(), b"hello!");
    assert_eq!(with("A\r\n0123456789\r\n00\r\n\r\n").body(), b"0123456789");
    assert_eq!(with("5\r\nhelloworld").body(), b"hello", "what is no chunk ends the body");
    assert_eq!(with("fffffffffffffffff\r\n").body(), b"", "a size that does not fit as well");
}

#[test]
fn sec_hc_10_the_body_of_a_refusal_is_bounded() {
    let gigabyte =
        "HTTP/1.1 503 Busy\r\nContent-Length: 1073741824\r\n\r\n".to_owned() + &"x".repeat(65_537);
    let endless = "HTTP/1.1 503 Busy\r\n\r\n".to_owned() + &"x".repeat(65_537);
    for answer in [gigabyte, endless] {
        let response = refused(answer);
        assert_eq!((response.body().len(), response.is_body_cut()), (65_536, true));
    }
}

#[test]
fn sec_hc_10_the_end_of_the_transport_ends_a_body() {
    let mut handshake = client("ws://a", ClientConfig::default()).unwrap();
    let progress = handshake.handle_input(b"HTTP/1.1 500 Oh\r\n\r\nwhy").unwrap();
    assert!(progress.done.is_none());
    let HandshakeError::Refused(response) = handshake.handle_eof() else { panic!("a refusal") };
    assert_eq!((response.status(), response.body()), (500, &b"why"[..]));
    for start in [&b""[..], b"HTTP/1.1 101 Sw"] {
        let mut handshake = client("ws://a", ClientConfig::default()).unwrap();
        assert!(handshake.handle_input(start).is_ok());
        assert!(matches!(handshake.handle_eof(), HandshakeError::UnexpectedEnd));
    }
}

#[test]
fn sec_hc_11_redirects_are_told_not_followed() {
    let to = "http://169.254.169.254/";
    let response =
        refused(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!((response.status(), response.location()), (302, Some(to.as_bytes())));
    let response = refused("HTTP/1.1 401 No\r\nLocation: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(response.location(), None);
}

#[test]
fn sec_hc_13_frames_behind_the_answer_are_left_to_the_caller() {
    let answer = switching().bytes();
    let (_, taken) =
        check_client(&ClientConfig::default(), [&answer[..], b"\x81\x02hi"].concat()).unwrap();
    assert_eq!(taken, answer.len());
}

#[test]
fn s4_1_errors_say_what_happened() {
    let default = ClientConfig::default();
    let error = check_client(&default, switching().with("Upgrade", "x").bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the server switched, but not to `websocket`");
    let error = check_client(&default, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").unwrap_err();
    assert_eq!(error.to_string(), "the server refused the upgrade with status 404");
    let error = check_client(&default, "nonsense\r\n\r\n").unwrap_err();
    assert!(
        std::error::Error::source(&error).is_some_and(|it| it.to_string().contains("status line"))
    );
}
