//! [`ServerTls`]: what a server shows of itself, and which clients it lets in.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::{ALPN_HTTP_1_1, InvalidTls, certificates, private_key, provider};
use crate::observe;
use crate::transport::Transport;

/// How a server speaks TLS: TLS 1.3 or 1.2, ALPN `http/1.1`, no early data, no certificate asked of
/// clients unless told to.
///
/// Cloning it is cheap, and all clones are one: what [`reload`](Self::reload) or
/// [`replace_pem`](Self::replace_pem) change holds for each handshake that begins afterwards, whichever
/// server it comes to. Connections that are there already go on as they are.
///
/// # Examples
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use trunkline::{Server, WebSocket, tls::ServerTls};
///
/// let tls = ServerTls::from_files("chain.pem", "key.pem")?;
/// let server = Server::bind("0.0.0.0:443").await?.with_tls(tls.clone());
/// # fn certificate_was_renewed() -> bool { true }
/// if certificate_was_renewed() {
///     tls.reload()?;
/// }
/// # server.serve(|_: WebSocket, _| async {}).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ServerTls(Arc<Shared>);

struct Shared {
    origin: Origin,
    /// Whose certificates clients may, or have to, show.
    clients: Option<Clients>,
    now: RwLock<Now>,
}

/// Where certificate and key come from.
#[derive(Clone)]
enum Origin {
    Pem,
    Files {
        chain: PathBuf,
        key: PathBuf,
    },
    /// A configuration that is used as it is.
    Config,
}

#[derive(Clone)]
struct Clients {
    roots: Arc<RootCertStore>,
    required: bool,
}

/// What holds for the next handshake.
#[derive(Clone)]
struct Now {
    /// Unless the configuration was given whole.
    identity: Option<CertifiedKey>,
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Shows a certificate: its chain, its own first, and its private key (PKCS #8, PKCS #1 or SEC 1),
    /// all in PEM. Both may be the same bytes.
    ///
    /// # Errors
    /// If there is no certificate or no key, or they do not go together.
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, InvalidTls> {
        Self::new(Origin::Pem, identity(chain.as_ref(), key.as_ref())?, None)
    }

    /// The same from two files, or from one that is named twice. Reads them at once.
    ///
    /// # Errors
    /// If one cannot be read, or as for [`from_pem`](Self::from_pem).
    pub fn from_files(
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, InvalidTls> {
        let (chain, key) = (chain.into(), key.into());
        let identity = identity(&read(&chain)?, &read(&key)?)?;
        Self::new(Origin::Files { chain, key }, identity, None)
    }

    /// Lets in only clients with a certificate that one of the roots in `pem` vouches for.
    /// [`Transport::tls`](crate::Transport::tls) tells whose it was.
    ///
    /// # Errors
    /// If there is no root in `pem`, or one that cannot be a root; or if this was made of a
    /// `ServerConfig`, which says itself what is asked of clients.
    pub fn with_client_roots_pem(self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidTls> {
        self.with_clients(pem.as_ref(), true)
    }

    /// The same, but lets in clients without any certificate too.
    ///
    /// # Errors
    /// As for [`with_client_roots_pem`](Self::with_client_roots_pem).
    pub fn with_optional_client_roots_pem(self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidTls> {
        self.with_clients(pem.as_ref(), false)
    }

    /// Reads the files again and shows what is in them from the next handshake on. Does nothing if
    /// certificate and key were not given as files.
    ///
    /// # Errors
    /// Why that is not possible: then all stays as it was.
    pub fn reload(&self) -> Result<(), InvalidTls> {
        let Origin::Files { chain, key } = &self.0.origin else { return Ok(()) };
        self.replace(read(chain).and_then(|chain| identity(&chain, &read(key)?)))
    }

    /// Shows another certificate from the next handshake on.
    ///
    /// # Errors
    /// As for [`from_pem`](Self::from_pem): then all stays as it was.
    pub fn replace_pem(
        &self,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<(), InvalidTls> {
        self.replace(identity(chain.as_ref(), key.as_ref()))
    }

    /// Uses another configuration, as it is, from the next handshake on.
    pub fn replace_config(&self, config: Arc<ServerConfig>) {
        self.set(Now { identity: None, config });
        observe::certificate_replaced(&Ok(()));
    }

    /// Does the handshake on a stream that has been accepted, for servers that listen by themselves. It has
    /// no deadline of its own.
    ///
    /// # Errors
    /// Why there is no TLS connection.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream.
    pub async fn accept(&self, stream: Transport) -> io::Result<Transport> {
        let tls = TlsAcceptor::from(self.now().config).accept(stream).await?;
        Ok(TlsStream::Server(tls).into())
    }

    fn new(
        origin: Origin,
        identity: CertifiedKey,
        clients: Option<Clients>,
    ) -> Result<Self, InvalidTls> {
        let config = config(&identity, clients.as_ref())?;
        let now = RwLock::new(Now { identity: Some(identity), config });
        Ok(Self(Arc::new(Shared { origin, clients, now })))
    }

    fn with_clients(self, pem: &[u8], required: bool) -> Result<Self, InvalidTls> {
        let identity = self.now().identity.ok_or(InvalidTls::ConfigIsFixed)?;
        let mut roots = RootCertStore::empty();
        for root in certificates(pem)? {
            roots.add(root).map_err(InvalidTls::Root)?;
        }
        let clients = Clients { roots: Arc::new(roots), required };
        Self::new(self.0.origin.clone(), identity, Some(clients))
    }

    fn replace(&self, identity: Result<CertifiedKey, InvalidTls>) -> Result<(), InvalidTls> {
        let replaced = identity.and_then(|identity| {
            // A configuration of its own, so that no session of the one before is taken up again.
            let config = config(&identity, self.0.clients.as_ref())?;
            self.set(Now { identity: Some(identity), config });
            Ok(())
        });
        observe::certificate_replaced(&replaced);
        replaced
    }

    fn now(&self) -> Now {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, now: Now) {
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl From<Arc<ServerConfig>> for ServerTls {
    /// Uses `config` as it is. If it names protocols (ALPN), `http/1.1` has to be among them.
    fn from(config: Arc<ServerConfig>) -> Self {
        let now = RwLock::new(Now { identity: None, config });
        Self(Arc::new(Shared { origin: Origin::Config, clients: None, now }))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ServerTls");
        if let Origin::Files { chain, key } = &self.0.origin {
            debug.field("chain", chain).field("key", key);
        }
        let clients = match &self.0.clients {
            None => "not asked",
            Some(Clients { required: false, .. }) => "optional",
            Some(Clients { required: true, .. }) => "required",
        };
        debug.field("client_certificates", &clients).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, InvalidTls> {
    std::fs::read(path)
        .map_err(|error| InvalidTls::File { path: path.to_owned(), error: Arc::new(error) })
}

/// Checks that certificate and key go together.
fn identity(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, InvalidTls> {
    CertifiedKey::from_der(certificates(chain)?, private_key(key)?, &provider())
        .map_err(InvalidTls::Identity)
}

fn config(
    identity: &CertifiedKey,
    clients: Option<&Clients>,
) -> Result<Arc<ServerConfig>, InvalidTls> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(InvalidTls::Provider)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients)?),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone())));
    config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

fn verifier(clients: &Clients) -> Result<Arc<dyn ClientCertVerifier>, InvalidTls> {
    let roots = Arc::clone(&clients.roots);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    // Without lists of revoked certificates this is all that it can object to.
    builder.build().map_err(|_| InvalidTls::NoRoots)
}
