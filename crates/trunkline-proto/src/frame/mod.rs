//! Bytes ↔ frames (RFC 6455 §5).

mod header;
mod mask;
mod opcode;

pub use header::{CONTROL_PAYLOAD_MAX, FrameHeader, HEADER_BYTES_MAX};
pub use mask::{MaskKey, MaskSource};
pub use opcode::OpCode;
