//! RFC 7692 through the public interface; `specs/rfc7692.md` says which test covers which rule.
#![cfg(feature = "deflate")]

mod compression;
mod decompression;
mod hostile;
mod naive;
mod negotiation;
mod support;
