//! §4.2: what a server must see before it accepts, and what it answers.

use std::sync::Arc;

use trunkline_proto::handshake::{
    AcceptError, Acceptance, ClientConfig, ClientHandshake, Headers, InvalidHeader, OriginPolicy,
    Refusal, Request, RequestHead, ServerConfig, ServerHandshake, Subprotocols,
};

use crate::handshakes::{
    ACCEPT, KEY, NONCE, check, check_default, check_refusal, serve, switching, upgrade,
};

fn config(change: impl FnOnce(&mut ServerConfig)) -> ServerConfig {
    let mut config = ServerConfig::default();
    change(&mut config);
    config
}

fn speaking<'a>(names: impl IntoIterator<Item = &'a str>) -> ServerConfig {
    config(|it| it.subprotocols = Subprotocols::new(names).expect("tokens"))
}

/// The request of `bytes`, judged by the default rules.
fn request(bytes: &[u8]) -> (ServerHandshake, Request) {
    let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
    let request = handshake.handle_input(bytes).expect("a good request").done.expect("a whole one");
    (handshake, request)
}

#[test]
fn s1_3_the_example_of_the_rfc() {
    let config = config(|it| {
        it.subprotocols = Subprotocols::new(["chat"]).expect("a token");
        it.origin = OriginPolicy::list(["http://example.com"]).expect("an origin");
    });
    let asked = upgrade()
        .and("Origin", "http://example.com")
        .and("Sec-WebSocket-Protocol", "chat, superchat")
        .bytes();
    let answer = check(&config, asked, 101);
    answer.has(&format!("Sec-WebSocket-Accept: {ACCEPT}")).has("Sec-WebSocket-Protocol: chat");
    assert_eq!(answer.agreement.unwrap().subprotocol.as_deref(), Some("chat"));
}

#[test]
fn s4_2_2_the_answer_to_the_least_request_is_the_least_answer() {
    let answer = check_default(upgrade().bytes(), 101);
    assert_eq!(answer.text.as_bytes(), switching().bytes());
}

#[test]
fn s4_2_1_a_request_tells_what_was_asked() {
    let line = "GET /a%20b/?x=1?&y HTTP/1.1";
    let (_, request) = request(&upgrade().line(line).with("Host", "[::1]:8080").bytes());
    assert_eq!((request.method(), request.target()), ("GET", "/a%20b/?x=1?&y"));
    assert_eq!((request.path(), request.query()), ("/a%20b/", Some("x=1?&y")));
    assert_eq!((request.host().host(), request.host().port()), ("[::1]", Some(8080)));
    assert_eq!((request.origin(), request.subprotocols().count()), (None, 0));
    assert_eq!(request.accept_key().as_ref(), Some(ACCEPT.as_bytes().try_into().unwrap()));
}

#[test]
fn sec_hs_08_subprotocols_that_are_no_text_are_refused() {
    for value in [&b"\x80\xff"[..], b"chat, \x80", b"a b", b"a;b", b"\"chat\""] {
        check_default(upgrade().and("Sec-WebSocket-Protocol", value).bytes(), 400);
    }
    check_default(
        upgrade().and("Sec-WebSocket-Protocol", "a").and("Sec-WebSocket-Protocol", "a").bytes(),
        400,
    );
}

