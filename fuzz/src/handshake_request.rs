//! The head of a request, and the answer to it (RFC 6455 §4.2, RFC 9112).

use std::sync::Arc;

use trunkline_proto::Limit;
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{
    Acceptance, Agreement, OriginPolicy, RequestParser, ServerConfig, ServerHandshake, Subprotocols,
};
use tungstenite::handshake::derive_accept_key;

use crate::cut::Cut;
use crate::head::{Head, head_len, is_token};

/// The first byte is read as a configuration, the second seeds the cuts, the rest comes from the client.
///
/// - Any cut gives the same verdict, and takes the same bytes.
/// - No byte is looked at more than twice.
/// - Whoever is refused gets a well-formed answer that closes the connection.
/// - Whoever is accepted kept every rule of §4.2.1, and the 101 is what §4.2.2 asks for.
pub fn check(bytes: &[u8]) {
    let [bits, seed, bytes @ ..] = bytes else { return };
    let config = Arc::new(config(*bits));
    let verdict = run(&config, bytes, Cut::Nowhere);
    for cut in [Cut::Everywhere, Cut::Seeded(*seed)] {
        assert_eq!(run(&config, bytes, cut), verdict, "{cut:?}");
        check_work(&config, bytes, cut);
    }
    check_work(&config, bytes, Cut::Nowhere);
    match verdict {
        Verdict::Waiting => assert!(bytes.len() < config.limits.bytes.max()),
        Verdict::Refused { status, answer } => check_refusal(status, &answer),
        Verdict::Accepted { taken, answer, agreement } => {
            assert_eq!(taken, head_len(bytes), "the frames behind the head are not touched");
            let request = Head::read(&bytes[..taken]);
            check_request(&request, taken, &config);
            check_answer(&request, &Head::read(&answer), &agreement, &config);
        }
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Waiting,
    Refused { status: u16, answer: Vec<u8> },
    Accepted { taken: usize, answer: Vec<u8>, agreement: Agreement },
}

fn config(bits: u8) -> ServerConfig {
    let on = |bit: u8| bits & (1 << bit) != 0;
    let mut config = ServerConfig::default();
    if on(0) {
        config.subprotocols = Subprotocols::new(["v2.chat", "chat"]).expect("tokens");
    }
    config.require_subprotocol = on(1);
    config.deflate = on(2).then(|| DeflateConfig::new().context_takeover(on(3)));
    if on(4) {
        config.origin = OriginPolicy::Any;
    }
    config.require_origin = on(5);
    if on(6) {
        config.limits.bytes = Limit::at_most(400);
        config.limits.headers = Limit::at_most(8);
        config.limits.target = Limit::at_most(20);
    }
    config
}

fn run(config: &Arc<ServerConfig>, bytes: &[u8], cut: Cut) -> Verdict {
    let mut handshake = ServerHandshake::new(Arc::clone(config));
    let mut verdict = Verdict::Waiting;
    let mut taken = 0;
    for part in cut.parts(bytes) {
        let progress = match handshake.handle_input(part) {
            Ok(progress) => progress,
            Err(refusal) => {
                assert_eq!(verdict, Verdict::Waiting, "a second verdict");
                verdict = Verdict::Refused { status: refusal.status(), answer: refusal.encode() };
                continue;
            }
        };
        if verdict != Verdict::Waiting {
            assert!(progress.taken == 0 && progress.done.is_none(), "taken behind the verdict");
            continue;
        }
        taken += progress.taken;
        let Some(request) = progress.done else {
            assert_eq!(progress.taken, part.len(), "all is taken until it is done");
            continue;
        };
        let accepted = handshake.accept(&request, &Acceptance::new());
        let (answer, agreement) = accepted.expect("the configuration alone asks for nothing wrong");
        verdict = Verdict::Accepted { taken, answer, agreement };
    }
    verdict
}

fn check_work(config: &ServerConfig, bytes: &[u8], cut: Cut) {
    let mut parser = RequestParser::new(config.limits);
    let mut fed = 0;
    // A call without bytes is no cut: it looks again at a CR that waits for its LF.
    for part in cut.parts(bytes).into_iter().filter(|part| !part.is_empty()) {
        fed += part.len();
        let result = parser.handle_input(part);
        assert!(parser.bytes_examined() <= 2 * fed, "{} of {fed}", parser.bytes_examined());
        if !matches!(result, Ok(progress) if progress.done.is_none()) {
            break;
        }
    }
}

/// RFC 9112 §4 and RFC 9110: what any client of HTTP can read.
fn check_refusal(status: u16, answer: &[u8]) {
    let (head, body) = answer.split_at(head_len(answer));
    let head = Head::read(head);
    let code = head.line.strip_prefix("HTTP/1.1 ").and_then(|it| it.split(' ').next());
    assert_eq!(code, Some(&*status.to_string()));
    assert!(matches!(status, 400..=599), "a refusal of {status}");
    assert_eq!(head.only("connection"), b"close");
    assert_eq!(head.only("content-length"), body.len().to_string().as_bytes());
    assert!(!body.is_empty(), "a refusal says why");
}

/// §4.2.1, point by point.
fn check_request(request: &Head, taken: usize, config: &ServerConfig) {
    let line: Vec<_> = request.line.split(' ').collect();
    let [method, target, version] = line[..] else { panic!("{line:?}") };
    assert_eq!((method, version), ("GET", "HTTP/1.1"));
    assert!(target.starts_with('/') || target.contains("://"), "{target}");
    assert!(config.limits.target.allows(target.len()));
    assert!(config.limits.bytes.allows(taken) && config.limits.headers.allows(request.len()));
    assert!(!request.only("host").is_empty());
    assert!(request.list_has("upgrade", "websocket"));
    assert!(request.list_has("connection", "upgrade"));
    assert_eq!(request.only("sec-websocket-version"), b"13");
    let key = request.only("sec-websocket-key");
    let digit = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/');
    assert!(key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit));
    assert!(request.all("transfer-encoding").is_empty());
    assert!(request.all("content-length").iter().all(|it| *it == b"0"));
    match request.all("origin")[..] {
        [] => assert!(!config.require_origin),
        [origin] if !matches!(config.origin, OriginPolicy::Any) => {
            check_same_origin(origin, request.only("host"));
        }
        [_] => {}
        _ => panic!("two origins"),
    }
    for name in request.list("sec-websocket-protocol") {
        assert!(name.is_empty() || is_token(name));
    }
}

