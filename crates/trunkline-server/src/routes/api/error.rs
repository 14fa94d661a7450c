//! [`ApiError`]: why a method did nothing.

use std::borrow::Cow;

use axum::http::StatusCode;
use serde::Serialize;
use trunkline_hub::{ChannelName, CommandError};

/// Why a method did nothing: a code of the client protocol, and words.
#[derive(Debug, Serialize)]
pub(in crate::routes) struct ApiError {
    code: u32,
    message: Cow<'static, str>,
    #[serde(skip)]
    is_request: bool,
}

impl ApiError {
    pub(in crate::routes) const INTERNAL: Self = Self::of(CommandError::Internal);
    pub(super) const NO_METHOD: Self = Self {
        code: 404,
        message: Cow::Borrowed("no such method; docs/server/openapi.yaml lists them"),
        is_request: true,
    };

    const fn of(error: CommandError) -> Self {
        Self { code: error.code(), message: Cow::Borrowed(error.message()), is_request: false }
    }

    /// The request as such is wrong.
    pub(super) fn bad_request(why: impl Into<String>) -> Self {
        let message = format!("{}: {}", CommandError::BadRequest.message(), why.into());
        Self { code: CommandError::BadRequest.code(), message: message.into(), is_request: true }
    }

    /// What was asked for is not there.
    pub(super) const fn not_found(what: &'static str) -> Self {
        Self { code: 404, message: Cow::Borrowed(what), is_request: false }
    }

    /// The status of an answer that is this error.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self { is_request: false, .. } => StatusCode::OK,
            Self { code: 404, .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        }
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
