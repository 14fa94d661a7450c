//! A broker whose histories, offsets and epochs survive its process.
//!
//! What is served comes from memory, as in [`MemoryBroker`](super::MemoryBroker); the disk is only read
//! when a process starts. All partitions write into one file, by a thread of its own.
//!
//! # What is promised
//! | `fsync` | after `kill -9`, a panic or a loss of power |
//! |---|---|
//! | always | all that anybody has heard of is there: offsets and epochs go on |
//! | interval | the last interval may be gone; all epochs are new |
//! | never | what was not written may be gone; all epochs are new |
//!
//! So no offset of an epoch ever means two publications. A process that was stopped in order leaves
//! everything under each policy. Presence is not written: clients come back by themselves.

mod broker;
mod cleaner;
mod error;
mod journal;
mod load;
mod loaded;
mod medium;
mod moving;
mod options;
mod record;
mod store;
mod waiting;

use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use trunkline_hub::{ChannelName, Now};

pub use broker::LogBroker;
pub use error::OpenError;
pub use medium::Medium;
pub(super) use medium::sync_folder;
pub use options::{Fsync, LogOptions};

use self::journal::Journal;
use self::store::{State, Store, StoreError};
use super::BrokerLimits;
use super::partition::Entropy;
use crate::private;

/// The file with the rows, in the folder of a log.
const STORE: &str = "history.redb";
/// The file that a process holds a lock on as long as it uses the folder.
const LOCK: &str = "lock";

/// Which partitions there are.
pub struct Partitions<'a> {
    /// How many: 65 535 at most.
    pub count: usize,
    /// Where a channel lives: [`Homes`](super::Homes). May be another function than that of the process
    /// which wrote the log, and `count` another number; but then all is written anew.
    pub home: &'a dyn Fn(&ChannelName) -> usize,
    /// What each may keep.
    pub limits: BrokerLimits,
    /// Makes a source of random numbers, of which epochs are made.
    pub entropy: &'a mut dyn FnMut() -> Entropy,
    /// Called from the writer's thread with the number of a partition whose `handle_wake` has something
    /// to do. Must not block.
    pub wake: Arc<dyn Fn(usize) + Send + Sync>,
}

/// A log that is open.
#[derive(Debug)]
pub struct Opened {
    /// Closes it.
    pub log: Log,
    /// The partitions, by their numbers.
    pub partitions: Vec<LogBroker>,
    /// What was found.
    pub report: LogReport,
}

/// What was found when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// The file.
    pub path: PathBuf,
    /// Channels whose position is known.
    pub channels: usize,
    /// Publications that are kept.
    pub publications: usize,
    /// Channels live in other partitions than before, so all was written anew.
    pub moved: bool,
    /// Clients that come back are told that they may have missed something: all epochs are new. The last
    /// process ended without closing the log under a policy that does not write at once, or the
    /// file is damaged.
    pub epochs_renewed: bool,
    /// What was damaged and left out, a line each: the numbers of rows in the file and what is wrong.
    pub damage: Vec<String>,
}

/// What a log has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// How long the file is.
    pub disk_bytes: u64,
    /// Commits.
    pub commits: u64,
    /// Commits that failed.
    pub failures: u64,
    /// Nothing can be written at the moment, and publications into channels with history fail.
    pub is_failing: bool,
}

/// Tells what a log costs, also to those who do not own it. Cheap to clone.
#[derive(Clone)]
pub struct LogMeter {
    journal: Arc<Journal>,
    len: Arc<AtomicU64>,
}

impl LogMeter {
    /// What the log has cost so far.
    pub fn stats(&self) -> LogStats {
        let (commits, failures, is_failing) = self.journal.counts();
        let disk_bytes = self.len.load(Ordering::Relaxed);
        LogStats { disk_bytes, commits, failures, is_failing }
    }
}

impl fmt::Debug for LogMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

/// A log and the thread that writes it. Dropping it closes it.
pub struct Log {
    meter: LogMeter,
    writer: Option<JoinHandle<Result<(), StoreError>>>,
    /// Held until the thread has ended.
    _lock: File,
}

