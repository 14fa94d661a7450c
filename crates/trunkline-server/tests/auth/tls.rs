//! An endpoint with TLS is the one whose name is in the URL, or none.
//!
//! Whom to trust is the platform's to say. On Linux that is a file which a variable may name, so the
//! test runs itself again with such a file: the variables of a process are not for one test to change.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use trunkline_server::auth::FetchError;

use super::server::{ok, serve};
use super::signatures::token;
use super::{authenticator, now};

const TRUSTED: &str = "SSL_CERT_FILE";
const CHILD: &str = "TRUNKLINE_TEST_IS_CHILD";

/// Listens with this certificate and key, and gives the port.
async fn listen(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> u16 {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they go together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it has one").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, ok(include_str!("keys.json")).as_bytes()).await;
            }
        }
    });
    port
}

async fn fetch(host: &str, port: u16) -> Result<(), FetchError> {
    let authenticator = authenticator(&format!(
        "token.jwks_public_endpoint = 'https://{host}:{port}/keys?v=1'\ntoken.jwks_allow_private_address = true"
    ));
    authenticator.fetch_keys(now()).await?;
    authenticator.connect(token("RS256+kid"), now()).map(|_| ()).expect("the key is there");
    Ok(())
}

#[tokio::test]
async fn an_endpoint_is_verified_by_the_roots_of_the_platform() {
    if std::env::var_os(CHILD).is_some() {
        return in_child().await;
    }
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let name = format!("trunkline-endpoint-{}.pem", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&path, pem).expect("a temporary file");
    let mut child = Command::new(std::env::current_exe().expect("it runs"));
    child.args(["--exact", "tls::an_endpoint_is_verified_by_the_roots_of_the_platform"]);
    let output = child.env(TRUSTED, &path).env(CHILD, "1").output().expect("it runs again");
    std::fs::remove_file(&path).expect("it is there");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

async fn in_child() {
    let path = std::env::var_os(TRUSTED).expect("it was set");
    let certificate = CertificateDer::from_pem_file(&path).expect("it is in it");
    let key = PrivateKeyDer::from_pem_file(&path).expect("it is in it");
    let port = listen(certificate, key).await;
    fetch("localhost", port).await.expect("its name is in the certificate");
    let other_name = fetch("127.0.0.1", port).await.expect_err("its address is not");
    assert!(matches!(other_name, FetchError::Tls(_)), "{other_name}");

    let other = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(other.signing_key.serialize_pem().as_bytes());
    let port = listen(other.cert.der().clone(), key.expect("a key")).await;
    let impostor = fetch("localhost", port).await.expect_err("nobody vouches for it");
    assert!(matches!(impostor, FetchError::Tls(_)), "{impostor}");
}
