//! The broker with a log: how tests start it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline_hub::Now;
use trunkline_server::broker::{
    BrokerLimits, Fsync, Log, LogOptions, LogReport, Medium, OpenError, Opened, Partitions,
};

use crate::folder::Folder;
use crate::world::{World, entropy, start};

pub(crate) fn always(limits: BrokerLimits) -> World {
    fresh(Fsync::Always, limits)
}

pub(crate) fn interval(limits: BrokerLimits) -> World {
    fresh(Fsync::Interval(Duration::from_millis(1)), limits)
}

pub(crate) fn never(limits: BrokerLimits) -> World {
    fresh(Fsync::Never, limits)
}

/// One partition in a folder of its own.
fn fresh(fsync: Fsync, limits: BrokerLimits) -> World {
    let folder = Folder::new();
    let options = LogOptions { fsync, ..LogOptions::new(folder.path()) };
    let (mut world, log, _) = open(options, limits, start()).unwrap();
    world.keeps.push(Box::new(log));
    world.keeps.push(Box::new(folder));
    world
}

/// Opens a log for one partition.
pub(crate) fn open(
    options: LogOptions,
    limits: BrokerLimits,
    now: Now,
) -> Result<(World, Log, LogReport), OpenError> {
    open_with(limits, now, |partitions| Log::open(options, partitions, now))
}

/// Opens a log for one partition on another medium.
pub(crate) fn open_on(
    medium: Medium,
    options: LogOptions,
    limits: BrokerLimits,
    now: Now,
) -> Result<(World, Log, LogReport), OpenError> {
    open_with(limits, now, |partitions| Log::open_on(medium, options, partitions, now))
}

fn open_with(
    limits: BrokerLimits,
    now: Now,
    open: impl FnOnce(Partitions<'_>) -> Result<Opened, OpenError>,
) -> Result<(World, Log, LogReport), OpenError> {
    let (wake, wakes) = channel();
    let wake = Mutex::new(wake);
    let mut seed = 0;
    let opened = open(Partitions {
        count: 1,
        home: &|_| 0,
        limits,
        entropy: &mut || {
            seed += 1;
            Box::new(entropy(u64::from(std::process::id()) + seed + next()))
        },
        wake: Arc::new(move |_| {
            // A test that is over does not hear it.
            let _ = wake.lock().unwrap().send(());
        }),
    })?;
    let broker = opened.partitions.into_iter().next().unwrap();
    Ok((World::new(Box::new(broker), Some(wakes), now), opened.log, opened.report))
}

/// Another number each time, so that no two processes of a test make the same epochs.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1000, Ordering::Relaxed)
}

/// Options for a folder that exists.
pub(crate) fn options(folder: &Path, fsync: Fsync) -> LogOptions {
    LogOptions { fsync, retry: Duration::from_millis(1), ..LogOptions::new(folder) }
}
