//! `Sec-WebSocket-Extensions`, and what two ends agree on by it (RFC 6455 §9.1, RFC 7692 §5, §7.1).

use trunkline_proto::deflate::{DeflateConfig, WindowBits};
use trunkline_proto::handshake::{Extension, MalformedExtensions};

use crate::head::is_token;

/// The first two bytes are read as the configurations of a server and of a client, the rest is a value
/// of the header.
///
/// - A list has 1 to 32 extensions of tokens, and written out plainly it is read the same again.
/// - The server answers with parameters that were offered, apart from the two that need no offer
///   (§7.1.1), and the client that made this offer could follow it.
/// - The client takes no window larger than the one that it asked for, unless the server names none.
/// - The two configurations understand each other.
pub fn check(bytes: &[u8]) {
    let [server, client, value @ ..] = bytes else { return };
    let (server, client) = (Wish::from_bits(*server), Wish::from_bits(*client));
    check_pair(server, client);
    let list = match Extension::parse_list(value) {
        Ok(list) => list,
        Err(error) => {
            let many = value.iter().filter(|it| **it == b',').count() >= 32;
            assert!(error != MalformedExtensions::TooMany || many);
            return;
        }
    };
    check_list(&list);
    check_offer(server, &list);
    for answer in &list {
        let Ok(params) = client.config().accept_response(answer) else { continue };
        assert_eq!(answer.name(), "permessage-deflate");
        let named = answer.params().any(|(name, _)| name == "server_max_window_bits");
        let largest = if named { client.peer_window } else { WindowBits::MAX };
        assert!(params.server_max_window_bits <= largest);
        assert!(params.client_max_window_bits <= client.own_window);
        assert!(params.server_no_context_takeover || client.peer_takeover);
        assert!(params.client_no_context_takeover || client.own_takeover);
    }
}

/// What one end wants of compression.
#[derive(Clone, Copy, Debug)]
struct Wish {
    own_window: WindowBits,
    peer_window: WindowBits,
    own_takeover: bool,
    peer_takeover: bool,
}

impl Wish {
    fn from_bits(bits: u8) -> Self {
        let window = |bits| WindowBits::new(8 + (bits & 7)).expect("8 to 15");
        Self {
            own_window: window(bits),
            peer_window: window(bits >> 3),
            own_takeover: bits & 0x40 != 0,
            peer_takeover: bits & 0x80 != 0,
        }
    }

    fn config(self) -> DeflateConfig {
        DeflateConfig::new()
            .window_bits(self.own_window)
            .peer_window_bits(self.peer_window)
            .own_context_takeover(self.own_takeover)
            .peer_context_takeover(self.peer_takeover)
    }
}

fn check_list(list: &[Extension]) {
    assert!((1..=32).contains(&list.len()), "{} extensions", list.len());
    let mut plain = Vec::new();
    for extension in list {
        assert!(is_token(extension.name().as_bytes()));
        let mut text = extension.name().to_owned();
        for (name, value) in extension.params() {
            assert!(is_token(name.as_bytes()));
            assert!(value.is_none_or(|it| is_token(it.as_bytes())));
            text += &format!(";{name}{}", value.map(|it| format!("={it}")).unwrap_or_default());
        }
        plain.push(text);
    }
    let again = Extension::parse_list(plain.join(",").as_bytes());
    assert_eq!(again.as_deref(), Ok(list));
}

fn check_offer(server: Wish, offers: &[Extension]) {
    let Some((params, answer)) = server.config().negotiate(offers) else { return };
    let answer = Extension::parse_list(answer.as_bytes()).expect("our answer can be read");
    let [answer] = &answer[..] else { panic!("one answer: {answer:?}") };
    assert_eq!(answer.name(), "permessage-deflate");
    let offered = |name: &str| {
        let ours = offers.iter().filter(|it| it.name() == "permessage-deflate");
        ours.flat_map(|it| it.params()).any(|it| it.0 == name)
    };
    let mut seen = Vec::new();
    for (name, value) in answer.params() {
        assert!(!seen.contains(&name), "{name} twice");
        seen.push(name);
        match name {
            "server_no_context_takeover" => assert!(params.server_no_context_takeover),
            "client_no_context_takeover" => assert!(params.client_no_context_takeover),
            "server_max_window_bits" => {
                assert_eq!(value, Some(&*params.server_max_window_bits.to_string()));
                assert!(offered(name));
            }
            "client_max_window_bits" => {
                assert_eq!(value, Some(&*params.client_max_window_bits.to_string()));
                assert!(offered(name));
            }
            _ => panic!("{name} does not exist"),
        }
    }
    assert_eq!(seen.contains(&"server_no_context_takeover"), params.server_no_context_takeover);
    assert_eq!(seen.contains(&"client_no_context_takeover"), params.client_no_context_takeover);
    assert!(params.server_max_window_bits <= server.own_window);
    // Unasked, a client may use the largest window: nothing less may be counted on.
    let told = seen.contains(&"client_max_window_bits");
    assert!(told || params.client_max_window_bits == WindowBits::MAX);
}

/// Offer, answer and what comes of it, between two ends of our own.
fn check_pair(server: Wish, client: Wish) {
    let offer = Extension::parse_list(client.config().offer().as_bytes()).expect("our offer");
    let (ours, answer) = server.config().negotiate(&offer).expect("a good offer is taken");
    let answer = Extension::parse_list(answer.as_bytes()).expect("our answer");
    let theirs = client.config().accept_response(&answer[0]).expect("a good answer is taken");
    assert_eq!(ours.server_no_context_takeover, theirs.server_no_context_takeover);
    assert_eq!(ours.client_no_context_takeover, theirs.client_no_context_takeover);
    // Whoever receives keeps a window that is at least the sender's.
    assert!(ours.server_max_window_bits <= theirs.server_max_window_bits);
    assert!(theirs.client_max_window_bits <= ours.client_max_window_bits);
}
