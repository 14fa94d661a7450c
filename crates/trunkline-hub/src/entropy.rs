//! Random numbers, which are handed in, and what is made of them.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use crate::identity::ClientId;

/// A source of random numbers that nobody can foretell; in tests, one that everybody can.
pub struct Entropy(Box<dyn FnMut() -> u64>);

impl Entropy {
    /// Every call of `source` gives 64 random bits.
    pub fn new(source: impl FnMut() -> u64 + 'static) -> Self {
        Self(Box::new(source))
    }

    pub(crate) fn client_id(&mut self) -> ClientId {
        ClientId::from_entropy((u128::from((self.0)()) << 64) | u128::from((self.0)()))
    }

    /// A number from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from((self.0)() >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }

    pub(crate) fn keys(&mut self) -> Keyed {
        Keyed([(self.0)(), (self.0)()])
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

/// Makes hashers that begin with a secret, so that nobody can choose names that collide.
#[derive(Clone, Copy)]
pub(crate) struct Keyed([u64; 2]);

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        let Self([first, second]) = self;
        hasher.write_u64(*first);
        hasher.write_u64(*second);
        hasher
    }
}
