//! RFC 6455, one file per section, through public API: bytes in, events out. `specs/rfc6455.md`
//! says which test proves which rule.

mod handshakes;
mod support;
mod twin;

mod s10_security;
mod s4_1_client;
mod s4_handshake;
mod s4_head;
mod s5_2_framing;
mod s5_3_masking;
mod s5_4_fragmentation;
mod s5_5_control_frames;
mod s7_closing;
mod s8_1_utf8;
