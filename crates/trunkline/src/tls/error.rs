//! What cannot be made a TLS configuration of.

use std::fmt;

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
    /// A root is no certificate that could be one.
    Root(rustls::Error),
    /// A certificate and a private key do not go together, or the key is of a kind that is not supported.
    Identity(rustls::Error),
    /// The roots that the platform trusts could not be loaded.
    PlatformRoots(rustls::Error),
    /// The platform's roots are switched off, and there are no others.
    NoRoots,
    /// The crypto provider of the process supports no version of TLS that is still in use.
    Provider(rustls::Error),
}

impl fmt::Display for InvalidTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem { wanted } => write!(
                f,
                "no {wanted} could be read: give PEM, which has a line `-----BEGIN ...-----`"
            ),
            Self::Root(_) => f.write_str("a certificate cannot be trusted as a root"),
            Self::Identity(_) => {
                f.write_str("the client's certificate and private key cannot be used together")
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
            Self::Pem { .. } | Self::NoRoots => None,
        }
    }
}
