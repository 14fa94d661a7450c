//! [`Rejection`]: the answer to a request that is not upgraded.

use std::fmt;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use trunkline_proto::handshake::{AcceptError, Headers, InvalidHeader, Refusal};

/// A request that is not upgraded, and the answer that tells the client why.
///
/// ```
/// use bytes::Bytes;
/// use http::{Response, StatusCode};
/// use trunkline::{handshake::Refusal, upgrade::Rejection};
///
/// let full = Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "come back later");
/// let response: Response<Bytes> = full.into_response();
/// assert_eq!(response.status(), 503);
///
/// // With headers of its own:
/// let refusal = Refusal::unauthorized("log in first").with_header("WWW-Authenticate", "Bearer")?;
/// let response: Response<Bytes> = Rejection::from(refusal).into_response();
/// assert_eq!(response.headers()["www-authenticate"], "Bearer");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rejection {
    refusal: Refusal,
    /// What the server did wrong, if it did.
    fault: Option<AcceptError>,
}

impl Rejection {
    /// Any refusal, with a body in plain text. A status that cannot refuse, such as 101 or 204, becomes
    /// 500.
    ///
    /// Unlike another answer of the same status it ends the connection: see
    /// [`into_response`](Self::into_response).
    pub fn new(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Refusal::new(status.as_u16(), body)
            .unwrap_or_else(|_| {
                refusal(500, "this status refuses nothing: this is a fault of the server")
            })
            .into()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What the client is told.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The answer. It ends the connection, so that nothing a client has sent behind its request can be
    /// taken for another one.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::copy_from_slice(self.refusal.body())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        // `Refusal` has checked names and values. What http does not take even so is a name of 64 KiB,
        // or the header after thirty thousand others, and of those the answer can do without.
        let _ = append(headers, self.refusal.headers());
        if !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        response
    }
}

/// Adds `fields` to `headers`.
///
/// # Errors
/// If http cannot carry one of them, for the length of its name or the number of those that are there.
pub(super) fn append(headers: &mut HeaderMap, fields: &Headers) -> Result<(), InvalidHeader> {
    for (name, value) in fields.iter() {
        let added = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_bytes(value).ok())
            .and_then(|(name, value)| headers.try_append(name, value).ok());
        if added.is_none() {
            return Err(InvalidHeader::Name { name: name.into() });
        }
    }
    Ok(())
}

/// A refusal of ours.
pub(super) fn refusal(status: u16, why: &'static str) -> Refusal {
    Refusal::new(status, why).expect("500 and 501 refuse, and have a body")
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, fault: None }
    }
}

impl From<AcceptError> for Rejection {
    fn from(error: AcceptError) -> Self {
        Self { refusal: error.refusal(), fault: Some(error) }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.as_ref().map(|error| error as _)
    }
}
