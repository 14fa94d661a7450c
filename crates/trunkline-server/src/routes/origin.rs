//! Which pages of the web may ask what is served over plain HTTP.
//!
//! Browsers send `Origin` with whatever a page asks of another server, and with each POST; what is no browser
//! need not. Pages of the server's own host may ask, others only the API, if its owner lists them. They are
//! told so as CORS has it (Fetch, §3.3); everybody else hears no word of it, and browsers keep the answer
//! from the page. What changes something is refused before it is done.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use trunkline::handshake::OriginPolicy;

use super::api::ApiError;
use crate::metrics::NoEntry;
use crate::reception::Reception;

/// Whose pages may ask.
#[derive(Clone)]
pub(super) struct Pages {
    reception: Arc<Reception>,
    /// Those that `http_api.allowed_origins` lists, too.
    listed: bool,
}

/// How long a browser may remember that it may ask, in seconds: as long as any would.
const MAX_AGE_S: &str = "7200";

pub(super) async fn guard(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN).cloned() else { return next.run(request).await };
    let is_only = headers.get_all(header::ORIGIN).iter().count() == 1;
    match pages.judge(&origin, headers).filter(|_| is_only) {
        None => {
            pages.reception.metrics().requests_refused.count(NoEntry::Origin);
            refused().into_response()
        }
        Some(Who::Own) => next.run(request).await,
        Some(Who::Listed) => {
            let mut response =
                if is_preflight(&request) { preflight() } else { next.run(request).await };
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
            response
        }
    }
}

/// Who asks, of those who may.
enum Who {
    Own,
    Listed,
}

impl Pages {
    /// Those of this server.
    pub(super) fn own(reception: &Arc<Reception>) -> Self {
        Self { reception: Arc::clone(reception), listed: false }
    }

    /// Those, and what `http_api.allowed_origins` lists.
    pub(super) fn listed(reception: &Arc<Reception>) -> Self {
        Self { reception: Arc::clone(reception), listed: true }
    }

    fn judge(&self, origin: &HeaderValue, headers: &HeaderMap) -> Option<Who> {
        let host = headers.get(header::HOST).map_or(&b""[..], HeaderValue::as_bytes);
        let passes = |policy: &OriginPolicy| policy.permits(origin.as_bytes(), host);
        if passes(&OriginPolicy::SameOrigin) {
            return Some(Who::Own);
        }
        let is_listed = self.listed && passes(&self.reception.rules().api_pages);
        is_listed.then_some(Who::Listed)
    }
}

fn refused() -> ApiError {
    let why = "pages of this origin may not ask: the API takes those that http_api.allowed_origins lists, and all else \
               those of this server's host, as Host has it";
    ApiError::refused(StatusCode::FORBIDDEN, why)
}

/// Whether a browser asks, before it sends a request, whether it may.
fn is_preflight(request: &Request) -> bool {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    request.method() == Method::OPTIONS && asks
}

/// What may be sent. No cookies: nothing here asks for any.
fn preflight() -> Response {
    let may = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-api-key"),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
    ];
    (StatusCode::NO_CONTENT, may).into_response()
}
