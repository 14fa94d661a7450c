//! [`Record`]: what the log says about one channel, as bytes.
//!
//! Numbers are LEB128, texts and payloads have their length in front. Records stand behind each other
//! in rows, and a row has a checksum, so a record has none.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trunkline_hub::{
    Annotation, ChannelName, ClientId, ClientInfo, Epoch, HistoryOptions, Publication,
    StreamPosition,
};

use crate::broker::stream::{Head, Version};

/// One thing that happened to a channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) channel: ChannelName,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    /// A publication was accepted. `head` is what it left the stream with, so that the newest record of
    /// a stream alone tells where it is.
    Publication { head: Head, publication: Arc<Publication>, key: Option<Box<str>> },
    /// A stream begins, or what is said of it again. Publications below `first` are gone.
    Head { head: Head, first: u64 },
    /// A stream was forgotten, position and all.
    End { epoch: Epoch },
    /// The publication with this idempotency key got this position.
    Key { key: Box<str>, position: StreamPosition, time_ms: i64 },
}

const PUBLICATION: u8 = 1;
const HEAD: u8 = 2;
const END: u8 = 3;
const KEY: u8 = 4;

/// Appends a [`Body::Publication`].
pub(super) fn encode_publication(
    out: &mut Vec<u8>,
    channel: &ChannelName,
    head: &Head,
    publication: &Publication,
    key: Option<&str>,
) {
    out.push(PUBLICATION);
    put_bytes(out, channel.as_str().as_bytes());
    put_head(out, head);
    put_i64(out, publication.time_ms);
    put_bytes(out, &publication.data);
    out.push(publication.info.is_some().into());
    if let Some(info) = &publication.info {
        put_bytes(out, info.user.as_bytes());
        out.extend_from_slice(&info.client.to_bits().to_le_bytes());
        put_bytes(out, &info.conn_info);
        put_bytes(out, &info.chan_info);
    }
    put_usize(out, publication.tags.len());
    for (name, value) in &publication.tags {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
    out.push(key.is_some().into());
    if let Some(key) = key {
        put_bytes(out, key.as_bytes());
    }
}

/// Appends a [`Body::Head`].
pub(super) fn encode_head(out: &mut Vec<u8>, channel: &ChannelName, head: &Head, first: u64) {
    out.push(HEAD);
    put_bytes(out, channel.as_str().as_bytes());
    put_head(out, head);
    put_u64(out, first);
}

/// Appends a [`Body::End`].
pub(super) fn encode_end(out: &mut Vec<u8>, channel: &ChannelName, epoch: Epoch) {
    out.push(END);
    put_bytes(out, channel.as_str().as_bytes());
    put_bytes(out, epoch.as_str().as_bytes());
}

/// Appends a [`Body::Key`].
pub(super) fn encode_key(
    out: &mut Vec<u8>,
    channel: &ChannelName,
    key: &str,
    position: StreamPosition,
    time_ms: i64,
) {
    out.push(KEY);
    put_bytes(out, channel.as_str().as_bytes());
    put_bytes(out, key.as_bytes());
    put_bytes(out, position.epoch.as_str().as_bytes());
    put_u64(out, position.offset);
    put_i64(out, time_ms);
}

/// Takes the records of a row from its front, one by one.
#[derive(Debug)]
pub(super) struct Records<'a> {
    rest: Input<'a>,
}

/// What is left of a row.
#[derive(Debug)]
struct Input<'a> {
    bytes: &'a [u8],
    with_payloads: bool,
}

impl<'a> Records<'a> {
    pub(super) const fn new(row: &'a [u8]) -> Self {
        Self { rest: Input { bytes: row, with_payloads: true } }
    }

    /// Payloads are empty, for those who have them already.
    pub(super) const fn without_payloads(row: &'a [u8]) -> Self {
        Self { rest: Input { bytes: row, with_payloads: false } }
    }
}

/// What follows is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Iterator for Records<'_> {
    type Item = Result<Record, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.bytes.is_empty() {
            return None;
        }
        let record = take_record(&mut self.rest);
        if record.is_none() {
            self.rest.bytes = &[];
        }
        Some(record.ok_or(Malformed))
    }
}

fn take_record(input: &mut Input<'_>) -> Option<Record> {
    let kind = take_u8(input)?;
    let channel = ChannelName::new(take_str(input)?).ok()?;
    let body = match kind {
        PUBLICATION => take_publication(input)?,
        HEAD => Body::Head { head: take_head(input)?, first: take_u64(input)? },
        END => Body::End { epoch: take_epoch(input)? },
        KEY => {
            let key = take_str(input)?.into();
            let epoch = take_epoch(input)?;
            let position = StreamPosition { offset: take_u64(input)?, epoch };
            Body::Key { key, position, time_ms: take_i64(input)? }
        }
        _ => return None,
    };
    Some(Record { channel, body })
}

fn take_publication(input: &mut Input<'_>) -> Option<Body> {
    let head = take_head(input)?;
    let time_ms = take_i64(input)?;
    let data = take_payload(input)?;
    let info = match take_u8(input)? {
        0 => None,
        _ => Some(Arc::new(take_info(input)?)),
    };
    let mut tags = Vec::new();
    for _ in 0..take_u64(input)? {
        tags.push((take_str(input)?.into(), take_str(input)?.into()));
    }
    let key = match take_u8(input)? {
        0 => None,
        _ => Some(take_str(input)?.into()),
    };
    let publication = Arc::new(Publication { offset: head.top, data, info, tags, time_ms });
    Some(Body::Publication { head, publication, key })
}

