//! What waits to be written: one buffer of headers and small payloads, and large payloads between
//! its bytes that are written from where they lie.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::iter;

use bytes::Bytes;

use crate::frame::FrameHeader;
use crate::message::MessageKind;

/// Payloads from this size on are referenced, smaller ones copied: below, a copy costs less than
/// one more slice in a `writev` and keeping the payload alive.
pub(crate) const REFERENCE_FROM: usize = 4 << 10;

/// The front of the buffer is cut off once this much of it has been written and nothing else
/// empties it, so that a peer which always lags a little cannot make it grow.
const COMPACT_FROM: usize = 16 << 10;

/// The bytes that wait to be written, in order.
#[derive(Debug, Default)]
pub(crate) struct Transmit {
    /// Headers and small payloads.
    buffer: Vec<u8>,
    /// How much of `buffer` has been written.
    buffer_sent: usize,
    /// Large payloads, as long as there are any. On the heap: most connections never have one.
    large: Option<Box<Larges>>,
    /// Bytes ever queued, and bytes ever written: their difference waits.
    queued: u64,
    sent: u64,
}

#[derive(Debug)]
struct Larges {
    first: Large,
    /// How much of the first has been written.
    first_sent: usize,
    /// Mostly there are none, and nothing is allocated for them.
    others: VecDeque<Large>,
}

#[derive(Debug)]
struct Large {
    /// The payload follows this many bytes of the buffer.
    at: usize,
    payload: Bytes,
}

impl Transmit {
    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        usize::try_from(self.queued - self.sent).unwrap_or(usize::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued == self.sent
    }

    /// Bytes that have been written altogether.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// The position after all that is queued now. See [`Self::is_past`].
    pub(crate) fn end(&self) -> u64 {
        self.queued
    }

    /// Whether everything before a position that [`Self::end`] gave has been written.
    pub(crate) fn is_past(&self, position: u64) -> bool {
        self.sent >= position
    }

    /// Queues a whole small frame: header and payload, copied or written by `payload`.
    #[inline]
    pub(crate) fn push_frame(&mut self, header: &FrameHeader, payload: impl FnOnce(&mut Vec<u8>)) {
        let before = self.buffer.len();
        header.append_to(&mut self.buffer);
        payload(&mut self.buffer);
        self.queued += (self.buffer.len() - before) as u64;
    }

    /// Appends a whole message behind others, unmasked, if its length fits 16 bits and there is room for it. Whether it
    /// is.
    #[inline(always)]
    pub(crate) fn push_plain(&mut self, kind: MessageKind, payload: &[u8]) -> bool {
        match FrameHeader::short(kind, payload.len()) {
            Some(header) => self.push_where_room(&header, payload),
            None => self.push_medium(kind, payload),
        }
    }

    #[inline(never)]
    fn push_medium(&mut self, kind: MessageKind, payload: &[u8]) -> bool {
        FrameHeader::medium(kind, payload.len())
            .is_some_and(|header| self.push_where_room(&header, payload))
    }

    #[inline(always)]
    fn push_where_room<const N: usize>(&mut self, header: &[u8; N], payload: &[u8]) -> bool {
        let frame_len = N + payload.len();
        if frame_len > self.buffer.capacity() - self.buffer.len() {
            return false;
        }
        self.buffer.extend_from_slice(header);
        self.buffer.extend_from_slice(payload);
        self.queued += frame_len as u64;
        true
    }

    /// Queues bytes as they are: a frame that was encoded before.
    pub(crate) fn push_encoded(&mut self, frame: &Bytes) {
        if frame.len() < REFERENCE_FROM {
            self.buffer.extend_from_slice(frame);
            self.queued += frame.len() as u64;
        } else {
            self.push_large(frame.clone());
        }
    }

    /// Queues a frame whose payload is large enough to be worth a reference.
    pub(crate) fn push_referenced(&mut self, header: &FrameHeader, payload: Bytes) {
        self.push_frame(header, |_| ());
        self.push_large(payload);
    }

    fn push_large(&mut self, payload: Bytes) {
        self.queued += payload.len() as u64;
        let large = Large { at: self.buffer.len(), payload };
        match &mut self.large {
            Some(larges) => larges.others.push_back(large),
            None => {
                let larges = Larges { first: large, first_sent: 0, others: VecDeque::new() };
                self.large = Some(Box::new(larges));
            }
        }
    }

