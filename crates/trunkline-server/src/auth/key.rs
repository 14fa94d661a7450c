//! [`Key`]: what a signature is checked with. A key fits the algorithms of its own family, and the header
//! of a token has no say in that: a public RSA key is never the secret of an HS256.

use std::fmt;

use ring::hmac;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};

use super::Algorithm;
use crate::config::Secret;

/// What a signature is checked with.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Hmac(Secret),
    Public(PublicKey),
}

impl Key {
    /// Whether `algorithm` is one for keys like this.
    pub(super) const fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512};
        use Algorithm::{RS256, RS384, RS512};
        match self {
            Self::Hmac(_) => matches!(algorithm, HS256 | HS384 | HS512),
            Self::Public(PublicKey::Rsa { .. }) => {
                matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
            }
            Self::Public(PublicKey::P256(_)) => matches!(algorithm, ES256),
            Self::Public(PublicKey::P384(_)) => matches!(algorithm, ES384),
            Self::Public(PublicKey::Ed25519(_)) => matches!(algorithm, EdDSA),
        }
    }

    /// Whether `signature` is `message`'s.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(secret) => hmac_of(algorithm).is_some_and(|hash| {
                let key = hmac::Key::new(hash, secret.reveal().as_bytes());
                hmac::verify(&key, message, signature).is_ok()
            }),
            Self::Public(key) => key.verifies(algorithm, message, signature),
        }
    }
}

fn hmac_of(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// A key that everyone may see.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// From big-endian numbers, with leading zeros or without.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, &'static str> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let top_bits = modulus.first().map_or(0, |top| 8 - top.leading_zeros() as usize);
        let bits = (modulus.len().saturating_sub(1)) * 8 + top_bits;
        if !(2048..=8192).contains(&bits) {
            return Err("its RSA key is too short or too long; allowed: 2048 to 8192 bits");
        }
        // What ring takes: an odd exponent of at most 33 bits; 3 is 65537's weak brother, and allowed.
        if exponent.is_empty() || exponent.len() > 5 {
            return Err("the exponent of its RSA key is not one that is used");
        }
        Ok(Self::Rsa { modulus: modulus.into(), exponent: exponent.into() })
    }

    /// From an uncompressed point (SEC 1 §2.3.3).
    pub(super) fn p256(point: &[u8]) -> Result<Self, &'static str> {
        uncompressed(point, 65).map(Self::P256)
    }

    /// From an uncompressed point (SEC 1 §2.3.3).
    pub(super) fn p384(point: &[u8]) -> Result<Self, &'static str> {
        uncompressed(point, 97).map(Self::P384)
    }

    pub(super) fn ed25519(key: &[u8]) -> Result<Self, &'static str> {
        match key.len() {
            32 => Ok(Self::Ed25519(key.into())),
            _ => Err("an Ed25519 key has 32 bytes"),
        }
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let unparsed = |how: &'static dyn signature::VerificationAlgorithm, key: &Vec<u8>| {
            UnparsedPublicKey::new(how, key).verify(message, signature).is_ok()
        };
        match self {
            Self::Rsa { modulus, exponent } => rsa_of(algorithm).is_some_and(|how| {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(how, message, signature).is_ok()
            }),
            Self::P256(point) => {
                algorithm == Algorithm::ES256
                    && unparsed(&signature::ECDSA_P256_SHA256_FIXED, point)
            }
            Self::P384(point) => {
                algorithm == Algorithm::ES384
                    && unparsed(&signature::ECDSA_P384_SHA384_FIXED, point)
            }
            Self::Ed25519(key) => {
                algorithm == Algorithm::EdDSA && unparsed(&signature::ED25519, key)
            }
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa { .. } => "an RSA key",
            Self::P256(_) => "a key on P-256",
            Self::P384(_) => "a key on P-384",
            Self::Ed25519(_) => "an Ed25519 key",
        })
    }
}

const fn rsa_of(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn uncompressed(point: &[u8], length: usize) -> Result<Vec<u8>, &'static str> {
    match point {
        [4, ..] if point.len() == length => Ok(point.into()),
        _ => Err("the point of its key is not written uncompressed, or is damaged"),
    }
}

fn without_zeros(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number {
        number = rest;
    }
    number
}
