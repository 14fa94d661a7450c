//! Compressing what one endpoint of a connection sends (§7.2.1).

use std::fmt;

use zlib_rs::{Deflate, DeflateFlush};

use super::config::{DeflateConfig, Memory, WindowBits};
use super::history::History;
use super::negotiate::DeflateParams;
use super::pool;
use crate::Role;

/// What a flush ends in and a sender leaves out: length and complement of an empty stored block.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The header of a stored block that starts at a byte; what is left of an empty one without its
/// [`TAIL`] (§7.2.3.6).
const STORED: u8 = 0x00;

/// What decides how a message looks when compressed: messages prepared for one key may be sent by
/// every [`Compressor`] that has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EncodingKey {
    window_bits: WindowBits,
    level: u8,
    mem_level: u8,
}

impl EncodingKey {
    /// A key by its values; `level` and `mem_level` are bounded as in [`DeflateConfig`].
    pub const fn new(window_bits: WindowBits, level: u8, mem_level: u8) -> Self {
        let DeflateConfig { level, mem_level, .. } =
            DeflateConfig::new().level(level).mem_level(mem_level);
        Self { window_bits, level, mem_level }
    }

    /// The window that a receiver needs.
    pub const fn window_bits(self) -> WindowBits {
        self.window_bits
    }

    /// The level of compression.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// The memory level of the compressor.
    pub const fn mem_level(self) -> u8 {
        self.mem_level
    }

    /// What zlib-rs 0.6.8 allocates for one state: a window twice, its chains, 64 Ki hash heads of
    /// two bytes whatever the memory level, symbols and pending output, and 3200 bytes of tables.
    const fn state_bytes(self) -> usize {
        4 * self.window_bits.in_zlib().bytes() + 128 * 1024 + (7 << (self.mem_level + 6)) + 3200
    }
}

/// Compresses a message that is sent to many, without any reference to other messages.
///
/// Ends without the tail that §7.2.1 removes. Whoever sends it over a connection that takes its
/// context over has to [reset](Compressor::reset) that connection's compressor.
pub fn compress_prepared(key: EncodingKey, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut deflate = None;
    compress_part(|| deflate.insert(pool::take_deflate(key)), payload, true, &mut out);
    if let Some(deflate) = deflate {
        pool::give_deflate(key, deflate);
    }
    out
}

/// Compresses the messages that one endpoint of a connection sends.
pub struct Compressor {
    key: EncodingKey,
    threshold: usize,
    context: Context,
    /// The state of a message that is not finished; in [`Context::Dedicated`] of all messages.
    live: Option<Deflate>,
}

/// What stays when a message ends.
enum Context {
    Dedicated,
    Hibernating(History),
    Stateless,
}

impl Compressor {
    /// The sending side of the endpoint `role` after `params` were agreed on. Allocates nothing.
    pub fn new(config: &DeflateConfig, params: DeflateParams, role: Role) -> Self {
        let own = params.sender(role);
        let context = match config.memory {
            Memory::Dedicated if own.takeover => Context::Dedicated,
            Memory::Hibernating if own.takeover => {
                Context::Hibernating(History::new(own.window_bits))
            }
            _ => Context::Stateless,
        };
        let key = EncodingKey::new(own.window_bits, config.level, config.mem_level);
        Self { key, threshold: config.threshold, context, live: None }
    }

    /// Whether a message of this length is worth compressing. If not, it is sent without RSV1 and
    /// leaves no trace in the context (§6).
    pub fn wants(&self, payload_len: usize) -> bool {
        payload_len >= self.threshold
    }

    /// What a message has to be [prepared](compress_prepared) with to be sent here.
    pub fn encoding_key(&self) -> EncodingKey {
        self.key
    }

    /// Compresses a whole message and appends it to `out`, ready to be framed.
    ///
    /// What does not get smaller is stored: five bytes more per 64 KiB, and one for the message.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.compress_chunk(payload, true, out);
    }

    /// Compresses the next part of a message and appends it to `out`; `last` ends the message.
    ///
    /// The receiver can make out all of a part from what was appended so far. Between the parts of
    /// a message the connection has a zlib state of its own, whatever its [`Memory`].
    pub fn compress_chunk(&mut self, chunk: &[u8], last: bool, out: &mut Vec<u8>) {
        compress_part(
            || self.live.get_or_insert_with(|| begin(self.key, &mut self.context)),
            chunk,
            last,
            out,
        );
        if let Context::Hibernating(history) = &mut self.context {
            history.push(chunk);
        }
        if last
            && !matches!(self.context, Context::Dedicated)
            && let Some(deflate) = self.live.take()
        {
            pool::give_deflate(self.key, deflate);
        }
    }

    /// Forgets the context: what comes next refers to nothing sent before.
    ///
    /// Needed after a prepared message, which is in the peer's window but not in ours. A peer needs
    /// no notice of it: it may keep a context that is not used.
    pub fn reset(&mut self) {
        if let Some(deflate) = &mut self.live {
            deflate.reset();
        }
        if let Context::Hibernating(history) = &mut self.context {
            history.forget();
        }
    }

    /// The memory that this connection keeps for sending; not what belongs to the thread.
    pub fn memory_bytes(&self) -> usize {
        let history = match &self.context {
            Context::Hibernating(history) => history.memory_bytes(),
            Context::Dedicated | Context::Stateless => 0,
        };
        history + self.live.as_ref().map_or(0, |_| self.key.state_bytes())
    }
}

