//! What cannot be made a TLS configuration of.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why there is no TLS configuration: what was given for it, or what the system lacks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InvalidTls {
    /// There is no such thing in what should be PEM, or it cannot be read.
    #[non_exhaustive]
    Pem {
        /// What was looked for.
        wanted: &'static str,
    },
    /// A file cannot be read.
    #[non_exhaustive]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// A root is no certificate that could be one.
    Root(rustls::Error),
    /// A certificate and a private key do not go together, or the key is of a kind that is not supported.
    Identity(rustls::Error),
    /// The roots that the platform trusts could not be loaded.
    PlatformRoots(rustls::Error),
    /// No root is left: the platform's are switched off, or not meant, and there are no others.
    NoRoots,
    /// The crypto provider of the process supports no version of TLS that is still in use.
    Provider(rustls::Error),
    /// A `ServerConfig` of rustls is used as it is: what is asked of clients is said in there.
    ConfigIsFixed,
}

impl fmt::Display for InvalidTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem { wanted } => write!(
                f,
                "no {wanted} could be read: give PEM, which has a line `-----BEGIN ...-----`"
            ),
            Self::File { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::Root(_) => f.write_str("a certificate cannot be trusted as a root"),
            Self::Identity(_) => {
                f.write_str("certificate and private key cannot be used together")
            }
            Self::PlatformRoots(_) => f.write_str(
                "the root certificates of the platform could not be loaded: install them (the \
                 package is mostly called ca-certificates), name a file of them in the environment \
                 variable SSL_CERT_FILE, or give your own with `ClientTls::with_root_pem`",
            ),
            Self::NoRoots => f.write_str(
                "no root is trusted: give one with `ClientTls::with_root_pem`, or keep the platform's",
            ),
            Self::Provider(_) => {
                f.write_str("the crypto provider of the process supports neither TLS 1.3 nor 1.2")
            }
            Self::ConfigIsFixed => f.write_str(
                "a rustls configuration is used as it is: set its verifier of client certificates",
            ),
        }
    }
}

impl std::error::Error for InvalidTls {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Root(source)
            | Self::Identity(source)
            | Self::PlatformRoots(source)
            | Self::Provider(source) => Some(source),
            Self::File { error, .. } => Some(error),
            Self::Pem { .. } | Self::NoRoots | Self::ConfigIsFixed => None,
        }
    }
}
