//! [`Homes`]: in which partition a channel lives.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;
use trunkline_hub::ChannelName;

use super::OpenError;
use super::log::sync_folder;
use crate::private;

/// The file with the key, in the folder of a log.
const KEY: &str = "homes.key";

/// Bytes of a key: what SipHash takes.
const KEY_BYTES: usize = 16;

/// Says in which partition each channel lives: by a hash of its name with a secret key, so that nobody
/// can choose names that all live in one.
///
/// The same key and number of partitions give the same homes in every process and version, so that a log
/// is read as it was written.
#[derive(Clone)]
pub struct Homes {
    hasher: SipHasher13,
    partitions: u16,
}

impl Homes {
    /// The homes in `partitions` partitions that this key gives.
    pub fn new(key: &[u8; KEY_BYTES], partitions: u16) -> Self {
        Self { hasher: SipHasher13::new_with_key(key), partitions }
    }

    /// Those of a key that lasts as long as the process.
    pub(crate) fn of_process(partitions: u16) -> Self {
        Self::new(&random_key(), partitions)
    }

    /// Those of the key that is kept in the folder of a log. It is made if it is not there, or not whole:
    /// then channels live elsewhere than before, and the log moves them when it is opened.
    ///
    /// # Errors
    /// If the key cannot be read or kept.
    pub fn kept_in(dir: &Path, partitions: u16) -> Result<Self, OpenError> {
        let path = dir.join(KEY);
        let failed = |path: PathBuf| move |source| OpenError::Io { path, source };
        let key = match std::fs::read(&path) {
            Ok(bytes) => bytes.try_into().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(path)(error)),
        };
        if let Some(key) = key {
            return Ok(Self::new(&key, partitions));
        }
        private::make_folder(dir).map_err(failed(dir.to_owned()))?;
        let key = random_key();
        keep(&path, &key).map_err(failed(path))?;
        Ok(Self::new(&key, partitions))
    }

    /// The partition of a channel, from 0.
    pub fn of(&self, channel: &ChannelName) -> u16 {
        match u64::from(self.partitions) {
            0 | 1 => 0,
            // Of 2^64 hashes, so that no partition gets noticeably more than another.
            count => (self.hasher.hash(channel.as_str().as_bytes()) % count) as u16,
        }
    }
}

/// Keeps a key, so that a crash meanwhile leaves all of it or nothing.
fn keep(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = private::options().write(true).create(true).truncate(true).open(&new)?;
    file.write_all(key)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_folder(path)
}

fn random_key() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("the system has random numbers");
    key
}

/// Without the key.
impl fmt::Debug for Homes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Homes").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}