/// The default policy, without its care for ports: the host of the page is the host that was asked.
fn check_same_origin(origin: &[u8], host: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_ascii_lowercase()).expect("ASCII");
    let (origin, host) = (text(origin), text(host));
    let (scheme, page) = origin.split_once("://").expect("scheme://host");
    assert!(matches!(scheme, "http" | "https"), "{scheme}");
    // Two spellings of one IPv6 address are one host.
    if !host.starts_with('[') {
        let name = |it: &str| it.split(':').next().map(str::to_owned);
        assert_eq!(name(page), name(&host));
    }
}

/// §4.2.2 point 5, with another implementation's hash.
fn check_answer(request: &Head, answer: &Head, agreement: &Agreement, config: &ServerConfig) {
    assert_eq!(answer.line, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(answer.only("upgrade"), b"websocket");
    assert_eq!(answer.only("connection"), b"Upgrade");
    let key = request.only("sec-websocket-key");
    assert_eq!(answer.only("sec-websocket-accept"), derive_accept_key(key).as_bytes());
    match &agreement.subprotocol {
        None => {
            assert!(!config.require_subprotocol);
            assert!(answer.all("sec-websocket-protocol").is_empty());
        }
        Some(name) => {
            assert_eq!(answer.only("sec-websocket-protocol"), name.as_bytes());
            assert!(request.list("sec-websocket-protocol").contains(&name.as_bytes()));
        }
    }
    assert_eq!(answer.all("sec-websocket-extensions").len(), agreement.deflate.iter().count());
    if agreement.deflate.is_some() {
        assert!(config.deflate.is_some());
        let offers = request.all("sec-websocket-extensions").concat();
        assert!(offers.windows(18).any(|it| it == b"permessage-deflate"));
    }
}