impl fmt::Debug for Compressor {
    /// Shows no payload: what was sent does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("key", &self.key)
            .field("memory_bytes", &self.memory_bytes())
            .finish_non_exhaustive()
    }
}

/// A state that knows what the connection remembers.
fn begin(key: EncodingKey, context: &mut Context) -> Deflate {
    let mut deflate = pool::take_deflate(key);
    if let Context::Hibernating(history) = context {
        deflate
            .set_dictionary(history.as_dictionary())
            .expect("a raw deflate stream takes a dictionary while it has no input");
    }
    deflate
}

/// Appends one part of a message. Parts begin and end at a byte: each but the last one is flushed
/// with its tail.
fn compress_part<'a>(
    deflate: impl FnOnce() -> &'a mut Deflate,
    chunk: &[u8],
    last: bool,
    out: &mut Vec<u8>,
) {
    if chunk.is_empty() {
        if last {
            out.push(STORED);
        }
        return;
    }
    let start = out.len();
    deflate_all(deflate(), chunk, out);
    debug_assert!(out.ends_with(&TAIL), "a flush ends in an empty stored block");
    if last {
        out.truncate(out.len() - TAIL.len());
    }
    // A receiver cannot tell who made the blocks, so this is right with a live context too.
    if out.len() - start > stored_len(chunk, last) {
        out.truncate(start);
        store(chunk, last, out);
    }
}

/// Compresses all of `input` and flushes, so that `out` ends at a byte, in a [`TAIL`].
fn deflate_all(deflate: &mut Deflate, mut input: &[u8], out: &mut Vec<u8>) {
    pool::with_scratch(|scratch| {
        loop {
            let (taken_before, made_before) = (deflate.total_in(), deflate.total_out());
            deflate
                .compress(input, scratch, DeflateFlush::SyncFlush)
                .expect("a deflate stream that was not finished takes any input");
            let taken = difference(taken_before, deflate.total_in());
            let made = difference(made_before, deflate.total_out());
            input = input.get(taken..).unwrap_or_default();
            out.extend_from_slice(scratch.get(..made).unwrap_or_default());
            // Room that is left means that the flush is complete.
            if input.is_empty() && made < scratch.len() {
                return;
            }
        }
    });
}

/// The most that a stored block can hold (RFC 1951 §3.2.4).
const STORED_MAX: usize = u16::MAX as usize;

fn stored_len(chunk: &[u8], last: bool) -> usize {
    chunk.len() + 5 * chunk.len().div_ceil(STORED_MAX) + usize::from(last)
}

/// Appends `chunk` in stored blocks, after which a last part has to end like an empty one.
fn store(chunk: &[u8], last: bool, out: &mut Vec<u8>) {
    for block in chunk.chunks(STORED_MAX) {
        let len = u16::try_from(block.len()).expect("chunks of at most `STORED_MAX` bytes");
        out.push(STORED);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    if last {
        out.push(STORED);
    }
}

/// What a counter of zlib went up by in one call; never more than the buffers of the call.
pub(super) fn difference(before: u64, after: u64) -> usize {
    usize::try_from(after - before).expect("one call moves no more than a buffer holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length foretold is the length made, so storing never makes a message longer.
    #[test]
    fn stored_parts_have_the_length_foretold() {
        for len in [1, 2, 65_534, 65_535, 65_536, 131_070, 131_071] {
            for last in [false, true] {
                let mut out = Vec::new();
                store(&vec![1; len], last, &mut out);
                assert_eq!(out.len(), stored_len(&vec![1; len], last), "{len} {last}");
            }
        }
    }

    #[test]
    fn a_stateless_compressor_owns_no_memory() {
        let config = DeflateConfig::new();
        let mut it = Compressor::new(&config, DeflateParams::default(), Role::Server);
        assert_eq!(it.memory_bytes(), 0);
        let config = config.memory(Memory::Stateless);
        it = Compressor::new(&config, DeflateParams::default(), Role::Server);
        it.compress(&[b'a'; 1000], &mut Vec::new());
        assert_eq!(it.memory_bytes(), 0);
    }
}
