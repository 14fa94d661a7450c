//! An extractor for axum 0.8.
//!
//! ```
//! use axum::{Extension, Router, response::Response, routing::any};
//! use trunkline::{Acceptor, axum::WebSocketUpgrade};
//!
//! async fn echo(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(|mut ws| async move {
//!         while let Ok(Some(message)) = ws.recv().await {
//!             if ws.send(message).await.is_err() {
//!                 return;
//!             }
//!         }
//!     })
//! }
//!
//! // For all routes alike. Without it they have the defaults of `Acceptor`.
//! let acceptor = Acceptor::new().with_message_bytes(64 << 10);
//! let app: Router = Router::new().route("/echo", any(echo)).layer(Extension(acceptor));
//! ```
//!
//! `axum::serve` reads from a TCP socket, and the connection gets it back: see
//! [`upgrade`](crate::upgrade).
//!
//! # Shutdown
//! `with_graceful_shutdown` waits for requests, and a connection is none any more: it is for a
//! [`DrainHandle`](crate::DrainHandle) to close those. `examples/axum.rs` does so.

use std::fmt;
use std::future::Future;

use ::hyper::upgrade::OnUpgrade;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
#[cfg(feature = "deflate")]
use trunkline_proto::deflate::DeflateConfig;
use trunkline_proto::handshake::{
    Acceptance, OriginPolicy, Refusal, Request, RequestHead, ServerConfig, Subprotocols,
};
use trunkline_proto::limits::Settings;

use super::head::HttpHead;
use super::request::{HttpUpgrade, take_connection};
use super::{Rejection, Upgrading};
use crate::observe::Shaking;
use crate::server::Acceptor;
use crate::websocket::WebSocket;

/// Takes a request for a WebSocket; [`on_upgrade`](Self::on_upgrade) answers it.
///
/// The request keeps the rules of the protocol once a handler has this; others have been answered with
/// 400, 405 or 426 and a text that says why. Whether the page that asks may connect is judged by
/// `on_upgrade`, when all settings are known: a page of another origin is answered with 403 there,
/// whatever the handler has made of it.
///
/// The settings are those of the [`Acceptor`] in an `Extension`, or the defaults. One that is kept in a
/// state is given with [`with_acceptor`](Self::with_acceptor). The other setters are for a handler that
/// differs from the rest; each costs a copy of the settings.
///
/// As an `Option` it is `None` for a request that is not for a WebSocket, so that a page may have the
/// same path.
#[must_use = "the client waits for the answer that `on_upgrade` gives"]
pub struct WebSocketUpgrade {
    /// To be judged once more, by what is configured then.
    head: RequestHead,
    request: Request,
    on_upgrade: OnUpgrade,
    acceptor: Acceptor,
    acceptance: Acceptance,
    /// What is told of it.
    shaking: Shaking,
}

impl WebSocketUpgrade {
    /// What the client asks for: path, headers, subprotocols, origin.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// All settings at once.
    pub fn with_acceptor(self, acceptor: Acceptor) -> Self {
        Self { acceptor, ..self }
    }

    /// As [`Acceptor::with_settings`].
    pub fn with_settings(self, settings: Settings) -> Self {
        self.map(|acceptor| acceptor.with_settings(settings))
    }

    /// As [`Acceptor::with_message_bytes`].
    pub fn with_message_bytes(self, max: usize) -> Self {
        self.map(|acceptor| acceptor.with_message_bytes(max))
    }

    /// As [`Acceptor::with_origin`].
    pub fn with_origin(self, policy: OriginPolicy) -> Self {
        self.map(|acceptor| acceptor.with_origin(policy))
    }

    /// As [`Acceptor::with_subprotocols`].
    pub fn with_subprotocols(self, subprotocols: Subprotocols) -> Self {
        self.map(|acceptor| acceptor.with_subprotocols(subprotocols))
    }

    /// As [`Acceptor::with_compression`].
    #[cfg(feature = "deflate")]
    pub fn with_compression(self, config: DeflateConfig) -> Self {
        self.map(|acceptor| acceptor.with_compression(config))
    }

    /// Chooses the subprotocol for this client alone, or adds headers to the answer.
    pub fn with_acceptance(self, acceptance: Acceptance) -> Self {
        Self { acceptance, ..self }
    }

    /// Gives the answer to return, and has `serve` called in a task of its own once it has been sent.
    ///
    /// If it cannot be sent, because the client has hung up, `serve` is not called.
    #[must_use = "a client that gets no answer has no connection"]
    pub fn on_upgrade<F, Fut>(self, serve: F) -> Response
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        match self.accept() {
            Ok((response, upgrading)) => {
                tokio::spawn(async move {
                    if let Ok(ws) = upgrading.await {
                        let scope = ws.scope().clone();
                        scope.run(async { serve(ws).await }).await;
                    }
                });
                response
            }
            Err(rejection) => rejection.into_response(),
        }
    }

    /// The same in two parts, for a caller who wants to know why there is no connection, or to have the
    /// task in its own hands.
    ///
    /// # Errors
    /// Why the request is refused, with the answer that says so.
    pub fn accept(self) -> Result<(Response, Upgrading), Rejection> {
        let Self { head, on_upgrade, acceptor, acceptance, mut shaking, .. } = self;
        let request = Request::from_upgrade(head, acceptor.config());
        let request = request.inspect_err(|refusal| shaking.refused(refusal))?;
        HttpUpgrade::new(acceptor, request, on_upgrade, shaking).accept_with(&acceptance)
    }

    fn map(self, set: impl FnOnce(Acceptor) -> Acceptor) -> Self {
        Self { acceptor: set(self.acceptor), ..self }
    }

    fn read(parts: &mut Parts) -> Result<Self, Rejection> {
        let mut shaking = Shaking::begin(None);
        let acceptor = parts.extensions.get::<Acceptor>().cloned().unwrap_or_default();
        let judged = Self::judge(parts, &acceptor);
        let (head, request, on_upgrade) = judged.inspect_err(|refusal| shaking.refused(refusal))?;
        shaking.asked(&request);
        let acceptance = Acceptance::new();
        Ok(Self { head, request, on_upgrade, acceptor, acceptance, shaking })
    }

    fn judge(
        parts: &mut Parts,
        acceptor: &Acceptor,
    ) -> Result<(RequestHead, Request, OnUpgrade), Refusal> {
        let head = HttpHead::from(&*parts).read(&acceptor.config().limits)?;
        // What depends on settings that a handler may change is for `accept`.
        let mut rules = ServerConfig::default();
        rules.origin = OriginPolicy::Any;
        let request = Request::from_upgrade(head.clone(), &rules)?;
        Ok((head, request, take_connection(&mut parts.extensions)?))
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Rejection> {
        Self::read(parts)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Rejection> {
        match HttpHead::from(&*parts).asks_for_websocket() {
            true => Self::read(parts).map(Some),
            false => Ok(None),
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response(self)
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("request", &self.request)
            .field("acceptor", &self.acceptor)
            .field("acceptance", &self.acceptance)
            .finish_non_exhaustive()
    }
}
