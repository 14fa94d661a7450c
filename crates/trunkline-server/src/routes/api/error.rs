//! [`ApiError`]: why a method did nothing.

use std::borrow::Cow;

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
}

impl ApiError {
    pub(in crate::routes) const INTERNAL: Self = Self::of(CommandError::Internal);

    const fn of(error: CommandError) -> Self {
        let (code, message) = (error.code(), Cow::Borrowed(error.message()));
        Self { code, message, status: StatusCode::OK }
    }

    /// The request was not looked into.
    pub(in crate::routes) fn refused(
        status: StatusCode,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code: status.as_u16().into(), message: why.into(), status }
    }

    /// The request as such is wrong.
    pub(super) fn bad_request(why: impl Into<String>) -> Self {
        let message = format!("{}: {}", CommandError::BadRequest.message(), why.into());
        let code = CommandError::BadRequest.code();
        Self { code, message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    /// What was asked for is not there.
    pub(super) const fn not_found(what: &'static str) -> Self {
        Self { code: 404, message: Cow::Borrowed(what), status: StatusCode::OK }
    }
}

/// An answer that says nothing else.
#[derive(Serialize)]
pub(super) struct Failed {
    pub(super) error: ApiError,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = super::json(status, &Failed { error: self });
        if status == StatusCode::UNAUTHORIZED {
            // Each 401 names a scheme (RFC 9110 §15.5.2). Browsers know none of this name, and ask nobody.
            let scheme = HeaderValue::from_static("apikey");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
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
