//! [`Endpoint`]: a URL that keys may be fetched from.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

/// The longest URL: a header of ours has to have room for it.
const URL_BYTES_MAX: usize = 2048;

/// A URL that keys may be fetched from: HTTPS, without a name or a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    allow_private: bool,
}

/// Why a URL is none to fetch keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// It is no URL with a host.
    NotAUrl,
    /// It is neither HTTPS, nor HTTP where that is allowed.
    Scheme,
    /// It has a name or a password in it.
    Credentials,
    /// It has `{{…}}` in it.
    Template,
}

impl Endpoint {
    /// Checks `url`. With `allow_private` it may be at a loopback or private address, and plain HTTP if it
    /// is at loopback.
    ///
    /// # Errors
    /// If keys from there could not be trusted.
    pub fn new(url: &str, allow_private: bool) -> Result<Self, InvalidEndpoint> {
        if url.contains("{{") {
            return Err(InvalidEndpoint::Template);
        }
        let uri: Uri = url.parse().map_err(|_| InvalidEndpoint::NotAUrl)?;
        let host_is_there = uri.host().is_some_and(|host| !host.is_empty());
        if url.len() > URL_BYTES_MAX || !host_is_there {
            return Err(InvalidEndpoint::NotAUrl);
        }
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(InvalidEndpoint::Credentials);
        }
        let endpoint = Self { uri, allow_private };
        let plain = endpoint.uri.scheme() == Some(&Scheme::HTTP) && allow_private;
        if endpoint.is_https() || plain { Ok(endpoint) } else { Err(InvalidEndpoint::Scheme) }
    }

    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    pub(super) const fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// The host, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or_else(|| if self.is_https() { 443 } else { 80 })
    }

    /// What the header `Host` says.
    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    pub(super) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
    }
}

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "allowed: a URL like https://id.example.com/.well-known/jwks.json",
            Self::Scheme => {
                "keys that come without TLS are anybody's; allowed: https://, and http:// to this machine with \
                 jwks_allow_private_address"
            }
            Self::Credentials => "a name or a password in a URL is sent to nobody: leave it out",
            Self::Template => {
                "claims of tokens that nobody has verified yet do not go into a URL; allowed: a URL without {{…}}"
            }
        })
    }
}

impl std::error::Error for InvalidEndpoint {}
