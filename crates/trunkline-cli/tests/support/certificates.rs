//! Certificates that are made for a test, the files they lie in, and a server that shows them.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use trunkline::tls::rustls;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{read_head, response_to, server};

/// Somebody who signs certificates, and whom nobody trusts but who is told to.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A file that holds its certificate.
    pub fn file(&self, name: &str) -> String {
        file(name, &self.0.pem())
    }

    /// Two files: a certificate for `name`, and its key.
    pub fn identity(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (
            file(&format!("{name}.crt"), &certificate.pem()),
            file(&format!("{name}.key"), &key.serialize_pem()),
        )
    }

    /// A server that is `name`, accepts, and does `serve` with the frames. It asks clients for a
    /// certificate if `asks`. Gives its URL.
    pub fn websocket_server<F>(&self, name: &str, asks: bool, serve: F) -> String
    where
        F: Fn(StreamOwned<ServerConnection, TcpStream>) + Send + Sync + 'static,
    {
        let config = self.server_config(name, asks);
        let url = server(move |tcp| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(connection, tcp);
            let request = read_head(&mut tls);
            // A client that does not like the certificate never asks.
            if request.ends_with(b"\r\n\r\n") {
                tls.write_all(&response_to(&request)).unwrap();
                serve(tls);
            }
        });
        url.replace("ws://127.0.0.1", "wss://localhost")
    }

    fn server_config(&self, name: &str, asks: bool) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let config = match asks {
            true => config.with_client_cert_verifier(verifier.build().unwrap()),
            false => config.with_no_client_auth(),
        };
        Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
    }
}

/// Writes a file that lies where the build lies.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
