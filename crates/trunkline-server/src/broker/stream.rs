//! [`Stream`]: the past of one channel.

use std::collections::VecDeque;
use std::collections::vec_deque::Iter;
use std::sync::Arc;
use std::time::Duration;

use trunkline_hub::broker::Publish;
use trunkline_hub::{
    Epoch, HistoryFilter, HistoryOptions, HistoryPage, Publication, StreamPosition,
};

use super::agenda::Note;
use super::moment::Moment;

/// What a kept publication costs beside its content: its entry here, and the counts and the header of
/// its allocation.
const ENTRY_BYTES: usize = size_of::<Entry>() + 32;
/// Streams with room for fewer publications are not worth shrinking.
const SHRINK_FROM: usize = 64;

/// The place in a log of all that was loaded from it. Those of records that are appended follow.
pub(super) const LOADED: u64 = 1;

/// The position of a channel and its last publications, without a gap between them.
#[derive(Debug)]
pub(super) struct Stream {
    epoch: Epoch,
    top: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    options: HistoryOptions,
    version: Version,
    /// Publications that were accepted and are not in it yet, because a disk has not got them.
    pending: u64,
    /// When anybody last wanted something of the channel.
    used: Moment,
    /// The place in the log of the first record about it; 0: there is none.
    pub(super) logged: u64,
    /// Its entry among all streams by the age of their oldest publications.
    pub(super) age: Note,
}

#[derive(Debug)]
struct Entry {
    publication: Arc<Publication>,
    accepted: Moment,
}

/// What a stream is, beside its publications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: Epoch,
    pub(super) top: u64,
    pub(super) options: HistoryOptions,
    pub(super) version: Version,
}

/// The version of the last accepted publication that had one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) epoch: Box<str>,
}

/// What is kept: of one stream, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// How many publications.
    pub(super) publications: usize,
    /// What they take, about.
    pub(super) bytes: usize,
}

impl Kept {
    /// Counts what became of one stream: it kept `before`, and keeps `after`.
    pub(super) const fn change(&mut self, before: Self, after: Self) {
        self.publications = self.publications - before.publications + after.publications;
        self.bytes = self.bytes - before.bytes + after.bytes;
    }
}

impl Stream {
    /// A new life of a stream, in which nothing was published.
    pub(super) fn new(epoch: Epoch, options: HistoryOptions, now: Moment) -> Self {
        Self {
            epoch,
            top: 0,
            entries: VecDeque::new(),
            bytes: 0,
            options,
            version: Version::default(),
            pending: 0,
            used: now,
            logged: 0,
            age: Note::default(),
        }
    }

    /// A stream that goes on.
    pub(super) fn restored(head: Head, now: Moment) -> Self {
        let Head { epoch, top, options, version } = head;
        Self { top, version, ..Self::new(epoch, options, now) }
    }

    /// What it is, with all that was accepted.
    pub(super) fn head(&self) -> Head {
        Head {
            epoch: self.epoch,
            top: self.top + self.pending,
            options: self.options,
            version: self.version.clone(),
        }
    }

    /// The publication with this offset, if it is kept.
    pub(super) fn find(&self, offset: u64) -> Option<&Arc<Publication>> {
        let entry = self.entries.get(self.index(offset))?;
        (entry.publication.offset == offset).then_some(&entry.publication)
    }

    /// All that is kept, the oldest first.
    pub(super) fn publications(&self) -> impl Iterator<Item = &Arc<Publication>> {
        self.entries.iter().map(|it| &it.publication)
    }

    /// Counts a publication that was accepted and is appended once a disk has it.
    pub(super) const fn reserve(&mut self) {
        self.pending += 1;
    }

    /// It is to be appended now.
    pub(super) const fn unreserve(&mut self) {
        self.pending -= 1;
    }

    /// It was not accepted after all: the version is what it was before. Those that came behind it
    /// are to be taken back first.
    pub(super) fn take_back(&mut self, version: Version) {
        self.pending -= 1;
        self.version = version;
    }

    /// Whether publications were accepted that are not in it yet.
    pub(super) const fn is_waiting(&self) -> bool {
        self.pending > 0
    }

    /// Where the last publication is.
    pub(super) const fn position(&self) -> StreamPosition {
        StreamPosition { offset: self.top, epoch: self.epoch }
    }

