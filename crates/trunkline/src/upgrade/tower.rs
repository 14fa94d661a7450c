//! A layer for services of tower: requests for a WebSocket are upgraded, all others go on.
//!
//! ```
//! use axum::{Router, routing::get};
//! use trunkline::{Acceptor, tower::WebSocketLayer};
//!
//! let echo = WebSocketLayer::new(Acceptor::new(), |mut ws, _request| async move {
//!     while let Ok(Some(message)) = ws.recv().await {
//!         if ws.send(message).await.is_err() {
//!             return;
//!         }
//!     }
//! });
//! let app: Router = Router::new().route("/", get("hello")).layer(echo.with_path("/echo"));
//! ```
//!
//! `examples/tower.rs` serves one with hyper alone.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::asks_for_websocket;
use crate::server::Acceptor;
use crate::websocket::WebSocket;

/// Serves WebSockets in front of another service.
///
/// A request that asks for one is answered here, with 101 or with a refusal. Its handler runs in a task
/// of its own and is given the connection and the head of the request, in whose extensions it finds
/// what layers further out have left. Let those refuse whom they do not know: whoever gets as far as
/// here may connect, if [`Acceptor`] has nothing against it.
pub struct WebSocketLayer<H> {
    acceptor: Acceptor,
    path: Option<Arc<str>>,
    handler: Arc<H>,
}

impl<H> WebSocketLayer<H> {
    /// Serves WebSockets on every path.
    pub fn new<Fut>(acceptor: Acceptor, handler: H) -> Self
    where
        H: Fn(WebSocket, Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self { acceptor, path: None, handler: Arc::new(handler) }
    }

    /// Serves WebSockets on this path alone, compared byte by byte. On others they are for the inner
    /// service.
    #[must_use]
    pub fn with_path(self, path: impl Into<Arc<str>>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    fn is_meant_by<B>(&self, request: &Request<B>) -> bool {
        self.path.as_deref().is_none_or(|path| path == request.uri().path())
            && asks_for_websocket(request)
    }

    fn answer<Fut, B, R>(&self, mut request: Request<B>) -> Response<R>
    where
        H: Fn(WebSocket, Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
        R: From<Bytes>,
    {
        match self.acceptor.upgrade(&mut request) {
            Ok((response, upgrading)) => {
                let handler = Arc::clone(&self.handler);
                let (parts, _) = request.into_parts();
                tokio::spawn(async move {
                    if let Ok(ws) = upgrading.await {
                        let scope = ws.scope().clone();
                        scope.run(async move { handler(ws, parts).await }).await;
                    }
                });
                response
            }
            Err(rejection) => rejection.into_response(),
        }
    }
}

impl<H> Clone for WebSocketLayer<H> {
    fn clone(&self) -> Self {
        Self {
            acceptor: self.acceptor.clone(),
            path: self.path.clone(),
            handler: Arc::clone(&self.handler),
        }
    }
}

impl<H> fmt::Debug for WebSocketLayer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketLayer")
            .field("acceptor", &self.acceptor)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<S, H> Layer<S> for WebSocketLayer<H> {
    type Service = WebSocketService<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        WebSocketService { inner, layer: self.clone() }
    }
}

/// The service that a [`WebSocketLayer`] makes of another one.
pub struct WebSocketService<S, H> {
    inner: S,
    layer: WebSocketLayer<H>,
}

impl<S: Clone, H> Clone for WebSocketService<S, H> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, H> fmt::Debug for WebSocketService<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WebSocketService");
        debug.field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S, H, Fut, B, R> Service<Request<B>> for WebSocketService<S, H>
where
    S: Service<Request<B>, Response = Response<R>>,
    H: Fn(WebSocket, Parts) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture {
            from: match self.layer.is_meant_by(&request) {
                true => Source::Layer { response: Some(self.layer.answer(request)) },
                false => Source::Inner { future: self.inner.call(request) },
            },
        }
    }
}

pin_project! {
    /// The answer of a [`WebSocketService`].
    pub struct ResponseFuture<F, R> {
        #[pin]
        from: Source<F, R>,
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source<F, R> {
        Inner { #[pin] future: F },
        Layer { response: Option<Response<R>> },
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().from.project() {
            SourceProjection::Inner { future } => future.poll(cx),
            SourceProjection::Layer { response } => {
                Poll::Ready(Ok(response.take().expect("a future is not polled once it is ready")))
            }
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
