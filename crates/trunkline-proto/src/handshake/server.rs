//! The server's side, spelled in HTTP/1.1 (RFC 6455 §4.2).

use std::sync::Arc;

use super::accept_key::{self, AcceptKey};
use super::acceptance::{AcceptError, Acceptance};
use super::error::HeadError;
use super::head::HeadLimits;
use super::headers::{Headers, encode_field};
use super::origin::OriginPolicy;
use super::refusal::{Refusal, encode_status_line};
use super::request::Request;
use super::request_head::{RequestHead, RequestParser};
use super::subprotocol::Subprotocols;
use super::{Agreement, Progress};

/// What a server accepts. One is shared by all its handshakes.
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Which web pages may connect. Default: those of the same origin.
    pub origin: OriginPolicy,
    /// Whether a request without `Origin` is refused. Default: no, since only browsers send one.
    pub require_origin: bool,
    /// The subprotocols that this server speaks, the best first: the first that the client offers
    /// too is chosen. Default: none.
    pub subprotocols: Subprotocols,
    /// Whether a client that offers none of the subprotocols is refused. Default: no; it is
    /// accepted without one.
    pub require_subprotocol: bool,
    /// How to compress, if at all. Default: not.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::deflate::DeflateConfig>,
    /// What the head of a request may measure.
    pub limits: HeadLimits,
}

/// One opening handshake, from the first byte to the answer.
///
/// Feed it with [`handle_input`](Self::handle_input) until it gives a [`Request`]; decide; write
/// what [`accept`](Self::accept) gives, or [`Refusal::encode`]. Bytes behind the request are early
/// frames: after an acceptance they go to the connection, after a refusal to nobody. A driver's
/// deadline ends it with [`Refusal::timeout`].
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use trunkline_proto::handshake::{Acceptance, ServerConfig, ServerHandshake};
///
/// let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
/// let progress = handshake.handle_input(
///     b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
/// )?;
/// let request = progress.done.expect("the request is whole");
/// assert_eq!(request.path(), "/chat");
/// let (answer, _agreement) = handshake.accept(&request, &Acceptance::new())?;
/// assert!(answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    config: Arc<ServerConfig>,
    /// `None` once there is a verdict.
    parser: Option<RequestParser>,
}

impl ServerHandshake {
    /// Waits for the first byte.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        let parser = Some(RequestParser::new(config.limits));
        Self { config, parser }
    }

    /// Takes bytes from the client and gives the request once it is whole and judged. From then on
    /// it takes none.
    ///
    /// # Errors
    ///
    /// The answer to write before the transport is closed. All further input is to be dropped.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Progress<Request>, Refusal> {
        let Some(parser) = &mut self.parser else {
            return Ok(Progress { taken: 0, done: None });
        };
        let progress = parser.handle_input(input).inspect_err(|_| self.parser = None)?;
        let Some(head) = progress.done else {
            return Ok(Progress { taken: progress.taken, done: None });
        };
        self.parser = None;
        let request = Request::from_upgrade(head, &self.config)?;
        Ok(Progress { taken: progress.taken, done: Some(request) })
    }

    /// The 101 to write, and what it promises. Frames may follow it at once.
    ///
    /// # Errors
    ///
    /// If the acceptance asks for what may not be sent. Nothing is promised: write
    /// [`AcceptError::refusal`] instead.
    pub fn accept(
        &self,
        request: &Request,
        acceptance: &Acceptance,
    ) -> Result<(Vec<u8>, Agreement), AcceptError> {
        let accept_key = request.accept_key().ok_or(AcceptError::NoKey)?;
        let (agreement, headers) = request.agree(&self.config, acceptance)?;
        Ok((encode_upgrade(&accept_key, &headers), agreement))
    }
}

impl Request {
    /// Judges an upgrade of HTTP/1.1 (RFC 6455 §4.2.1), whoever has read its head.
    ///
    /// # Errors
    ///
    /// The answer to send: 400, 403 (origin), 405 (method), 426 (no upgrade, or the wrong
    /// version of WebSocket) or 505 (HTTP/1.0).
    pub fn from_upgrade(head: RequestHead, config: &ServerConfig) -> Result<Self, Refusal> {
        if head.is_http_1_0() {
            return Err(HeadError::Version.into());
        }
        judge_method(head.method())?;
        judge_body(head.headers())?;
        if !head.asks_for_websocket() {
            return Err(Refusal::text(
                426,
                "this is a WebSocket endpoint: send `Upgrade: websocket` and `Connection: Upgrade`",
            )
            .with_static("Upgrade", "websocket"));
        }
        let request = Self::judge(head, config)?;
        judge_key(request.headers())?;
        Ok(request)
    }

    /// The value of `Sec-WebSocket-Accept` that answers this request; `None` if it has no key, as
    /// in HTTP/2 and HTTP/3.
    pub fn accept_key(&self) -> Option<[u8; 28]> {
        self.header(KEY).and_then(accept_key::parse_key).map(accept_key::accept_key)
    }
}

/// The method is GET (§4.2.1 point 1).
fn judge_method(method: &str) -> Result<(), Refusal> {
    match method {
        "GET" => Ok(()),
        _ if method.eq_ignore_ascii_case("GET") => {
            Err(Refusal::bad_request("methods are written in capitals: GET"))
        }
        _ => {
            Err(Refusal::text(405, "a WebSocket is asked for with GET").with_static("Allow", "GET"))
        }
    }
}

/// There is no body. Whether its bytes were a body, frames or a request of somebody else is what
/// smuggling through an upgrade lives on.
fn judge_body(headers: &Headers) -> Result<(), Refusal> {
    if headers.contains("Transfer-Encoding") {
        return Err(Refusal::bad_request("an upgrade has no body: leave Transfer-Encoding out"));
    }
    match headers.only("Content-Length") {
        Ok(None | Some(b"0")) => Ok(()),
        _ => Err(Refusal::bad_request("an upgrade has no body: leave Content-Length out")),
    }
}

/// The key is there once and is the base64 of 16 bytes (§4.2.1 point 5).
fn judge_key(headers: &Headers) -> Result<(), Refusal> {
    match headers.only(KEY) {
        Ok(Some(key)) if accept_key::parse_key(key).is_some() => Ok(()),
        Ok(Some(_)) => Err(Refusal::bad_request("Sec-WebSocket-Key is not the base64 of 16 bytes")),
        Ok(None) => Err(Refusal::bad_request("Sec-WebSocket-Key is missing")),
        Err(_) => Err(Refusal::bad_request("Sec-WebSocket-Key is there twice: send it once")),
    }
}

/// The 101 (§4.2.2 point 5).
fn encode_upgrade(accept_key: &AcceptKey, headers: &Headers) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode_status_line(&mut out, 101);
    encode_field(&mut out, "Upgrade", b"websocket");
    encode_field(&mut out, "Connection", b"Upgrade");
    encode_field(&mut out, "Sec-WebSocket-Accept", accept_key);
    headers.encode(&mut out);
    out.extend_from_slice(b"\r\n");
    out
}

const KEY: &str = "Sec-WebSocket-Key";
