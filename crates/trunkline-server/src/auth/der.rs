//! Public keys in PEM: as much of DER as `SubjectPublicKeyInfo` needs (RFC 5280 §4.1.2.7).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::PublicKey;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P_384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads `PUBLIC KEY` or `RSA PUBLIC KEY`.
pub(super) fn public_key_from_pem(pem: &str) -> Result<PublicKey, &'static str> {
    // Variables and flags often have `\n` where a file has a line's end.
    let pem = pem.replace("\\n", "\n");
    if let Some(der) = section(&pem, "PUBLIC KEY")? {
        return subject_public_key_info(&der);
    }
    if let Some(der) = section(&pem, "RSA PUBLIC KEY")? {
        return rsa(&der).ok_or("the RSA key in it is damaged")?;
    }
    if pem.contains("PRIVATE KEY-----") {
        return Err("that is a private key: give the public one, the server needs no other");
    }
    if pem.contains("CERTIFICATE-----") {
        return Err("that is a certificate: take the key out with `openssl x509 -pubkey -noout`");
    }
    Err("allowed: a key in PEM, which begins with -----BEGIN PUBLIC KEY-----")
}

/// What stands between the lines of `label`.
fn section(pem: &str, label: &str) -> Result<Option<Vec<u8>>, &'static str> {
    let Some((_, rest)) = pem.split_once(&format!("-----BEGIN {label}-----")) else {
        return Ok(None);
    };
    let end = format!("-----END {label}-----");
    let (body, _) = rest.split_once(&end).ok_or("the last line of the PEM is missing")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).map(Some).map_err(|_| "what the PEM holds is not Base64")
}

fn subject_public_key_info(der: &[u8]) -> Result<PublicKey, &'static str> {
    const DAMAGED: &str = "the key in it is damaged";
    let (algorithm, parameters, key) = parts(der).ok_or(DAMAGED)?;
    match algorithm {
        RSA => rsa(key).ok_or(DAMAGED)?,
        EC => match object_id(parameters) {
            Some(P_256) => PublicKey::p256(key),
            Some(P_384) => PublicKey::p384(key),
            _ => Err("its curve is not supported; allowed: P-256 (ES256) and P-384 (ES384)"),
        },
        ED25519 => PublicKey::ed25519(key),
        _ => Err("it is a key of another kind; allowed: RSA, ECDSA and Ed25519"),
    }
}

/// The algorithm, its parameters, and the key.
fn parts(der: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (info, rest) = take(der, SEQUENCE)?;
    let (algorithm, info) = take(info, SEQUENCE)?;
    let (name, parameters) = take(algorithm, OBJECT_ID)?;
    let (bits, info) = take(info, BIT_STRING)?;
    // The first byte counts the bits that the last one lacks: none.
    let key = bits.strip_prefix(&[0])?;
    (rest.is_empty() && info.is_empty()).then_some((name, parameters, key))
}

fn object_id(der: &[u8]) -> Option<&[u8]> {
    take(der, OBJECT_ID).filter(|(_, rest)| rest.is_empty()).map(|(it, _)| it)
}

/// `RSAPublicKey` (RFC 8017 §A.1.1).
fn rsa(der: &[u8]) -> Option<Result<PublicKey, &'static str>> {
    let (numbers, rest) = take(der, SEQUENCE)?;
    let (modulus, numbers) = take(numbers, INTEGER)?;
    let (exponent, numbers) = take(numbers, INTEGER)?;
    (rest.is_empty() && numbers.is_empty()).then(|| PublicKey::rsa(modulus, exponent))
}

/// The content of the first value, which is a `tag`, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = der else { return None };
    if *first != tag {
        return None;
    }
    let (length, rest) = match length {
        length @ 0..=0x7f => (usize::from(*length), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
