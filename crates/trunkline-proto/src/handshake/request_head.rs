//! The head of a request before it is judged.

use std::fmt;

use super::error::HeadError;
use super::head::{Head, HeadLimits, HeadParser, RequestLine, is_target};
use super::headers::Headers;
use super::{Progress, syntax};

/// Reads the head of a request without judging it, for a port that serves more than WebSocket.
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::{HeadLimits, RequestParser};
///
/// let mut parser = RequestParser::new(HeadLimits::default());
/// let progress = parser.handle_input(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nrest")?;
/// let head = progress.done.expect("the head is whole");
/// assert_eq!((head.target(), progress.taken), ("/health", 33));
/// assert!(!head.asks_for_websocket());
/// # Ok::<_, trunkline_proto::handshake::HeadError>(())
/// ```
#[derive(Debug)]
pub struct RequestParser(HeadParser<RequestLine>);

impl RequestParser {
    /// Waits for the first byte.
    pub fn new(limits: HeadLimits) -> Self {
        Self(HeadParser::new(limits))
    }

    /// Takes requests of HTTP/1.0, too, which health checks and some proxies send. No WebSocket comes of one
    /// (RFC 6455 §4.1). Default: they are refused with 505.
    pub fn with_http_1_0(mut self) -> Self {
        self.0.takes_http_1_0 = true;
        self
    }

    /// Takes the bytes that belong to the head and gives it once it is whole. What stands behind
    /// it is left to the caller.
    ///
    /// # Errors
    ///
    /// If the head is malformed or too large; `Refusal::from` makes the answer. Nothing more can
    /// be read after that.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Progress<RequestHead>, HeadError> {
        Ok(match self.0.handle_input(input)? {
            Some((head, taken)) => Progress { taken, done: Some(RequestHead(head)) },
            None => Progress { taken: input.len(), done: None },
        })
    }

    /// How often a byte was looked at, summed over all bytes: at most twice the length of the
    /// head, however it was cut.
    pub const fn bytes_examined(&self) -> usize {
        self.0.bytes_examined()
    }
}

/// The head of a request: well formed, but not yet judged.
#[derive(Clone)]
pub struct RequestHead(Head<RequestLine>);

impl RequestHead {
    /// A head that came another way: from another reader of HTTP/1.1, or over HTTP/2 or HTTP/3,
    /// with `:authority` as `Host`.
    ///
    /// # Errors
    ///
    /// If the method is not a token, or the target not visible ASCII.
    pub fn new(method: &str, target: &str, mut headers: Headers) -> Result<Self, HeadError> {
        if !syntax::is_token(method.as_bytes()) {
            return Err(HeadError::RequestLine);
        }
        if !is_target(target.as_bytes()) {
            return Err(HeadError::Target);
        }
        let method = headers.store(method.as_bytes());
        let target = headers.store(target.as_bytes());
        let line = RequestLine { method, target, is_http_1_0: false };
        Ok(Self(Head { line, headers }))
    }

    /// The method; case counts.
    pub fn method(&self) -> &str {
        syntax::ascii(self.0.line.method.of(&self.0.headers.bytes))
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &str {
        syntax::ascii(self.0.line.target.of(&self.0.headers.bytes))
    }

    /// Whether it is a request of HTTP/1.0: it may have no `Host`, and has no transfer codings.
    pub const fn is_http_1_0(&self) -> bool {
        self.0.line.is_http_1_0
    }

    /// The header fields.
    pub const fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// Whether `Upgrade` and `Connection` ask for a WebSocket (RFC 6455 §4.2.1 points 3 and 4).
    /// What does not is for another handler.
    pub fn asks_for_websocket(&self) -> bool {
        self.headers().list_contains("Upgrade", "websocket")
            && self.headers().list_contains("Connection", "upgrade")
    }
}

impl fmt::Debug for RequestHead {
    /// Shows no query, which may hold a token, and no values of headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target().split('?').next().unwrap_or_default();
        let mut debug = f.debug_struct("RequestHead");
        debug.field("method", &self.method()).field("path", &path);
        debug.field("headers", self.headers()).finish()
    }
}
