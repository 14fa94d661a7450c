//! [`Store`]: rows of records in a redb database.
//!
//! redb gives what is hard about files: commits that happen or do not, whatever is cut off; checksums;
//! space that is used again; a format that later versions read. It is used as a log: a commit adds one
//! row of records a partition, whatever their number, and old rows are taken out as a whole. So a
//! commit writes little more than the records themselves, where a row per publication would write a
//! page of 4 KiB for each.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::error::OpenError;
use super::medium::{Bounded, Medium};

/// The version of what is in the tables.
pub(super) const FORMAT: u32 = 1;

/// Rows by the order in which they were written: a checksum, the number of the partition, records.
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
/// What is said of all rows: [`FORMAT`], and [`State`].
const ABOUT: TableDefinition<'_, &str, u32> = TableDefinition::new("about");

/// redb's cache of pages. Rows are written once and hardly ever read, so little is enough.
const CACHE_BYTES: usize = 4 << 20;
/// A checksum and a number.
pub(super) const ROW_HEADER_BYTES: usize = 6;

/// In which state a process left the store, or is using it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was closed, with all that was accepted.
    Closed = 0,
    /// Everything that anybody has heard of is in it.
    OpenAlways = 1,
    /// Some that was heard of may be missing.
    OpenLazily = 2,
}

/// The store could not be read or written.
pub(super) type StoreError = Box<dyn std::error::Error + Send + Sync>;

pub(super) struct Store {
    /// There is none after opening it again has failed.
    database: Option<Database>,
    medium: Medium,
    disk_bytes: u64,
    path: PathBuf,
    len: Arc<AtomicU64>,
    /// Rows from here on were never committed.
    next_row: u64,
}

impl Store {
    /// Opens what is there, or begins. `path` is only what errors speak of.
    pub(super) fn open(
        medium: Medium,
        disk_bytes: u64,
        path: PathBuf,
        len: Arc<AtomicU64>,
    ) -> Result<Self, OpenError> {
        let mut store = Self { database: None, medium, disk_bytes, path, len, next_row: 1 };
        store.database = Some(store.database()?);
        Ok(store)
    }

