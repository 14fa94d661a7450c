//! What can be wrong with a negotiation or with compressed data.

use std::error::Error;
use std::fmt;

use crate::CloseCode;

/// A compressed message that cannot be decompressed. The connection has to be failed: where the next
/// message would start in the peer's window is not known any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecompressError {
    /// The bytes are no DEFLATE stream (RFC 1951), or refer to data before the start of the window.
    Corrupt,
    /// The message stops inside a DEFLATE block, or without the empty one that §7.2.1 asks for.
    Truncated,
    /// The message holds more final blocks than its length pays for. Starting over after one costs
    /// a copy of the window, so without a bound a few bytes would buy a lot of work.
    TooManyFinalBlocks,
}

impl DecompressError {
    /// The code to close with.
    pub const fn close_code(self) -> CloseCode {
        CloseCode::INVALID_PAYLOAD
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "compressed message is not a valid deflate stream",
            Self::Truncated => "compressed message ends inside a deflate block",
            Self::TooManyFinalBlocks => "compressed message has too many final deflate blocks",
        })
    }
}

impl Error for DecompressError {}

/// Why a server's answer to our offer of permessage-deflate is not acceptable. The client has to
/// fail the connection (§7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DeflateRefused {
    /// The extension is not permessage-deflate.
    OtherExtension,
    /// A parameter that §7.1 does not define.
    UnknownParameter,
    /// A parameter that stands there twice.
    DuplicateParameter(&'static str),
    /// A value that the parameter cannot have, one that is missing, or one where none is allowed.
    InvalidValue(&'static str),
    /// A parameter of our offer that the server accepted the offer without.
    NotConfirmed(&'static str),
    /// A window that is larger than the one we offered.
    WindowTooLarge(&'static str),
}

impl fmt::Display for DeflateRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherExtension => f.write_str("extension is not permessage-deflate"),
            Self::UnknownParameter => f.write_str("unknown permessage-deflate parameter"),
            Self::DuplicateParameter(name) => write!(f, "parameter {name} appears twice"),
            Self::InvalidValue(name) => write!(f, "parameter {name} has an invalid value"),
            Self::NotConfirmed(name) => write!(f, "server did not confirm the offered {name}"),
            Self::WindowTooLarge(name) => write!(f, "server answered with a larger {name}"),
        }
    }
}

impl Error for DeflateRefused {}
