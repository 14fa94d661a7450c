//! [`Keys`]: what tokens of one kind are judged with, from the configuration.

use std::sync::Arc;

use super::Denied;
use super::der::public_key_from_pem;
use super::jwks::{Endpoint, Found, KeySet};
use super::jws::Jws;
use super::key::{Key, PublicKey};
use crate::config::{NUMERIC_DATE_MAX, Token};
use trunkline_hub::Now;

/// The keys that signatures are checked with: those that the configuration has, and those of an endpoint.
#[derive(Debug)]
pub struct Keys {
    own: Vec<Own>,
    set: Option<Arc<KeySet>>,
}

#[derive(Debug)]
struct Own {
    key: Key,
    /// In seconds since 1970.
    valid_until: i64,
}

/// What is wrong with a setting about keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidKey {
    /// The setting, without what stands before it: `rsa_public_key`.
    pub setting: &'static str,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl Keys {
    /// Reads the keys of `settings`.
    ///
    /// # Errors
    /// All that are wrong.
    pub fn new(settings: &Token) -> Result<Self, Vec<InvalidKey>> {
        let mut errors = Vec::new();
        let mut own = Vec::new();
        let previous_until = match settings.hmac_previous_secret_key_valid_until {
            0 => NUMERIC_DATE_MAX,
            until => until,
        };
        for (secret, valid_until) in [
            (&settings.hmac_secret_key, NUMERIC_DATE_MAX),
            (&settings.hmac_previous_secret_key, previous_until),
        ] {
            if !secret.is_empty() {
                own.push(Own { key: Key::Hmac(secret.clone()), valid_until });
            }
        }
        own.extend(public_keys(settings, &mut errors));
        let set = endpoint(settings, &mut errors);
        if errors.is_empty() { Ok(Self { own, set }) } else { Err(errors) }
    }

    /// What is wrong with the keys of `settings`.
    pub fn problems(settings: &Token) -> Vec<InvalidKey> {
        Self::new(settings).err().unwrap_or_default()
    }

    /// The keys of the endpoint, if there is one.
    pub(super) const fn set(&self) -> Option<&Arc<KeySet>> {
        self.set.as_ref()
    }

    /// Goes on with the keys that `old` has fetched, if they come from the same endpoint.
    pub(super) fn inherit(&mut self, old: &Self) {
        if let (Some(set), Some(old)) = (&mut self.set, &old.set)
            && set.endpoint() == old.endpoint()
        {
            *set = Arc::clone(old);
        }
    }

    /// Whether one of the keys has signed `jws`. Each is tried with the algorithms of its kind alone.
    pub(super) fn verify(&self, jws: &Jws<'_>, now: Now) -> Result<(), Denied> {
        let verifies =
            |key: &Key| key.verifies(jws.algorithm, jws.signed.as_bytes(), &jws.signature);
        let unix_s = now.unix_s();
        let own = self.own.iter().filter(|it| it.valid_until > unix_s).map(|it| &it.key);
        let mut fitting = own.filter(|key| key.fits(jws.algorithm)).peekable();
        let has_fitting = fitting.peek().is_some();
        if fitting.any(verifies) {
            return Ok(());
        }
        let wrong = if has_fitting { Denied::Signature } else { Denied::NoKey };
        // Secrets are in no public set: a token with HS… has no key there to ask for.
        let Some(set) = self.set.as_ref().filter(|_| jws.algorithm.is_public()) else {
            return Err(wrong);
        };
        let Some(key_id) = &jws.key_id else {
            return Err(if has_fitting { wrong } else { Denied::NoKeyId });
        };
        match set.find(key_id, jws.algorithm, now.instant) {
            Found::Key(key) if verifies(&key) => Ok(()),
            Found::Key(_) => Err(Denied::Signature),
            Found::Unknown => Err(Denied::UnknownKey),
            Found::Fetch => Err(Denied::KeysNeeded),
            Found::Unavailable => Err(Denied::KeysUnavailable),
        }
    }
}

const RSA_SETTING: &str = "rsa_public_key";
const ECDSA_SETTING: &str = "ecdsa_public_key";
const ED25519_SETTING: &str = "ed25519_public_key";

/// Where a key belongs.
const fn setting_of(key: &PublicKey) -> &'static str {
    match key {
        PublicKey::Rsa { .. } => RSA_SETTING,
        PublicKey::P256(_) | PublicKey::P384(_) => ECDSA_SETTING,
        PublicKey::Ed25519(_) => ED25519_SETTING,
    }
}

fn public_keys(settings: &Token, errors: &mut Vec<InvalidKey>) -> Vec<Own> {
    let mut keys = Vec::new();
    for (setting, pem) in [
        (RSA_SETTING, &settings.rsa_public_key),
        (ECDSA_SETTING, &settings.ecdsa_public_key),
        (ED25519_SETTING, &settings.ed25519_public_key),
    ] {
        if pem.is_empty() {
            continue;
        }
        match public_key_from_pem(pem) {
            Ok(key) if setting_of(&key) == setting => {
                keys.push(Own { key: Key::Public(key), valid_until: NUMERIC_DATE_MAX });
            }
            Ok(key) => {
                let message = format!("holds a key of another kind: {key:?}");
                errors.push(InvalidKey { setting, message });
            }
            Err(message) => errors.push(InvalidKey { setting, message: message.into() }),
        }
    }
    keys
}

fn endpoint(settings: &Token, errors: &mut Vec<InvalidKey>) -> Option<Arc<KeySet>> {
    if settings.jwks_public_endpoint.is_empty() {
        return None;
    }
    match Endpoint::new(&settings.jwks_public_endpoint, settings.jwks_allow_private_address) {
        Ok(endpoint) => Some(Arc::new(KeySet::new(endpoint))),
        Err(error) => {
            let message = error.to_string();
            errors.push(InvalidKey { setting: "jwks_public_endpoint", message });
            None
        }
    }
}

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl std::error::Error for InvalidKey {}
