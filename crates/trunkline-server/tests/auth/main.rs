//! Who is let in: tokens of clients, keys of the HTTP API.

mod api_keys;
mod claims;
mod endpoint;
mod server;
mod signatures;
mod subscriptions;
#[cfg(target_os = "linux")]
mod tls;

use std::time::Instant;

use trunkline_hub::{Connect, Now};
use trunkline_server::auth::{Authenticator, Denied, sign_hs256};
use trunkline_server::config::{Secret, Sources};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// In seconds since 1970, when the tests are: January 2027.
const NOW_S: i64 = 1_800_000_000;

fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: NOW_S * 1000 }
}

/// With these lines of TOML in `[client]`.
fn authenticator(client: &str) -> Authenticator {
    let text = format!("[client]\n{client}");
    let loaded = Sources::new().text("t.toml", text).load().unwrap_or_else(|it| panic!("{it}"));
    Authenticator::new(&loaded.config).expect("its keys are keys")
}

/// With the secret, and these lines.
fn with_secret(client: &str) -> Authenticator {
    authenticator(&format!("token.hmac_secret_key = '{SECRET}'\n{client}"))
}

fn signed(claims: &str) -> String {
    sign_hs256(claims.as_bytes(), &Secret::new(SECRET))
}

/// What comes of `claims` in a connection token that is signed as it should be.
fn connect(claims: &str) -> Result<Connect, Denied> {
    with_secret("").connect(&signed(claims), now())
}
