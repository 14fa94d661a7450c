//! [`Journal`]: what partitions want written, and the thread that writes it.
//!
//! ```text
//!   partition ──append──▶ records that gather ──▶ the writer's thread: one commit of all that waits
//!       ▲                                              │
//!       └──────── handle_wake ◀── wake ◀── events ─────┘
//! ```
//!
//! While one commit is on its way to the disk the next gathers, so the slower the disk, the more goes
//! into each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::options::{Fsync, LogOptions};
use super::store::{ROW_HEADER_BYTES, State, Store, StoreError, row};
use crate::broker::stream::LOADED;

/// Records that go into one row, if one alone has not more. With the header of the row and that of its
/// page it fits into 256 KiB, as redb rounds up to a power of two. Small enough to be read at once.
pub(super) const ROW_BYTES: usize = (256 << 10) - 512;
/// Bytes of records that a lazy policy writes before their time: what a disk takes in some
/// milliseconds. Or half of what may wait, if that is less.
const FLUSH_BYTES: usize = 8 << 20;

/// A row: its number and its bytes.
pub(super) type Row = (u64, usize);

/// Called with the number of a partition that has something to do in `handle_wake`.
pub(super) type Wake = Arc<dyn Fn(usize) + Send + Sync>;

/// What partitions share with the writer.
pub(super) struct Journal {
    shared: Mutex<Shared>,
    /// The writer has something to do.
    work: Condvar,
    fsync: Fsync,
    unwritten_bytes: usize,
    flush_bytes: usize,
    /// What all rows may take together: a fifth of the file. It grows by doubling, so half may be out of
    /// reach; rows are rounded up to powers of two; a commit writes anew before it frees.
    rows_bytes: u64,
    retry: Duration,
    wake: Wake,
    commits: AtomicU64,
    failures: AtomicU64,
}

#[derive(Default)]
struct Shared {
    slots: Vec<Slot>,
    /// Bytes of records that gather in all slots.
    bytes: usize,
    /// Bytes of all rows.
    rows_bytes: u64,
    /// When the oldest of them has to be written, under a lazy policy.
    due: Option<Instant>,
    /// Nothing can be written: nothing is taken.
    failing: bool,
    closing: bool,
}

/// What one partition and the writer have to say to each other.
#[derive(Default)]
struct Slot {
    rows: Vec<Vec<u8>>,
    removed: Vec<Row>,
    wanted: Vec<u64>,
    /// How many records were appended.
    appended: u64,
    events: Vec<Event>,
    /// Appended records were lost, and the partition has not heard of it yet.
    fenced: bool,
}

/// What the writer tells a partition.
#[derive(Debug)]
pub(super) enum Event {
    /// All records up to this one are on the disk, in these rows: their numbers and their bytes. So
    /// many rows were taken out.
    Written { upto: u64, rows: Vec<Row>, removed: usize },
    /// All that was appended and is not written yet never will be, and no more rows are taken out.
    Lost,
    /// The records of rows that were asked for.
    Rows(Vec<Vec<u8>>),
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nothing can be written at the moment.
    Failing,
    /// Too much waits to be written.
    Full,
    /// Too much is written.
    NoRoom,
}

/// What the writer takes at once.
#[derive(Default)]
struct Batch {
    rows: Vec<Vec<u8>>,
    removed: Vec<Row>,
    parts: Vec<Part>,
}

/// What is of one partition in a batch.
struct Part {
    partition: usize,
    rows: usize,
    removed: usize,
    upto: u64,
    wanted: Vec<u64>,
}