    /// What it keeps.
    pub(super) fn kept(&self) -> Kept {
        Kept { publications: self.entries.len(), bytes: self.bytes }
    }

    /// Gives a publication the next offset; `None` if its version is not above the last one's.
    pub(super) fn accept(&mut self, publish: Publish, unix_ms: i64) -> Option<Arc<Publication>> {
        let Publish { data, info, tags, version, version_epoch, .. } = publish;
        if version > 0 {
            let same = version_epoch.is_empty() || version_epoch == self.version.epoch;
            if same && version <= self.version.number {
                return None;
            }
            self.version = Version { number: version, epoch: version_epoch };
        }
        let offset = self.top + self.pending + 1;
        Some(Arc::new(Publication { offset, data, info, tags, time_ms: unix_ms }))
    }

    /// Appends a publication, which has the next offset, and drops what there is no room for.
    pub(super) fn push(
        &mut self,
        publication: &Arc<Publication>,
        options: HistoryOptions,
        channel_bytes: usize,
        accepted: Moment,
    ) {
        self.top = publication.offset;
        self.options = options;
        self.bytes += weight(publication);
        self.entries.push_back(Entry { publication: Arc::clone(publication), accepted });
        while self.entries.len() > options.size || self.bytes > channel_bytes {
            self.pop();
        }
    }

    /// Drops the oldest publication.
    pub(super) fn pop(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.bytes -= weight(&entry.publication);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        } else if self.entries.capacity() > SHRINK_FROM
            && self.entries.len() < self.entries.capacity() / 4
        {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Drops all publications. Offsets go on.
    pub(super) fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    /// Drops what has been kept long enough.
    pub(super) fn expire(&mut self, now: Moment) {
        while self.oldest().is_some_and(|it| it.after(self.options.ttl) <= now) {
            self.pop();
        }
    }

    /// When the oldest publication was accepted.
    pub(super) fn oldest(&self) -> Option<Moment> {
        self.entries.front().map(|it| it.accepted)
    }

    /// Notes that somebody wants something of the channel.
    pub(super) const fn touch(&mut self, now: Moment) {
        self.used = now;
    }

    /// When the next publication expires.
    pub(super) fn expires(&self) -> Option<Moment> {
        self.oldest().map(|it| it.after(self.options.ttl))
    }

    /// When the position is forgotten if nothing is kept and nobody uses the channel; `unused_ttl` bounds
    /// that for a stream that was never published to.
    pub(super) fn ends(&self, unused_ttl: Duration) -> Moment {
        let ttl = self.options.meta_ttl;
        self.used.after(if self.top == 0 { ttl.min(unused_ttl) } else { ttl })
    }

    /// The part of what is kept that `filter` asks for, and the top.
    pub(super) fn page(&self, filter: &HistoryFilter) -> HistoryPage {
        HistoryPage { publications: self.select(filter), top: self.position() }
    }

    fn select(&self, filter: &HistoryFilter) -> Vec<Arc<Publication>> {
        let limit = filter.limit.unwrap_or(usize::MAX);
        let Some(since) = filter.since else {
            return collect(self.entries.iter(), filter.reverse, limit);
        };
        if since.epoch != self.epoch && !since.epoch.is_none() {
            return Vec::new();
        }
        if filter.reverse {
            let end = self.index(since.offset);
            collect(self.entries.range(..end), true, limit)
        } else {
            let begin = self.index(since.offset.saturating_add(1));
            collect(self.entries.range(begin..), false, limit)
        }
    }

    /// Where the publication with this offset is, or would be: the offsets have no gaps.
    fn index(&self, offset: u64) -> usize {
        let len = self.entries.len();
        let first = self.entries.front().map_or(0, |it| it.publication.offset);
        usize::try_from(offset.saturating_sub(first)).unwrap_or(len).min(len)
    }
}

/// What a publication counts as against bounds in bytes.
fn weight(publication: &Publication) -> usize {
    publication.weight() + ENTRY_BYTES
}

fn collect(entries: Iter<'_, Entry>, reverse: bool, limit: usize) -> Vec<Arc<Publication>> {
    let publication = |it: &Entry| Arc::clone(&it.publication);
    if reverse {
        entries.rev().take(limit).map(publication).collect()
    } else {
        entries.take(limit).map(publication).collect()
    }
}
