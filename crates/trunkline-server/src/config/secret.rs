//! [`Secret`]: a value that is used and never shown.

use std::fmt;

/// A key or a password. `Debug` shows whether there is one, and nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What is hidden. Its callers are what an audit looks at.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn shown(&self) -> &'static str {
        if self.is_empty() { "not set" } else { "set, not shown" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.shown())
    }
}
