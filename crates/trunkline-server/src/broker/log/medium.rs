//! [`Medium`]: where the bytes of a log are.

use std::fmt;
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::private;

/// Opens what a log is kept in: a file. Tests have others, which fail or remember every write.
pub type Medium = Arc<dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync>;

/// A medium that never becomes longer than so many bytes.
pub(super) struct Bounded {
    inner: Box<dyn StorageBackend>,
    len_max: u64,
    /// How long it is, for whoever reports it.
    len: Arc<AtomicU64>,
}

/// The file at `path`, made if it is not there.
pub(super) fn file(path: &Path) -> Medium {
    let path = path.to_owned();
    Arc::new(move || {
        let mut options = private::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path)?;
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(backend))
    })
}

/// A new file is only sure to be found again once its folder is on the disk, too.
#[cfg(unix)]
pub(in crate::broker) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Elsewhere a folder cannot be opened, and the file system sees to it.
#[cfg(not(unix))]
pub(in crate::broker) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

impl Bounded {
    pub(super) fn new(
        inner: Box<dyn StorageBackend>,
        len_max: u64,
        len: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        len.store(inner.len()?, Ordering::Relaxed);
        Ok(Self { inner, len_max, len })
    }
}

// A log has a lock file of its own, which is held while the store is closed and opened again. So the
// methods for locks stay as they are.
impl StorageBackend for Bounded {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.len_max && len > self.inner.len()? {
            let error = format!("the log may not be longer than {} bytes", self.len_max);
            return Err(io::Error::new(io::ErrorKind::StorageFull, error));
        }
        self.inner.set_len(len)?;
        self.len.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("len_max", &self.len_max).finish_non_exhaustive()
    }
}
