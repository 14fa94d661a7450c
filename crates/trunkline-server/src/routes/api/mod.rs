//! The HTTP API, by which backends publish and look after clients: `POST /api/<method>` with a key.
//!
//! Requests and answers are Centrifugo's: `{"result": …}`, or `{"error": {"code", "message"}}` with status
//! 200, since the request as such was fine. Status 400, 401, 404 and 413 are about the request.

mod channels;
mod clients;
mod error;
mod info;
mod publish;
mod read;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::auth::ApiKeys;
use crate::node::Node;
use crate::reception::Reception;
pub(super) use error::ApiError;

/// Bytes of a request: 8 MiB, room for a batch of a hundred publications of 64 KiB.
const BODY_BYTES_MAX: usize = 8 << 20;

/// Commands in a batch, and channels in a broadcast: 1 000. More of them take more requests.
const BATCH_MAX: usize = 1_000;

/// What the methods work with.
#[derive(Clone)]
pub(super) struct Api {
    node: Node,
    reception: Arc<Reception>,
}

impl Api {
    pub(super) fn new(node: Node, reception: Arc<Reception>) -> Self {
        Self { node, reception }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn reception(&self) -> &Reception {
        &self.reception
    }

    /// The routes below the prefix of the API.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/{method}", post(serve))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(self)
    }

    /// Whether a request with these headers may go on.
    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        let value = |name: &str| headers.get(name).map(|it| it.as_bytes());
        let keys = ApiKeys::new(&self.reception.rules().config.http_api);
        keys.allow(value("x-api-key"), value(header::AUTHORIZATION.as_str()))
    }

    /// Calls a method by its name.
    async fn call(&self, method: &str, body: &[u8]) -> Result<Box<RawValue>, ApiError> {
        match method {
            "publish" => said(self.publish(asked(body)?).await?),
            "broadcast" => said(self.broadcast(asked(body)?).await?),
            "subscribe" => said(self.subscribe(asked(body)?).await?),
            "unsubscribe" => said(self.unsubscribe(asked(body)?).await?),
            "disconnect" => said(self.disconnect(asked(body)?).await?),
            "refresh" => said(self.refresh(asked(body)?).await?),
            "presence" => said(self.presence(asked(body)?).await?),
            "presence_stats" => said(self.presence_stats(asked(body)?).await?),
            "history" => said(self.history(asked(body)?).await?),
            "history_remove" => said(self.history_remove(asked(body)?).await?),
            "channels" => said(self.channels(asked(body)?).await?),
            "info" => said(self.info().await),
            "connections" => said(self.connections(asked(body)?).await?),
            "connection" => said(self.connection(asked(body)?).await?),
            "tail_token" => said(self.tail_token(asked(body)?)?),
            _ => Err(ApiError::NO_METHOD),
        }
    }

    /// Calls one method after the other, so that what a backend does in order is done in order.
    async fn batch(&self, batch: Batch<'_>) -> Result<Box<RawValue>, ApiError> {
        if batch.commands.len() > BATCH_MAX {
            return Err(ApiError::bad_request(format!("a batch has at most {BATCH_MAX} commands")));
        }
        let mut replies = Vec::with_capacity(batch.commands.len());
        for command in batch.commands {
            let Some((method, body)) = command.into_iter().next() else {
                return Err(ApiError::bad_request("a command of a batch names no method"));
            };
            let result = self.call(&method, body.get().as_bytes()).await;
            replies.push(match result {
                Ok(result) => to_raw_value(&std::collections::BTreeMap::from([(method, result)])),
                Err(error) => to_raw_value(&Failed { error }),
            });
        }
        let replies: Result<Vec<_>, _> = replies.into_iter().collect();
        let answer = Replies { replies: replies.map_err(|_| ApiError::INTERNAL)? };
        to_raw_value(&answer).map_err(|_| ApiError::INTERNAL)
    }
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    commands: Vec<std::collections::BTreeMap<String, &'a RawValue>>,
}

#[derive(Serialize)]
struct Replies {
    replies: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct Succeeded {
    result: Box<RawValue>,
}

#[derive(Serialize)]
struct Failed {
    error: ApiError,
}

async fn serve(
    State(api): State<Api>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !api.allows(&headers) {
        return (StatusCode::UNAUTHORIZED, "an API key is needed, in X-API-Key\n").into_response();
    }
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    if method == "batch" {
        let batch = match asked(&body) {
            Ok(batch) => api.batch(batch).await,
            Err(error) => Err(error),
        };
        // Its replies have envelopes of their own.
        return match batch {
            Ok(replies) => json(StatusCode::OK, replies.get().to_owned()),
            Err(error) => failed(error),
        };
    }
    match api.call(&method, &body).await {
        Ok(result) => match serde_json::to_string(&Succeeded { result }) {
            Ok(text) => json(StatusCode::OK, text),
            Err(_) => failed(ApiError::INTERNAL),
        },
        Err(error) => failed(error),
    }
}

fn failed(error: ApiError) -> Response {
    let status = error.status();
    json(status, serde_json::to_string(&Failed { error }).unwrap_or_default())
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Reads the body of a request.
fn asked<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn said<T: Serialize>(result: T) -> Result<Box<RawValue>, ApiError> {
    to_raw_value(&result).map_err(|_| ApiError::INTERNAL)
}

/// A result in which there is nothing to say.
#[derive(Serialize)]
struct Nothing {}
