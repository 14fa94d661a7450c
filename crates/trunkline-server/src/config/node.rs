//! [`Node`]: a value as it stands in a file, a variable or a flag, before anyone has said what it should be.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A value and the line it stands on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Counted from 1; `None` where there are no lines, or the parser does not tell.
    pub(super) line: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// The deepest that values may stand in each other: settings need six.
pub(super) const DEPTH_MAX: usize = 16;

/// The most keys that stand in one table: no section has a tenth of it, and what is wrong with a key is looked for
/// among all others.
pub(super) const KEYS_MAX: usize = 1024;

impl Node {
    pub(super) const fn new(kind: Kind, line: Option<usize>) -> Self {
        Self { kind, line }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { kind: Kind::Text(text.into()), line: None }
    }

    /// Whether nothing was meant by it: `null`, false, 0, or empty.
    pub(super) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Null => true,
            Kind::Bool(on) => !on,
            Kind::Int(number) => *number == 0,
            Kind::Float(number) => *number == 0.0,
            Kind::Text(text) => matches!(text.as_str(), "" | "0" | "0s" | "false"),
            Kind::List(items) => items.is_empty(),
            Kind::Table(entries) => entries.is_empty(),
        }
    }
}

/// As an error shows it.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Null => f.write_str("null"),
            Kind::Bool(on) => write!(f, "{on}"),
            Kind::Int(number) => write!(f, "{number}"),
            Kind::Float(number) => write!(f, "{number:?}"),
            Kind::Text(text) => {
                // A value of any length came in, and one line goes out.
                let short: String = text.chars().take(80).collect();
                write!(f, "{short:?}{}", if short.len() < text.len() { " …" } else { "" })
            }
            Kind::List(items) => write!(f, "a list of {}", items.len()),
            Kind::Table(_) => f.write_str("a table"),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Nobody set it.
    #[default]
    Default,
    /// A configuration file.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line, where the parser tells: TOML and YAML.
        line: Option<usize>,
    },
    /// An environment variable of this name.
    Env(String),
    /// A flag that sets the key.
    Flag,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::File { path, line: Some(line) } => write!(f, "{}, line {line}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}
