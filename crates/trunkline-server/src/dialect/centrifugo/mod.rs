//! Centrifugo's client protocol, version 2, with which its SDKs work unchanged.
//!
//! A client sends frames of one or several commands and gets frames of one or several replies. Pushes
//! and pings are replies without an id. Both are written as JSON, an object a line, or as Protobuf, each
//! message behind its length; which of them is agreed on in the handshake ([`Encoding::negotiate`]).
//!
//! ```
//! use trunkline_server::dialect::centrifugo::{Action, Encoding, Request};
//!
//! let frame = br#"{"id":7,"publish":{"channel":"chat","data":{"text":"hello"}}}"#;
//! let incoming = Encoding::Json.decode(frame).next().unwrap().unwrap();
//! assert_eq!(incoming.id, 7);
//! let Request::Action(Action::Publish(publish)) = incoming.request else { panic!() };
//! assert_eq!(publish.channel, "chat");
//! assert_eq!(publish.data, br#"{"text":"hello"}"#);
//! ```

mod bad_frame;
mod command;
mod decode;
mod encode;
mod encoding;
mod reply;
mod request;
mod schema;
mod source;
mod target;

pub mod limits;

pub use bad_frame::BadFrame;
pub use command::channel_name;
pub use decode::Requests;
pub use encode::{Encoded, Inappropriate};
pub use encoding::Encoding;
pub use request::{
    Action, ConnectRequest, HistoryRequest, Incoming, PublishRequest, Request, SubRefreshRequest,
    SubscribeRequest,
};

pub use super::json::JsonError;
pub use super::protobuf::ProtobufError;
