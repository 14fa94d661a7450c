//! Why a server has no connection.

use std::fmt;
use std::io;

use trunkline_proto::handshake::{self, Refusal};

/// Why a server has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request was refused, by the rules or by the caller. The peer was told so.
    Refused(Refusal),
    /// The caller's acceptance could not be sent. The peer was told 500.
    Acceptance(handshake::AcceptError),
    /// The handshake took too long. The peer was told 408 if its request was what took so long.
    Timeout,
    /// The peer hung up in the middle of its request.
    Disconnected,
    /// The transport failed.
    Io(io::Error),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                write!(f, "connection was refused with status {}", refusal.status())
            }
            Self::Acceptance(_) => f.write_str("connection could not be accepted as asked"),
            Self::Timeout => f.write_str("handshake took longer than handshake_timeout"),
            Self::Disconnected => f.write_str("peer hung up before its request was whole"),
            Self::Io(_) => f.write_str("transport failed during the handshake"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Acceptance(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Timeout | Self::Disconnected => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
