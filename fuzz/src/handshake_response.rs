//! The head of an answer, and the body of a refusal (RFC 6455 §4.1, RFC 9112).

use std::sync::Arc;

use trunkline_proto::Limit;
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{
    Agreement, ClientConfig, ClientHandshake, HandshakeError, Subprotocols, Url,
};
use tungstenite::handshake::derive_accept_key;

use crate::cut::Cut;
use crate::head::{Head, head_len};

/// The first byte is read as a configuration, the second seeds the cuts, the rest comes from the server.
///
/// - Any cut gives the same verdict, takes the same bytes, and keeps the same body of a refusal.
/// - A connection comes of a 101 only, with every point of §4.1 in order, and with nothing agreed on
///   that was not offered.
pub fn check(bytes: &[u8]) {
    let [bits, seed, bytes @ ..] = bytes else { return };
    let config = Arc::new(config(*bits));
    let verdict = run(&config, bytes, Cut::Nowhere);
    for cut in [Cut::Everywhere, Cut::Seeded(*seed)] {
        assert_eq!(run(&config, bytes, cut), verdict, "{cut:?}");
    }
    match verdict {
        Verdict::Refused { body, .. } => assert!(config.refusal_bytes.allows(body.len())),
        Verdict::Opened { taken, agreement } => check_opened(&bytes[..taken], &agreement, &config),
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Refused { error: String, body: Vec<u8> },
    Opened { taken: usize, agreement: Agreement },
}

fn config(bits: u8) -> ClientConfig {
    let on = |bit: u8| bits & (1 << bit) != 0;
    let mut config = ClientConfig::default();
    if on(0) {
        config.subprotocols = Subprotocols::new(["v2.chat", "chat"]).expect("tokens");
    }
    config.require_subprotocol = on(1);
    config.deflate = on(2).then(|| DeflateConfig::new().context_takeover(on(3)));
    if on(4) {
        config.limits.bytes = Limit::at_most(300);
        config.limits.headers = Limit::at_most(6);
        config.interim_responses = Limit::at_most(1);
        config.refusal_bytes = Limit::at_most(10);
    }
    config
}

/// What becomes of the handshake if the transport ends behind `bytes`.
fn run(config: &Arc<ClientConfig>, bytes: &[u8], cut: Cut) -> Verdict {
    let url: Url = "ws://server.example.com/chat".parse().expect("a URL");
    let nonce = *b"the sample nonce";
    let mut handshake = ClientHandshake::new(&url, Arc::clone(config), nonce).expect("no headers");
    let mut taken = 0;
    for part in cut.parts(bytes) {
        match handshake.handle_input(part) {
            Err(error) => return refused(error),
            Ok(progress) => {
                taken += progress.taken;
                if let Some(opened) = progress.done {
                    return Verdict::Opened { taken, agreement: opened.agreement };
                }
                assert_eq!(progress.taken, part.len(), "all is taken until it is done");
            }
        }
    }
    refused(handshake.handle_eof())
}

fn refused(error: HandshakeError) -> Verdict {
    assert!(!error.to_string().is_empty());
    let body = match &error {
        HandshakeError::Refused(response) => response.body().to_vec(),
        _ => Vec::new(),
    };
    Verdict::Refused { error: format!("{error:?}"), body }
}

fn check_opened(mut bytes: &[u8], agreement: &Agreement, config: &ClientConfig) {
    // Interim answers come before it.
    let mut interim = 0;
    let answer = loop {
        let (head, rest) = bytes.split_at(head_len(bytes));
        let head = Head::read(head);
        if rest.is_empty() {
            break head;
        }
        assert!(head.line.starts_with("HTTP/1.") && head.line.as_bytes()[9] == b'1');
        interim += 1;
        bytes = rest;
    };
    assert!(config.interim_responses.allows(interim));
    assert!(config.limits.headers.allows(answer.len()));
    assert!(answer.line == "HTTP/1.1 101" || answer.line.starts_with("HTTP/1.1 101 "));
    assert!(answer.only("upgrade").eq_ignore_ascii_case(b"websocket"));
    assert!(answer.list_has("connection", "upgrade"));
    let expected = derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(answer.only("sec-websocket-accept"), expected.as_bytes());
    match &agreement.subprotocol {
        None => {
            assert!(!config.require_subprotocol);
            assert!(answer.all("sec-websocket-protocol").is_empty());
        }
        Some(name) => {
            assert!(config.subprotocols.contains(name.as_bytes()));
            assert_eq!(answer.only("sec-websocket-protocol"), name.as_bytes());
        }
    }
    match agreement.deflate {
        None => assert!(answer.all("sec-websocket-extensions").is_empty()),
        Some(_) => {
            assert!(config.deflate.is_some());
            assert!(answer.only("sec-websocket-extensions").starts_with(b"permessage-deflate"));
        }
    }
}