#[test]
fn sec_hs_07_extensions_are_read_in_linear_time() {
    let value = format!(r#"a; b="{}"#, r"\c".repeat(7_000));
    check_default(upgrade().and("Sec-WebSocket-Extensions", value).bytes(), 400);
}

#[test]
fn sec_hs_09_unknown_extensions_are_ignored() {
    for value in ["constructor", "__proto__; toString=1", "a, b; c=d, e", &"x".repeat(4096)] {
        let answer = check_default(upgrade().and("Sec-WebSocket-Extensions", value).bytes(), 101);
        assert!(!answer.has_field("Sec-WebSocket-Extensions"));
    }
    check_default(upgrade().and("Sec-WebSocket-Extensions", ["a"; 32].join(",")).bytes(), 101);
    check_default(upgrade().and("Sec-WebSocket-Extensions", ["a"; 33].join(",")).bytes(), 400);
    check_default(upgrade().and("Sec-WebSocket-Extensions", ["a"; 1_000].join(",")).bytes(), 400);
    let twice = ["a"; 17].join(",");
    let twice =
        upgrade().and("Sec-WebSocket-Extensions", &twice).and("Sec-WebSocket-Extensions", &twice);
    check_default(twice.bytes(), 400);
}

/// SEC-PD-10: compression tells lengths, so it is off until somebody switches it on.
#[test]
fn sec_pd_10_no_compression_by_default() {
    let offer = upgrade().and("Sec-WebSocket-Extensions", "permessage-deflate").bytes();
    let answer = check_default(&offer, 101);
    assert!(!answer.has_field("Sec-WebSocket-Extensions"));
    assert!(answer.agreement.unwrap().deflate.is_none());
    let url = "ws://server.example.com/".parse().unwrap();
    let client = ClientHandshake::new(&url, Arc::new(ClientConfig::default()), NONCE).unwrap();
    let request = std::str::from_utf8(client.request()).unwrap().to_lowercase();
    assert!(!request.contains("sec-websocket-extensions"), "{request}");
}

#[test]
fn s9_1_malformed_extensions_are_refused() {
    for value in ["", ",", "a;", "a b", "a; b=", "a; b=\"", "a; b=\"c d\"", "=", "a; b=c=d"] {
        check_default(upgrade().and("Sec-WebSocket-Extensions", value).bytes(), 400);
    }
}

#[cfg(feature = "deflate")]
#[test]
fn s9_1_an_extension_is_chosen_only_if_configured_and_offered() {
    use trunkline_proto::deflate::DeflateConfig;

    let offer = upgrade().and("Sec-WebSocket-Extensions", "permessage-deflate").bytes();
    let answer = check_default(&offer, 101);
    assert!(!answer.has_field("Sec-WebSocket-Extensions"), "off by default");
    let on = config(|it| it.deflate = Some(DeflateConfig::default()));
    let answer = check(&on, &offer, 101);
    assert!(answer.has_field("Sec-WebSocket-Extensions"));
    assert!(answer.agreement.unwrap().deflate.is_some());
    let answer = check(&on, upgrade().bytes(), 101);
    assert!(!answer.has_field("Sec-WebSocket-Extensions"));
}

#[test]
fn sec_hs_10_host_is_checked() {
    for host in
        ["a b[::", "a:0", ":0", "%zz", "", "a:65536", "a:x", "a/b", "u@a", "a,b", "[::1", "a#"]
    {
        check_default(upgrade().with("Host", host).bytes(), 400);
    }
    check_default(upgrade().without("Host").bytes(), 400);
    check_default(upgrade().and("Host", "server.example.com").bytes(), 400);
    for host in ["a", "A.b:1", "[::1]", "[2001:db8::1]:65535", "127.0.0.1:80", "a_b"] {
        check_default(upgrade().with("Host", host).bytes(), 101);
    }
}

#[test]
fn sec_hs_10_a_target_with_a_host_agrees_with_it() {
    let with = |target: &str| upgrade().line(format!("GET {target} HTTP/1.1")).bytes();
    for target in [
        "http://server.example.com/chat",
        "HTTP://SERVER.example.com:80/",
        "ws://server.example.com",
        "https://server.example.com:443?x",
        "wss://server.example.com/",
    ] {
        check_default(with(target), 101);
    }
    for target in [
        "http://evil.example/chat",
        "http://server.example.com:81/",
        "https://server.example.com:80/",
        "ftp://server.example.com/",
        "http://u@server.example.com/",
        "http:///",
        "http://",
        "*",
        "chat",
        "server.example.com:80",
        "http:/x",
        "://x",
        "http://server.example.com\\/",
    ] {
        check_default(with(target), 400);
    }
    let (_, request) = request(&with("http://server.example.com?x=1"));
    assert_eq!((request.path(), request.query()), ("/", Some("x=1")));
}

#[test]
fn sec_hs_11_the_key_is_checked() {
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZWQ=",
        "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhl IHNhbXBsZSBub25jZQ==",
        "!GhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==,",
    ] {
        check_default(upgrade().with("Sec-WebSocket-Key", key).bytes(), 400);
    }
    check_default(upgrade().without("Sec-WebSocket-Key").bytes(), 400);
    check_default(upgrade().and("Sec-WebSocket-Key", KEY).bytes(), 400);
    check_default(upgrade().with("Sec-WebSocket-Key", format!("  {KEY}\t")).bytes(), 101);
}

#[test]
fn sec_hs_12_the_version_is_13() {
    for version in ["0", "8", "12", "14", "13, 8", "013", "+13", "", "x"] {
        let answer = check_default(upgrade().with("Sec-WebSocket-Version", version).bytes(), 426);
        answer.has("Sec-WebSocket-Version: 13");
    }
    check_default(upgrade().with("Sec-WebSocket-Version", "13 ").bytes(), 101);
    check_default(upgrade().without("Sec-WebSocket-Version").bytes(), 400);
    check_default(upgrade().and("Sec-WebSocket-Version", "13").bytes(), 400);
}

