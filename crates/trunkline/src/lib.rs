//! WebSockets for tokio: strict, fast, with bounded memory.
//!
//! ```
//! use trunkline::{CloseCode, SendError, Server, WebSocket};
//!
//! async fn echo(mut ws: WebSocket) -> Result<(), SendError> {
//!     while let Some(message) = ws.recv().await? {
//!         ws.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::bind("127.0.0.1:0").await?;
//!     let url = format!("ws://{}/", server.local_addr()?);
//!     tokio::spawn(server.serve(|ws, _| echo(ws)));
//!
//!     let mut ws = trunkline::connect(&url).await?;
//!     ws.send("hello").await?;
//!     assert_eq!(ws.recv().await?.unwrap().as_text(), Some("hello"));
//!     ws.close(CloseCode::NORMAL, "").await?;
//!     Ok(())
//! }
//! ```
//!
//! # Where to begin
//! | what you want | where it is |
//! |---|---|
//! | connect | [`connect`]; [`Connector`] for headers, limits, proxies, certificates |
//! | listen | [`Server`], with an [`Acceptor`] for origins, limits, subprotocols, compression |
//! | a stream of your own | [`connect_over`], [`accept`] |
//! | a route of axum, hyper or tower | [`upgrade`] |
//! | receive, send, close | [`WebSocket`]; its [`split`](WebSocket::split) for two tasks |
//! | answer each message | [`WebSocket::answer`] |
//! | many small messages | [`WebSocket::recv_many`], [`Batch`], [`WebSocket::feed_all`] |
//! | messages larger than memory | [`WebSocket::recv_streamed`], [`WebSocket::send_streamed`] |
//! | one message to many | [`Broadcast`], [`Prepared`] |
//! | a client that lives through outages | [`Reconnecting`] |
//! | stop without anybody being cut off | [`ServerHandle::drain`], [`DrainHandle`] |
//! | limits and deadlines | [`limits`] |
//! | compression | [`deflate`] |
//! | TLS | [`tls`] |
//! | tests of your own | [`testing`] |
//!
//! A guide, page by page, and pages for those who come from other libraries are in the repository, in
//! `docs/`. The protocol itself is a machine without sockets in [`trunkline_proto`]; this crate moves its
//! bytes and keeps its time.
//!
//! # What it sees to
//! Pings are answered, silence is pinged, closing handshakes are completed; text is UTF-8 or the
//! connection ends with 1007; a peer can pin one message and one send queue, of sizes that
//! [`limits`] names; a peer that stops reading, stops sending in the middle of a message, or stops
//! altogether is given up on after a time that [`limits`] names too.
//!
//! # Features
//! - `client` (default): [`connect`] and [`Connector`]; [`Reconnecting`], which lives through outages.
//! - `server` (default): [`accept`], [`Acceptor`] and [`Server`].
//! - `rustls` (default): `wss://` URLs, [`Server::with_tls`], and [`tls`].
//! - `deflate` (default): permessage-deflate, off on each connection until asked for.
//! - `stream`: connections, their halves and messages in parts are a `Stream`, a `Sink`, or both, as the
//!   futures crates have them.
//! - `simd` (default): text is checked with SIMD instructions where the machine has them.
//! - `testing`: connections in memory, scripted peers and faults, for the tests of your code.
//! - `hyper`, `axum`, `tower`: requests that such a server has read, see [`upgrade`].
//! - `tracing`, `metrics`: what connections tell of themselves, see [`observe`].

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs, clippy::missing_errors_doc)]
// What only the two roles use is there all the same, but nobody could reach it.
#![cfg_attr(not(any(feature = "client", feature = "server")), allow(dead_code, unused_variables))]

mod access;
mod answers;
mod batch;
mod broadcast;
#[cfg(feature = "client")]
mod client;
mod driver;
mod error;
mod incoming;
#[cfg(feature = "client")]
mod masks;
#[cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(dead_code, unused_imports, unused_macros, unused_variables)
)]
pub mod observe;
#[cfg(feature = "client")]
pub mod reconnect;
mod scratch;
#[cfg(feature = "server")]
mod server;
mod split;
#[cfg(feature = "stream")]
mod stream;
mod streaming;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "server")]
mod tether;
mod timer;
#[cfg(feature = "rustls")]
pub mod tls;
mod transport;
#[cfg(feature = "hyper")]
pub mod upgrade;
mod websocket;

pub use answers::Answers;
pub use batch::{Batch, BatchIter};
pub use broadcast::{
    Broadcast, BroadcastCounts, ReceiverLimits, SlowReceiver, Subscription, TooSlow,
};
#[cfg(feature = "client")]
pub use client::proxy::{InvalidProxy, Proxy};
#[cfg(feature = "client")]
pub use client::{
    ConnectError, Connector, Cookies, Fault, Lookup, Resolver, Stage, SystemResolver, connect,
    connect_over,
};
pub use error::{CollectError, Error, SendError, SendErrorKind};
pub use incoming::Incoming;
#[cfg(feature = "client")]
pub use reconnect::Reconnecting;
#[cfg(feature = "server")]
pub use server::{
    AcceptError, Accepted, Acceptor, Drain, DrainHandle, Drained, Listener, Outcome, Server,
    ServerCounts, ServerHandle, Upgrade, accept, listen,
};
pub use split::{Reader, Writer};
pub use streaming::{MessageReader, MessageWriter};
pub use transport::Transport;
#[cfg(feature = "axum")]
pub use upgrade::axum;
#[cfg(feature = "tower")]
pub use upgrade::tower;
pub use websocket::WebSocket;

#[cfg(feature = "deflate")]
pub use trunkline_proto::deflate;
pub use trunkline_proto::{
    CloseCode, CloseInfo, Initiator, Limit, Message, MessageKind, Outgoing, Prepared,
    ProtocolError, QueueErrorKind, Received, Role, Text, Timeout, handshake, limits,
};

/// The code in the READMEs runs.
#[cfg(all(doctest, feature = "client", feature = "server"))]
mod readme {
    #[doc = include_str!("../../../README.md")]
    struct Workspace;
    #[doc = include_str!("../README.md")]
    struct Crate;
}

/// The code in the guide runs.
#[cfg(all(
    doctest,
    feature = "client",
    feature = "server",
    feature = "rustls",
    feature = "deflate",
    feature = "testing"
))]
mod guide {
    #[doc = include_str!("../../../docs/guide/first-server.md")]
    struct FirstServer;
    #[doc = include_str!("../../../docs/guide/first-client.md")]
    struct FirstClient;
    #[doc = include_str!("../../../docs/guide/two-directions.md")]
    struct TwoDirections;
    #[doc = include_str!("../../../docs/guide/backpressure.md")]
    struct Backpressure;
    #[doc = include_str!("../../../docs/guide/broadcasting.md")]
    struct Broadcasting;
    #[doc = include_str!("../../../docs/guide/streaming.md")]
    struct Streaming;
    #[doc = include_str!("../../../docs/guide/reconnecting.md")]
    struct Reconnecting;
    #[doc = include_str!("../../../docs/guide/compression.md")]
    struct Compression;
    #[doc = include_str!("../../../docs/guide/testing.md")]
    struct Testing;
    #[doc = include_str!("../../../docs/guide/production.md")]
    struct Production;
}
