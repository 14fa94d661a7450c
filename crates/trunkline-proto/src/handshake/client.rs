//! The client's side, spelled in HTTP/1.1 (RFC 6455 §4.1).

use std::fmt;
use std::sync::Arc;

use super::accept_key::{self, AcceptKey, Key};
use super::authority::Authority;
use super::error::HandshakeError;
use super::extensions::{self, Extension, MalformedExtensions};
use super::head::{HeadLimits, HeadParser, StatusLine};
use super::headers::{Headers, InvalidHeader, encode_field};
use super::origin::Origin;
use super::response::{BodyReader, Response};
use super::subprotocol::{self, Subprotocols};
use super::url::Url;
use super::{Agreement, Progress, RESERVED};
use crate::Limit;

/// What a client asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The subprotocols to offer, the best first. Default: none.
    pub subprotocols: Subprotocols,
    /// Whether a server that chooses none of them is refused. Default: no.
    pub require_subprotocol: bool,
    /// The page to speak for, with servers that ask. Default: none, as this is not a browser.
    pub origin: Option<Origin>,
    /// Further headers, such as `Authorization`, `Cookie` and `User-Agent`. `Host` may be among
    /// them to ask for another name than the one in the URL, and `Authorization` to send something
    /// else than the credentials there.
    pub headers: Headers,
    /// How to compress, if at all. Default: not.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::deflate::DeflateConfig>,
    /// What the head of the answer may measure.
    pub limits: HeadLimits,
    /// Interim answers (1xx) that are passed over. Default: 8; servers send one if any.
    pub interim_responses: Limit,
    /// Bytes to keep of the body that explains a refusal. Default: 64 KiB, more than anyone reads.
    pub refusal_bytes: Limit,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            subprotocols: Subprotocols::default(),
            require_subprotocol: false,
            origin: None,
            headers: Headers::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
            limits: HeadLimits::default(),
            interim_responses: Limit::at_most(8),
            refusal_bytes: Limit::at_most(64 * 1024),
        }
    }
}

/// A connection as both sides have agreed on it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// What both sides speak from now on.
    pub agreement: Agreement,
    /// The answer of the server, for its headers.
    pub response: Response,
}

/// One opening handshake, from the request to the last byte of the answer.
///
/// Write [`request`](Self::request), then feed what arrives to
/// [`handle_input`](Self::handle_input), and [`handle_eof`](Self::handle_eof) when the transport
/// ends. Bytes behind the answer are the first frames of the server; they go to the connection.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use trunkline_proto::handshake::{ClientConfig, ClientHandshake};
///
/// let url = "ws://example.com/chat".parse()?;
/// let nonce = *b"the sample nonce"; // 16 random bytes
/// let mut handshake = ClientHandshake::new(&url, Arc::new(ClientConfig::default()), nonce)?;
/// assert!(handshake.request().starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
///
/// let progress = handshake.handle_input(
///     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi",
/// )?;
/// assert!(progress.done.is_some());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct ClientHandshake {
    config: Arc<ClientConfig>,
    request: Vec<u8>,
    expected: AcceptKey,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Until the head of an answer is whole; so many interim ones have been passed over.
    Head { parser: HeadParser<StatusLine>, interim: usize },
    /// Until the body of a refusal is.
    Body(BodyReader),
    /// There is a verdict.
    Done,
}

impl ClientHandshake {
    /// Makes the request. `nonce` has to be fresh from a good source of randomness (§4.1 point 7).
    ///
    /// # Errors
    ///
    /// If the configuration has a header that the handshake writes itself, `Origin` or `Host`
    /// twice, or a `Host` that is none.
    pub fn new(
        url: &Url,
        config: Arc<ClientConfig>,
        nonce: [u8; 16],
    ) -> Result<Self, InvalidHeader> {
        check_headers(&config)?;
        let key = accept_key::key(&nonce);
        let request = encode_request(url, &config, &key);
        let parser = HeadParser::new(config.limits);
        let expected = accept_key::accept_key(&key);
        Ok(Self { config, request, expected, state: State::Head { parser, interim: 0 } })
    }

