//! Decompressing what the peer sends (§7.2.2).

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::compressor::{TAIL, difference};
use super::config::{DeflateConfig, Memory};
use super::error::DecompressError;
use super::history::History;
use super::negotiate::DeflateParams;
use super::pool;
use crate::Role;

/// What zlib-rs 0.6.8 allocates for one state: a window of 32 KiB whatever was agreed on, and tables.
const STATE_BYTES: usize = 47_552;

/// Final blocks that any message may have, and the bytes of message, compressed and not, that pay
/// for each one more. A new stream costs a copy of the window, at most 32 KiB: at this price it
/// is no dearer per byte than plain decompression.
const FREE_ENDS: u64 = 16;
const BYTES_PER_END: u64 = 256;

/// Decompresses the messages that one endpoint of a connection receives.
///
/// Call [`decompress`](Self::decompress) for each part of a message and [`finish`](Self::finish) at
/// its end. After an error the connection has to be failed, and nothing more decompressed.
pub struct Decompressor {
    keep: Keep,
    /// The newest output. Inside a message it is kept in any case: a stream may end there (§7.2.3.4)
    /// and the next one may refer to what came before.
    history: History,
    unfinished: Option<Unfinished>,
    /// With [`Keep::State`], between messages.
    idle: Option<Inflate>,
}

/// What stays when a message ends.
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    Nothing,
    History,
    State,
}

impl Decompressor {
    /// The receiving side of the endpoint `role` after `params` were agreed on. Allocates nothing.
    pub fn new(config: &DeflateConfig, params: DeflateParams, role: Role) -> Self {
        let peer = params.sender(role.peer());
        let keep = match (peer.takeover, config.memory) {
            (false, _) => Keep::Nothing,
            (true, Memory::Dedicated) => Keep::State,
            // A peer that takes its context over cannot be followed without one, so an agreement
            // that does not fit `Memory::Stateless` outweighs it.
            (true, Memory::Hibernating | Memory::Stateless) => Keep::History,
        };
        Self { keep, history: History::new(peer.window_bits), unfinished: None, idle: None }
    }

    /// Takes bytes of a message from `input` and appends what they stand for to `out`, at most
    /// `room` bytes.
    ///
    /// Returns when all that `input` stands for is out, or when `room` is used up. In the second case
    /// there may be more, also if `input` is empty: go on with more room, or give the message up as
    /// too big.
    ///
    /// `out` grows with what is appended to it, at most to twice of that, and never beyond `room`.
    ///
    /// # Errors
    ///
    /// The bytes are not compressed data. What came before is in `out`, however `input` was cut.
    pub fn decompress(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<(), DecompressError> {
        let mut message = self.begin();
        message.inflate(&mut self.history, input, out, room)?;
        self.unfinished = Some(message);
        Ok(())
    }

    /// Ends a message: appends what is left of it to `out`, at most `room` bytes.
    ///
    /// Gives `true` when all of the message is out, and the next one may begin; `false` when there
    /// is more to append than `room`: call it again.
    ///
    /// # Errors
    ///
    /// The message ends where it must not.
    pub fn finish(&mut self, out: &mut Vec<u8>, room: usize) -> Result<bool, DecompressError> {
        let mut message = self.begin();
        let start = out.len();
        let ended = message.inflate_tail(out, room)?;
        self.history.push(out.get(start..).unwrap_or_default());
        if ended {
            self.settle(message.inflate);
        } else {
            self.unfinished = Some(message);
        }
        Ok(ended)
    }

    /// The memory that this connection keeps for receiving; not what belongs to the thread.
    pub fn memory_bytes(&self) -> usize {
        let states = usize::from(self.unfinished.is_some()) + usize::from(self.idle.is_some());
        self.history.memory_bytes() + states * STATE_BYTES
    }

    /// The message that is being read, or a new one that knows what the connection remembers.
    fn begin(&mut self) -> Unfinished {
        if let Some(message) = self.unfinished.take() {
            return message;
        }
        let inflate = self.idle.take().unwrap_or_else(|| {
            let mut inflate = pool::take_inflate();
            remember(&mut inflate, &mut self.history);
            inflate
        });
        Unfinished { inflate, moved_bytes: 0, ends: 0 }
    }

    /// Keeps of a finished message what was agreed on.
    fn settle(&mut self, inflate: Inflate) {
        match self.keep {
            Keep::State => self.idle = Some(inflate),
            Keep::History => pool::give_inflate(inflate),
            Keep::Nothing => {
                self.history.forget();
                pool::give_inflate(inflate);
            }
        }
    }
}

impl fmt::Debug for Decompressor {
    /// Shows no payload: what was received does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("in_message", &self.unfinished.is_some())
            .field("memory_bytes", &self.memory_bytes())
            .finish_non_exhaustive()
    }
}

