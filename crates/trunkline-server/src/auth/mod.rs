//! Who is let in: tokens of clients, keys of the HTTP API.
//!
//! A token (JWT) is judged in this order, and the first rule that it breaks is the verdict: its form, its
//! algorithm, its signature, and only then what it claims. Keys say which algorithms they are for; the
//! token's header chooses among those, and never a key or a kind of key. Types are taken at their word:
//! `"exp": "never"` is a damaged token and not one without an end.

mod algorithm;
mod api_keys;
mod authenticator;
mod claims;
mod denied;
mod der;
mod jwks;
mod jws;
mod key;
mod keys;
mod mint;
mod object;

pub use algorithm::Algorithm;
pub use api_keys::ApiKeys;
pub use authenticator::{Authenticator, Subscriber};
pub use denied::{Denied, Refusal};
pub use jwks::{Endpoint, FetchError, InvalidEndpoint};
pub use jws::TOKEN_BYTES_MAX;
pub use keys::{InvalidKey, Keys};
pub use mint::{NewToken, generate_secret, sign_hs256};
pub(crate) use object::Object;
