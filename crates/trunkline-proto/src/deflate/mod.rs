//! permessage-deflate (RFC 7692).

mod config;
mod error;
mod negotiate;

pub use config::{DeflateConfig, Memory, WindowBits};
pub use error::{DecompressError, DeflateRefused};
pub use negotiate::DeflateParams;
