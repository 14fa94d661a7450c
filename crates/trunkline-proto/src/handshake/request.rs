//! What a client asks for, and whether it may have it.
//!
//! The judgement here is apart from how a request is spelled. HTTP/1.1 says "upgrade" with four
//! headers and a key, which `server.rs` checks; HTTP/2 and HTTP/3 say it with an extended CONNECT
//! (RFC 8441, RFC 9220). Host, version, origin, subprotocols and extensions mean the same in all
//! three, and are looked at by [`Request::judge`] alone.

use super::acceptance::{AcceptError, Acceptance, Choice};
use super::authority::Authority;
use super::extensions::Extension;
use super::headers::Headers;
use super::refusal::Refusal;
use super::request_head::RequestHead;
use super::server::ServerConfig;
use super::{Agreement, subprotocol, syntax};

/// A request that may be accepted: every rule of the protocol and of the configuration holds.
///
/// Whether *this* client may have *this* path is for the application: look at the path, the
/// headers and the cookies, then accept it or send a [`Refusal`].
#[derive(Clone, Debug)]
pub struct Request {
    head: RequestHead,
    /// Where path and query begin in the target; behind scheme and authority in absolute form.
    path_start: usize,
    extensions: Vec<Extension>,
}

impl Request {
    /// Judges what does not depend on the version of HTTP: host, target, version of WebSocket,
    /// origin, subprotocols and extensions.
    ///
    /// For HTTP/1.1 see [`Request::from_upgrade`]. For an extended CONNECT the caller has checked
    /// that `:protocol` is `websocket`.
    ///
    /// # Errors
    ///
    /// The answer to send: 400, 403 (origin) or 426 (version).
    pub fn judge(head: RequestHead, config: &ServerConfig) -> Result<Self, Refusal> {
        let host = judge_host(head.headers())?;
        let path_start = judge_target(head.target(), host)?;
        judge_version(head.headers())?;
        judge_origin(head.headers(), host, config)?;
        subprotocol::check_offers(head.headers())?;
        let extensions = Extension::parse_all(head.headers())
            .map_err(|error| Refusal::bad_request(error.why()))?;
        let request = Self { head, path_start, extensions };
        if config.require_subprotocol && request.preferred_subprotocol(config).is_none() {
            return Err(Refusal::bad_request(
                "this server speaks none of the subprotocols in Sec-WebSocket-Protocol",
            ));
        }
        Ok(request)
    }

    /// The method: `GET` for an upgrade.
    pub fn method(&self) -> &str {
        self.head.method()
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &str {
        self.head.target()
    }

    /// The path, never empty, with its percent-encoding.
    pub fn path(&self) -> &str {
        match self.path_and_query().split('?').next() {
            None | Some("") => "/",
            Some(path) => path,
        }
    }

    /// What stands behind the `?`, with its percent-encoding.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// Host and port that the client believes to talk to.
    pub fn host(&self) -> Authority<'_> {
        let host = self.header("Host").and_then(Authority::parse);
        host.unwrap_or_else(|| Authority::new("", None))
    }

    /// The header fields.
    pub const fn headers(&self) -> &Headers {
        self.head.headers()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().get(name)
    }

    /// The page that asks; programs other than browsers may send none.
    pub fn origin(&self) -> Option<&str> {
        self.header("Origin").map(syntax::ascii)
    }