impl Log {
    /// Opens the log in `options.dir`, or begins one, and takes in what is kept.
    ///
    /// # Errors
    /// If it is in use, damaged, of another version, or cannot be read or written.
    pub fn open(
        options: LogOptions,
        partitions: Partitions<'_>,
        now: Now,
    ) -> Result<Opened, OpenError> {
        let lock = lock(&options)?;
        let path = options.dir.join(STORE);
        begin(&path)?;
        Self::open_locked(medium::file(&path), lock, options, partitions, now)
    }

    /// Like [`open`](Self::open), on another medium than the file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        medium: Medium,
        options: LogOptions,
        partitions: Partitions<'_>,
        now: Now,
    ) -> Result<Opened, OpenError> {
        let lock = lock(&options)?;
        Self::open_locked(medium, lock, options, partitions, now)
    }

    fn open_locked(
        medium: Medium,
        lock: File,
        options: LogOptions,
        mut partitions: Partitions<'_>,
        now: Now,
    ) -> Result<Opened, OpenError> {
        let path = options.dir.join(STORE);
        let len = Arc::new(AtomicU64::new(0));
        let mut store = Store::open(medium, options.disk_bytes, path.clone(), Arc::clone(&len))?;
        let is_always = options.fsync == Fsync::Always;
        let state = if is_always { State::OpenAlways } else { State::OpenLazily };
        let (loaded, report) = load::load(&mut store, path.clone(), &mut partitions, state, now)?;

        let rows_bytes =
            loaded.iter().flat_map(|it| &it.rows).map(|(_, bytes)| *bytes as u64).sum();
        let journal = Journal::new(partitions.count, &options, partitions.wake, rows_bytes);
        let journal = Arc::new(journal);
        // Rows may take twice that, so there is time to take some out.
        let each = options.disk_bytes / 10 / (partitions.count.max(1) as u64);
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        let write = Arc::clone(&journal);
        let thread = std::thread::Builder::new().name("trunkline-log".into());
        let writer = thread.spawn(move || write.write(store));
        let writer = writer.map_err(|source| OpenError::Io { path, source })?;
        let broker = |(index, it)| LogBroker::new(index, Arc::clone(&journal), it, each);
        let partitions = loaded.into_iter().enumerate().map(broker).collect();
        let log = Self { meter: LogMeter { journal, len }, writer: Some(writer), _lock: lock };
        Ok(Opened { log, partitions, report })
    }

    /// Writes what waits, and closes the file in order, so that all epochs go on when it is opened
    /// again. Partitions fail from then on. Waits for the disk.
    ///
    /// # Errors
    /// If what waits could not be written. What was published under [`Fsync::Always`] and answered is
    /// on the disk all the same.
    pub fn close(mut self) -> std::io::Result<()> {
        self.end()
    }

    /// What it has cost so far.
    pub fn stats(&self) -> LogStats {
        self.meter.stats()
    }

    /// Whether the thread that writes it has ended, though nobody closed it: nothing is written any more.
    pub fn has_ended(&self) -> bool {
        self.writer.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Tells the same for as long as somebody wants to know.
    pub fn meter(&self) -> LogMeter {
        self.meter.clone()
    }

    fn end(&mut self) -> std::io::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        self.meter.journal.close();
        match writer.join() {
            Ok(result) => result.map_err(std::io::Error::other),
            Err(_) => Err(std::io::Error::other("the thread that writes the log has panicked")),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Whoever wants to know whether all was written calls `close`.
        let _ = self.end();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Partitions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Makes a file without rows if there is none. It gets its name once it is whole, so that a crash
/// meanwhile does not leave one that looks damaged.
fn begin(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    if path.try_exists().map_err(failed)? {
        return Ok(());
    }
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut store = Store::open(medium::file(&new), u64::MAX, new.clone(), Arc::default())?;
    let closed = store.commit(std::iter::empty::<Vec<u8>>(), &[], Some(State::Closed));
    closed.map_err(|error| failed(std::io::Error::other(error)))?;
    drop(store);
    std::fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(failed)
}

/// Makes the folder if it is not there, and sees to it that no other process uses it. The lock goes
/// with the process, however that ends.
fn lock(options: &LogOptions) -> Result<File, OpenError> {
    let dir = &options.dir;
    let failed = |path: PathBuf| move |source| OpenError::Io { path, source };
    private::make_folder(dir).map_err(failed(dir.clone()))?;
    let path = dir.join(LOCK);
    let file = private::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.clone())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}