fn take_info(input: &mut Input<'_>) -> Option<ClientInfo> {
    let user = take_str(input)?.into();
    let (bits, rest) = input.bytes.split_first_chunk()?;
    input.bytes = rest;
    // An id comes back as it was: the bits that mark it are set already.
    let client = ClientId::from_entropy(u128::from_le_bytes(*bits));
    Some(ClientInfo {
        user,
        client,
        conn_info: take_annotation(input)?,
        chan_info: take_annotation(input)?,
    })
}

fn put_head(out: &mut Vec<u8>, head: &Head) {
    put_bytes(out, head.epoch.as_str().as_bytes());
    put_u64(out, head.top);
    put_usize(out, head.options.size);
    put_duration(out, head.options.ttl);
    put_duration(out, head.options.meta_ttl);
    put_u64(out, head.version.number);
    put_bytes(out, head.version.epoch.as_bytes());
}

fn take_head(input: &mut Input<'_>) -> Option<Head> {
    let epoch = take_epoch(input)?;
    let top = take_u64(input)?;
    let size = usize::try_from(take_u64(input)?).unwrap_or(usize::MAX);
    let ttl = Duration::from_millis(take_u64(input)?);
    let meta_ttl = Duration::from_millis(take_u64(input)?);
    let version = Version { number: take_u64(input)?, epoch: take_str(input)?.into() };
    Some(Head { epoch, top, options: HistoryOptions { size, ttl, meta_ttl }, version })
}

fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_usize(out: &mut Vec<u8>, number: usize) {
    put_u64(out, number as u64);
}

fn put_i64(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_u64(out, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_usize(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn take_u8(input: &mut Input<'_>) -> Option<u8> {
    let (first, rest) = input.bytes.split_first()?;
    input.bytes = rest;
    Some(*first)
}

fn take_u64(input: &mut Input<'_>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let byte = take_u8(input)?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_i64(input: &mut Input<'_>) -> Option<i64> {
    let (bytes, rest) = input.bytes.split_first_chunk()?;
    input.bytes = rest;
    Some(i64::from_le_bytes(*bytes))
}

fn take_bytes<'a>(input: &mut Input<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(take_u64(input)?).ok()?;
    let (bytes, rest) = input.bytes.split_at_checked(len)?;
    input.bytes = rest;
    Some(bytes)
}

/// Copied, so that it does not keep its row in memory.
fn take_payload(input: &mut Input<'_>) -> Option<Bytes> {
    let bytes = take_bytes(input)?;
    Some(if input.with_payloads { Bytes::copy_from_slice(bytes) } else { Bytes::new() })
}

fn take_annotation(input: &mut Input<'_>) -> Option<Annotation> {
    let bytes = take_bytes(input)?;
    Some(if input.with_payloads { bytes.into() } else { Annotation::default() })
}

fn take_str<'a>(input: &mut Input<'a>) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(input)?).ok()
}

fn take_epoch(input: &mut Input<'_>) -> Option<Epoch> {
    Epoch::parse(take_str(input)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            epoch: Epoch::from_entropy(7),
            top: 300,
            options: HistoryOptions {
                size: 10,
                ttl: Duration::from_secs(60),
                meta_ttl: Duration::from_millis(u64::MAX),
            },
            version: Version { number: u64::MAX, epoch: "v".into() },
        }
    }

    /// One of each kind, and publications with everything and with nothing.
    fn all() -> (Vec<u8>, Vec<Record>) {
        let channel = ChannelName::new("chat:lobby").unwrap();
        let position = StreamPosition { offset: 5, epoch: Epoch::from_entropy(8) };
        let info = Some(Arc::new(ClientInfo {
            user: "ann".into(),
            client: ClientId::from_entropy(u128::MAX / 3),
            conn_info: Annotation::from(&b"{}"[..]),
            chan_info: Annotation::default(),
        }));
        let tags = vec![("a".into(), "1".into()), ("".into(), "".into())];
        let data = Bytes::from(vec![b'x'; 200]);
        let full = Arc::new(Publication { offset: 300, data, info, tags, time_ms: -1 });
        let bare =
            Arc::new(Publication { offset: 300, time_ms: i64::MAX, ..Publication::default() });
        let mut out = Vec::new();
        encode_publication(&mut out, &channel, &head(), &full, Some("key"));
        encode_publication(&mut out, &channel, &head(), &bare, None);
        encode_head(&mut out, &channel, &head(), 301);
        encode_end(&mut out, &channel, position.epoch);
        encode_key(&mut out, &channel, "key", position, 9);
        let bodies = [
            Body::Publication { head: head(), publication: full, key: Some("key".into()) },
            Body::Publication { head: head(), publication: bare, key: None },
            Body::Head { head: head(), first: 301 },
            Body::End { epoch: position.epoch },
            Body::Key { key: "key".into(), position, time_ms: 9 },
        ];
        let record = |body| Record { channel: channel.clone(), body };
        (out, bodies.into_iter().map(record).collect())
    }

    #[test]
    fn records_come_back_as_they_were() {
        let (bytes, records) = all();
        let read: Result<Vec<_>, _> = Records::new(&bytes).collect();
        assert_eq!(read, Ok(records));
    }

    /// Whatever is cut off or changed: no panic, no endless loop, and what was whole before it is read.
    #[test]
    fn broken_records_are_told_from_whole_ones() {
        let (bytes, records) = all();
        for end in 0..bytes.len() {
            let read: Vec<_> = Records::new(&bytes[..end]).collect();
            let whole = read.iter().filter(|it| it.is_ok()).count();
            assert!(
                read.iter().take(whole).cloned().eq(records.iter().take(whole).cloned().map(Ok))
            );
            assert!(read.len() - whole <= 1);
        }
        for index in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[index] ^= flip;
                assert!(Records::new(&bytes).count() < 100);
            }
        }
    }
}
