//! Where one is in the stream of a channel: an offset in an epoch.

use std::fmt;

/// The longest epoch in bytes. Ours have 8; those of other brokers are as short.
const EPOCH_BYTES_MAX: usize = 23;

/// Which life of a stream an offset belongs to. When a broker has lost a stream, the next one has
/// another epoch, so that no offset ever means two publications.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch {
    len: u8,
    bytes: [u8; EPOCH_BYTES_MAX],
}

impl Epoch {
    /// No epoch: what a client says that has never seen the stream.
    pub const NONE: Self = Self { len: 0, bytes: [0; EPOCH_BYTES_MAX] };

    /// The epoch that `text` names; `None` if it is too long to be one of anybody's.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; EPOCH_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { len: u8::try_from(text.len()).ok()?, bytes })
    }

    /// A new epoch made of a random number: eight letters and digits.
    pub fn from_entropy(mut entropy: u64) -> Self {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut epoch = Self { len: 8, ..Self::NONE };
        for byte in epoch.bytes.iter_mut().take(8) {
            let index = (entropy & 31) as usize;
            *byte = LETTERS.get(index).copied().unwrap_or(b'a');
            entropy >>= 5;
        }
        epoch
    }

    /// The epoch as clients see it.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether there is one.
    pub const fn is_none(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in the stream of a channel. Offset 0 is before the first publication, which has offset 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an offset in an epoch, and no more")]
pub struct StreamPosition {
    /// How many publications came before, the one it names included.
    pub offset: u64,
    /// The life of the stream that it counts in.
    pub epoch: Epoch,
}
