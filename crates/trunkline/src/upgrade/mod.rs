//! WebSockets in servers of HTTP that are there already: hyper, axum, tower.
//!
//! Such a server reads the request, and we judge it by the same rules as [`Acceptor::accept`] does.
//! What follows is in two parts, for the answer goes out only after it has been returned to the server:
//!
//! ```text
//!   http::Request ──▶ Acceptor::upgrade ──▶ 101, returned to the server, which writes it
//!                             │       └───▶ Upgrading, awaited in another task ──▶ WebSocket
//!                             └───────────▶ Rejection, whose answer is returned instead
//! ```
//!
//! ```
//! use http_body_util::Full;
//! use hyper::{Request, Response, body::{Bytes, Incoming}};
//! use trunkline::{Acceptor, WebSocket};
//!
//! /// A service for hyper. Serve its connections `with_upgrades`.
//! async fn serve(acceptor: Acceptor, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
//!     match acceptor.upgrade(&mut request) {
//!         Ok((response, upgrading)) => {
//!             tokio::spawn(async move {
//!                 match upgrading.await {
//!                     Ok(ws) => echo(ws).await,
//!                     Err(error) => eprintln!("{error}"),
//!                 }
//!             });
//!             response
//!         }
//!         Err(rejection) => rejection.into_response(),
//!     }
//! }
//!
//! async fn echo(mut ws: WebSocket) {
//!     while let Ok(Some(message)) = ws.recv().await {
//!         if ws.send(message).await.is_err() {
//!             return;
//!         }
//!     }
//! }
//! ```
//!
//! # What is left of the server
//! Nothing, where it read from a TCP socket: the connection gets that socket back, with what was read
//! from it too far, and the server's buffers are gone with its task. From another stream, such as one
//! of TLS, each byte passes through the boxes in which the server had put it; [`Upgrading::over`] takes
//! a stream whose type is known out of them.
//!
//! # Who refuses, and when
//! Before the request gets here, or here. The 101 has to be what the server writes: a layer that lets a
//! request through and then puts another answer in the place of ours has closed no door, for the server
//! may hand the connection out all the same once it has written that. Drop the [`Upgrading`] instead.
//!
//! # Shutdown
//! A server of HTTP waits for requests when it stops, and a connection is none any more. Tie them to a
//! [`DrainHandle`](crate::DrainHandle), with
//! [`Acceptor::with_drain_handle`](crate::Acceptor::with_drain_handle), and drain that one once the server
//! has stopped, and before its runtime is gone: it closes them with 1001 and waits for them.
//!
//! # Versions of HTTP
//! This is the upgrade of HTTP/1.1. A request of HTTP/2 for a WebSocket (RFC 8441) is answered with
//! 501. Clients send one only to servers that say they take it: do not enable the extended CONNECT
//! protocol where nothing else needs it.

#[cfg(feature = "axum")]
pub mod axum;
mod head;
mod rejection;
mod request;
mod stream;
#[cfg(feature = "tower")]
pub mod tower;
mod upgrading;

pub use head::asks_for_websocket;
pub use rejection::Rejection;
pub use request::HttpUpgrade;
pub(crate) use stream::Handed;
pub use upgrading::{UpgradeError, Upgrading};

#[cfg(doc)]
use crate::Acceptor;