    /// What is to be written next, if it lies in one piece: all of it but where a large payload waits.
    #[inline]
    pub(crate) fn contiguous(&self) -> Option<&[u8]> {
        if self.large.is_none() { self.buffer.get(self.buffer_sent..) } else { None }
    }

    /// Fills `slices` with what is to be written next and gives how many were filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut from = self.buffer_sent;
        let mut large_from = self.large.as_ref().map_or(0, |it| it.first_sent);
        let parts = self.larges().map(Some).chain([None]).flat_map(|large| {
            let to = large.map_or(self.buffer.len(), |large| large.at);
            let small = self.buffer.get(from..to).unwrap_or(&[]);
            let payload = large.and_then(|large| large.payload.get(large_from..)).unwrap_or(&[]);
            (from, large_from) = (to, 0);
            [small, payload]
        });
        for (slice, part) in slices.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
            *slice = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    /// Takes note that the first `bytes` of what waits have been written.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: usize) {
        let bytes = bytes.min(self.waiting());
        self.sent += bytes as u64;
        if !self.is_empty() {
            return self.advance_within(bytes);
        }
        self.buffer.clear();
        self.buffer_sent = 0;
        // To drop what is not there costs a call.
        if self.large.is_some() {
            self.large = None;
        }
    }

    /// The same where something is left.
    #[inline(never)]
    fn advance_within(&mut self, bytes: usize) {
        self.pass(bytes);
        self.compact();
    }

    fn pass(&mut self, mut bytes: usize) {
        while let Some(larges) = &mut self.large {
            let large = &larges.first;
            let small = (large.at - self.buffer_sent).min(bytes);
            self.buffer_sent += small;
            bytes -= small;
            let payload = (large.payload.len() - larges.first_sent).min(bytes);
            larges.first_sent += payload;
            bytes -= payload;
            if self.buffer_sent < large.at || larges.first_sent < large.payload.len() {
                return;
            }
            match larges.others.pop_front() {
                Some(next) => (larges.first, larges.first_sent) = (next, 0),
                None => self.large = None,
            }
        }
        self.buffer_sent += bytes;
    }

    fn compact(&mut self) {
        if self.buffer_sent < COMPACT_FROM || self.buffer_sent * 2 < self.buffer.len() {
            return;
        }
        self.buffer.drain(..self.buffer_sent);
        self.count_from_sent();
    }

    /// The bytes of the buffer that have been written are gone from it.
    fn count_from_sent(&mut self) {
        let larges = self.large.iter_mut();
        for large in larges.flat_map(|it| iter::once(&mut it.first).chain(&mut it.others)) {
            large.at -= self.buffer_sent;
        }
        self.buffer_sent = 0;
    }

    /// Gives the buffer away when nothing waits, so that an idle connection owns none.
    #[inline]
    pub(crate) fn take_buffer(&mut self) -> Option<Vec<u8>> {
        if !self.is_empty() || self.buffer.capacity() == 0 {
            return None;
        }
        Some(std::mem::take(&mut self.buffer))
    }

    /// Lends a buffer to write frames into, for its capacity.
    #[inline]
    pub(crate) fn lend_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.buffer.is_empty() && self.buffer.capacity() < buffer.capacity() {
            buffer.clear();
            self.buffer = buffer;
        }
    }

    /// Gives back what capacity the bytes that wait do not need.
    #[inline(never)]
    pub(crate) fn shrink(&mut self) -> Option<Vec<u8>> {
        let unsent = self.buffer.get(self.buffer_sent..).unwrap_or(&[]);
        if unsent.len() * 2 > self.buffer.capacity() {
            return None;
        }
        let right_sized = unsent.to_vec();
        self.count_from_sent();
        Some(std::mem::replace(&mut self.buffer, right_sized))
    }

    /// Bytes of memory that what waits holds on to.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + self.larges().map(|large| large.payload.len()).sum::<usize>()
    }

    fn larges(&self) -> impl Iterator<Item = &Large> {
        self.large.iter().flat_map(|it| iter::once(&it.first).chain(&it.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{HEADER_BYTES_MAX, OpCode};

    /// Pseudo-random numbers (xorshift64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize % bound
        }
    }

    fn header(len: usize) -> FrameHeader {
        let payload_len = len as u64;
        FrameHeader { fin: true, rsv1: false, opcode: OpCode::Binary, mask: None, payload_len }
    }

    fn encoded(payload: &[u8]) -> Vec<u8> {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let len = header(payload.len()).encode(&mut bytes);
        [&bytes[..len], payload].concat()
    }

    /// What waits, one slice after the other.
    fn waiting(transmit: &Transmit) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); 2 * transmit.larges().count() + 1];
        let filled = transmit.slices(&mut slices);
        slices[..filled].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat()
    }

    /// The naive twin is one vector: whatever is queued goes to its end, whatever is written goes
    /// from its front.
    #[test]
    fn any_calls_agree_with_one_vector() {
        for seed in 1..200 {
            let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 7));
            let (mut transmit, mut naive) = (Transmit::default(), Vec::new());
            let mut positions = Vec::new();
            let mut written = 0;
            for call in 0..60_u8 {
                let size = [10, 200, REFERENCE_FROM, 20_000][random.below(4)];
                let payload = vec![call; random.below(size + 2)];
                match random.below(10) {
                    0..3 => {
                        let header = header(payload.len());
                        transmit.push_frame(&header, |out| out.extend_from_slice(&payload));
                        naive.extend(encoded(&payload));
                    }
                    3 => {
                        transmit.push_referenced(&header(payload.len()), payload.clone().into());
                        naive.extend(encoded(&payload));
                    }
                    4 => {
                        transmit.push_encoded(&encoded(&payload).into());
                        naive.extend(encoded(&payload));
                    }
                    5 => {
                        positions.push((transmit.end(), written + naive.len()));
                        transmit.lend_buffer(Vec::with_capacity(random.below(10_000)));
                    }
                    6 => {
                        let capacity = transmit.shrink().map_or(0, |buffer| buffer.capacity());
                        assert!(capacity == 0 || transmit.buffer.capacity() <= capacity);
                    }
                    7 if transmit.is_empty() => drop(transmit.take_buffer()),
                    _ => {
                        let bytes = random.below(2 * size).min(naive.len());
                        transmit.advance(bytes);
                        naive.drain(..bytes);
                        written += bytes;
                    }
                }
                assert_eq!(waiting(&transmit), naive, "seed {seed} call {call}");
                assert_eq!(transmit.waiting(), naive.len());
                assert_eq!(transmit.is_empty(), naive.is_empty());
                for (position, bytes) in &positions {
                    assert_eq!(transmit.is_past(*position), written >= *bytes);
                }
            }
        }
    }

    /// Fewer slices than parts give the front of what waits, and no slice is empty.
    #[test]
    fn few_slices_give_the_front() {
        let mut transmit = Transmit::default();
        let mut naive = Vec::new();
        for i in 0..5 {
            let payload = vec![i; REFERENCE_FROM + usize::from(i)];
            transmit.push_referenced(&header(payload.len()), payload.clone().into());
            naive.extend(encoded(&payload));
        }
        for count in 0..14 {
            let mut slices = vec![IoSlice::new(&[]); count];
            let filled = transmit.slices(&mut slices);
            assert_eq!(filled, count.min(10));
            let front = slices[..filled].iter().map(|it| &it[..]).collect::<Vec<_>>().concat();
            assert!(naive.starts_with(&front));
            assert!(slices[..filled].iter().all(|it| !it.is_empty()));
        }
    }

    /// A peer that always lags a little does not make the buffer grow without end.
    #[test]
    fn a_backlog_that_never_empties_stays_small() {
        let mut transmit = Transmit::default();
        let push = |transmit: &mut Transmit| {
            transmit.push_frame(&header(998), |out| out.extend_from_slice(&[1; 998]));
        };
        push(&mut transmit);
        for _ in 0..10_000 {
            push(&mut transmit);
            transmit.advance(1002);
            assert!(transmit.memory_bytes() <= 64 << 10, "{}", transmit.memory_bytes());
        }
        assert_eq!(transmit.waiting(), 1002);
    }

    #[test]
    fn more_than_waits_cannot_be_written() {
        let mut transmit = Transmit::default();
        transmit.advance(5);
        assert_eq!((transmit.waiting(), transmit.end()), (0, 0));
        transmit.push_encoded(&Bytes::from_static(b"abc"));
        transmit.advance(usize::MAX);
        assert_eq!((transmit.waiting(), transmit.end()), (0, 3));
        transmit.push_encoded(&Bytes::from_static(b"def"));
        assert_eq!(waiting(&transmit), b"def");
    }
}
