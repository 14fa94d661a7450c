//! [`ClientTls`]: whom a client trusts, and what it shows of itself.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{ALPN_HTTP_1_1, InvalidTls, certificates, private_key, provider};

/// How a client speaks TLS: TLS 1.3 or 1.2, ALPN `http/1.1`, no early data.
///
/// By default it trusts whom the platform trusts and shows no certificate. The platform's roots are
/// loaded when the first connection needs them, and kept: all `ClientTls::new()` of a process share
/// them, and their sessions. Cloning is cheap.
///
/// # Examples
/// ```no_run
/// use trunkline::{Connector, tls::ClientTls};
///
/// let tls = ClientTls::new()
///     .with_root_pem(std::fs::read("company-ca.pem")?)?
///     .with_identity_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?)?;
/// let connector = Connector::new().with_tls(tls);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientTls {
    trust: Trust,
    identity: Option<Arc<Identity>>,
    /// What rustls makes of it, once it was needed.
    built: Arc<OnceLock<Arc<ClientConfig>>>,
}

#[derive(Clone)]
enum Trust {
    Roots { own: Vec<CertificateDer<'static>>, platform: bool },
    Anyone,
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What `ClientTls::new()` comes to: reading the platform's roots for each connection would be slow.
static DEFAULT: LazyLock<Arc<OnceLock<Arc<ClientConfig>>>> = LazyLock::new(Arc::default);

impl ClientTls {
    /// Trusts whom the platform trusts.
    pub fn new() -> Self {
        Self {
            trust: Trust::Roots { own: Vec::new(), platform: true },
            identity: None,
            built: Arc::clone(&DEFAULT),
        }
    }

    /// Trusts the certificates in `pem` as roots, besides those that are trusted already.
    ///
    /// # Errors
    /// If there is no certificate in it. One that cannot be a root fails the first connection.
    pub fn with_root_pem(mut self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidTls> {
        let roots = certificates(pem.as_ref())?;
        if let Trust::Roots { own, .. } = &mut self.trust {
            own.extend(roots);
        }
        Ok(self.changed())
    }

    /// Trusts the roots of [`with_root_pem`](Self::with_root_pem) alone.
    #[must_use]
    pub fn without_platform_roots(mut self) -> Self {
        if let Trust::Roots { platform, .. } = &mut self.trust {
            *platform = false;
        }
        self.changed()
    }

    /// Shows a certificate to servers that ask for one: its chain, its own first, and its private key
    /// (PKCS #8, PKCS #1 or SEC 1), all in PEM. Both may come from one file.
    ///
    /// # Errors
    /// If there is no certificate or no key, or they do not go together.
    pub fn with_identity_pem(
        mut self,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, InvalidTls> {
        let identity =
            Identity { chain: certificates(chain.as_ref())?, key: private_key(key.as_ref())? };
        let signer = rustls::sign::CertifiedKey::from_der(
            identity.chain.clone(),
            identity.key.clone_key(),
            &provider(),
        );
        signer.map_err(InvalidTls::Identity)?;
        self.identity = Some(Arc::new(identity));
        Ok(self.changed())
    }

    /// Accepts whatever certificate a server shows, for any name, expired or made up: whoever sits on
    /// the way can read and change everything. For trying things out on a machine of one's own.
    #[must_use]
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.trust = Trust::Anyone;
        self.changed()
    }

    fn changed(self) -> Self {
        Self { built: Arc::default(), ..self }
    }

    /// What rustls needs, made on the first call; that reads files.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, InvalidTls> {
        if let Some(config) = self.built.get() {
            return Ok(Arc::clone(config));
        }
        let tls = self.clone();
        let config = match tokio::task::spawn_blocking(move || tls.build()).await {
            Ok(config) => config?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(InvalidTls::PlatformRoots(shutting_down())),
            },
        };
        Ok(Arc::clone(self.built.get_or_init(|| config)))
    }

    fn build(&self) -> Result<Arc<ClientConfig>, InvalidTls> {
        let provider = provider();
        let verifier: Arc<dyn ServerCertVerifier> = match &self.trust {
            Trust::Anyone => Arc::new(AcceptAny(Arc::clone(&provider))),
            Trust::Roots { own, platform: true } => platform_verifier(own, &provider)?,
            Trust::Roots { own, platform: false } => own_verifier(own, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(InvalidTls::Provider)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(InvalidTls::Identity)?,
        };
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        Ok(Arc::new(config))
    }
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Arc<ClientConfig>> for ClientTls {
    /// Uses `config` as it is. If it names protocols (ALPN), `http/1.1` has to be among them; the setters
    /// of `ClientTls` do not change it but begin anew from nothing trusted and nothing shown.
    fn from(config: Arc<ClientConfig>) -> Self {
        Self {
            trust: Trust::Roots { own: Vec::new(), platform: false },
            identity: None,
            built: Arc::new(OnceLock::from(config)),
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ClientTls");
        match &self.trust {
            Trust::Anyone => debug.field("accepts_any_certificate", &true),
            Trust::Roots { own, platform } => {
                debug.field("platform_roots", platform).field("own_roots", &own.len())
            }
        };
        debug.field("has_identity", &self.identity.is_some()).finish_non_exhaustive()
    }
}

fn shutting_down() -> rustls::Error {
    rustls::Error::General("the runtime is shutting down".into())
}

fn platform_verifier(
    own: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, InvalidTls> {
    // A root that is none must not be taken for trouble with the platform's.
    own_roots(own)?;
    // On Android the verifier takes no further roots: it is for the app's network security configuration to name them.
    #[cfg(target_os = "android")]
    let verifier = Verifier::new(Arc::clone(provider));
    #[cfg(not(target_os = "android"))]
    let verifier = Verifier::new_with_extra_roots(own.iter().cloned(), Arc::clone(provider));
    Ok(Arc::new(verifier.map_err(InvalidTls::PlatformRoots)?))
}

fn own_verifier(
    own: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, InvalidTls> {
    let roots = Arc::new(own_roots(own)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    // Without lists of revoked certificates this is all that it can object to.
    verifier.map(|it| it as _).map_err(|_| InvalidTls::NoRoots)
}

fn own_roots(own: &[CertificateDer<'static>]) -> Result<RootCertStore, InvalidTls> {
    let mut roots = RootCertStore::empty();
    for root in own {
        roots.add(root.clone()).map_err(InvalidTls::Root)?;
    }
    Ok(roots)
}

/// Checks nothing. Signatures are not checked either: a key that nobody vouches for proves nothing, and
/// certificates too odd to have their key read are among those to be accepted.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