    /// The request, to be written as it is.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Takes bytes from the server and gives the connection once both sides have agreed. From then
    /// on it takes none.
    ///
    /// # Errors
    ///
    /// If there will be no connection: no frame may be sent, the transport is to be closed.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Progress<Opened>, HandshakeError> {
        let result = self.read(input);
        if !matches!(result, Ok(Progress { done: None, .. })) {
            self.state = State::Done;
        }
        result
    }

    /// The transport has ended before there was a connection, or the driver's deadline has passed;
    /// gives the reason. A refusal is given with as much of its body as has come.
    pub fn handle_eof(&mut self) -> HandshakeError {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Body(mut body) => HandshakeError::Refused(Box::new(body.finish())),
            State::Head { .. } | State::Done => HandshakeError::UnexpectedEnd,
        }
    }

    fn read(&mut self, input: &[u8]) -> Result<Progress<Opened>, HandshakeError> {
        let all = Progress { taken: input.len(), done: None };
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            match &mut self.state {
                State::Done => return Ok(Progress { taken, done: None }),
                State::Body(body) => {
                    return match body.handle_input(rest) {
                        true => Err(HandshakeError::Refused(Box::new(body.finish()))),
                        false => Ok(all),
                    };
                }
                State::Head { parser, .. } => {
                    let Some((head, bytes)) = parser.handle_input(rest)? else {
                        return Ok(all);
                    };
                    taken += bytes;
                    if let Some(opened) = self.on_response(Response::new(head))? {
                        return Ok(Progress { taken, done: Some(opened) });
                    }
                }
            }
        }
    }

    fn on_response(&mut self, response: Response) -> Result<Option<Opened>, HandshakeError> {
        match (response.status(), &mut self.state) {
            (101, _) => return self.open(response).map(Some),
            (100..=199, State::Head { parser, interim }) => {
                *interim += 1;
                if !self.config.interim_responses.allows(*interim) {
                    return Err(HandshakeError::TooManyInterim);
                }
                *parser = HeadParser::new(self.config.limits);
            }
            _ => {
                let body = BodyReader::new(response, self.config.refusal_bytes);
                self.state = State::Body(body);
            }
        }
        Ok(None)
    }

    /// Judges a 101 (§4.1, "the client MUST validate the server's response").
    fn open(&self, response: Response) -> Result<Opened, HandshakeError> {
        let headers = response.headers();
        if response.is_http_1_0() {
            return Err(HandshakeError::Version);
        }
        match headers.only("Upgrade") {
            Ok(Some(upgrade)) if upgrade.eq_ignore_ascii_case(b"websocket") => (),
            _ => return Err(HandshakeError::Upgrade),
        }
        if !headers.list_contains("Connection", "upgrade") {
            return Err(HandshakeError::Connection);
        }
        match headers.only("Sec-WebSocket-Accept") {
            Ok(Some(accept)) if accept == self.expected => (),
            _ => return Err(HandshakeError::Accept),
        }
        let agreement = Agreement::on_subprotocol(self.judge_subprotocol(headers)?);
        let agreement = self.judge_extensions(headers, agreement)?;
        Ok(Opened { agreement, response })
    }

    /// At most one subprotocol, and of those offered (§4.1 point 6).
    fn judge_subprotocol(&self, headers: &Headers) -> Result<Option<String>, HandshakeError> {
        match headers.only(subprotocol::HEADER) {
            Ok(None) if self.config.require_subprotocol => Err(HandshakeError::SubprotocolMissing),
            Ok(None) => Ok(None),
            Ok(Some(name)) if self.config.subprotocols.contains(name) => {
                Ok(Some(super::syntax::ascii(name).into()))
            }
            _ => Err(HandshakeError::SubprotocolNotOffered),
        }
    }

    /// Each extension was offered and is there once (§4.1 point 5), in one field (§11.3.2).
    fn judge_extensions(
        &self,
        headers: &Headers,
        agreement: Agreement,
    ) -> Result<Agreement, HandshakeError> {
        let value = headers.only(extensions::HEADER);
        let Some(value) = value.map_err(|_| MalformedExtensions::Repeated)? else {
            return Ok(agreement);
        };
        let extensions = Extension::parse_list(value)?;
        extensions.iter().try_fold(agreement, |agreement, it| self.judge_extension(it, agreement))
    }

    #[cfg_attr(
        not(feature = "deflate"),
        expect(unused_variables, reason = "there is no other extension to agree on")
    )]
    fn judge_extension(
        &self,
        extension: &Extension,
        agreement: Agreement,
    ) -> Result<Agreement, HandshakeError> {
        #[cfg(feature = "deflate")]
        if let (Some(deflate), "permessage-deflate", None) =
            (&self.config.deflate, extension.name(), agreement.deflate)
        {
            let params = deflate.accept_response(extension).map_err(HandshakeError::Deflate)?;
            return Ok(Agreement { deflate: Some(params), ..agreement });
        }
        Err(HandshakeError::ExtensionNotOffered { name: extension.name().into() })
    }
}

impl fmt::Debug for ClientHandshake {
    /// Shows nothing of the request, which may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ClientHandshake");
        debug.field("request_bytes", &self.request.len()).field("state", &self.state).finish()
    }
}

/// Refuses headers that would contradict the ones written here.
fn check_headers(config: &ClientConfig) -> Result<(), InvalidHeader> {
    let headers = &config.headers;
    headers.check_reserved(RESERVED)?;
    let repeated = |name: &str| InvalidHeader::Repeated { name: name.into() };
    match headers.only("Origin") {
        Ok(None) => (),
        Ok(Some(_)) if config.origin.is_none() => (),
        _ => return Err(repeated("Origin")),
    }
    match headers.only("Host").map_err(|_| repeated("Host"))? {
        Some(host) if Authority::parse(host).is_none() => {
            Err(InvalidHeader::Value { name: "Host".into() })
        }
        _ => Ok(()),
    }
}

/// The request (§4.1, "the requirements for this handshake").
fn encode_request(url: &Url, config: &ClientConfig, key: &Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for part in ["GET ", url.target(), " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if !config.headers.contains("Host") {
        encode_field(&mut out, "Host", url.authority().to_string().as_bytes());
    }
    encode_field(&mut out, "Upgrade", b"websocket");
    encode_field(&mut out, "Connection", b"Upgrade");
    encode_field(&mut out, "Sec-WebSocket-Key", key);
    encode_field(&mut out, "Sec-WebSocket-Version", b"13");
    if let Some(origin) = &config.origin {
        encode_field(&mut out, "Origin", origin.as_str().as_bytes());
    }
    if !config.subprotocols.is_empty() {
        encode_field(&mut out, subprotocol::HEADER, config.subprotocols.offer().as_bytes());
    }
    if let Some(credentials) = url.credentials()
        && !config.headers.contains("Authorization")
    {
        encode_field(&mut out, "Authorization", credentials.to_basic().as_bytes());
    }
    #[cfg(feature = "deflate")]
    if let Some(deflate) = &config.deflate {
        encode_field(&mut out, extensions::HEADER, deflate.offer().as_bytes());
    }
    config.headers.encode(&mut out);
    out.extend_from_slice(b"\r\n");
    out
}
