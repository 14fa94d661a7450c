//! Bytes ↔ frames (RFC 6455 §5).

mod header;
mod mask;
mod opcode;

pub(crate) use header::HEADER_BYTES_MIN;
pub use header::{CONTROL_PAYLOAD_MAX, FrameHeader, HEADER_BYTES_MAX};
pub use mask::{MaskKey, MaskSource};
pub use opcode::OpCode;
