//! [`NewToken`]: tokens made here, for `trunkline token`, demos and tests. Applications make their own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Serialize;
use serde_json::Value;

use crate::config::Secret;

/// What a token is to say. It is signed with HS256.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "callers make them")]
pub struct NewToken {
    /// The user; empty for none.
    pub sub: String,
    /// When the token expires, in seconds since 1970; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The channel that it opens; `None` makes a connection token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Channels that the client of a connection token is subscribed to without asking.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// What others are told about the connection, or the subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Value>,
    /// What servers are told about the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

impl NewToken {
    /// A connection token of `user` that never expires, for now.
    pub fn for_user(user: impl Into<String>) -> Self {
        Self { sub: user.into(), ..Self::default() }
    }

    /// The token, signed with `secret`.
    pub fn sign(&self, secret: &Secret) -> String {
        // Strings, numbers and JSON become JSON.
        let claims = serde_json::to_vec(self).unwrap_or_default();
        sign_hs256(&claims, secret)
    }
}

/// The token of any claims, signed with `secret`.
pub fn sign_hs256(claims: &[u8], secret: &Secret) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// A new secret: 32 random bytes, in the Base64 of URLs, so that no shell and no file needs to quote it.
///
/// # Errors
/// If the system has no randomness to give.
pub fn generate_secret() -> std::io::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}
