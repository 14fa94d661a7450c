//! [`Loaded`]: what the rows of a log come to.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_hub::{ChannelName, Epoch, Publication, StreamPosition};

use super::record::{Body, Malformed, Record, Records};
use crate::broker::stream::Head;

/// The streams of all channels, put together from records in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) streams: HashMap<ChannelName, LoadedStream>,
    pub(super) keys: Vec<LoadedKey>,
}

/// One stream.
#[derive(Debug)]
pub(super) struct LoadedStream {
    pub(super) head: Head,
    /// The epoch that it had, if it goes on in another.
    pub(super) renewed: Option<Epoch>,
    first: u64,
    publications: Vec<Arc<Publication>>,
}

/// What came of a publication with an idempotency key.
#[derive(Clone, Debug)]
pub(super) struct LoadedKey {
    pub(super) channel: ChannelName,
    pub(super) key: Box<str>,
    pub(super) position: StreamPosition,
    pub(super) time_ms: i64,
}

impl Loaded {
    /// Takes in the records of a row, and shows their channels. Those before one that is malformed count.
    pub(super) fn take_row(
        &mut self,
        records: &[u8],
        mut show: impl FnMut(&ChannelName),
    ) -> Result<(), Malformed> {
        for record in Records::new(records) {
            let record = record?;
            show(&record.channel);
            self.take(record);
        }
        Ok(())
    }

    fn take(&mut self, record: Record) {
        let Record { channel, body } = record;
        match body {
            Body::Publication { head, publication, key } => {
                if let Some(key) = key {
                    let position = StreamPosition { offset: head.top, epoch: head.epoch };
                    let time_ms = publication.time_ms;
                    self.keys.push(LoadedKey { channel: channel.clone(), key, position, time_ms });
                }
                self.stream(channel, head).publications.push(publication);
            }
            Body::Head { head, first } => {
                let stream = self.stream(channel, head);
                stream.first = stream.first.max(first);
            }
            Body::End { epoch } => {
                if self.streams.get(&channel).is_some_and(|it| it.head.epoch == epoch) {
                    self.streams.remove(&channel);
                }
            }
            Body::Key { key, position, time_ms } => {
                self.keys.push(LoadedKey { channel, key, position, time_ms });
            }
        }
    }

    /// The stream that a record is about. One with another epoch than the stream until then begins a
    /// new one; one with a lower top was moved, and tells nothing new about the stream.
    fn stream(&mut self, channel: ChannelName, head: Head) -> &mut LoadedStream {
        let begin = |head| LoadedStream { head, renewed: None, first: 0, publications: Vec::new() };
        let stream = self.streams.entry(channel).or_insert_with(|| begin(head.clone()));
        if stream.head.epoch != head.epoch {
            *stream = begin(head);
        } else if head.top >= stream.head.top {
            stream.head = head;
        }
        stream
    }
}

impl LoadedStream {
    /// The publications up to the top, without a gap, the oldest first. Those before a gap are of no use to
    /// anybody: they were trimmed, and their rows are not gone yet.
    pub(super) fn publications(&mut self) -> Vec<Arc<Publication>> {
        let mut publications = std::mem::take(&mut self.publications);
        publications.sort_by_key(|it| it.offset);
        publications.dedup_by_key(|it| it.offset);
        let mut expected = self.head.top;
        let follows = |it: &&Arc<Publication>| {
            let follows = it.offset == expected && it.offset >= self.first;
            expected = expected.saturating_sub(1);
            follows
        };
        let count = publications.iter().rev().take_while(follows).count();
        publications.split_off(publications.len() - count)
    }
}
