//! What an endpoint asks of compression.

use std::fmt;

/// The base-2 logarithm of an LZ77 window, 8 to 15: windows of 256 bytes to 32 KiB (§7.1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes.
    pub const MIN: Self = Self(8);
    /// 4 KiB: see [`DeflateConfig::window_bits`].
    pub const DEFAULT: Self = Self(12);
    /// 32 KiB: what holds where nothing was negotiated.
    pub const MAX: Self = Self(15);

    /// The window as a type, or `None` outside 8 to 15.
    pub const fn new(bits: u8) -> Option<Self> {
        match bits {
            8..=15 => Some(Self(bits)),
            _ => None,
        }
    }

    /// The number as it stands in the handshake.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The window in bytes.
    pub const fn bytes(self) -> usize {
        1 << self.0
    }

    /// The window that a zlib state is made with. There is none for 256 bytes: zlib looks 262
    /// bytes ahead, so it takes 512 bytes in its place and refers back by at most 512 − 262 = 250,
    /// which a peer with 256 bytes can follow.
    pub(super) const fn in_zlib(self) -> Self {
        match self.0 {
            8 => Self(9),
            _ => self,
        }
    }
}

impl fmt::Debug for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowBits({})", self.0)
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a connection keeps between two messages, in each direction that takes its context over.
/// Without takeover there is nothing to keep, and all three do the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[non_exhaustive]
pub enum Memory {
    /// A live zlib state: least work per message, most memory.
    Dedicated,
    /// The last bytes of plaintext, at most a window of them and no more than there were. The zlib
    /// state belongs to the thread and is given those bytes before each message. Messages come out
    /// as small as from a live state.
    #[default]
    Hibernating,
    /// Nothing: context takeover is turned off both ways, whatever
    /// [`DeflateConfig::context_takeover`] says.
    Stateless,
}

/// How to negotiate and to use permessage-deflate.
///
/// ```
/// use trunkline_proto::deflate::{DeflateConfig, Memory, WindowBits};
///
/// // Many connections, mostly idle, with small messages of a kind.
/// let idle = DeflateConfig::new().context_takeover(true);
/// // A few that are always busy, to whom memory is no matter.
/// let busy = idle.clone().memory(Memory::Dedicated).window_bits(WindowBits::MAX);
/// ```
///
/// The default takes no context over, has windows of 4 KiB and leaves messages under 128 bytes
/// uncompressed. "Own" is what this endpoint compresses with, "peer" what the other one does,
/// whichever of them is the server.
#[derive(Clone, Debug)]
pub struct DeflateConfig {
    pub(super) level: u8,
    pub(super) mem_level: u8,
    pub(super) own: Side,
    pub(super) peer: Side,
    pub(super) threshold: usize,
    pub(super) memory: Memory,
}

/// What one endpoint compresses with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) window_bits: WindowBits,
    pub(super) takeover: bool,
}

impl DeflateConfig {
    /// The default values.
    pub const fn new() -> Self {
        let side = Side { window_bits: WindowBits::DEFAULT, takeover: false };
        Self {
            level: 6,
            mem_level: 5,
            own: side,
            peer: side,
            threshold: 128,
            memory: Memory::Hibernating,
        }
    }

    /// How hard to search for repetitions: 0 (not at all) to 9; higher values count as 9.
    ///
    /// The default is 6, as in zlib.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = if level > 9 { 9 } else { level };
        self
    }

    /// How much a compressor may buffer before it closes a block: 1 to 9; values outside count as
    /// the nearest.
    ///
    /// The default is 5: blocks of 2048 symbols, which few messages exceed, for 14 KiB in each
    /// zlib state instead of the 112 KiB of zlib's own default 8.
    #[must_use]
    pub const fn mem_level(mut self, mem_level: u8) -> Self {
        self.mem_level = match mem_level {
            0 => 1,
            1..=9 => mem_level,
            10.. => 9,
        };
        self
    }

    /// The largest window to compress with; the peer may ask for a smaller one.
    ///
    /// The default is 12: with 4 KiB, messages of a kind already find each other, and ten thousand
    /// connections that take their context over need 40 MB in one direction instead of 320 MB.
    #[must_use]
    pub const fn window_bits(mut self, bits: WindowBits) -> Self {
        self.own.window_bits = bits;
        self
    }

    /// The largest window that the peer is asked to compress with.
    ///
    /// A client that does not offer `client_max_window_bits` cannot be asked and uses up to 15; so
    /// does a server that cannot make its window smaller.
    #[must_use]
    pub const fn peer_window_bits(mut self, bits: WindowBits) -> Self {
        self.peer.window_bits = bits;
        self
    }

    /// Whether messages may refer to earlier ones, in both directions.
    ///
    /// Off by default: it makes small messages of a kind several times smaller, but whoever can place
    /// text in one message and see the length of the next can guess at what that holds
    /// ([module documentation](super)).
    #[must_use]
    pub const fn context_takeover(self, on: bool) -> Self {
        self.own_context_takeover(on).peer_context_takeover(on)
    }

    /// Whether what this endpoint sends may refer to earlier messages.
    #[must_use]
    pub const fn own_context_takeover(mut self, on: bool) -> Self {
        self.own.takeover = on;
        self
    }

    /// Whether what the peer sends may refer to earlier messages.
    #[must_use]
    pub const fn peer_context_takeover(mut self, on: bool) -> Self {
        self.peer.takeover = on;
        self
    }

    /// The shortest message that is worth compressing, in bytes; shorter ones are sent as they are.
    ///
    /// The default is 128.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// What to keep between messages where context is taken over.
    #[must_use]
    pub const fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// What this endpoint compresses with, all settings taken together.
    pub(super) fn own(&self) -> Side {
        self.effective(self.own)
    }

    /// What the peer is to compress with.
    pub(super) fn peer(&self) -> Side {
        self.effective(self.peer)
    }

    fn effective(&self, side: Side) -> Side {
        Side { takeover: side.takeover && self.memory != Memory::Stateless, ..side }
    }
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEC-PD: only 8 to 15 can be made.
    #[test]
    fn window_bits_are_8_to_15() {
        let made: Vec<u8> = (0..=u8::MAX).filter(|&it| WindowBits::new(it).is_some()).collect();
        assert_eq!(made, [8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(WindowBits::MIN.bytes(), 256);
        assert_eq!(WindowBits::MAX.bytes(), 32 * 1024);
    }

    #[test]
    fn levels_outside_count_as_the_nearest() {
        let config = DeflateConfig::new().level(200).mem_level(0);
        assert_eq!((config.level, config.mem_level), (9, 1));
        assert_eq!(DeflateConfig::new().mem_level(10).mem_level, 9);
    }

    /// SEC-PD-11: what is not asked for is off.
    #[test]
    fn default_takes_no_context_over() {
        let config = DeflateConfig::default();
        assert!(!config.own().takeover && !config.peer().takeover);
        assert_eq!(config.own().window_bits.get(), 12);
    }

    #[test]
    fn stateless_turns_takeover_off_both_ways() {
        let config = DeflateConfig::new().memory(Memory::Stateless).context_takeover(true);
        assert!(!config.own().takeover && !config.peer().takeover);
    }
}
