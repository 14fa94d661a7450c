//! Who a session is.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// One connection of a client, of 128 random bits: nobody can guess another's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u128);

impl ClientId {
    /// Makes an id of 128 random bits, marked as a random UUID (RFC 9562 §5.4).
    pub const fn from_entropy(entropy: u128) -> Self {
        const VERSION: u128 = 0xf << 76;
        const VARIANT: u128 = 0b11 << 62;
        Self((entropy & !VERSION & !VARIANT) | (4 << 76) | (0b10 << 62))
    }

    /// The id that `text` spells as a UUID with hyphens; `None` if it spells none.
    pub fn parse(text: &str) -> Option<Self> {
        const HYPHENS: [usize; 4] = [8, 13, 18, 23];
        if text.len() != 36 {
            return None;
        }
        let mut bits = 0_u128;
        for (index, byte) in text.bytes().enumerate() {
            if HYPHENS.contains(&index) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16)?;
            bits = (bits << 4) | u128::from(digit);
        }
        Some(Self(bits))
    }

    /// The bits.
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0;
        let (part1, part2, part3) = (b >> 96, (b >> 80) & 0xffff, (b >> 64) & 0xffff);
        let (part4, part5) = ((b >> 48) & 0xffff, b & 0xffff_ffff_ffff);
        write!(f, "{part1:08x}-{part2:04x}-{part3:04x}-{part4:04x}-{part5:012x}")
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a token says of a client, for others to read: bytes, mostly none. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Annotation(Option<Arc<[u8]>>);

impl Deref for Annotation {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&[u8]> for Annotation {
    fn from(bytes: &[u8]) -> Self {
        Self((!bytes.is_empty()).then(|| bytes.into()))
    }
}

impl fmt::Debug for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self), f)
    }
}

/// What others may know of a client: in presence, in join and leave, and beside what it publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the client protocol has these four")]
pub struct ClientInfo {
    /// The user; empty if nobody said who it is.
    pub user: Arc<str>,
    /// The connection.
    pub client: ClientId,
    /// What the connection token says of it; empty if nothing.
    pub conn_info: Annotation,
    /// What the subscription token says of it; empty if nothing.
    pub chan_info: Annotation,
}

impl ClientInfo {
    /// A connection of which nothing has been said.
    pub(crate) fn unknown(client: ClientId) -> Self {
        let (conn_info, chan_info) = Default::default();
        Self { user: Arc::default(), client, conn_info, chan_info }
    }
}
