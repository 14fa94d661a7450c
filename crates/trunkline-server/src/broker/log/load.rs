//! [`load`]: from the rows of a store to partitions.

use std::collections::VecDeque;
use std::path::PathBuf;

use trunkline_hub::{ChannelName, Epoch, Now};

use super::broker::KEY_TTL_MS;
use super::error::OpenError;
use super::journal::ROW_BYTES;
use super::loaded::{Loaded, LoadedKey};
use super::record::{encode_head, encode_key, encode_publication};
use super::store::{Panicked, State, Store, StoreError, open_row, row};
use super::{LogReport, Partitions};
use crate::broker::partition::Partition;
use crate::broker::results::Results;
use crate::broker::stream::{Head, Stream};

/// A partition, and its rows.
pub(super) struct LoadedPartition {
    pub(super) partition: Partition,
    pub(super) rows: VecDeque<(u64, usize)>,
    keys: Vec<LoadedKey>,
}

/// Reads all rows, and makes the store ready for use in `state`.
///
/// Rows stay as they are if every channel still lives in the partition that wrote them, and no epoch
/// has to change. Else all is written anew, in the same commit that takes out the old rows.
pub(super) fn load(
    store: &mut Store,
    path: PathBuf,
    partitions: &mut Partitions<'_>,
    state: State,
    now: Now,
) -> Result<(Vec<LoadedPartition>, LogReport), OpenError> {
    let last = store.state()?;
    let count = partitions.count;
    let home = |channel: &ChannelName| (partitions.home)(channel).min(count.saturating_sub(1));
    let mut loaded = Loaded::default();
    let mut rows = Vec::new();
    let (mut damage, mut is_home) = (Vec::new(), true);
    store.each_row(|number, bytes| {
        let Some((writer, records)) = open_row(bytes) else {
            damage
                .push(format!("row {number}: the checksum of its {} bytes is wrong", bytes.len()));
            rows.push((number, usize::MAX, bytes.len()));
            return;
        };
        let writer = usize::from(writer);
        rows.push((number, writer, bytes.len()));
        if loaded.take_row(records, |channel| is_home &= home(channel) == writer).is_err() {
            damage.push(format!("row {number}: what follows a record is none"));
        }
    })?;
    let renews = last == Some(State::OpenLazily) || !damage.is_empty();
    let mut all: Vec<_> = (0..count)
        .map(|_| {
            let entropy = (partitions.entropy)();
            let partition = Partition::new(partitions.limits.clone(), entropy, now.instant);
            LoadedPartition { partition, rows: VecDeque::new(), keys: Vec::new() }
        })
        .collect();
    let mut entropy = renews.then(|| (partitions.entropy)());
    distribute(loaded, || Some(Epoch::from_entropy(entropy.as_mut()?())), home, &mut all, now);

    let failed = |error: StoreError| {
        let path = path.clone();
        if error.is::<Panicked>() {
            return OpenError::Damaged { path, reason: error.to_string() };
        }
        OpenError::Io { path, source: std::io::Error::other(error) }
    };
    if renews || !is_home {
        let mut written = Vec::new();
        let first = store.next_row();
        let snapshots = all.iter().enumerate().flat_map(|(number, it)| it.snapshot(number));
        let added = snapshots.inspect(|(number, row)| written.push((*number, row.len())));
        let old: Vec<_> = rows.iter().map(|(number, ..)| *number).collect();
        store.commit(added.map(|(_, row)| row), &old, Some(state)).map_err(failed)?;
        for (row, (number, bytes)) in (first..).zip(written) {
            all[number].rows.push_back((row, bytes));
        }
    } else {
        store.commit(std::iter::empty::<Vec<u8>>(), &[], Some(state)).map_err(failed)?;
        for (row, number, bytes) in rows {
            if let Some(partition) = all.get_mut(number) {
                partition.rows.push_back((row, bytes));
            }
        }
    }
    let report = LogReport {
        path,
        channels: all.iter().map(|it| it.partition.streams().count()).sum(),
        publications: all.iter().map(|it| it.partition.stats().publications).sum(),
        moved: !is_home,
        epochs_renewed: renews,
        damage,
    };
    Ok((all, report))
}

/// Hands streams and keys to the partitions where they live. Where `renew` gives an epoch, the stream
/// goes on in that one.
fn distribute(
    mut loaded: Loaded,
    mut renew: impl FnMut() -> Option<Epoch>,
    home: impl Fn(&ChannelName) -> usize,
    all: &mut [LoadedPartition],
    now: Now,
) {
    loaded.keys.retain(|it| it.time_ms.saturating_add(KEY_TTL_MS) > now.unix_ms);
    // Results expire in the order in which they are handed in, and a key may be in several records.
    loaded.keys.sort_by_key(|it| it.time_ms);
    for stream in loaded.streams.values_mut() {
        if let Some(epoch) = renew() {
            stream.renewed = Some(std::mem::replace(&mut stream.head.epoch, epoch));
        }
    }
    for mut key in loaded.keys {
        let Some(partition) = all.get_mut(home(&key.channel)) else { continue };
        if let Some(stream) = loaded.streams.get(&key.channel)
            && stream.renewed == Some(key.position.epoch)
        {
            key.position.epoch = stream.head.epoch;
        }
        let name = Results::name(&key.channel, &key.key);
        if partition.partition.result(now, &name).is_none() {
            partition.partition.remember_since(now, name, key.position, key.time_ms);
            partition.keys.push(key);
        }
    }
    for (channel, mut stream) in loaded.streams {
        if let Some(partition) = all.get_mut(home(&channel)) {
            let publications = stream.publications();
            partition.partition.restore(now, channel, stream.head, publications);
        }
    }
}

impl LoadedPartition {
    /// All that it keeps, as rows of the partition with this number.
    fn snapshot(&self, number: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
        let mut streams = self.partition.streams();
        let mut keys = self.keys.iter();
        std::iter::from_fn(move || {
            let mut records = Vec::new();
            while records.len() < ROW_BYTES
                && let Some((name, stream)) = streams.next()
            {
                encode_stream(&mut records, name, stream);
            }
            while records.len() < ROW_BYTES
                && let Some(key) = keys.next()
            {
                encode_key(&mut records, &key.channel, &key.key, key.position, key.time_ms);
            }
            let writer = u16::try_from(number).unwrap_or(u16::MAX);
            (!records.is_empty()).then(|| (number, row(writer, &records)))
        })
    }
}

fn encode_stream(records: &mut Vec<u8>, name: &ChannelName, stream: &Stream) {
    let head = stream.head();
    let mut is_empty = true;
    for publication in stream.publications() {
        let head = Head { top: publication.offset, ..head.clone() };
        encode_publication(records, name, &head, publication, None);
        is_empty = false;
    }
    if is_empty {
        encode_head(records, name, &head, head.top.saturating_add(1));
    }
}