#[test]
fn sec_hs_13_the_method_is_get() {
    for method in ["POST", "CONNECT", "HEAD", "OPTIONS", "GETT"] {
        let answer = check_default(upgrade().line(format!("{method} /chat HTTP/1.1")).bytes(), 405);
        answer.has("Allow: GET");
    }
    check_default(upgrade().line("get /chat HTTP/1.1").bytes(), 400);
}

#[test]
fn sec_hs_15_an_upgrade_has_no_body() {
    let body = [upgrade().and("Content-Length", "5").bytes(), b"hello".to_vec()].concat();
    check_default(body, 400);
    for length in ["00", "0, 0", "-1", "x", "", "99999999999999999999"] {
        check_default(upgrade().and("Content-Length", length).bytes(), 400);
    }
    check_default(upgrade().and("Content-Length", "0").and("Content-Length", "0").bytes(), 400);
    check_default(upgrade().and("Content-Length", "0").bytes(), 101);
}

#[test]
fn sec_hs_16_an_upgrade_has_no_transfer_encoding() {
    for encoding in ["chunked", "identity", "chunked, x", ""] {
        check_default(upgrade().and("Transfer-Encoding", encoding).bytes(), 400);
    }
    let both = upgrade().and("Transfer-Encoding", "chunked").and("Content-Length", "0");
    check_default(both.bytes(), 400);
}

#[test]
fn sec_hs_19_early_frames_are_left_to_the_caller() {
    let asked = upgrade().bytes();
    let frames = b"\x81\x82\0\0\0\0hi".repeat(1_000);
    let answer = check_default([&asked[..], &frames].concat(), 101);
    assert_eq!(answer.taken, asked.len(), "not one byte of a frame is taken");

    // Behind a refusal nothing is taken any more.
    let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
    let refused = [&upgrade().without("Host").bytes()[..], &frames].concat();
    assert!(handshake.handle_input(&refused).is_err());
    let progress = handshake.handle_input(&asked).expect("no second verdict");
    assert!(progress.taken == 0 && progress.done.is_none());
}

#[test]
fn sec_hs_20_another_origin_is_refused() {
    let with = |origin| upgrade().and("Origin", origin).bytes();
    check_default(with("https://evil.example"), 403);
    check_default(with("https://server.example.com.evil.net"), 403);
    check_default(with("https://server.example.com:8443"), 403);
    check_default(with("https://server.example.com"), 101);
    check_default(with("http://server.example.com"), 101);
    check(&config(|it| it.origin = OriginPolicy::Any), with("https://evil.example"), 101);
}

#[test]
fn sec_hs_21_null_passes_only_by_name() {
    let with = |origin: &str| upgrade().and("Origin", origin).bytes();
    let list = |entries: &[&str]| {
        config(|it| it.origin = OriginPolicy::list(entries.iter().copied()).expect("origins"))
    };
    for origin in ["null", "", "https://server.example.com https://server.example.com", "ä"] {
        check_default(with(origin), 403);
        check(&list(&["https://server.example.com"]), with(origin), 403);
    }
    check(&list(&["null"]), with("null"), 101);
    let any = config(|it| it.origin = OriginPolicy::Any);
    check(&any, with("null"), 101);
    check(&any, with("https://ä"), 403); // any origin, but this is none
    let two =
        upgrade().and("Origin", "https://server.example.com").and("Origin", "https://evil.example");
    check_default(two.bytes(), 400);
}

#[test]
fn sec_hs_23_a_wildcard_is_one_label() {
    let policy = OriginPolicy::list(["https://*.example.com"]).expect("an origin");
    let config = config(|it| it.origin = policy);
    for origin in [
        "https://example.com",
        "https://a.b.example.com",
        "https://x.example.com.evil.net",
        "https://.example.com",
        "https://xexample.com",
        "http://a.example.com",
        "https://a.example.com:1",
    ] {
        check(&config, upgrade().and("Origin", origin).bytes(), 403);
    }
    for origin in ["https://a.example.com", "https://A.EXAMPLE.com:443"] {
        check(&config, upgrade().and("Origin", origin).bytes(), 101);
    }
}

