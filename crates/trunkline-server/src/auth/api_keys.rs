//! [`ApiKeys`]: who may use the HTTP API.

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{Choice, ConstantTimeEq};

use crate::config::HttpApi;

/// The keys of the HTTP API, several while one takes the place of another.
pub struct ApiKeys {
    /// Digests: all of one length, so that the time says nothing about the length of a key either.
    keys: Vec<[u8; SHA256_OUTPUT_LEN]>,
    insecure: bool,
}

impl ApiKeys {
    /// The keys that a configuration has. Without any, and without `insecure`, nobody is let in.
    pub fn new(settings: &HttpApi) -> Self {
        let keys = std::iter::once(&settings.key).chain(&settings.keys);
        let keys = keys.filter(|key| !key.is_empty());
        Self {
            keys: keys.map(|key| hash(key.reveal().as_bytes())).collect(),
            insecure: settings.insecure,
        }
    }

    /// Whether a request may go on that has these values of `X-API-Key` and `Authorization`. The latter
    /// counts as `apikey KEY`, and only if there is no `X-API-Key`.
    pub fn allow(&self, x_api_key: Option<&[u8]>, authorization: Option<&[u8]>) -> bool {
        self.insecure
            || x_api_key.or_else(|| authorization.and_then(bearer)).is_some_and(|key| self.has(key))
    }

    /// Takes as long for every key.
    fn has(&self, key: &[u8]) -> bool {
        let key = hash(key);
        let any = self.keys.iter().fold(Choice::from(0), |any, it| any | it.ct_eq(&key));
        any.into()
    }
}

/// What follows the scheme `apikey`, in any case (RFC 9110 §11.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"apikey ";
    let (scheme, key) = authorization.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| key.trim_ascii())
}

fn hash(key: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, key).as_ref());
    hash
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("keys", &self.keys.len())
            .field("insecure", &self.insecure)
            .finish()
    }
}
