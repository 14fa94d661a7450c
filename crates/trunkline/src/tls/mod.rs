//! TLS with rustls: whom a client trusts, what either end shows of itself.
//!
//! The crypto provider is the one that the process has installed as its default
//! ([`rustls::crypto::CryptoProvider::install_default`]), or else `ring`.

#[cfg(feature = "client")]
mod client;
mod error;
#[cfg(feature = "server")]
mod server;

#[cfg(any(feature = "client", feature = "server"))]
use std::sync::Arc;

#[cfg(any(feature = "client", feature = "server"))]
use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

#[cfg(feature = "client")]
pub use client::ClientTls;
pub use error::InvalidTls;
/// The version of rustls whose types stand in this interface.
pub use rustls;
#[cfg(feature = "server")]
pub use server::ServerTls;

/// The only protocol of HTTP that is spoken here (RFC 7301 §6).
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// The default of the process, or `ring`. It is never installed as the default: that is for the program.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}

/// All certificates of a PEM file: at least one.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| InvalidTls::Pem { wanted: "certificate" })?;
    match certificates.is_empty() {
        true => Err(InvalidTls::Pem { wanted: "certificate" }),
        false => Ok(certificates),
    }
}

/// The first private key of a PEM file, in any of the three usual forms.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, InvalidTls> {
    // The reader's own error is not passed on: it can hold a line of the file.
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| InvalidTls::Pem { wanted: "private key" })
}