#[test]
fn sec_hs_24_a_request_without_origin_is_no_page() {
    check_default(upgrade().bytes(), 101);
    check(&config(|it| it.require_origin = true), upgrade().bytes(), 403);
    let any = config(|it| (it.require_origin, it.origin) = (true, OriginPolicy::Any));
    check(&any, upgrade().bytes(), 403);
    check(&any, upgrade().and("Origin", "https://a").bytes(), 101);
}

#[test]
fn sec_hs_26_upgrade_and_connection_are_lists_in_any_case() {
    for connection in ["keep-alive, Upgrade", "UPGRADE", "a,,upgrade ,"] {
        check_default(upgrade().with("Connection", connection).bytes(), 101);
    }
    for protocol in ["WebSocket", "h2c, websocket", "WEBSOCKET"] {
        check_default(upgrade().with("Upgrade", protocol).bytes(), 101);
    }
    check_default(
        upgrade().with("Connection", "keep-alive").and("Connection", "upgrade").bytes(),
        101,
    );
}

#[test]
fn sec_hs_27_what_is_no_upgrade_is_told_to_upgrade() {
    for not in [
        upgrade().with("Upgrade", "websocketx"),
        upgrade().with("Upgrade", "h2c"),
        upgrade().with("Upgrade", "\"websocket\""),
        upgrade().without("Upgrade"),
        upgrade().with("Connection", "close"),
        upgrade().with("Connection", "upgrades"),
        upgrade().without("Connection"),
    ] {
        check_default(not.bytes(), 426).has("Upgrade: websocket");
    }
}

#[test]
fn s4_2_2_server_order_of_subprotocols_wins() {
    let with = |offer| upgrade().and("Sec-WebSocket-Protocol", offer).bytes();
    let config = speaking(["v2", "v1"]);
    check(&config, with("v1, v2"), 101).has("Sec-WebSocket-Protocol: v2");
    check(&config, with("v3,v1"), 101).has("Sec-WebSocket-Protocol: v1");
    let two = upgrade().and("Sec-WebSocket-Protocol", "v1").and("Sec-WebSocket-Protocol", "v2");
    check(&config, two.bytes(), 101).has("Sec-WebSocket-Protocol: v2");
    for offer in [with("v3"), with("V2"), upgrade().bytes()] {
        let answer = check(&config, offer, 101);
        assert!(!answer.has_field("Sec-WebSocket-Protocol"), "none in common is none");
        assert_eq!(answer.agreement.unwrap().subprotocol, None);
    }
}

#[test]
fn s4_2_2_an_offer_of_no_subprotocol_is_as_good_as_none() {
    for offer in ["", " ", ","] {
        let bytes = upgrade().and("Sec-WebSocket-Protocol", offer).bytes();
        let answer = check(&speaking(["v1"]), bytes, 101);
        assert!(!answer.has_field("Sec-WebSocket-Protocol"));
    }
}

#[test]
fn s4_2_2_a_subprotocol_can_be_required() {
    let mut config = speaking(["v1"]);
    config.require_subprotocol = true;
    check(&config, upgrade().bytes(), 400);
    check(&config, upgrade().and("Sec-WebSocket-Protocol", "v2").bytes(), 400);
    check(&config, upgrade().and("Sec-WebSocket-Protocol", "").bytes(), 400);
    check(&config, upgrade().and("Sec-WebSocket-Protocol", "v1").bytes(), 101);
}

#[test]
fn sec_hs_28_a_subprotocol_that_was_not_offered_is_never_sent() {
    let bytes = upgrade().and("Sec-WebSocket-Protocol", "a, b").bytes();
    let (handshake, request) = request(&bytes);
    let wrong = Acceptance::new().with_subprotocol("c");
    let error = handshake.accept(&request, &wrong).expect_err("c was not offered");
    assert_eq!(error, AcceptError::SubprotocolNotOffered { name: "c".into() });

    let config = Arc::new(speaking(["a"]));
    let serve = |acceptance: &Acceptance| {
        serve(&config, acceptance, [&bytes[..]].into_iter()).expect("an answer")
    };
    let answer = serve(&wrong);
    assert_eq!(answer.status, 500);
    assert!(!answer.has_field("Sec-WebSocket-Protocol"));
    check_refusal(&answer);
    serve(&Acceptance::new().with_subprotocol("b")).has("Sec-WebSocket-Protocol: b");
    assert!(!serve(&Acceptance::new().without_subprotocol()).has_field("Sec-WebSocket-Protocol"));
}

