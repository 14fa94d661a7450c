//! The opening handshake (RFC 6455 §4).
//!
//! A WebSocket begins as one request and one answer of HTTP/1.1. The client asks to switch, with a
//! key that nobody could have sent by accident; the server answers 101 with a hash of that key, or
//! refuses with any other status. From the first byte behind the 101 on, both speak frames.
//!
//! Each side is a machine: [`ServerHandshake`] turns bytes into a [`Request`] and a decision into
//! an answer, [`ClientHandshake`] turns a [`Url`] into a request and an answer into [`Opened`]. What
//! comes out of both is an [`Agreement`], from which a connection is made.
//!
//! ```text
//!   bytes ──▶ head ──▶ request::judge ──▶ Request ──▶ application ──▶ accept ──▶ 101, Agreement
//!               │            │                             │
//!               └────────────┴──────────▶ Refusal ◀────────┘
//! ```
//!
//! The door is strict where two readers could disagree: on where a head ends, on whether there is
//! a body, on which host is meant. It never goes silent: whoever is refused gets an answer that
//! says why, and the connection ends with it, so that nothing behind a refused upgrade can be taken
//! for another request. The work is linear in the bytes that came, and their number is bounded by
//! [`HeadLimits`].
//!
//! Deadlines, TLS and sockets are for the driver; who may do what is for the application.

mod accept_key;
mod acceptance;
mod authority;
mod base64;
mod client;
mod credentials;
mod error;
pub(crate) mod extensions;
mod head;
mod headers;
mod origin;
mod reference;
mod refusal;
mod request;
mod request_head;
mod response;
mod response_parser;
mod server;
mod subprotocol;
mod syntax;
mod url;

pub use acceptance::{AcceptError, Acceptance};
pub use authority::Authority;
pub use client::{ClientConfig, ClientHandshake, Opened};
pub use credentials::Credentials;
pub use error::{HandshakeError, HeadError};
pub use extensions::{Extension, MalformedExtensions};
pub use head::HeadLimits;
pub use headers::{Headers, InvalidHeader};
pub use origin::{InvalidOrigin, Origin, OriginList, OriginPolicy};
pub use refusal::{InvalidStatus, Refusal};
pub use request::Request;
pub use request_head::{RequestHead, RequestParser};
pub use response::Response;
pub use response_parser::ResponseParser;
pub use server::{ServerConfig, ServerHandshake};
pub use subprotocol::{InvalidSubprotocol, Subprotocols};
pub use url::{InvalidUrl, Url};

/// What both sides speak once the handshake is over.
#[derive(Clone, PartialEq, Default, Debug)]
#[non_exhaustive]
pub struct Agreement {
    /// The subprotocol, if they agreed on one.
    pub subprotocol: Option<String>,
    /// How messages are compressed, if at all.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::deflate::DeflateParams>,
}

impl Agreement {
    const fn on_subprotocol(subprotocol: Option<String>) -> Self {
        Self {
            subprotocol,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }
}

/// How far a machine has come with the bytes that it was given.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a pair with names")]
pub struct Progress<T> {
    /// Bytes of the input that were taken: all of them until it is done. The others belong to
    /// whatever comes after the handshake.
    pub taken: usize,
    /// The result, once there is one.
    pub done: Option<T>,
}

/// What only the handshake itself may write: the headers that make an upgrade, and those that would
/// give it a body.
const RESERVED: &[&str] = &[
    "Connection",
    "Content-Length",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
];
