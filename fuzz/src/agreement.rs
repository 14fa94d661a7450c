//! Permessage-deflate as both ends agreed on it, from a few bits.

use arbitrary::Arbitrary;
use trunkline_proto::deflate::{DeflateConfig, DeflateParams, Memory, WindowBits};

/// Bytes that a receiver may keep for inflating, beside the message: a zlib state of 47 552 bytes,
/// two windows of 32 KiB (one in a growing buffer) and a step of 16 KiB in one that doubled.
pub(crate) const INFLATE_BYTES: usize = 160 << 10;

/// Bytes that a sender may keep: the largest zlib state, at window 15 and the default memory level,
/// and a window.
pub(crate) const DEFLATE_BYTES: usize = 360 << 10;

#[derive(Clone, Copy, Debug, Arbitrary)]
pub(crate) struct Agreement {
    memory: u8,
    takeover: bool,
    window: u8,
}

impl Agreement {
    /// From the low six bits of a byte.
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self { memory: bits & 3, takeover: bits & 4 != 0, window: bits >> 3 }
    }

    pub(crate) fn memory(self) -> Memory {
        [Memory::Hibernating, Memory::Dedicated, Memory::Stateless][usize::from(self.memory % 3)]
    }

    pub(crate) fn takeover(self) -> bool {
        self.takeover
    }

    /// The other mode: two ends need not keep the same.
    pub(crate) fn with_next_memory(self) -> Self {
        Self { memory: self.memory % 3 + 1, ..self }
    }

    pub(crate) fn window(self) -> WindowBits {
        WindowBits::new(8 + self.window % 8).expect("8 to 15")
    }

    pub(crate) fn config(self) -> DeflateConfig {
        DeflateConfig::new().memory(self.memory()).threshold(16)
    }

    pub(crate) fn params(self) -> DeflateParams {
        let mut params = DeflateParams::default();
        params.server_no_context_takeover = !self.takeover;
        params.client_no_context_takeover = !self.takeover;
        params.server_max_window_bits = self.window();
        params.client_max_window_bits = self.window();
        params
    }
}
