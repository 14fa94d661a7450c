//! permessage-deflate (RFC 7692).

mod compressor;
mod config;
mod error;
mod history;
mod negotiate;
mod pool;

pub use compressor::{Compressor, EncodingKey, compress_prepared};
pub use config::{DeflateConfig, Memory, WindowBits};
pub use error::{DecompressError, DeflateRefused};
pub use negotiate::DeflateParams;
