//! Buffers that belong to a thread and are lent to whichever connection has bytes to move.
//!
//! Ten thousand idle connections then own no buffer at all, and a busy one reads into memory that
//! is still in the cache. Should a stream, while it is being polled, poll another connection, that one
//! finds the buffer lent already and allocates.

use std::cell::{Cell, RefCell};

use bytes::BytesMut;

/// As much as a socket's buffer holds on most systems: one read then empties it, and tokio learns
/// from the short read that the next one would only say "nothing there".
const READ_BYTES: usize = 256 << 10;

/// A message of at least this fraction of a buffer is handed on in the buffer that it was read into, which
/// it keeps from being used again: so that takes at most eight times its size. Smaller ones are copied.
pub(crate) const SHARED_FRACTION: usize = 8;

/// The same as a size, for the thread's buffer.
pub(crate) const SHARED_FROM: usize = READ_BYTES / SHARED_FRACTION;

/// Large messages whose memory a thread keeps: a few MiB. Given back to the allocator, it would go back to
/// the system, and be made anew page by page.
const LARGE_BUFFERS_MAX: usize = 4;

/// Frames gathered before one write: the high-water mark and one small message.
const WRITE_BYTES: usize = 72 << 10;

/// Buffers for writing that a thread keeps. Connections hold one only between `feed` and `flush`, so
/// few are out at a time.
const WRITE_BUFFERS_MAX: usize = 4;

thread_local! {
    static READ: RefCell<Option<BytesMut>> = const { RefCell::new(None) };
    static LARGE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    /// The one that was given back last, which nearly always is the only one.
    static WRITE: Cell<Option<Vec<u8>>> = const { Cell::new(None) };
    static OTHERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Lends a buffer to read into: empty, with capacity.
#[inline]
pub(crate) fn with_read<R>(act: impl FnOnce(&mut BytesMut) -> R) -> R {
    READ.with(|buffer| {
        // One call, whichever buffer it is: then it needs not be a function of its own.
        let (mut lent, mut own);
        let buffer = match buffer.try_borrow_mut() {
            Ok(buffer) => {
                lent = buffer;
                emptied(&mut lent)
            }
            Err(_) => {
                own = BytesMut::with_capacity(READ_BYTES);
                &mut own
            }
        };
        act(buffer)
    })
}

/// The last buffer, to be used again unless a message lives in it.
#[inline]
fn emptied(buffer: &mut Option<BytesMut>) -> &mut BytesMut {
    if let Some(last) = buffer {
        last.clear();
        if last.capacity() < READ_BYTES && !last.try_reclaim(READ_BYTES) {
            *buffer = None;
        }
    }
    buffer.get_or_insert_with(|| BytesMut::with_capacity(READ_BYTES))
}

/// A buffer for a large message: empty, with capacity. It need not be given back: the thread keeps hold of
/// its memory, and lends it again once no message lives in it.
pub(crate) fn take_large(capacity: usize) -> BytesMut {
    LARGE.with_borrow_mut(|kept| {
        let mut buffer = match kept.iter_mut().position(|last| last.try_reclaim(capacity)) {
            Some(free) => kept.swap_remove(free),
            None => BytesMut::with_capacity(capacity),
        };
        kept.truncate(LARGE_BUFFERS_MAX - 1);
        kept.push(buffer.split_off(buffer.capacity()));
        buffer
    })
}

/// A buffer to gather frames in: empty, with capacity.
#[inline]
pub(crate) fn take_write() -> Vec<u8> {
    WRITE.take().unwrap_or_else(take_other)
}

#[cold]
fn take_other() -> Vec<u8> {
    OTHERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(WRITE_BYTES))
}

/// Gives a buffer for writing back. One that grew or shrank is not kept.
#[inline]
pub(crate) fn give_write(mut buffer: Vec<u8>) {
    if buffer.capacity() == WRITE_BYTES {
        buffer.clear();
        if let Some(other) = WRITE.replace(Some(buffer)) {
            give_other(other);
        }
    }
}

#[cold]
fn give_other(buffer: Vec<u8>) {
    OTHERS.with_borrow_mut(|others| {
        if others.len() < WRITE_BUFFERS_MAX - 1 {
            others.push(buffer);
        }
    });
}
