//! Fetching keys: one request to one address that was looked at, and a small answer in a short time.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};

use super::Endpoint;
use super::address::{is_loopback, is_public};

/// How long all of it may take: a client waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest answer: a hundred RSA keys of 4096 bits.
const BODY_BYTES_MAX: usize = 64 << 10;
/// What hyper keeps of the head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Why keys could not be fetched.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// It took more than three seconds.
    TimedOut,
    /// The name could not be looked up, or nobody answered there.
    Connect(io::Error),
    /// An address of the host is not out on the internet, and the configuration does not allow that.
    PrivateAddress,
    /// The host is elsewhere, and the URL has no TLS.
    NoTls,
    /// TLS failed.
    Tls(Box<dyn std::error::Error + Send + Sync>),
    /// HTTP failed.
    Http(hyper::Error),
    /// The answer was another than 200. Redirects are not followed.
    Status(StatusCode),
    /// The answer has more than 64 KiB.
    TooLarge,
    /// The answer is no set of keys.
    NotAKeySet,
}

/// Asks `endpoint` for its keys.
pub(super) async fn fetch(endpoint: &Endpoint) -> Result<Bytes, FetchError> {
    let exchange = async {
        let tcp = connect(endpoint).await?;
        if endpoint.is_https() {
            let stream = handshake(endpoint, tcp).await?;
            request(endpoint, stream).await
        } else {
            request(endpoint, tcp).await
        }
    };
    tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| FetchError::TimedOut)?
}

/// Connects to an address that was looked at: a name that is looked up again may mean another.
async fn connect(endpoint: &Endpoint) -> Result<TcpStream, FetchError> {
    let addresses = lookup_host((endpoint.host(), endpoint.port())).await;
    let addresses: Vec<SocketAddr> = addresses.map_err(FetchError::Connect)?.collect();
    if !endpoint.allows_private() && !addresses.iter().all(|it| is_public(it.ip())) {
        return Err(FetchError::PrivateAddress);
    }
    if !endpoint.is_https() && !addresses.iter().all(|it| is_loopback(it.ip())) {
        return Err(FetchError::NoTls);
    }
    TcpStream::connect(addresses.as_slice()).await.map_err(FetchError::Connect)
}

async fn handshake(
    endpoint: &Endpoint,
    tcp: TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, FetchError> {
    // Reading the platform's roots takes a while, and is not for a thread that drives sockets.
    let config = tokio::task::spawn_blocking(tls).await.map_err(|it| FetchError::Tls(it.into()))?;
    let config = config.map_err(|error| FetchError::Tls(error.into()))?;
    let name = ServerName::try_from(String::from(endpoint.host()))
        .map_err(|error| FetchError::Tls(error.into()))?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, tcp).await.map_err(|error| FetchError::Tls(error.into()))
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = rustls::crypto::CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_platform_verifier()?.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn request(
    endpoint: &Endpoint,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Bytes, FetchError> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(FetchError::Http)?;
    // Ends with this function, whichever way.
    let mut driver = JoinSet::new();
    driver.spawn(connection);

    let mut request = Request::new(Empty::<Bytes>::new());
    // A URL that was parsed has only what may stand in a request.
    *request.uri_mut() = endpoint.path_and_query().parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(endpoint.authority()) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("trunkline"));
    let response = sender.send_request(request).await.map_err(FetchError::Http)?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    body(response.into_body()).await
}

async fn body(mut incoming: hyper::body::Incoming) -> Result<Bytes, FetchError> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame.map_err(FetchError::Http)?.into_data() {
            if body.len() + data.len() > BODY_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(body.into())
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the endpoint took more than three seconds"),
            Self::Connect(_) => f.write_str("the endpoint cannot be reached"),
            Self::PrivateAddress => f.write_str(
                "the endpoint is at a loopback or private address; jwks_allow_private_address allows it",
            ),
            Self::NoTls => f.write_str("the endpoint is on another machine and has no TLS"),
            Self::Tls(_) => f.write_str("TLS with the endpoint failed"),
            Self::Http(_) => f.write_str("HTTP with the endpoint failed"),
            Self::Status(status) if status.is_redirection() => {
                write!(f, "the endpoint redirects ({}), which is not followed", status.as_u16())
            }
            Self::Status(status) => write!(f, "the endpoint answered {}", status.as_u16()),
            Self::TooLarge => f.write_str("the answer of the endpoint has more than 64 KiB"),
            Self::NotAKeySet => f.write_str("the answer of the endpoint is no set of keys (JWKS)"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Tls(error) => Some(error.as_ref()),
            Self::Http(error) => Some(error),
            _ => None,
        }
    }
}