#[test]
fn sec_hs_29_an_answer_cannot_be_split() {
    let evil = "x\r\nSet-Cookie: a=b";
    for name in ["X", "Location"] {
        let value = InvalidHeader::Value { name: name.into() };
        assert_eq!(Acceptance::new().with_header(name, evil).err(), Some(value.clone()));
        assert_eq!(Refusal::timeout().with_header(name, evil).err(), Some(value.clone()));
        assert_eq!(Headers::new().with(name, evil).err(), Some(value));
    }
    assert!(Acceptance::new().with_header(evil, "x").is_err());
    assert!(Acceptance::new().with_subprotocol(evil).with_header("X", "y").is_ok_and(|it| {
        let (handshake, request) = request(&upgrade().bytes());
        handshake.accept(&request, &it).is_err()
    }));
    for name in [
        "connection",
        "Upgrade",
        "sec-websocket-accept",
        "Sec-WebSocket-Protocol",
        "Content-Length",
    ] {
        let reserved = InvalidHeader::Reserved { name: name.into() };
        assert_eq!(Acceptance::new().with_header(name, "x").err(), Some(reserved));
    }
}

#[test]
fn s4_2_2_the_application_adds_headers() {
    let (handshake, request) = request(&upgrade().bytes());
    let acceptance = Acceptance::new().with_header("Set-Cookie", "a=b").expect("a header");
    let (bytes, _) = handshake.accept(&request, &acceptance).expect("a good acceptance");
    assert_eq!(bytes, switching().and("Set-Cookie", "a=b").bytes());
}

#[test]
fn s4_2_2_the_application_refuses_with_any_status() {
    let refusal =
        Refusal::new(401, "log in first").unwrap().with_header("WWW-Authenticate", "Bearer");
    assert_eq!(
        refusal.unwrap().encode().escape_ascii().to_string(),
        "HTTP/1.1 401 Unauthorized\\r\\nConnection: close\\r\\n\
         Content-Type: text/plain; charset=utf-8\\r\\nContent-Length: 12\\r\\n\
         WWW-Authenticate: Bearer\\r\\n\\r\\nlog in first"
    );
    let json =
        Refusal::new(429, "{}").unwrap().with_header("content-type", "application/json").unwrap();
    assert_eq!(String::from_utf8(json.encode()).unwrap().matches("ontent-").count(), 2);
    for status in [0, 99, 100, 101, 199, 204, 205, 304, 600, 1000] {
        assert!(Refusal::new(status, "x").is_err(), "{status}");
    }
    for name in ["Connection", "content-length", "Transfer-Encoding"] {
        assert!(Refusal::unavailable().with_header(name, "0").is_err());
    }
    assert_eq!((Refusal::timeout().status(), Refusal::unavailable().status()), (408, 503));
    for (refusal, status) in [
        (Refusal::unauthorized("no"), 401),
        (Refusal::forbidden("no"), 403),
        (Refusal::not_found("no"), 404),
        (Refusal::too_many_requests("no"), 429),
    ] {
        assert_eq!((refusal.status(), refusal.body()), (status, &b"no"[..]));
    }
}

/// RFC 8441 §5: the same judgement, asked for with an extended CONNECT.
#[test]
fn s4_2_1_the_judgement_is_apart_from_http_1_1() {
    let head = |origin: &str| {
        let headers = Headers::new()
            .with("Host", "server.example.com")
            .and_then(|it| it.with("Sec-WebSocket-Version", "13"))
            .and_then(|it| it.with("Sec-WebSocket-Protocol", "v1, v2"))
            .and_then(|it| it.with("Origin", origin));
        RequestHead::new("CONNECT", "/chat?x", headers.unwrap()).unwrap()
    };
    let config = speaking(["v2"]);
    let refusal =
        Request::judge(head("https://evil.example"), &config).expect_err("another origin");
    assert_eq!(refusal.status(), 403);
    let request = Request::judge(head("https://server.example.com"), &config).expect("a good one");
    assert_eq!((request.path(), request.query()), ("/chat", Some("x")));
    let (agreement, headers) = request.agree(&config, &Acceptance::new()).expect("an agreement");
    assert_eq!(agreement.subprotocol.as_deref(), Some("v2"));
    assert_eq!(headers.iter().collect::<Vec<_>>(), [("Sec-WebSocket-Protocol", &b"v2"[..])]);

    // It has no key, so no 101 can answer it.
    let handshake = ServerHandshake::new(Arc::new(config));
    assert_eq!(handshake.accept(&request, &Acceptance::new()).err(), Some(AcceptError::NoKey));
    assert!(RequestHead::new("GET", "/a b", Headers::new()).is_err());
    assert!(RequestHead::new("G T", "/", Headers::new()).is_err());
}
