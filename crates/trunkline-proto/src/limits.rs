//! Every bound that a peer can run into, its default and the reason for it.

use std::fmt;

/// A bound in bytes or in a count. There is no number that means "no bound":
/// [`Limit::unbounded`] has to be written out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// At most `max`, which itself is still allowed.
    pub const fn at_most(max: usize) -> Self {
        Self(max)
    }

    /// No bound at all: a peer decides how much memory this takes.
    pub const fn unbounded() -> Self {
        Self(usize::MAX)
    }

    /// The largest value that is allowed; `usize::MAX` where there is no bound.
    pub const fn max(self) -> usize {
        self.0
    }

    /// Whether `value` is within the bound.
    pub const fn allows(self, value: usize) -> bool {
        value <= self.0
    }

    /// The same for a length as it stands in a frame header; never wraps on 32-bit targets.
    pub(crate) fn allows_u64(self, value: u64) -> bool {
        usize::try_from(value).is_ok_and(|value| self.allows(value))
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            usize::MAX => f.write_str("unbounded"),
            max => write!(f, "at most {max}"),
        }
    }
}
