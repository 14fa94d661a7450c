//! What the pages of the demos ask for beside their channels.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Json, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trunkline_hub::broker::Publish;
use trunkline_hub::{ChannelName, CommandError, Namespaces};

use super::visitor::Visitor;
use crate::auth::NewToken;
use crate::config::{Config, Secret};
use crate::node::Node;
use crate::shard::now;

/// Short, so that pages that are left open renew theirs.
const TOKEN_LIFE: Duration = Duration::from_secs(120);
/// Far more than a notification has.
const BODY_BYTES_MAX: usize = 8 << 10;
const ID_BYTES_MAX: usize = 64;
const TITLE_BYTES_MAX: usize = 400;
const TEXT_BYTES_MAX: usize = 2500;

struct Demo {
    node: Node,
    secret: Secret,
    namespaces: Namespaces,
}

/// `POST /demos/token` and `POST /demos/notify`, for pages of this server alone: those of other sites may not
/// act for whoever looks at them.
pub(crate) fn router(config: &Config, node: Node) -> Router {
    let secret = config.client.token.hmac_secret_key.clone();
    let demo = Arc::new(Demo { node, secret, namespaces: config.namespaces() });
    Router::new()
        .route("/demos/token", post(token))
        .route("/demos/notify", post(notify))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(demo)
}

#[derive(Deserialize)]
struct TokenRequest {
    user: Visitor,
}

async fn token(
    State(demo): State<Arc<Demo>>,
    body: Result<Json<TokenRequest>, JsonRejection>,
) -> Result<Json<Value>, Trouble> {
    let Json(TokenRequest { user }) = body?;
    if demo.secret.is_empty() {
        return Err(Trouble::NoSecret);
    }
    let life = i64::try_from(TOKEN_LIFE.as_secs()).unwrap_or(i64::MAX);
    let token =
        NewToken { exp: Some(now().unix_ms / 1000 + life), ..NewToken::for_user(user.as_str()) };
    Ok(Json(json!({ "token": token.sign(&demo.secret) })))
}

#[derive(Deserialize)]
struct NotifyRequest {
    user: Visitor,
    id: String,
    title: String,
    #[serde(default)]
    text: String,
    from: Option<Visitor>,
}

/// What the channel of a user carries.
#[derive(Serialize)]
struct Notification<'a> {
    id: &'a str,
    title: &'a str,
    text: &'a str,
    from: &'a str,
    at: i64,
}

async fn notify(
    State(demo): State<Arc<Demo>>,
    body: Result<Json<NotifyRequest>, JsonRejection>,
) -> Result<Json<Value>, Trouble> {
    let Json(request) = body?;
    if !(1..=ID_BYTES_MAX).contains(&request.id.len())
        || !(1..=TITLE_BYTES_MAX).contains(&request.title.len())
        || request.text.len() > TEXT_BYTES_MAX
    {
        return Err(Trouble::Length);
    }
    let notification = Notification {
        id: &request.id,
        title: &request.title,
        text: &request.text,
        from: request.from.as_ref().map_or("", Visitor::as_str),
        at: now().unix_ms,
    };
    let name = format!("notifications:#{}", request.user.as_str());
    let channel = ChannelName::new(&name).expect("a visitor's name fits into a channel's");
    let options = demo.namespaces.options(&channel).expect("demos have their namespaces");
    let publish = Publish {
        data: serde_json::to_vec(&notification).unwrap_or_default().into(),
        // A page repeats a request whose answer it did not hear.
        idempotency_key: Some(request.id.as_str().into()),
        history: options.history,
        ..Publish::default()
    };
    demo.node.publish(channel, publish).await?;
    Ok(Json(json!({})))
}

enum Trouble {
    Body(JsonRejection),
    NoSecret,
    Length,
    Broker(CommandError),
}

impl From<JsonRejection> for Trouble {
    fn from(rejection: JsonRejection) -> Self {
        Self::Body(rejection)
    }
}

impl From<CommandError> for Trouble {
    fn from(error: CommandError) -> Self {
        Self::Broker(error)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, said) = match self {
            Self::Body(rejection) => (rejection.status(), rejection.body_text()),
            Self::NoSecret => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the demos sign tokens with client.token.hmac_secret_key, which is not set"
                    .to_owned(),
            ),
            Self::Length => (
                StatusCode::BAD_REQUEST,
                format!(
                    "id has 1 to {ID_BYTES_MAX} bytes, title 1 to {TITLE_BYTES_MAX}, text at most {TEXT_BYTES_MAX}"
                ),
            ),
            Self::Broker(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error:?}")),
        };
        (status, format!("{said}\n")).into_response()
    }
}
