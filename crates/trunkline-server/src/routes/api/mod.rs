//! The HTTP API, by which backends publish and look after clients: `POST /api/<method>` with a key.
//!
//! Requests and answers are Centrifugo's: `{"result": …}`, or `{"error": {"code", "message"}}` with status
//! 200, since the request as such was fine. Any other status is about the request.

mod channels;
mod clients;
mod description;
mod error;
mod gate;
mod info;
mod methods;
mod publish;
mod read;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::stats;
use crate::auth::Object;
use crate::node::Node;
use crate::reception::Reception;
use description::description;
pub(super) use error::ApiError;
use error::Failed;
use methods::METHODS;

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

    /// The routes below the prefix of the API. Without the key nothing is found but their description.
    pub(super) fn router(self) -> Router {
        let description = description(&self.reception.rules().config.http_api.handler_prefix);
        Router::new()
            .route("/{method}", post(serve).fallback(async || gate::not_allowed("POST")))
            .route("/stats", get(stats::show).fallback(async || gate::not_allowed("GET, HEAD")))
            .fallback(async |State(api): State<Self>| api.no_method())
            .layer(from_fn_with_state(self.clone(), gate::ask_for_key))
            .route("/openapi.yaml", get(async || description))
            .with_state(self)
    }

    async fn answer(&self, method: &str, request: Request) -> Result<Response, ApiError> {
        if !METHODS.contains(&method) {
            return Err(self.no_method());
        }
        let (head, body) = request.into_parts();
        let body = gate::read(&head.headers, body).await?;
        // The replies of a batch have envelopes of their own.
        Ok(match method {
            "batch" => json(StatusCode::OK, &self.batch(asked(&body)?).await?),
            _ => json(StatusCode::OK, &Succeeded { result: self.call(method, &body).await? }),
        })
    }

    /// Calls one method after the other, so that what a backend does in order is done in order.
    async fn batch(&self, batch: Batch<'_>) -> Result<Replies, ApiError> {
        if batch.commands.len() > BATCH_MAX {
            return Err(ApiError::bad_request(format!("a batch has at most {BATCH_MAX} commands")));
        }
        let mut replies = Vec::with_capacity(batch.commands.len());
        for command in batch.commands {
            // With two, one of them would be left out and nobody told.
            let mut methods = command.into_iter();
            let (Some((method, body)), None) = (methods.next(), methods.next()) else {
                return Err(ApiError::bad_request("a command of a batch names one method"));
            };
            let result = self.call(&method, body.get().as_bytes()).await;
            replies.push(match result {
                Ok(result) => to_raw_value(&std::collections::BTreeMap::from([(method, result)])),
                Err(error) => to_raw_value(&Failed { error }),
            });
        }
        let replies: Result<Vec<_>, _> = replies.into_iter().collect();
        Ok(Replies { replies: replies.map_err(|_| ApiError::INTERNAL)? })
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

async fn serve(State(api): State<Api>, Path(method): Path<String>, request: Request) -> Response {
    api.answer(&method, request).await.unwrap_or_else(ApiError::into_response)
}

fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    match serde_json::to_string(answer) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What a body asks for.
fn asked<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, ApiError> {
    let asked = serde_json::from_slice(body);
    asked.map(|Object(it)| it).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn said<T: Serialize>(result: T) -> Result<Box<RawValue>, ApiError> {
    to_raw_value(&result).map_err(|_| ApiError::INTERNAL)
}

/// A result in which there is nothing to say.
#[derive(Serialize)]
struct Nothing {}
