//! [`LogOptions`]: where a log is, and what it promises.

use std::path::PathBuf;
use std::time::Duration;

/// When what was published is sure to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before anybody hears of it. Offsets and epochs survive any crash. All that waits is written
    /// together, so the rate is bounded by the disk's bandwidth, and only the delay by its latency.
    Always,
    /// At most so much later; nobody waits. After a crash that much is gone, and all epochs are new.
    Interval(Duration),
    /// Once 8 MiB have gathered, or the process ends. After a crash that much is gone, and all epochs
    /// are new.
    Never,
}

impl Default for Fsync {
    /// Within a second, as Redis does.
    fn default() -> Self {
        Self::Interval(Duration::from_secs(1))
    }
}

/// Where a log is, and what it may cost.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The folder that it is in. Made if it is not there; no two processes share one.
    pub dir: PathBuf,
    /// When what was published is sure to be on the disk: within a second.
    pub fsync: Fsync,
    /// How long the file may become: 16 GiB. A fifth may be rows, the rest is room to move. So that all
    /// that memory has room for fits, it should be eight times what
    /// [`BrokerLimits::history_bytes`](crate::broker::BrokerLimits::history_bytes) allows in all
    /// partitions together. Beyond, publications into channels with history fail with 100 (temporary)
    /// until others have expired or were removed.
    pub disk_bytes: u64,
    /// What may wait to be written, of all partitions: 64 MiB, about a second of a slow disk's work. As
    /// much again may be on its way to the disk. Beyond, publications into channels with history fail
    /// with 111 (temporary).
    pub unwritten_bytes: usize,
    /// How long after a write has failed it is tried again: 1 s. Until one succeeds, publications into
    /// channels with history fail with 100.
    pub retry: Duration,
}

impl LogOptions {
    /// A log in the folder `dir`, with the defaults for all else.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            fsync: Fsync::default(),
            disk_bytes: 16 << 30,
            unwritten_bytes: 64 << 20,
            retry: Duration::from_secs(1),
        }
    }
}
