//! Public keys that an endpoint publishes (JWKS, RFC 7517 §5), fetched when one is needed.

mod address;
mod endpoint;
mod fetch;
mod set;

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use fetch::FetchError;
pub(super) use set::{Found, KeySet};
