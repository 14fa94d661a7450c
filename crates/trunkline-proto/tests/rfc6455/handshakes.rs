//! Helpers for the opening handshake: requests with one thing wrong, and replays of them cut at
//! every byte.

use std::fmt::Debug;
use std::sync::Arc;

use trunkline_proto::handshake::{
    Acceptance, Agreement, ClientConfig, ClientHandshake, HandshakeError, ServerConfig,
    ServerHandshake,
};

/// The nonce of RFC 6455 §1.3, its key and the answer to it.
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A head to be changed before it is sent.
#[derive(Clone)]
pub(crate) struct Head {
    line: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
}

/// The request of RFC 6455 §1.2 without what is optional.
pub(crate) fn upgrade() -> Head {
    Head { line: b"GET /chat HTTP/1.1".to_vec(), fields: Vec::new() }
        .and("Host", "server.example.com")
        .and("Upgrade", "websocket")
        .and("Connection", "Upgrade")
        .and("Sec-WebSocket-Key", KEY)
        .and("Sec-WebSocket-Version", "13")
}

/// The answer to it.
pub(crate) fn switching() -> Head {
    Head { line: b"HTTP/1.1 101 Switching Protocols".to_vec(), fields: Vec::new() }
        .and("Upgrade", "websocket")
        .and("Connection", "Upgrade")
        .and("Sec-WebSocket-Accept", ACCEPT)
}

impl Head {
    pub(crate) fn line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.line = line.as_ref().to_vec();
        self
    }

    /// One more field.
    pub(crate) fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Without the fields of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(it, _)| it != name);
        self
    }

    /// With another value for a field.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.line.clone();
        for (name, value) in &self.fields {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
        }
        out.extend_from_slice(b"\r\n\r\n");
        out
    }
}

/// What a server wrote, and how many bytes of the client it had taken by then.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) agreement: Option<Agreement>,
    pub(crate) taken: usize,
}

impl Answer {
    #[track_caller]
    pub(crate) fn has(&self, line: &str) -> &Self {
        let (head, _) = self.text.split_once("\r\n\r\n").expect("a whole head");
        assert!(head.split("\r\n").any(|it| it == line), "no {line:?} in {:?}", self.text);
        self
    }

    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.text
            .lines()
            .any(|it| it.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))
    }

    fn new(bytes: Vec<u8>, agreement: Option<Agreement>, taken: usize) -> Self {
        let text = String::from_utf8(bytes).expect("our answers are text");
        let status = text[9..12].parse().expect("a status");
        Self { status, text, agreement, taken }
    }
}

/// Feeds `input` to a server, which accepts what it may.
pub(crate) fn serve<'a>(
    config: &Arc<ServerConfig>,
    acceptance: &Acceptance,
    parts: impl Iterator<Item = &'a [u8]>,
) -> Option<Answer> {
    let mut handshake = ServerHandshake::new(Arc::clone(config));
    let mut taken = 0;
    for part in parts {
        let progress = match handshake.handle_input(part) {
            Ok(progress) => progress,
            Err(refusal) => return Some(Answer::new(refusal.encode(), None, 0)),
        };
        taken += progress.taken;
        let Some(request) = progress.done else {
            assert_eq!(progress.taken, part.len(), "all is taken until it is done");
            continue;
        };
        return Some(match handshake.accept(&request, acceptance) {
            Ok((bytes, agreement)) => Answer::new(bytes, Some(agreement), taken),
            Err(error) => Answer::new(error.refusal().encode(), None, taken),
        });
    }
    None
}

/// A server's answer to `input`, which is the same however the bytes are cut.
#[track_caller]
pub(crate) fn check(config: &ServerConfig, input: impl AsRef<[u8]>, status: u16) -> Answer {
    let config = Arc::new(config.clone());
    let acceptance = Acceptance::new();
    let answer = any_cut(input.as_ref(), |parts| serve(&config, &acceptance, parts));
    let answer = answer.expect("the server answers");
    assert_eq!(answer.status, status, "{}\n{}", input.as_ref().escape_ascii(), answer.text);
    match status {
        101 => drop(answer.has("Upgrade: websocket").has("Connection: Upgrade")),
        _ => check_refusal(&answer),
    }
    answer
}

/// Every refusal ends the connection and has a body that explains it.
#[track_caller]
pub(crate) fn check_refusal(answer: &Answer) {
    let (_, body) = answer.text.split_once("\r\n\r\n").expect("a whole head");
    assert!(body.len() > 10, "the body says what was wrong");
    answer.has("Connection: close").has(&format!("Content-Length: {}", body.len()));
    answer.has("Content-Type: text/plain; charset=utf-8");
}

/// The same with the default configuration.
#[track_caller]
pub(crate) fn check_default(input: impl AsRef<[u8]>, status: u16) -> Answer {
    check(&ServerConfig::default(), input, status)
}

/// What became of a client: the agreement and the bytes it took, or an error in words.
pub(crate) type Outcome = Option<Result<(Agreement, usize), String>>;

pub(crate) fn connect<'a>(
    config: &Arc<ClientConfig>,
    parts: impl Iterator<Item = &'a [u8]>,
) -> Option<Result<(Agreement, usize), HandshakeError>> {
    let url = "ws://server.example.com/chat".parse().expect("a URL");
    let mut handshake = ClientHandshake::new(&url, Arc::clone(config), NONCE).expect("headers");
    let mut taken = 0;
    for part in parts {
        match handshake.handle_input(part) {
            Err(error) => return Some(Err(error)),
            Ok(progress) => {
                taken += progress.taken;
                if let Some(opened) = progress.done {
                    return Some(Ok((opened.agreement, taken)));
                }
            }
        }
    }
    None
}

/// What a client makes of `input`, which is the same however the bytes are cut.
#[track_caller]
pub(crate) fn check_client(
    config: &ClientConfig,
    input: impl AsRef<[u8]>,
) -> Result<(Agreement, usize), HandshakeError> {
    let config = Arc::new(config.clone());
    let outcome: Outcome = any_cut(input.as_ref(), |parts| {
        connect(&config, parts).map(|it| it.map_err(|error| format!("{error:?}")))
    });
    assert!(outcome.is_some(), "the client is done: {}", input.as_ref().escape_ascii());
    connect(&config, [input.as_ref()].into_iter()).expect("as above")
}

/// Runs `machine` on `input` whole, byte by byte, cut in two everywhere, and cut at random; all
/// have to come to the same end.
#[track_caller]
pub(crate) fn any_cut<T: PartialEq + Debug>(
    input: &[u8],
    machine: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> T,
) -> T {
    let whole = machine(&mut [input].into_iter());
    assert_eq!(machine(&mut input.chunks(1)), whole, "byte by byte");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let two: Vec<usize> = match input.len() {
        len @ ..1500 => (0..=len).collect(),
        len => (0..16).map(|_| random.below(len)).collect(),
    };
    for at in two {
        let (a, b) = input.split_at(at);
        assert_eq!(machine(&mut [a, b].into_iter()), whole, "cut at {at}");
    }
    for _ in 0..16 {
        let mut rest = input;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(random.below(rest.len().min(400)) + 1);
            parts.push(part);
            rest = behind;
        }
        assert_eq!(machine(&mut parts.iter().copied()), whole, "cut as {parts:?}");
    }
    whole
}

/// xorshift64: the same numbers for everyone.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