    /// The subprotocols that the client offers, in its order.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        subprotocol::offers(self.headers()).map(syntax::ascii)
    }

    /// The extensions that the client offers, in its order.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// Settles subprotocol and extensions, and gives the headers that tell the client.
    ///
    /// This is the part of an acceptance that all versions of HTTP share; a 101 of HTTP/1.1 comes
    /// from [`ServerHandshake::accept`](super::ServerHandshake::accept).
    ///
    /// # Errors
    ///
    /// If the acceptance asks for what may not be sent. Nothing has been promised to the client
    /// yet: answer with [`AcceptError::refusal`].
    pub fn agree(
        &self,
        config: &ServerConfig,
        acceptance: &Acceptance,
    ) -> Result<(Agreement, Headers), AcceptError> {
        let mut headers = Headers::new();
        let subprotocol = self.choose_subprotocol(config, &acceptance.subprotocol)?;
        if let Some(name) = subprotocol {
            headers.push(subprotocol::HEADER, name)?;
        }
        let agreement = Agreement::on_subprotocol(subprotocol.map(Into::into));
        #[cfg(feature = "deflate")]
        let agreement = match config.deflate.as_ref().and_then(|it| it.negotiate(&self.extensions))
        {
            None => agreement,
            Some((params, value)) => {
                headers.push(super::extensions::HEADER, value)?;
                Agreement { deflate: Some(params), ..agreement }
            }
        };
        for (name, value) in acceptance.headers.iter() {
            headers.push(name, value)?;
        }
        Ok((agreement, headers))
    }

    fn choose_subprotocol<'a>(
        &self,
        config: &'a ServerConfig,
        choice: &'a Choice,
    ) -> Result<Option<&'a str>, AcceptError> {
        match choice {
            Choice::Configured => Ok(self.preferred_subprotocol(config)),
            Choice::None => Ok(None),
            Choice::Named(name) if self.subprotocols().any(|it| it == name) => Ok(Some(name)),
            Choice::Named(name) => Err(AcceptError::SubprotocolNotOffered { name: name.clone() }),
        }
    }

    /// The server's order wins: it knows which of its dialects is the better one.
    fn preferred_subprotocol<'a>(&self, config: &'a ServerConfig) -> Option<&'a str> {
        config.subprotocols.iter().find(|name| self.subprotocols().any(|it| it == *name))
    }

    fn path_and_query(&self) -> &str {
        self.target().get(self.path_start..).unwrap_or_default()
    }
}

/// `Host` is there once and names a host (§4.2.1 point 2, RFC 9112 §3.2).
fn judge_host(headers: &Headers) -> Result<Authority<'_>, Refusal> {
    match headers.only("Host") {
        Ok(Some(host)) => Authority::parse(host)
            .ok_or_else(|| Refusal::bad_request("Host is not of the form `name` or `name:port`")),
        Ok(None) => Err(Refusal::bad_request("Host is missing")),
        Err(_) => Err(Refusal::bad_request("Host is there twice: send it once")),
    }
}

/// The target is a path or a URL of this host (§4.2.1 point 1). Gives where the path begins.
fn judge_target(target: &str, host: Authority<'_>) -> Result<usize, Refusal> {
    if target.starts_with('/') {
        return Ok(0);
    }
    let refused = || Refusal::bad_request("the request target is neither a path nor a URL");
    let (scheme, rest) = target.split_once("://").ok_or_else(refused)?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let port = match () {
        () if is("http") || is("ws") => 80,
        () if is("https") || is("wss") => 443,
        () => return Err(refused()),
    };
    let authority_bytes = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(authority_bytes).ok_or_else(refused)?;
    let authority = Authority::parse(authority.as_bytes()).ok_or_else(refused)?;
    // RFC 9112 §3.2.2 lets the target win. Whoever routed the request may have gone by the other.
    if authority.or_port(Some(port)) != host.or_port(Some(port)) {
        return Err(Refusal::bad_request("the request target and Host name different servers"));
    }
    Ok(target.len() - path.len())
}

/// The version is 13 (§4.2.1 point 6); for another, the answer says so (§4.4).
fn judge_version(headers: &Headers) -> Result<(), Refusal> {
    match headers.only("Sec-WebSocket-Version") {
        Ok(Some(b"13")) => Ok(()),
        Ok(Some(_)) => Err(Refusal::text(426, "the only version spoken here is 13 (RFC 6455)")
            .with_static("Sec-WebSocket-Version", "13")),
        Ok(None) => Err(Refusal::bad_request("Sec-WebSocket-Version is missing: send 13")),
        Err(_) => Err(Refusal::bad_request("Sec-WebSocket-Version is there twice: send it once")),
    }
}

/// The page that asks is one of those that may (§10.2).
fn judge_origin(
    headers: &Headers,
    host: Authority<'_>,
    config: &ServerConfig,
) -> Result<(), Refusal> {
    match headers.only("Origin") {
        Ok(None) if config.require_origin => Err(Refusal::text(
            403,
            "Origin is missing: this server takes connections of pages only",
        )),
        Ok(None) => Ok(()),
        Ok(Some(origin)) if origin.is_ascii() && config.origin.allows(origin, host) => Ok(()),
        Ok(Some(_)) => Err(Refusal::text(
            403,
            "pages of this origin may not connect: the server has to allow it by name",
        )),
        Err(_) => Err(Refusal::bad_request("Origin is there twice: send it once")),
    }
}
