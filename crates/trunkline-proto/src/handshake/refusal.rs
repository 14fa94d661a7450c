//! How a server says no: with an answer of HTTP, never with silence.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::error::HeadError;
use super::headers::{Headers, InvalidHeader, encode_field};

/// An answer that refuses an upgrade and ends the connection.
///
/// The body says what was wrong and what to do about it, in plain text and without a word of the
/// request, so it can go to anyone. After it the transport is to be closed; whatever the client
/// has sent behind its request is to be dropped unread, be it frames or another request.
///
/// There is no `Date`, since a machine has no clock (RFC 9110 §6.6.1); add one where it matters.
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::Refusal;
///
/// let refusal = Refusal::unauthorized("log in first").with_header("WWW-Authenticate", "Bearer")?;
/// assert!(refusal.encode().starts_with(b"HTTP/1.1 401 Unauthorized\r\n"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    status: u16,
    headers: Headers,
    body: Cow<'static, [u8]>,
}

impl Refusal {
    /// Any refusal, with a body in plain text; for another kind of body add `Content-Type`.
    ///
    /// # Errors
    ///
    /// If `status` is not between 200 and 599, or is one whose answers have no body (204, 205, 304).
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Result<Self, InvalidStatus> {
        match status {
            204 | 205 | 304 => Err(InvalidStatus(status)),
            200..=599 => Ok(Self::of(status, Cow::Owned(body.into()))),
            _ => Err(InvalidStatus(status)),
        }
    }

    /// 401: nobody knows who asks. RFC 9110 §15.5.2 wants a header `WWW-Authenticate`, which says how to
    /// tell: add one.
    pub fn unauthorized(body: impl Into<Vec<u8>>) -> Self {
        Self::of(401, Cow::Owned(body.into()))
    }

    /// 403: who asks may not.
    pub fn forbidden(body: impl Into<Vec<u8>>) -> Self {
        Self::of(403, Cow::Owned(body.into()))
    }

    /// 404: there is no such path.
    pub fn not_found(body: impl Into<Vec<u8>>) -> Self {
        Self::of(404, Cow::Owned(body.into()))
    }

    /// 429: who asks does so too often, or has too many connections. A header `Retry-After` says when to
    /// come back.
    pub fn too_many_requests(body: impl Into<Vec<u8>>) -> Self {
        Self::of(429, Cow::Owned(body.into()))
    }

    /// 408: the request was not whole when the driver's deadline for handshakes had passed.
    pub fn timeout() -> Self {
        Self::text(408, "the request did not arrive in time: send it at once and whole")
    }

    /// 503: the server takes no connections now, because it is full or about to stop.
    pub fn unavailable() -> Self {
        Self::text(503, "no more connections at the moment: come back later")
    }

    /// Adds a header field.
    ///
    /// # Errors
    ///
    /// If it is malformed, or one of those that say how the answer ends (`Connection`,
    /// `Content-Length`, `Transfer-Encoding`, `Trailer`).
    pub fn with_header(
        mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, InvalidHeader> {
        let added = Headers::new().with(name, &value)?;
        added.check_reserved(&["Connection", "Content-Length", "Transfer-Encoding", "Trailer"])?;
        self.headers.push(name, value)?;
        Ok(self)
    }

    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Header fields apart from those about the body and the connection.
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body of the answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The answer as it goes to the wire in HTTP/1.1.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.body.len());
        encode_status_line(&mut out, self.status);
        encode_field(&mut out, "Connection", b"close");
        if !self.headers.contains("Content-Type") {
            encode_field(&mut out, "Content-Type", b"text/plain; charset=utf-8");
        }
        encode_field(&mut out, "Content-Length", self.body.len().to_string().as_bytes());
        self.headers.encode(&mut out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// 400, which is for everything that no other status says better.
    pub(super) fn bad_request(why: &'static str) -> Self {
        Self::text(400, why)
    }

    /// A refusal of our own; `why` becomes the body.
    pub(super) fn text(status: u16, why: &'static str) -> Self {
        Self::of(status, Cow::Borrowed(why.as_bytes()))
    }

    /// A header whose name and value are written out in our own source.
    pub(super) fn with_static(mut self, name: &'static str, value: &'static str) -> Self {
        let pushed = self.headers.push(name, value);
        debug_assert!(pushed.is_ok(), "headers of our own are well formed");
        self
    }

    fn of(status: u16, body: Cow<'static, [u8]>) -> Self {
        Self { status, headers: Headers::new(), body }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = String::from_utf8_lossy(&self.body);
        write!(f, "the upgrade was refused with status {}: {why}", self.status)
    }
}

impl Error for Refusal {}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        let status = match error {
            HeadError::TargetTooLong(_) => 414,
            HeadError::TooManyHeaders(_) | HeadError::TooLong(_) => 431,
            HeadError::Version => 505,
            _ => 400,
        };
        Self::of(status, Cow::Owned(error.to_string().into_bytes()))
    }
}

/// A status that no refusal can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidStatus(u16);

impl fmt::Display for InvalidStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "status {} cannot refuse an upgrade: take one from 200 to 599 with a body",
            self.0
        )
    }
}

impl Error for InvalidStatus {}

/// Appends the first line of an answer.
pub(super) fn encode_status_line(out: &mut Vec<u8>, status: u16) {
    for part in ["HTTP/1.1 ", &status.to_string(), " ", reason(status), "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The reason phrases that people know; clients go by the number (RFC 9112 §4).
const fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