    fn database(&self) -> Result<Database, OpenError> {
        let failed = |source| OpenError::Io { path: self.path.clone(), source };
        let damaged = |reason| OpenError::Damaged { path: self.path.clone(), reason };
        let inner = (self.medium)().map_err(failed)?;
        let backend =
            Bounded::new(inner, self.disk_bytes, Arc::clone(&self.len)).map_err(failed)?;
        let open = || {
            let mut builder = redb::Builder::new();
            builder.set_cache_size(CACHE_BYTES).create_with_backend(backend)
        };
        match guarded(open) {
            Ok(Ok(database)) => Ok(database),
            Ok(Err(DatabaseError::Storage(redb::StorageError::Io(source)))) => {
                // This is what redb says of a file that is none of its own.
                match source.kind() {
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                        Err(damaged(source.to_string()))
                    }
                    _ => Err(failed(source)),
                }
            }
            Ok(Err(error)) => Err(damaged(error.to_string())),
            Err(panic) => Err(damaged(panic.to_string())),
        }
    }

    /// The file, for words about it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The state that the last process left, checked against [`FORMAT`]; `None` if there was none.
    pub(super) fn state(&self) -> Result<Option<State>, OpenError> {
        let read = || -> Result<(Option<u32>, Option<u32>), StoreError> {
            let read = self.open_database()?.begin_read()?;
            let about = match read.open_table(ABOUT) {
                Ok(about) => about,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok((None, None)),
                Err(error) => return Err(error.into()),
            };
            let number = |name| Ok::<_, StoreError>(about.get(name)?.map(|it| it.value()));
            Ok((number("format")?, number("state")?))
        };
        match self.read_guarded(read)? {
            (None, _) => Ok(None),
            (Some(FORMAT), Some(0)) => Ok(Some(State::Closed)),
            (Some(FORMAT), Some(1)) => Ok(Some(State::OpenAlways)),
            (Some(FORMAT), _) => Ok(Some(State::OpenLazily)),
            (Some(found), _) => Err(OpenError::Format { path: self.path.clone(), found }),
        }
    }

    /// Shows all rows, in the order in which they were written.
    pub(super) fn each_row(&mut self, mut show: impl FnMut(u64, &[u8])) -> Result<(), OpenError> {
        let mut last = 0;
        self.read_guarded(|| {
            let read = self.open_database()?.begin_read()?;
            let rows = match read.open_table(ROWS) {
                Ok(rows) => rows,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            for row in rows.iter()? {
                let (number, bytes) = row?;
                last = number.value();
                show(last, bytes.value());
            }
            Ok(())
        })?;
        self.next_row = last.saturating_add(1);
        Ok(())
    }

    /// The number of the next row.
    pub(super) const fn next_row(&self) -> u64 {
        self.next_row
    }

    /// One row; `None` if it is not there.
    pub(super) fn row(&self, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let read = || {
            let rows = self.open_database()?.begin_read()?.open_table(ROWS)?;
            Ok(rows.get(number)?.map(|it| it.value().to_vec()))
        };
        guarded(read).unwrap_or_else(|panic| Err(panic.into()))
    }

    /// Adds rows, the first of which gets [`next_row`](Self::next_row), and takes some out; all of
    /// it is on the disk afterwards, or nothing.
    pub(super) fn commit(
        &mut self,
        added: impl Iterator<Item = impl AsRef<[u8]>>,
        removed: &[u64],
        state: Option<State>,
    ) -> Result<(), StoreError> {
        guarded(|| self.commit_unguarded(added, removed, state)).unwrap_or_else(|it| Err(it.into()))
    }

    fn commit_unguarded(
        &mut self,
        added: impl Iterator<Item = impl AsRef<[u8]>>,
        removed: &[u64],
        state: Option<State>,
    ) -> Result<(), StoreError> {
        let write = self.open_database()?.begin_write()?;
        let mut next_row = self.next_row;
        {
            let mut rows = write.open_table(ROWS)?;
            for number in removed {
                rows.remove(number)?;
            }
            for row in added {
                rows.insert(next_row, row.as_ref())?;
                next_row += 1;
            }
        }
        if let Some(state) = state {
            let mut about = write.open_table(ABOUT)?;
            about.insert("format", FORMAT)?;
            about.insert("state", state as u32)?;
        }
        write.commit()?;
        self.next_row = next_row;
        Ok(())
    }

    /// Opens the store again after a write has failed, as redb does not use one any more of which it
    /// does not know what is on the disk. A commit that was taken for failed may be there: it is undone.
    pub(super) fn reopen(&mut self) -> Result<(), StoreError> {
        self.close();
        self.database = Some(self.database()?);
        let undo = || {
            let write = self.open_database()?.begin_write()?;
            write.open_table(ROWS)?.retain_in(self.next_row.., |_, _| false)?;
            write.commit()?;
            Ok(())
        };
        guarded(undo).unwrap_or_else(|panic| Err(panic.into()))
    }

    fn close(&mut self) {
        // What cannot be written any more is found by whoever opens the file again.
        let _ = guarded(|| self.database = None);
    }

    fn open_database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or_else(|| "the store could not be opened again".into())
    }

    fn read_guarded<T>(
        &self,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, OpenError> {
        let damaged = |reason| OpenError::Damaged { path: self.path.clone(), reason };
        guarded(read)
            .map_err(|panic| damaged(panic.to_string()))?
            .map_err(|error| damaged(error.to_string()))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// A damaged file makes redb panic in places. That is one more way to hear of it.
fn guarded<T>(open: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(open)).map_err(|panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
        Panicked(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
    })
}

/// What redb said when it panicked.
#[derive(Debug)]
pub(super) struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Panicked {}

/// A row of a partition around its records.
pub(super) fn row(partition: u16, records: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(ROW_HEADER_BYTES + records.len());
    row.extend_from_slice(&[0; 4]);
    row.extend_from_slice(&partition.to_le_bytes());
    row.extend_from_slice(records);
    let checksum = row.get(4..).map_or(0, crc32fast::hash);
    if let Some(head) = row.first_chunk_mut() {
        *head = checksum.to_le_bytes();
    }
    row
}

/// The number of the partition and the records of a row; `None` if the checksum is another.
pub(super) fn open_row(row: &[u8]) -> Option<(u16, &[u8])> {
    let (checksum, content) = row.split_first_chunk()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (partition, records) = content.split_first_chunk()?;
    Some((u16::from_le_bytes(*partition), records))
}
