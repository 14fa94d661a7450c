//! Which keys open which tokens. The tokens are PyJWT's: see `tokens.py`.

use trunkline_hub::CommandError;
use trunkline_server::auth::{Authenticator, Denied, Refusal};

use super::{SECRET, authenticator, now, signed, with_secret};

const TOKENS: &str = include_str!("tokens.txt");
const RSA: &str = include_str!("rsa.pem");
const RSA_PKCS1: &str = include_str!("rsa_pkcs1.pem");
const P256: &str = include_str!("p256.pem");
const P384: &str = include_str!("p384.pem");
const P521: &str = include_str!("p521.pem");
const ED25519: &str = include_str!("ed25519.pem");

pub(super) fn token(name: &str) -> &'static str {
    let line = TOKENS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
    line.unwrap_or_else(|| panic!("there is no token {name}"))
}

fn with_key(setting: &str, pem: &str) -> Authenticator {
    authenticator(&format!("token.{setting} = '''{pem}'''"))
}

/// A grid of all keys and all algorithms: each key opens what is of its own kind.
#[test]
fn a_key_opens_tokens_of_its_own_kind_alone() {
    const ALL: [&str; 13] = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES384", "ES512", "EdDSA",
    ];
    for (setting, key, opens) in [
        ("hmac_secret_key", SECRET, &["HS256", "HS384", "HS512"][..]),
        ("rsa_public_key", RSA, &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        ("rsa_public_key", RSA_PKCS1, &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        ("ecdsa_public_key", P256, &["ES256"]),
        ("ecdsa_public_key", P384, &["ES384"]),
        ("ed25519_public_key", ED25519, &["EdDSA"]),
    ] {
        let authenticator = with_key(setting, key);
        for algorithm in ALL {
            let expect = match algorithm {
                _ if opens.contains(&algorithm) => Ok("alice".into()),
                // Nothing here verifies it, so it is as unknown as any other word.
                "ES512" => Err(Denied::Algorithm),
                _ => Err(Denied::NoKey),
            };
            let got = authenticator.connect(token(algorithm), now()).map(|it| it.user);
            assert_eq!(got, expect, "{setting} and {algorithm}");
        }
    }
}

/// What PyJWT says in a token is what comes out of it.
#[test]
fn a_token_of_another_implementation_says_what_it_said() {
    let connect = with_secret("").connect(token("HS256"), now()).expect("it is good");
    assert_eq!(&*connect.info, "{\"name\":\"\\u0416\"}".as_bytes());
    assert_eq!(&*connect.meta, br#"{"role":"admin"}"#);
    assert_eq!(connect.expire_at, Some(1_900_000_000));
    assert!(connect.client_side_refresh);
    let channels: Vec<_> = connect.subscriptions.iter().map(|it| it.channel.as_str()).collect();
    assert_eq!(channels, ["news"]);
}

#[test]
fn a_header_chooses_no_key() {
    let every_key = authenticator(&format!(
        "token.hmac_secret_key = '{SECRET}'\ntoken.rsa_public_key = '''{RSA}'''\ntoken.ecdsa_public_key = '''{P256}'''"
    ));
    for (name, expect) in [
        ("none", Denied::Algorithm),
        ("None", Denied::Algorithm),
        ("no alg", Denied::Header),
        ("crit", Denied::Critical),
        // A public key is no secret, though everybody could sign with it as if it were.
        ("HS256 with the RSA key", Denied::Signature),
        ("HS256 with the P-256 key", Denied::Signature),
    ] {
        assert_eq!(every_key.connect(token(name), now()).err(), Some(expect), "{name}");
    }
    // `["HS256"]`, a list where an object belongs.
    assert_eq!(every_key.connect("WyJIUzI1NiJd.e30.AA", now()).err(), Some(Denied::Header));
    for pem in [RSA, RSA_PKCS1] {
        let public = with_key("rsa_public_key", pem);
        let confused = public.connect(token("HS256 with the RSA key"), now());
        assert_eq!(confused.err(), Some(Denied::NoKey));
    }
}

#[test]
fn every_byte_of_a_token_counts() {
    let authenticator = with_secret("");
    let good = token("HS256");
    for at in 0..good.len() {
        let mut bad = good.as_bytes().to_vec();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        let bad = String::from_utf8(bad).expect("it is ASCII");
        assert!(authenticator.connect(&bad, now()).is_err(), "byte {at}");
        assert!(authenticator.connect(&good[..at], now()).is_err(), "cut at {at}");
    }
}

/// One value has one spelling: no padding, no other alphabet, no bits left over.
#[test]
fn a_token_has_three_parts_of_strict_base64() {
    let good = token("HS256");
    let (head, signature) = good.rsplit_once('.').expect("it has parts");
    let last = signature.chars().last().expect("it is not empty");
    // 32 bytes leave four bits of the last digit unused, which must be zero.
    let next = char::from_u32(last as u32 + 1).expect("a digit");
    let twin = format!("{head}.{}{next}", &signature[..signature.len() - 1]);
    for bad in [
        String::from("x"),
        String::from("."),
        String::from(".."),
        head.to_string(),
        format!("{head}."),
        format!("{good}."),
        format!("{good}.x"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace('.', ".."),
        twin,
    ] {
        assert!(with_secret("").connect(&bad, now()).is_err(), "{bad}");
    }
}

#[test]
fn a_token_has_at_most_8_kib() {
    let padded =
        |bytes: usize| signed(&format!(r#"{{"sub":"alice","x":"{}"}}"#, "x".repeat(bytes)));
    let (right, wrong) = (padded(6040), padded(6140));
    assert!(right.len() <= 8192 && wrong.len() > 8192, "{} {}", right.len(), wrong.len());
    assert!(with_secret("").connect(&right, now()).is_ok());
    assert_eq!(with_secret("").connect(&wrong, now()).err(), Some(Denied::TooLong));
}

#[test]
fn a_secret_of_before_is_good_until_its_time() {
    let new = "ffffffffffffffffffffffffffffffff";
    let rotated = |until: i64| {
        authenticator(&format!(
            "token.hmac_secret_key = '{new}'\ntoken.hmac_previous_secret_key = '{SECRET}'\n\
             token.hmac_previous_secret_key_valid_until = {until}"
        ))
    };
    let good = token("HS256");
    assert!(rotated(0).connect(good, now()).is_ok());
    assert!(rotated(super::NOW_S + 1).connect(good, now()).is_ok());
    assert_eq!(rotated(super::NOW_S).connect(good, now()).err(), Some(Denied::Signature));
}

#[test]
fn keys_that_are_none_are_told_in_the_configuration() {
    let private = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----";
    let cut = RSA.replace("-----END PUBLIC KEY-----", "");
    let damaged = ED25519.replace("MCowBQ", "MCoxBQ");
    for (setting, pem, expect) in [
        ("rsa_public_key", private, "that is a private key"),
        ("rsa_public_key", "-----BEGIN CERTIFICATE-----", "that is a certificate"),
        ("rsa_public_key", P256, "holds a key of another kind: a key on P-256"),
        ("ecdsa_public_key", RSA, "holds a key of another kind: an RSA key"),
        ("ecdsa_public_key", P521, "its curve is not supported"),
        ("ed25519_public_key", P384, "holds a key of another kind: a key on P-384"),
        ("ed25519_public_key", &damaged, "the key in it is damaged"),
        ("rsa_public_key", &cut, "the last line of the PEM is missing"),
        (
            "rsa_public_key",
            "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
            "is not Base64",
        ),
    ] {
        let text = format!("client.token.{setting} = '''{pem}'''");
        let sources = trunkline_server::config::Sources::new().text("t.toml", text);
        let problems = sources.load().expect_err(expect).to_string();
        assert!(problems.contains(expect), "{problems}");
    }
    // As it stands in a variable.
    let one_line = RSA.trim().replace('\n', "\\n");
    assert!(with_key("rsa_public_key", &one_line).connect(token("RS256"), now()).is_ok());
}

#[test]
fn nothing_of_a_token_is_in_what_is_logged_about_it() {
    let denied = with_secret("").connect(&signed(r#"{"sub": 7, "x": "planted"}"#), now());
    let denied = denied.expect_err("it is damaged");
    assert_eq!(format!("{denied} {denied:?}"), "a claim of the token is of the wrong type Claims");
    assert_eq!(denied.on_subscribe(), Refusal::Error(CommandError::PermissionDenied));
}
