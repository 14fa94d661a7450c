//! Tokens of clients (RFC 7515, RFC 7519).

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Instant;

use serde_json::Value;
use serde_json::value::RawValue;
use trunkline_hub::{ChannelName, ClientId, Now};
use trunkline_server::auth::{Authenticator, Subscriber, sign_hs256};
use trunkline_server::config::{Secret, Sources};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW_S: i64 = 1_800_000_000;

static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let sources = Sources::new()
        .set("client.token.hmac_secret_key", SECRET)
        .set(
            "client.token.ed25519_public_key",
            include_str!("../../crates/trunkline-server/tests/auth/ed25519.pem"),
        )
        .set("client.subscribe_to_user_personal_channel.enabled", "true");
    Authenticator::new(&sources.load().expect("it holds").config).expect("its keys are keys")
});

/// The first byte chooses what the rest is: a whole token, or claims that are signed as they should be.
///
/// - Nobody is let in by a token that was made up: there is no secret in what libFuzzer knows.
/// - Whoever is let in has a token whose claims, read plainly, say so: an object, a user that is text, an
///   end in the future, dates that are whole.
/// - A subscription is opened for the channel and the user that the claims name, and no other.
pub fn check(bytes: &[u8]) {
    let [choice, rest @ ..] = bytes else { return };
    let now = Now { instant: Instant::now(), unix_ms: NOW_S * 1000 };
    if choice & 1 == 0 {
        if let Ok(token) = std::str::from_utf8(rest) {
            // Without a token nobody is let in either.
            assert!(AUTHENTICATOR.connect(token, now).is_err());
        }
        return;
    }
    let token = sign_hs256(rest, &Secret::new(SECRET));
    let claims = plain(rest);
    check_connect(&token, claims.as_ref(), now);
    check_subscribe(&token, claims.as_ref(), now);
}

/// The claims, each for itself. A number that no float holds is JSON all the same (RFC 8259 §6), and nobody minds it in a
/// claim that nobody reads; it is `null` here, which is no date, no text and no list.
fn plain(claims: &[u8]) -> Option<Value> {
    let claims: BTreeMap<String, &RawValue> = serde_json::from_slice(claims).ok()?;
    let read = |it: &RawValue| serde_json::from_str::<Value>(it.get()).unwrap_or_default();
    Some(claims.into_iter().map(|(name, it)| (name, read(it))).collect())
}

fn check_connect(token: &str, claims: Option<&Value>, now: Now) {
    let Ok(connect) = AUTHENTICATOR.connect(token, now) else { return };
    let claims = checked(claims);
    assert_eq!(*connect.user, *text(claims, "sub"));
    assert_eq!(text(claims, "channel"), "");
    let exp = claims.get("exp").and_then(Value::as_i64);
    let expire_at = claims.get("expire_at").and_then(Value::as_i64);
    assert_eq!(connect.expire_at, expire_at.or(exp).filter(|at| expire_at != Some(0) || *at != 0));
    for bytes in [&connect.info, &connect.meta] {
        let base64 = !text(claims, "b64info").is_empty();
        assert!(base64 || !bytes.contains(&b'\n'), "a line of JSON has no end of a line in it");
    }
    let mut names: Vec<_> = connect.subscriptions.iter().map(|it| it.channel.clone()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a channel twice: {names:?}");
}

fn check_subscribe(token: &str, claims: Option<&Value>, now: Now) {
    // Whoever asks for the channel and as the user that the claims name.
    let (channel, user) = claims.map_or(("", ""), |it| (text(it, "channel"), text(it, "sub")));
    let client = ClientId::from_entropy(1);
    let open = |channel: &str, user: &str| {
        let channel = ChannelName::new(channel).ok()?;
        AUTHENTICATOR.subscribe(token, Subscriber { user, client }, &channel, now).ok()
    };
    if open(channel, user).is_some() {
        checked(claims);
        assert!(open(&format!("{channel}x"), user).is_none());
        assert!(open(channel, &format!("{user}x")).is_none());
    }
}

/// What everybody's claims keep to.
fn checked(claims: Option<&Value>) -> &Value {
    let claims = claims.expect("claims are JSON");
    assert!(claims.is_object());
    for name in ["exp", "nbf", "iat", "expire_at"] {
        let date = claims.get(name);
        assert!(date.is_none_or(|it| it.as_i64().is_some_and(|it| it >= 0)), "{name}: {date:?}");
    }
    let date = |name| claims.get(name).and_then(Value::as_i64);
    assert!(date("exp").is_none_or(|it| it > NOW_S));
    assert!(date("nbf").is_none_or(|it| it <= NOW_S + 60));
    assert!(date("iat").is_none_or(|it| it <= NOW_S + 60));
    claims
}

fn text<'a>(claims: &'a Value, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}
