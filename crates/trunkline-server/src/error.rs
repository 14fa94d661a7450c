//! What keeps the process from starting.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// It cannot listen where it should.
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// A certificate or its key cannot be used.
    Tls(trunkline::tls::InvalidTls),
    /// A key for tokens cannot be used.
    Keys(crate::auth::InvalidKey),
    /// `client.allowed_origins` has something that is no origin.
    Origin(trunkline::handshake::InvalidOrigin),
    /// The log on disk cannot be used.
    Log(crate::broker::OpenError),
    /// A thread or a runtime could not be made.
    Io(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, .. } => {
                write!(f, "cannot listen on {address} (is another server there? another port?)")
            }
            Self::Tls(_) => f.write_str("cannot use the TLS certificate"),
            Self::Keys(why) => write!(f, "cannot use {}: {}", why.setting, why.message),
            Self::Origin(_) => {
                f.write_str("client.allowed_origins has something that is no origin")
            }
            Self::Log(_) => f.write_str("cannot use the data directory"),
            Self::Io(_) => f.write_str("cannot start threads"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { error, .. } | Self::Io(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Origin(error) => Some(error),
            Self::Log(error) => Some(error),
            Self::Keys(_) => None,
        }
    }
}