/// A message that is not finished.
struct Unfinished {
    inflate: Inflate,
    /// Compressed and decompressed bytes so far.
    moved_bytes: u64,
    /// Streams that ended so far.
    ends: u64,
}

/// What one step did.
struct Step {
    status: Status,
    taken: usize,
    made: usize,
}

impl Step {
    fn is_stuck(&self) -> bool {
        self.taken == 0 && self.made == 0
    }
}

impl Unfinished {
    fn inflate(
        &mut self,
        history: &mut History,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<(), DecompressError> {
        let limit = out.len().saturating_add(room);
        let mut fresh = out.len();
        // Blocks without output are taken without room too: a message may end in them.
        loop {
            let step = self.step(input, out, limit - out.len(), InflateFlush::NoFlush)?;
            *input = input.get(step.taken..).unwrap_or_default();
            if step.status == Status::StreamEnd {
                history.push(out.get(fresh..).unwrap_or_default());
                fresh = out.len();
                self.start_over(history)?;
            } else if step.is_stuck() {
                break;
            }
            // Where the last step was full, zlib may hold more without any input.
            if input.is_empty() && step.made < pool::STEP_BYTES {
                break;
            }
        }
        history.push(out.get(fresh..).unwrap_or_default());
        Ok(())
    }

    /// §7.2.2: appends 00 00 ff ff and takes what is left.
    ///
    /// The message's own bytes end in the header of an empty stored block, so once all that they
    /// stand for is out, zlib waits for just these four; anything else was cut off.
    fn inflate_tail(&mut self, out: &mut Vec<u8>, room: usize) -> Result<bool, DecompressError> {
        /// A byte more, which is left over if the tail ends a block, where `Block` makes zlib stop.
        const TAIL_AND_PROBE: [u8; 5] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0x00];
        let limit = out.len().saturating_add(room);
        loop {
            let step = self.step(&[], out, limit - out.len(), InflateFlush::NoFlush)?;
            if step.is_stuck() {
                break;
            }
        }
        let end = out.len();
        let step = self.step(&TAIL_AND_PROBE, out, limit - end, InflateFlush::Block);
        // Nothing of the tail is data.
        out.truncate(end);
        let step = step?;
        if step.is_stuck() && end == limit && step.status != Status::StreamEnd {
            return Ok(false);
        }
        // A tail that turned into data belongs to a stored block that was cut off.
        if step.taken != TAIL.len() || step.made != 0 {
            return Err(DecompressError::Truncated);
        }
        Ok(true)
    }

    /// §7.2.3.4: a block with BFINAL ends a stream, not the message and not the window.
    fn start_over(&mut self, history: &mut History) -> Result<(), DecompressError> {
        self.ends += 1;
        if self.ends > FREE_ENDS + self.moved_bytes / BYTES_PER_END {
            return Err(DecompressError::TooManyFinalBlocks);
        }
        self.inflate.reset(false);
        remember(&mut self.inflate, history);
        Ok(())
    }

    fn step(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        room: usize,
        flush: InflateFlush,
    ) -> Result<Step, DecompressError> {
        pool::with_scratch(|scratch| {
            let target = scratch.len().min(room);
            let target = scratch.get_mut(..target).unwrap_or_default();
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, target, flush);
            let taken = difference(taken, self.inflate.total_in());
            let made = difference(made, self.inflate.total_out());
            self.moved_bytes += (taken as u64) + (made as u64);
            append(out, target.get(..made).unwrap_or_default(), room);
            Ok(Step { status: status.map_err(|_| DecompressError::Corrupt)?, taken, made })
        })
    }
}

/// Gives a stream that has not begun the window that the sender may refer to.
fn remember(inflate: &mut Inflate, history: &mut History) {
    let dictionary = history.as_dictionary();
    if !dictionary.is_empty() {
        inflate.set_dictionary(dictionary).expect("a raw inflate stream takes any dictionary");
    }
}

/// Appends, and reserves as `Vec` does to stay linear, but nothing that `room` rules out.
fn append(out: &mut Vec<u8>, data: &[u8], room: usize) {
    let needed = out.len() + data.len();
    if needed > out.capacity() {
        let most = out.len().saturating_add(room);
        let target = out.capacity().saturating_mul(2).min(most).max(needed);
        out.reserve_exact(target - out.len());
    }
    out.extend_from_slice(data);
}
