//! [`KeySet`]: the keys of one endpoint, as they were when it was last asked.
//!
//! There is one set for each endpoint, and a key is found by its id and its algorithm in the set of the
//! endpoint that the configuration names: two issuers that call their keys the same do not meet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::super::Algorithm;
use super::super::key::{Key, PublicKey};
use super::super::object::Object;
use super::Endpoint;
use super::fetch::{FetchError, fetch};

/// How long a set is taken as it is: a key that was taken back is good for so long.
const FRESH: Duration = Duration::from_secs(3600);
/// How long a set is good if the endpoint does not answer: longer than most outages.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// The shortest time between two requests. Tokens with made-up key ids cost the endpoint no more.
const PAUSE: Duration = Duration::from_secs(10);

/// The keys of one endpoint.
#[derive(Debug)]
pub(in crate::auth) struct KeySet {
    endpoint: Endpoint,
    state: Mutex<State>,
    /// Held by whoever asks the endpoint: others wait for the same answer.
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    keys: Arc<[Published]>,
    fetched_at: Option<Instant>,
    asked_at: Option<Instant>,
}

#[derive(Debug)]
struct Published {
    id: String,
    /// `None`: any of its kind.
    algorithm: Option<Algorithm>,
    key: Key,
}

/// What a set knows about a key.
#[derive(Debug)]
pub(in crate::auth) enum Found {
    Key(Key),
    /// It was not there when the endpoint was asked, after the question came up.
    Unknown,
    /// The endpoint has to be asked.
    Fetch,
    /// It is not known, and the endpoint was asked a moment ago.
    Unavailable,
}

impl KeySet {
    pub(in crate::auth) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, state: Mutex::default(), asking: Arc::default() }
    }

    pub(in crate::auth) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Looks for a key, by what is known.
    pub(in crate::auth) fn find(&self, id: &str, algorithm: Algorithm, now: Instant) -> Found {
        let state = self.state();
        let fits = |it: &&Published| {
            it.id == id && it.key.fits(algorithm) && it.algorithm.is_none_or(|its| its == algorithm)
        };
        let key = state.keys.iter().find(fits).map(|it| it.key.clone());
        let age = state.fetched_at.map(|at| now.saturating_duration_since(at));
        let younger = |than: Duration| age.is_some_and(|age| age < than);
        let may_ask = !state.was_asked_lately(now);
        match key {
            Some(key) if younger(FRESH) => Found::Key(key),
            _ if may_ask => Found::Fetch,
            Some(key) if younger(STALE) => Found::Key(key),
            None if state.fetched_at.is_some_and(|at| at >= now) => Found::Unknown,
            _ => Found::Unavailable,
        }
    }

    /// Asks the endpoint, unless somebody has lately.
    pub(in crate::auth) async fn fetch(self: &Arc<Self>, now: Instant) -> Result<(), FetchError> {
        let asking = Arc::clone(&self.asking).lock_owned().await;
        if self.state().was_asked_lately(now) {
            return Ok(());
        }
        let set = Arc::clone(self);
        // In a task of its own: a client that goes does not take the answer from those who wait for it.
        let task = tokio::spawn(async move {
            let _asking = asking;
            set.ask(now).await
        });
        match task.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => Err(FetchError::TimedOut),
            },
        }
    }

    async fn ask(&self, now: Instant) -> Result<(), FetchError> {
        let answer = fetch(&self.endpoint).await.and_then(|body| parse(&body));
        // A simulated `now` may be ahead of the clock.
        let done = Instant::now().max(now);
        let mut state = self.state();
        state.asked_at = Some(done);
        state.keys = answer?;
        state.fetched_at = Some(done);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn was_asked_lately(&self, now: Instant) -> bool {
        self.asked_at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE)
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

/// Reads the keys that signatures can be checked with. Others are left out (RFC 7517 §5): those without
/// an id, for encryption, of unknown kinds; and secrets, which are none where everyone can read them.
fn parse(body: &[u8]) -> Result<Arc<[Published]>, FetchError> {
    let Object::<Document>(document) =
        serde_json::from_slice(body).map_err(|_| FetchError::NotAKeySet)?;
    Ok(document.keys.into_iter().filter_map(published).collect())
}

fn published(value: serde_json::Value) -> Option<Published> {
    let Object::<Jwk>(jwk) = serde_json::from_value(value).ok()?;
    if jwk.usage.as_ref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let algorithm = match &jwk.alg {
        Some(name) => Some(Algorithm::named(name)?),
        None => None,
    };
    let key = Key::Public(public_key(&jwk)?);
    let fits = algorithm.is_none_or(|algorithm| key.fits(algorithm));
    fits.then_some(Published { id: jwk.kid, algorithm, key })
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    let number = |text: &String| URL_SAFE_NO_PAD.decode(text).ok();
    let point = || Some([&[4][..], &number(&jwk.x)?, &number(&jwk.y)?].concat());
    match (jwk.kty.as_str(), jwk.crv.as_str()) {
        ("RSA", _) => PublicKey::rsa(&number(&jwk.n)?, &number(&jwk.e)?).ok(),
        ("EC", "P-256") => PublicKey::p256(&point()?).ok(),
        ("EC", "P-384") => PublicKey::p384(&point()?).ok(),
        ("OKP", "Ed25519") => PublicKey::ed25519(&number(&jwk.x)?).ok(),
        _ => None,
    }
}
