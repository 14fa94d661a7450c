//! What is needed of old rows is appended again, so that they can go.

use trunkline_hub::{ChannelName, Now};

use super::broker::{KEY_TTL_MS, LogBroker};
use super::journal::Refused;
use super::record::{Body, Record, Records, encode_head, encode_key, encode_publication};
use crate::broker::reserved::position;
use crate::broker::stream::Head;

impl LogBroker {
    /// Appends again what is needed of rows that were read, and has them taken out.
    pub(super) fn on_rows(&mut self, now: Now, rows: &[Vec<u8>]) {
        if !self.cleaner.is_reading() {
            return;
        }
        let mut moved = 0;
        for record in rows.iter().flat_map(|it| Records::without_payloads(it)).flatten() {
            match self.move_record(now, record) {
                Ok(bytes) => moved += bytes,
                Err(_) => return self.cleaner.on_stuck(),
            }
        }
        self.journal.remove(self.index, &self.cleaner.on_moved(moved));
    }

    /// Appends a record again, or what is needed of it, and says how many bytes that are. The record of
    /// a stream's top tells its position, so something has to take its place.
    fn move_record(&self, now: Now, record: Record) -> Result<usize, Refused> {
        let Record { channel, body } = record;
        let stream = self.partition.stream(&channel);
        let is_young = |time_ms: i64| time_ms.saturating_add(KEY_TTL_MS) > now.unix_ms;
        let mut bytes = 0;
        match body {
            Body::Publication { head, publication, key } => {
                let key = key.filter(|_| is_young(publication.time_ms));
                let stream = stream.filter(|it| it.position().epoch == head.epoch);
                if let Some(kept) = stream.and_then(|it| it.find(head.top)) {
                    let head = self.current(&channel, head);
                    return self.append_again(|out| {
                        encode_publication(out, &channel, &head, kept, key.as_deref());
                    });
                }
                if stream.is_some_and(|it| it.position().offset == head.top) {
                    bytes += self.append_head(&channel)?;
                }
                if let Some(key) = key {
                    let position = position(&publication, head.epoch);
                    bytes += self.append_again(|out| {
                        encode_key(out, &channel, &key, position, publication.time_ms);
                    })?;
                }
            }
            Body::Head { head, .. } => {
                let stream = stream.filter(|it| it.position().epoch == head.epoch);
                if stream.is_some_and(|it| it.position().offset == head.top) {
                    bytes += self.append_head(&channel)?;
                }
            }
            // No older row has anything of the stream.
            Body::End { .. } => {}
            Body::Key { key, position, time_ms } if is_young(time_ms) => {
                bytes +=
                    self.append_again(|out| encode_key(out, &channel, &key, position, time_ms))?;
            }
            Body::Key { .. } => {}
        }
        Ok(bytes)
    }

    /// What is to be said of a stream beside a publication that is moved: for the one at the top, what
    /// the stream is now.
    fn current(&self, channel: &ChannelName, head: Head) -> Head {
        let stream = self.partition.stream(channel);
        stream.map(|it| it.head()).filter(|now| now.top == head.top).unwrap_or(head)
    }

    /// Says again what a stream is. If it keeps publications, those have records of their own.
    fn append_head(&self, channel: &ChannelName) -> Result<usize, Refused> {
        let Some(stream) = self.partition.stream(channel) else { return Ok(0) };
        let head = Head { top: stream.position().offset, ..stream.head() };
        let first = stream.publications().next().map_or(head.top + 1, |it| it.offset);
        self.append_again(|out| encode_head(out, channel, &head, first))
    }

    fn append_again(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<usize, Refused> {
        let mut bytes = 0;
        let record = |out: &mut Vec<u8>| {
            let before = out.len();
            encode(out);
            bytes = out.len() - before;
        };
        self.journal.append_again(self.index, record)?;
        Ok(bytes)
    }
}