impl Journal {
    /// `rows_bytes` is what the rows take that are there.
    pub(super) fn new(
        partitions: usize,
        options: &LogOptions,
        wake: Wake,
        rows_bytes: u64,
    ) -> Self {
        let slot = || Slot { appended: LOADED, ..Slot::default() };
        let slots = std::iter::repeat_with(slot).take(partitions).collect();
        Self {
            shared: Mutex::new(Shared { slots, rows_bytes, ..Shared::default() }),
            work: Condvar::new(),
            fsync: options.fsync,
            unwritten_bytes: options.unwritten_bytes,
            flush_bytes: FLUSH_BYTES.min(options.unwritten_bytes / 2),
            rows_bytes: options.disk_bytes / 5,
            retry: options.retry,
            wake,
            commits: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Whether nobody hears of anything before it is written.
    pub(super) fn is_always(&self) -> bool {
        self.fsync == Fsync::Always
    }

    /// Takes a record, which `encode` appends to what it is given. Its place is told, to compare with
    /// that of [`Event::Written`].
    pub(super) fn append(
        &self,
        partition: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, Refused> {
        self.append_up_to(self.rows_bytes, partition, encode)
    }

    /// Takes a record that was in a row already, which is to be taken out. There is room left for those.
    pub(super) fn append_again(
        &self,
        partition: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, Refused> {
        self.append_up_to(self.rows_bytes.saturating_add(self.rows_bytes / 4), partition, encode)
    }

    /// Takes a record by which others are dead. There is always room for those.
    pub(super) fn append_end(
        &self,
        partition: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, Refused> {
        self.append_up_to(u64::MAX, partition, encode)
    }

    fn append_up_to(
        &self,
        rows_bytes: u64,
        partition: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, Refused> {
        let mut guard = self.lock();
        let shared = &mut *guard;
        let was_idle = shared.bytes == 0;
        let Some(slot) = shared.slots.get_mut(partition) else { return Err(Refused::Failing) };
        let is_full = shared.rows_bytes.saturating_add(shared.bytes as u64) > rows_bytes;
        if shared.failing || shared.closing || slot.fenced {
            return Err(Refused::Failing);
        }
        if is_full {
            return Err(Refused::NoRoom);
        }
        if shared.bytes >= self.unwritten_bytes {
            return Err(Refused::Full);
        }
        let mut records = slot.rows.pop().unwrap_or_default();
        let before = records.len();
        encode(&mut records);
        shared.bytes += records.len() - before;
        let next = (before > 0 && records.len() > ROW_BYTES).then(|| records.split_off(before));
        slot.rows.push(records);
        slot.rows.extend(next);
        slot.appended += 1;
        let place = slot.appended;
        let wakes = self.note_work(shared, was_idle);
        drop(guard);
        if wakes {
            self.work.notify_one();
        }
        Ok(place)
    }

    /// Has rows taken out, with what was appended before or after it.
    pub(super) fn remove(&self, partition: usize, rows: &[Row]) {
        if let Some(slot) = self.lock().slots.get_mut(partition).filter(|slot| !slot.fenced) {
            slot.removed.extend(rows);
        }
        self.work.notify_one();
    }

    /// Asks for the records of rows ([`Event::Rows`]).
    pub(super) fn want(&self, partition: usize, rows: Vec<u64>) {
        if let Some(slot) = self.lock().slots.get_mut(partition) {
            slot.wanted.extend(rows);
        }
        self.work.notify_one();
    }

    /// What the writer has told the partition since the last time.
    pub(super) fn events(&self, partition: usize) -> Vec<Event> {
        let mut shared = self.lock();
        let Some(slot) = shared.slots.get_mut(partition) else { return Vec::new() };
        slot.fenced = false;
        std::mem::take(&mut slot.events)
    }

    /// Lets the writer write what waits, and end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Commits that were made, commits that failed, whether the last one did.
    pub(super) fn counts(&self) -> (u64, u64, bool) {
        let failing = self.lock().failing;
        (self.commits.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed), failing)
    }

    /// Writes until the journal is closed. The body of the writer's thread.
    pub(super) fn write(&self, mut store: Store) -> Result<(), StoreError> {
        // However the thread ends, nobody waits for it any more.
        let _end = End(self);
        while let Some(batch) = self.next_batch() {
            if let Err(error) = self.commit(&mut store, &batch, None) {
                self.fail(&mut store, batch, error)?;
            }
        }
        let rest = self.take(&mut self.lock());
        self.commit(&mut store, &rest, Some(State::Closed))
    }

    /// Notes that records wait. Says whether the writer has to know at once.
    fn note_work(&self, shared: &mut Shared, was_idle: bool) -> bool {
        match self.fsync {
            Fsync::Always => was_idle,
            Fsync::Never => shared.bytes >= self.flush_bytes,
            Fsync::Interval(interval) => {
                if was_idle {
                    shared.due = Instant::now().checked_add(interval);
                }
                was_idle || shared.bytes >= self.flush_bytes
            }
        }
    }

    /// Waits for something to write; `None` when the journal is closed.
    fn next_batch(&self) -> Option<Batch> {
        let mut shared = self.lock();
        loop {
            if shared.closing {
                return None;
            }
            let until = shared.due.filter(|_| shared.bytes > 0);
            let is_due = until.is_some_and(|it| it <= Instant::now());
            let is_time = match self.fsync {
                Fsync::Always => shared.bytes > 0,
                Fsync::Never | Fsync::Interval(_) => is_due || shared.bytes >= self.flush_bytes,
            };
            let is_asked = |it: &Slot| !it.removed.is_empty() || !it.wanted.is_empty();
            if is_time || shared.slots.iter().any(is_asked) {
                return Some(self.take(&mut shared));
            }
            shared = match until {
                Some(until) => {
                    let timeout = until.saturating_duration_since(Instant::now());
                    let waited = self.work.wait_timeout(shared, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work.wait(shared).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Takes all that waits.
    fn take(&self, shared: &mut Shared) -> Batch {
        let mut batch = Batch::default();
        for (partition, slot) in shared.slots.iter_mut().enumerate() {
            let number = u16::try_from(partition).unwrap_or(u16::MAX);
            let rows = std::mem::take(&mut slot.rows);
            let part = Part {
                partition,
                rows: rows.len(),
                removed: slot.removed.len(),
                upto: slot.appended,
                wanted: std::mem::take(&mut slot.wanted),
            };
            batch.removed.append(&mut slot.removed);
            batch.rows.extend(rows.iter().map(|records| row(number, records)));
            batch.parts.push(part);
        }
        shared.bytes = 0;
        shared.due = None;
        batch
    }

    /// Writes a batch, and tells the partitions.
    fn commit(
        &self,
        store: &mut Store,
        batch: &Batch,
        state: Option<State>,
    ) -> Result<(), StoreError> {
        let mut number = store.next_row();
        if !batch.rows.is_empty() || !batch.removed.is_empty() || state.is_some() {
            let removed: Vec<_> = batch.removed.iter().map(|(number, _)| *number).collect();
            store.commit(batch.rows.iter(), &removed, state)?;
            self.count(batch);
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        let mut bytes = batch.rows.iter().map(Vec::len);
        for part in &batch.parts {
            let rows: Vec<_> =
                bytes.by_ref().take(part.rows).map(|len| (next(&mut number), len)).collect();
            if !rows.is_empty() || part.removed > 0 {
                let (upto, removed) = (part.upto, part.removed);
                self.tell(part.partition, Event::Written { upto, rows, removed });
            }
            if !part.wanted.is_empty() {
                self.tell(part.partition, Event::Rows(read(store, &part.wanted)));
            }
        }
        Ok(())
    }

    /// Counts a commit that was made.
    fn count(&self, batch: &Batch) {
        let sum = |bytes: &mut dyn Iterator<Item = usize>| bytes.map(|it| it as u64).sum::<u64>();
        let added = sum(&mut batch.rows.iter().map(Vec::len));
        let removed = sum(&mut batch.removed.iter().map(|(_, bytes)| *bytes));
        let mut shared = self.lock();
        shared.rows_bytes = (shared.rows_bytes + added).saturating_sub(removed);
    }

    /// Nothing is taken until the store can be written again. Under [`Fsync::Always`] nobody has heard
    /// of what was not written, and it is dropped; else it is what has to be written first.
    fn fail(&self, store: &mut Store, batch: Batch, error: StoreError) -> Result<(), StoreError> {
        let path = store.path().display().to_string();
        tracing::error!(path, %error, "cannot write histories: what would have to be kept is refused");
        let mut last = error;
        let lost = self.is_always();
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.fence(lost);
        let batch = if lost { Batch::default() } else { batch };
        while !self.wait_to_retry() {
            match store.reopen().and_then(|()| self.commit(store, &batch, None)) {
                Ok(()) => {
                    self.lock().failing = false;
                    // As loud as it takes to be heard by whoever has heard of the failure.
                    tracing::warn!(path, "histories can be written again");
                    return Ok(());
                }
                Err(error) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    last = error;
                }
            }
        }
        // The process ends. One more try, and then what is left is lost, which is said.
        if store.reopen().and_then(|()| self.commit(store, &batch, None)).is_ok() {
            return Ok(());
        }
        Err(last)
    }

    /// Refuses what comes from now on, and if all is `lost` what waits, too.
    fn fence(&self, lost: bool) {
        let mut shared = self.lock();
        shared.failing = true;
        if !lost {
            return;
        }
        shared.bytes = 0;
        for slot in &mut shared.slots {
            slot.rows.clear();
            slot.removed.clear();
            slot.wanted.clear();
            slot.fenced = true;
            slot.events.push(Event::Lost);
        }
        let partitions = shared.slots.len();
        drop(shared);
        (0..partitions).for_each(|partition| (self.wake)(partition));
    }

    /// Waits until it is time for another try; says whether the journal was closed meanwhile.
    fn wait_to_retry(&self) -> bool {
        let shared = self.lock();
        let wait = self.work.wait_timeout_while(shared, self.retry, |shared| !shared.closing);
        wait.unwrap_or_else(PoisonError::into_inner).0.closing
    }

    fn tell(&self, partition: usize, event: Event) {
        if let Some(slot) = self.lock().slots.get_mut(partition) {
            slot.events.push(event);
        }
        (self.wake)(partition);
    }

    /// A thread that panicked left nothing half done here.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells all partitions that nothing is written any more.
struct End<'a>(&'a Journal);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.fence(true);
    }
}

fn next(number: &mut u64) -> u64 {
    let this = *number;
    *number += 1;
    this
}

/// The records of rows. One that cannot be read is left out: what is in memory does not need it.
fn read(store: &Store, wanted: &[u64]) -> Vec<Vec<u8>> {
    let row = |number| {
        let mut row = store.row(number).ok().flatten()?;
        row.drain(..ROW_HEADER_BYTES.min(row.len()));
        Some(row)
    };
    wanted.iter().map(|number| row(*number).unwrap_or_default()).collect()
}
