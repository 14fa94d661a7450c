//! How a transport cuts bytes: the machines must not notice.

use crate::support::Random;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Not at all.
    Nowhere,
    /// Behind every byte.
    Everywhere,
    /// At random, the same for the same seed: some parts short, some long, some empty.
    Seeded(u8),
}

impl Cut {
    pub(crate) fn parts(self, mut bytes: &[u8]) -> Vec<&[u8]> {
        let seed = match self {
            Self::Nowhere => return vec![bytes],
            Self::Everywhere => return bytes.chunks(1).collect(),
            Self::Seeded(seed) => seed,
        };
        let mut random = Random::new(u64::from(seed));
        let mut parts = Vec::new();
        while !bytes.is_empty() {
            let len = random.below(*random.clone().pick(&[4, 20, 300, 5000]));
            let (part, rest) = bytes.split_at(len.min(bytes.len()));
            parts.push(part);
            bytes = rest;
        }
        parts
    }
}
