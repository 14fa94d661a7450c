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
    /// Others can reach its address, checks are off, and `http_server.allow_insecure` does not say that this is
    /// meant.
    Insecure {
        /// Where it would listen.
        address: SocketAddr,
        /// Which settings switch checks off.
        settings: Vec<&'static str>,
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
            Self::Insecure { address, settings } => write!(
                f,
                "others can reach {address}, and checks are off that keep strangers out ({}): turn them on again, or \
                 listen on 127.0.0.1; or set http_server.allow_insecure=true \
                 (TRUNKLINE_HTTP_SERVER_ALLOW_INSECURE=true), if you know that nobody else gets there, as in a \
                 container whose port is published to your machine alone",
                settings.join(", ")
            ),
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
            Self::Keys(_) | Self::Insecure { .. } => None,
        }
    }
}
