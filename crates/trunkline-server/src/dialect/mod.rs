//! What clients speak over WebSocket, one dialect a folder.
//!
//! A dialect stands between messages of a socket and the hub, and knows neither: it takes a message
//! apart into requests that the hub understands, and writes what waits in an outbox as bytes. It has no
//! socket, no clock and no state beyond one message, and it judges no token: what a request carries of
//! that kind it hands on as text.
//!
//! [`centrifugo`] is the only one so far. What two dialects share lies beside it: how JSON and Protobuf
//! are read and written, with the bounds that hostile input needs.

pub mod centrifugo;

pub(crate) mod json;
mod protobuf;
mod words;
