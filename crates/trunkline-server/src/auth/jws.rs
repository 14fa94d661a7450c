//! [`Jws`]: a signed token as it comes in (RFC 7515 §3.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::object::Object;
use super::{Algorithm, Denied};

/// The longest token in bytes, 8 KiB: what stands in a token goes around with every connection, and a
/// frame that a client connects with has 64 KiB for everything. A longer one is [`Denied::TooLong`].
pub const TOKEN_BYTES_MAX: usize = 8192;

/// A token whose signature nobody has looked at: its claims are not worth anything yet.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// What is signed.
    pub(super) signed: &'a str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

impl<'a> Jws<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Denied> {
        if token.is_empty() {
            return Err(Denied::NoToken);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Denied::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Denied::Form)?;
        // The payload has no dot: Base64 has none, so a fourth part is refused with it.
        let (header, payload) = signed.split_once('.').ok_or(Denied::Form)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Denied::Form);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);

        // All of it, not only the strings that are looked at.
        let header = std::str::from_utf8(&header).map_err(|_| Denied::Header)?;
        let Object::<Header>(header) = serde_json::from_str(header).map_err(|_| Denied::Header)?;
        if header.crit.is_some() {
            return Err(Denied::Critical);
        }
        let algorithm = Algorithm::named(&header.alg).ok_or(Denied::Algorithm)?;
        Ok(Self { algorithm, key_id: header.kid, signed, payload, signature })
    }
}
