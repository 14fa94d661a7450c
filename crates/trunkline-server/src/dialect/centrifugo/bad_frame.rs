//! Why a frame cannot be understood.

use std::fmt;

use trunkline_hub::Disconnect;

use crate::dialect::json::JsonError;
use crate::dialect::protobuf::ProtobufError;

use super::limits::COMMANDS_MAX;

/// Why a frame cannot be understood. Nothing of it that comes after is looked at, and the connection
/// is closed with [`BadFrame::DISCONNECT`]. The text is for our log: clients are told the code alone,
/// and nothing in it was chosen by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFrame {
    /// It has no command.
    Empty,
    /// It has more commands than [`COMMANDS_MAX`].
    TooManyCommands,
    /// A command in JSON is not UTF-8.
    NotUtf8,
    /// A command is not JSON, or not of the right shape.
    Json(JsonError),
    /// A command is not Protobuf, or not of the right shape.
    Protobuf(ProtobufError),
    /// A field comes twice in an object.
    Repeated(&'static str),
    /// A command holds two requests.
    TwoRequests,
    /// The field has more bytes or entries than allowed.
    TooLong(&'static str),
    /// A command names no channel that has to.
    NoChannel,
    /// There is no such form of deltas.
    UnknownDelta,
}

impl BadFrame {
    /// How the connection is closed.
    pub const DISCONNECT: Disconnect = Disconnect::BAD_REQUEST;
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the frame has no command"),
            Self::TooManyCommands => write!(f, "the frame has more than {COMMANDS_MAX} commands"),
            Self::NotUtf8 => f.write_str("a command is not UTF-8"),
            Self::Json(error) => write!(f, "a command is not as it should be: {error}"),
            Self::Protobuf(error) => write!(f, "a command is not as it should be: {error}"),
            Self::Repeated(field) => write!(f, "an object has {field} twice"),
            Self::TwoRequests => f.write_str("a command has two requests"),
            Self::TooLong(field) => write!(f, "{field} is longer than allowed"),
            Self::NoChannel => f.write_str("a command has to name a channel and does not"),
            Self::UnknownDelta => f.write_str("there is no such form of deltas"),
        }
    }
}

impl std::error::Error for BadFrame {}

impl From<JsonError> for BadFrame {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<ProtobufError> for BadFrame {
    fn from(error: ProtobufError) -> Self {
        Self::Protobuf(error)
    }
}
