//! An answer that is no upgrade: what a server says instead, with the body that explains it.

use std::fmt;
use std::mem;

use super::head::{Head, StatusLine};
use super::headers::Headers;
use crate::Limit;

/// The answer of a server: the head, and the body if it refused.
#[derive(Clone)]
pub struct Response {
    head: Head<StatusLine>,
    body: Vec<u8>,
    is_cut: bool,
}

impl Response {
    pub(super) const fn new(head: Head<StatusLine>) -> Self {
        Self { head, body: Vec::new(), is_cut: false }
    }

    /// The status.
    pub const fn status(&self) -> u16 {
        self.head.line.status
    }

    /// The reason phrase, which may be empty.
    pub fn reason(&self) -> &[u8] {
        self.head.line.reason.of(&self.head.headers.bytes)
    }

    /// The header fields.
    pub const fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().get(name)
    }

    /// Where a redirect (3xx) points. It is never followed: whoever does has to see to it that no
    /// credentials go to another host and no `wss` becomes `ws`.
    pub fn location(&self) -> Option<&[u8]> {
        matches!(self.status(), 300..=399).then(|| self.header("Location")).flatten()
    }

    /// The body of a refusal, up to [`ClientConfig::refusal_bytes`](super::ClientConfig::refusal_bytes);
    /// chunks are joined, no other encoding is undone.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the body went on.
    pub const fn is_body_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) const fn is_http_1_0(&self) -> bool {
        self.head.line.is_http_1_0
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Response");
        debug.field("status", &self.status()).field("headers", self.headers());
        debug.field("body_bytes", &self.body.len()).finish()
    }
}

/// Collects the body of a refusal.
#[derive(Debug)]
pub(super) struct BodyReader {
    response: Response,
    state: BodyState,
    limit: Limit,
}

/// What comes next (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug)]
enum BodyState {
    /// So many bytes.
    Length(u64),
    /// All bytes until the transport ends.
    UntilEnd,
    /// A chunk's size so far (§7.1).
    ChunkSize(u64),
    /// The rest of the line with the size.
    ChunkExtension(u64),
    /// So many bytes, then a size.
    Chunk(u64),
    /// The line break behind a chunk.
    ChunkEnd,
    /// Nothing more, or nothing that can be read.
    Done,
}

impl BodyReader {
    pub(super) fn new(response: Response, limit: Limit) -> Self {
        let headers = response.headers();
        let length = headers.only("Content-Length").ok().flatten();
        let state = match response.status() {
            204 | 304 => BodyState::Done,
            _ if headers.list_contains("Transfer-Encoding", "chunked") => BodyState::ChunkSize(0),
            _ => length.and_then(parse_length).map_or(BodyState::UntilEnd, BodyState::Length),
        };
        Self { response, state, limit }
    }

    /// Takes bytes of the body and gives the response once it has all that it will have.
    pub(super) fn handle_input(&mut self, mut input: &[u8]) -> bool {
        while !self.is_done() {
            input = match (self.state, input) {
                (_, []) => return false,
                (BodyState::Length(left) | BodyState::Chunk(left), _) => self.keep(input, left),
                (BodyState::UntilEnd, _) => self.keep(input, u64::MAX),
                (_, [byte, rest @ ..]) => {
                    self.state = self.state.on_chunk_byte(*byte);
                    rest
                }
            };
        }
        true
    }

    /// The response with the body so far; the reader is spent.
    pub(super) fn finish(&mut self) -> Response {
        let head = Head { line: self.response.head.line.clone(), headers: Headers::new() };
        mem::replace(&mut self.response, Response::new(head))
    }

    const fn is_done(&self) -> bool {
        matches!(self.state, BodyState::Done | BodyState::Length(0)) || self.response.is_cut
    }

    /// Keeps what is within the limit of the next `left` bytes, and gives what stands behind them.
    fn keep<'a>(&mut self, input: &'a [u8], left: u64) -> &'a [u8] {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (part, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
        let room = self.limit.max().saturating_sub(self.response.body.len());
        self.response.is_cut = part.len() > room;
        self.response.body.extend_from_slice(part.get(..room).unwrap_or(part));
        self.state = match self.state.after(part.len() as u64) {
            BodyState::Chunk(0) => BodyState::ChunkEnd,
            state => state,
        };
        rest
    }
}

impl BodyState {
    const fn after(self, bytes: u64) -> Self {
        match self {
            Self::Length(left) => Self::Length(left.saturating_sub(bytes)),
            Self::Chunk(left) => Self::Chunk(left.saturating_sub(bytes)),
            state => state,
        }
    }

    /// A body that is chunked in a wrong way ends there: what matters is the status.
    fn on_chunk_byte(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::ChunkSize(size) | Self::ChunkExtension(size), b'\n') => match size {
                0 => Self::Done,
                _ => Self::Chunk(size),
            },
            (Self::ChunkSize(size), b';' | b'\r' | b' ') => Self::ChunkExtension(size),
            (Self::ChunkSize(size), _) => char::from(byte)
                .to_digit(16)
                .and_then(|digit| size.checked_mul(16)?.checked_add(u64::from(digit)))
                .map_or(Self::Done, Self::ChunkSize),
            (Self::ChunkEnd, b'\r') | (Self::ChunkExtension(_), _) => self,
            (Self::ChunkEnd, b'\n') => Self::ChunkSize(0),
            _ => Self::Done,
        }
    }
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
