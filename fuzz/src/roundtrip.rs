//! Messages into frames, cut and masked in any way a peer may choose, and back into messages.

use arbitrary::Arbitrary;
use trunkline_proto::deflate::Compressor;
use trunkline_proto::{Connection, Limit, Role};

use crate::agreement::Agreement;
use crate::cut::Cut;
use crate::support::{Driven, Seen, connection, drain};
use crate::wire;

/// Messages of a peer, as it frames them.
#[derive(Debug, Arbitrary)]
pub struct Case {
    to_client: bool,
    agreement: Option<Agreement>,
    seed: u8,
    messages: Vec<Sent>,
}

#[derive(Debug, Arbitrary)]
struct Sent {
    payload: Payload,
    compressed: bool,
    key: [u8; 4],
    /// Lengths of the fragments before the last one.
    fragments: Vec<u16>,
    /// The payload of a ping behind each fragment.
    ping: Option<[u8; 3]>,
}

#[derive(Debug, Arbitrary)]
enum Payload {
    Text(String),
    Binary(Vec<u8>),
    /// The same text again and again: long, and worth compressing.
    Repeated(char, u16),
}

/// - Every message is heard as it was meant, whatever its fragments, masks and cuts are.
/// - The library's own encoder makes frames of them that mean the same.
pub fn check(case: &Case) {
    let role = if case.to_client { Role::Client } else { Role::Server };
    let (bytes, expected) = encode(case, role.peer());
    for cut in [Cut::Nowhere, Cut::Seeded(case.seed)] {
        hears(case, role, cut, &bytes, &expected);
    }

    let mut sender = end(case, role.peer());
    for message in case.messages() {
        match &message.payload {
            Payload::Binary(bytes) => sender.queue(&bytes[..]).expect("there is room"),
            text => sender.queue(text.text().as_str()).expect("there is room"),
        }
    }
    let bytes = drain(&mut sender);
    let frames = wire::strict(role.peer(), &bytes, case.agreement.is_some(), false);
    assert_eq!(frames.len(), case.messages().len(), "one frame each");
    let messages: Vec<_> = case.messages().iter().map(|it| it.payload.seen()).collect();
    hears(case, role, Cut::Seeded(case.seed), &bytes, &messages);
}

fn hears(case: &Case, role: Role, cut: Cut, bytes: &[u8], expected: &[Seen]) {
    let mut driven = Driven::new(end(case, role));
    for part in cut.parts(bytes) {
        driven.feed(part);
    }
    assert_eq!((driven.error, &driven.events[..]), (None, expected), "{cut:?}");
    assert!(driven.unread.is_empty());
}

fn end(case: &Case, role: Role) -> Connection {
    let conn = connection(role, |settings| {
        settings.limits.tiny_fragments = Limit::unbounded();
        settings.limits.empty_fragments = Limit::unbounded();
        settings.limits.send_high_water_bytes = Limit::unbounded();
    });
    match case.agreement {
        None => conn,
        Some(it) if role == Role::Server => conn.with_deflate(&it.config(), it.params()),
        Some(it) => {
            let it = it.with_next_memory();
            conn.with_deflate(&it.config(), it.params())
        }
    }
}

/// The frames of a peer that is not the library, and what is to be heard of them.
fn encode(case: &Case, from: Role) -> (Vec<u8>, Vec<Seen>) {
    let (mut out, mut expected) = (Vec::new(), Vec::new());
    let mut compressor = case.agreement.map(|it| Compressor::new(&it.config(), it.params(), from));
    for message in case.messages() {
        let key = (from == Role::Client).then_some(message.key);
        let seen = message.payload.seen();
        let opcode = if matches!(seen, Seen::Text(_)) { 1 } else { 2 };
        let (mut payload, mut first) = (message.payload.bytes(), opcode);
        if let (Some(compressor), true) = (&mut compressor, message.compressed) {
            let mut compressed = Vec::new();
            compressor.compress(&payload, &mut compressed);
            (payload, first) = (compressed, 0x40 | opcode);
        }
        let mut rest = &payload[..];
        for len in &message.fragments {
            let (part, behind) = rest.split_at(usize::from(*len).min(rest.len()));
            wire::write(first, part, key, &mut out);
            (rest, first) = (behind, 0);
            if let Some(ping) = &message.ping {
                wire::write(0x89, ping, key, &mut out);
                expected.push(Seen::Ping(ping.to_vec()));
            }
        }
        wire::write(0x80 | first, rest, key, &mut out);
        expected.push(seen);
    }
    (out, expected)
}

impl Case {
    /// The first ones: more of them tell little more and take long.
    fn messages(&self) -> &[Sent] {
        &self.messages[..self.messages.len().min(16)]
    }
}

impl Payload {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Binary(_) => String::new(),
            Self::Repeated(char, times) => {
                // Mostly short: see above 64 KiB once in a while.
                let times = if *times < 0xf000 { times % 500 } else { times % 20_000 };
                format!("{char}; ").repeat(times.into())
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Binary(bytes) => bytes.clone(),
            text => text.text().into(),
        }
    }

    fn seen(&self) -> Seen {
        match self {
            Self::Binary(bytes) => Seen::Binary(bytes.clone()),
            text => Seen::Text(text.text()),
        }
    }
}
