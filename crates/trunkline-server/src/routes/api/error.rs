//! [`ApiError`]: why a method did nothing.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trunkline_hub::{ChannelName, CommandError};

/// Why a method did nothing: a code, and words. The code is one of the client protocol if the method said
/// it, and that of HTTP if the request did not come so far.
#[derive(Debug, Serialize)]
pub(in crate::routes) struct ApiError {
    code: u32,
    message: Cow<'static, str>,
    #[serde(skip)]
    status: StatusCode,
    /// Seconds after which another try may do.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl ApiError {
    pub(in crate::routes) const INTERNAL: Self = Self::of(CommandError::Internal);

    const fn of(error: CommandError) -> Self {
        let (code, message) = (error.code(), Cow::Borrowed(error.message()));
        Self { code, message, status: StatusCode::OK, retry_after: None }
    }

    /// The request was not looked into.
    pub(in crate::routes) fn refused(
        status: StatusCode,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code: status.as_u16().into(), message: why.into(), status, retry_after: None }
    }

    /// Its address has shown too many wrong keys.
    pub(super) fn too_many_tries(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let why = format!(
            "too many wrong API keys came from this address: no key of it is looked at for {seconds} s \
             (http_api.wrong_keys_per_minute)"
        );
        let refused = Self::refused(StatusCode::TOO_MANY_REQUESTS, why);
        Self { retry_after: Some(seconds), ..refused }
    }

    /// The request as such is wrong.
    pub(super) fn bad_request(why: impl Into<String>) -> Self {
        let message = format!("{}: {}", CommandError::BadRequest.message(), why.into());
        let code = CommandError::BadRequest.code();
        Self { code, message: message.into(), status: StatusCode::BAD_REQUEST, retry_after: None }
    }

    /// What was asked for is not there.
    pub(super) const fn not_found(what: &'static str) -> Self {
        Self { code: 404, message: Cow::Borrowed(what), status: StatusCode::OK, retry_after: None }
    }
}

/// An answer that says nothing else.
#[derive(Serialize)]
pub(super) struct Failed {
    pub(super) error: ApiError,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = super::json(status, &Failed { error: self });
        if status == StatusCode::UNAUTHORIZED {
            // Each 401 names a scheme (RFC 9110 §15.5.2). Browsers know none of this name, and ask nobody.
            let scheme = HeaderValue::from_static("apikey");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        Self::of(error)
    }
}

/// The channel that a request names.
pub(super) fn channel(name: &str) -> Result<ChannelName, ApiError> {
    ChannelName::new(name).map_err(|error| ApiError::bad_request(error.to_string()))
}
