//! [`OpenError`]: why there is no log.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a log cannot be opened. Nothing on the disk was changed.
#[derive(Debug)]
pub enum OpenError {
    /// The folder, or a file in it, cannot be made, read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    InUse(PathBuf),
    /// It is of another version of Trunkline.
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file is damaged, or none of ours.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, .. } => write!(f, "cannot use {}", path.display()),
            Self::InUse(path) => {
                write!(
                    f,
                    "{} is in use by another process: give each a folder of its own",
                    path.display()
                )
            }
            Self::Format { path, found } => write!(
                f,
                "{} has format {found}, and this version reads format {}: use the version that wrote it, \
                 or move it away to start with an empty history",
                path.display(),
                super::store::FORMAT,
            ),
            Self::Damaged { path, reason } => write!(
                f,
                "{} is damaged and nothing of it was used ({reason}): put a copy in its place, or move it \
                 away to start with an empty history",
                path.display(),
            ),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
