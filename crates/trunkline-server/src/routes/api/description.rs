//! `GET openapi.yaml`: what the methods are, for people and for tools.

use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;

/// Beside `src`, so that it is in the crate wherever that is built from.
const DESCRIPTION: &str = include_str!("../../../openapi.yaml");

/// How the document says where the API is.
const SERVER: &str = "servers:\n  - url: /api\n";

/// The document of an API below `prefix`. It needs no key: it is the same for all servers of a version.
pub(super) fn description(prefix: &str) -> impl IntoResponse + Clone + use<> {
    let server = format!("servers:\n  - url: {prefix}\n");
    let text = Bytes::from(DESCRIPTION.replacen(SERVER, &server, 1));
    // RFC 9512.
    ([(header::CONTENT_TYPE, "application/yaml"), (header::CACHE_CONTROL, "no-cache")], text)
}
