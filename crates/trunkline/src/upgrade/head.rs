//! [`HttpHead`]: the head of a request as an HTTP server has read it.

use http::header::{CONNECTION, HeaderMap, UPGRADE};
#[cfg(feature = "axum")]
use http::request::Parts;
use http::{Method, Uri, Version};
use trunkline_proto::handshake::{HeadError, HeadLimits, Headers, Refusal, RequestHead};

use super::rejection::refusal;

/// Whether a request asks for a WebSocket, however badly. What does not is for another handler.
///
/// It is cheaper than to have the request judged, and tells a page for people from one for programs on
/// the same path.
pub fn asks_for_websocket<B>(request: &http::Request<B>) -> bool {
    HttpHead::of(request).asks_for_websocket()
}

/// The head of a request as http has it.
pub(super) struct HttpHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
}

impl<'a> HttpHead<'a> {
    pub(super) fn of<B>(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
        }
    }

    /// As the function of this name.
    pub(super) fn asks_for_websocket(&self) -> bool {
        let lists = |name, token| {
            let values = self.headers.get_all(name).into_iter();
            let mut elements =
                values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
            elements.any(|element| element.trim_ascii().eq_ignore_ascii_case(token))
        };
        self.is_extended_connect() || lists(UPGRADE, b"websocket") && lists(CONNECTION, b"upgrade")
    }

    /// Copies it for judgement, within the limits that a head has which we read ourselves.
    pub(super) fn read(&self, limits: &HeadLimits) -> Result<RequestHead, Refusal> {
        if self.is_extended_connect() {
            return Err(refusal(501, "no WebSocket over HTTP/2 here: connect with HTTP/1.1"));
        }
        if self.version < Version::HTTP_11 {
            return Err(HeadError::Version.into());
        }
        let target = self.uri.to_string();
        self.measure(&target, limits)?;
        let mut headers = Headers::new();
        for (name, value) in self.headers {
            let pushed = headers.push(name.as_str(), value);
            pushed.map_err(|_| HeadError::Control)?;
        }
        Ok(RequestHead::new(self.method.as_str(), &target, headers)?)
    }

    /// A CONNECT with a path, which plain ones do not have (RFC 8441 §4).
    fn is_extended_connect(&self) -> bool {
        self.version >= Version::HTTP_2
            && self.method == Method::CONNECT
            && self.uri.path_and_query().is_some()
    }

    fn measure(&self, target: &str, limits: &HeadLimits) -> Result<(), HeadError> {
        // What separates the parts of the first line, and name and value of a header, from each other
        // and the next.
        const AROUND_TARGET: usize = " ".len() + " HTTP/1.1\r\n".len();
        const AROUND_FIELD: usize = ": ".len() + "\r\n".len();
        let fields = self.headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + AROUND_FIELD);
        let bytes = self.method.as_str().len()
            + target.len()
            + AROUND_TARGET
            + fields.sum::<usize>()
            + "\r\n".len();
        if !limits.target.allows(target.len()) {
            return Err(HeadError::TargetTooLong(limits.target));
        }
        if !limits.headers.allows(self.headers.len()) {
            return Err(HeadError::TooManyHeaders(limits.headers));
        }
        if !limits.bytes.allows(bytes) {
            return Err(HeadError::TooLong(limits.bytes));
        }
        Ok(())
    }
}

#[cfg(feature = "axum")]
impl<'a> From<&'a Parts> for HttpHead<'a> {
    fn from(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
        }
    }
}
