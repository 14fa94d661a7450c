//! Protobuf without generated code: fields are read where they lie, and written by appending.

mod reader;
mod writer;

pub use reader::ProtobufError;
pub(super) use reader::{Fields, Value, take_delimited};
pub(super) use writer::{append_bytes, append_number, close, open, open_field};
