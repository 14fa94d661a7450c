//! Buffers that belong to a thread and are lent to whichever connection has bytes to move.
//!
//! Ten thousand idle connections then own no buffer at all, and a busy one reads into memory that
//! is still in the cache. A buffer is *taken out* of the thread: should a stream, while it is being
//! polled, poll another connection, that one finds none and allocates.

use std::cell::{Cell, RefCell};

use bytes::BytesMut;

/// As much as a socket's buffer holds on most systems: one read then empties it, and tokio learns
/// from the short read that the next one would only say "nothing there".
const READ_BYTES: usize = 256 << 10;

/// A message of this size or more is handed on in the buffer that it was read into, which it keeps
/// from being used again: at most eight times its size. Smaller ones are copied.
pub(crate) const SHARED_FROM: usize = READ_BYTES / 8;

/// Frames gathered before one write: the high-water mark and one small message.
const WRITE_BYTES: usize = 72 << 10;

/// Buffers for writing that a thread keeps. Connections hold one only between `feed` and `flush`, so
/// few are out at a time.
const WRITE_BUFFERS_MAX: usize = 4;

thread_local! {
    static READ: Cell<Option<BytesMut>> = const { Cell::new(None) };
    static WRITE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer to read into: empty, with capacity. The last one is used again unless a message lives in it.
pub(crate) fn take_read() -> BytesMut {
    let last = READ.take().and_then(|mut buffer| {
        buffer.clear();
        let is_free = buffer.capacity() >= READ_BYTES || buffer.try_reclaim(READ_BYTES);
        is_free.then_some(buffer)
    });
    last.unwrap_or_else(|| BytesMut::with_capacity(READ_BYTES))
}

/// Gives a buffer for reading back.
pub(crate) fn give_read(buffer: BytesMut) {
    READ.set(Some(buffer));
}

/// A buffer to gather frames in: empty, with capacity.
pub(crate) fn take_write() -> Vec<u8> {
    WRITE.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(WRITE_BYTES))
}

/// Gives a buffer for writing back. One that grew or shrank is not kept.
pub(crate) fn give_write(mut buffer: Vec<u8>) {
    if buffer.capacity() == WRITE_BYTES {
        WRITE.with_borrow_mut(|buffers| {
            if buffers.len() < WRITE_BUFFERS_MAX {
                buffer.clear();
                buffers.push(buffer);
            }
        });
    }
}
