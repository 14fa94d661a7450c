//! The dashboard, and the demos where they run: files that the binary carries.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode, Uri};
use trunkline_pages::{File, Found, find};

/// Answers with the file at an address. Pages of demos are there if `demos` is set.
pub(super) fn serve(demos: bool, uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path();
    let hidden = !demos && path.starts_with("/demos/");
    match find(path).filter(|_| !hidden) {
        Some(Found::File(file)) => send(&file, headers),
        Some(Found::Elsewhere(there)) => {
            (StatusCode::PERMANENT_REDIRECT, [(LOCATION, below(there))]).into_response()
        }
        _ => (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
    }
}

fn send(file: &File, headers: &HeaderMap) -> Response {
    let known = headers.get(IF_NONE_MATCH).is_some_and(|it| it == file.etag);
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.bytes.into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(file.cache_control()));
    headers.insert(ETAG, HeaderValue::from_static(file.etag));
    let policy = HeaderValue::from_static(trunkline_pages::CONTENT_SECURITY_POLICY);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A redirect that holds below a path of a reverse proxy too: relative, as all addresses of the pages.
fn below(page: &'static str) -> String {
    let last = page.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    format!("{last}/")
}
