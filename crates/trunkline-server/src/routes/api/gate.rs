//! What a request has to pass before its body is read.

use std::net::{IpAddr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::{Api, ApiError};
use crate::auth::ApiKeys;
use crate::body_deadline::TooSlow;
use crate::dialect::json::{DEPTH_MAX, is_too_deep};
use crate::reception::NoKey;

/// Bytes of a request: 8 MiB, room for a batch of a hundred publications of 64 KiB.
const BODY_BYTES_MAX: usize = 8 << 20;

/// What a body may call itself. It is JSON in any case: the second is what curl says of `-d` if nobody tells
/// it otherwise, and the third what `fetch` says of a string.
const TYPES: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", "text/plain"];

/// Whoever has no key is told so, and nothing more of the request is read.
pub(super) async fn ask_for_key(
    State(api): State<Api>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match api.judge_key(from.ip(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Another method of HTTP than the one that is spoken here.
pub(super) fn not_allowed(allowed: &'static str) -> Response {
    let why = format!("this takes {allowed} alone");
    let mut response = ApiError::refused(StatusCode::METHOD_NOT_ALLOWED, why).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Reads a body that is neither too long nor too deep, and JSON by its own account. An empty one counts as `{}`.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    judge_type(headers)?;
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            too_large()
        } else if TooSlow::is_cause_of(&*error) {
            ApiError::refused(StatusCode::REQUEST_TIMEOUT, TooSlow.to_string())
        } else {
            ApiError::bad_request("the body broke off")
        }
    })?;
    let body = body.to_bytes();
    // What is published has to be what clients may publish: who reads JSON is not sent a deeper value, but closed.
    if str::from_utf8(&body).is_ok_and(is_too_deep) {
        let why = format!("arrays and objects lie in each other {DEPTH_MAX} deep at most");
        return Err(ApiError::bad_request(why));
    }
    Ok(if body.is_empty() { Bytes::from_static(b"{}") } else { body })
}

fn too_large() -> ApiError {
    let why = format!("a request has at most {} MiB: send several", BODY_BYTES_MAX >> 20);
    ApiError::refused(StatusCode::PAYLOAD_TOO_LARGE, why)
}

fn judge_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let refuse = |why| Err(ApiError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if text(header::CONTENT_ENCODING).is_some_and(|it| !it.eq_ignore_ascii_case("identity")) {
        return refuse("a body is not compressed: leave Content-Encoding out");
    }
    let essence = text(header::CONTENT_TYPE).map(|it| it.split(';').next().unwrap_or(it).trim());
    match essence {
        Some(it) if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(it)) => {
            refuse("a body is JSON: send it with Content-Type: application/json")
        }
        _ => Ok(()),
    }
}

impl Api {
    /// Whether a request from there, with these headers, may go on.
    ///
    /// # Errors
    /// What to do to get on, if it may not.
    fn judge_key(&self, from: IpAddr, headers: &HeaderMap) -> Result<(), ApiError> {
        let value = |name: &str| headers.get(name).map(|it| it.as_bytes());
        let (key, authorization) = (value("x-api-key"), value(header::AUTHORIZATION.as_str()));
        let rules = self.reception.rules();
        let settings = &rules.config.http_api;
        let keys = ApiKeys::new(settings);
        let has_none = !settings.insecure && settings.key.is_empty() && settings.keys.is_empty();
        let shows_key = !settings.insecure && !has_none && (key.or(authorization)).is_some();
        let allows = || keys.allow(key, authorization);
        let why = match self.reception.judge_api_key(from, shows_key, allows) {
            Ok(()) => return Ok(()),
            Err(NoKey::TooManyTries { wait }) => return Err(ApiError::too_many_tries(wait)),
            Err(NoKey::Wrong) if has_none => {
                "this server has no API key, so it refuses every request: set http_api.key"
            }
            Err(NoKey::Wrong) if key.is_some() => {
                "the key in X-API-Key is not one of this server's"
            }
            Err(NoKey::Wrong) if authorization.is_some() => {
                "the key in Authorization is not one of this server's; it is written as apikey KEY"
            }
            Err(NoKey::Wrong) => {
                "an API key is needed: in the header X-API-Key, or in Authorization as apikey KEY"
            }
        };
        Err(ApiError::refused(StatusCode::UNAUTHORIZED, why))
    }
}
