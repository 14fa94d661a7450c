//! [`Problem`]: what is wrong with a configuration, told all at once.

use std::error::Error;
use std::fmt;

use super::Place;

/// One thing that is wrong, or only doubtful, with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The key; empty if it is about a whole file.
    pub key: String,
    /// The value as it was given; `None` for secrets, and for keys that may be misspelt ones.
    pub value: Option<String>,
    /// What is wrong, and what is allowed.
    pub message: String,
    /// Where it was set.
    pub place: Place,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, message: impl Into<String>, place: Place) -> Self {
        Self { key: key.into(), value: None, message: message.into(), place }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if !self.key.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        match &self.place {
            Place::Default => Ok(()),
            place => write!(f, " ({place})"),
        }
    }
}

/// All that is wrong with a configuration, which is not used then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// One after another, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl Error for Problems {}
