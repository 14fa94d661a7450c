//! Certificates that are made for a test, by an authority that nobody trusts but who is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion, WantsVerifier};
use trunkline::tls::rustls;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub pem: String,
    pub key: KeyPair,
}

impl Authority {
    /// One with a name of its own.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Self::with_name(&format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn with_name(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for `name`, changed before it is signed.
    pub fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// The configuration of a server that is `name`.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        self.sign(name, |_| ()).server()
    }
}

impl Identity {
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }

    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::new(self.finish(builder(rustls::DEFAULT_VERSIONS).with_no_client_auth()))
    }

    /// A server that takes clients with a certificate of `clients` only.
    pub fn server_for(
        &self,
        clients: &Authority,
        version: &'static SupportedProtocolVersion,
    ) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(clients.certificate()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        let builder = builder(&[version]).with_client_cert_verifier(verifier.build().unwrap());
        Arc::new(self.finish(builder))
    }

    /// A server that speaks `protocol` (ALPN) and nothing else.
    pub fn server_speaking(&self, protocol: &[u8]) -> Arc<ServerConfig> {
        let mut config = self.finish(builder(rustls::DEFAULT_VERSIONS).with_no_client_auth());
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config)
    }

    fn finish(&self, builder: ConfigBuilder<ServerConfig, WantsServerCert>) -> ServerConfig {
        builder.with_single_cert(vec![self.certificate.clone()], self.private_key()).unwrap()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ServerConfig, WantsVerifier> {
    let builder = ServerConfig::builder_with_provider(provider());
    builder.with_protocol_versions(versions).unwrap()
}
