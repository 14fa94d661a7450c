//! RFC 6455, section by section, through public API: bytes in, events out.

mod handshakes;
mod s4_1_client;
mod s4_handshake;
mod s4_head;
