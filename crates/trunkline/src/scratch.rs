//! Buffers that belong to a thread and are lent to whichever connection has bytes to move.
//!
//! Ten thousand idle connections then own no buffer at all, and a busy one reads into memory that
//! is still in the cache. Should a stream, while it is being polled, poll another connection, that one
//! finds the buffer lent already and allocates.

use std::cell::{Cell, RefCell};

use bytes::{Buf, BytesMut};
use trunkline_proto::frame::HEADER_BYTES_MAX;

/// As much as a socket's buffer holds on most systems: one read then empties it, and tokio learns
/// from the short read that the next one would only say "nothing there".
pub(crate) const READ_BYTES: usize = 256 << 10;

/// Bytes that the processor moves between its caches at a time.
const CACHE_LINE: usize = 64;

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
        if last.capacity() < READ_BYTES {
            *buffer = reclaimed(last, READ_BYTES);
        }
    }
    buffer.get_or_insert_with(|| allocated(READ_BYTES))
}

/// A new buffer of `capacity` bytes.
fn allocated(capacity: usize) -> BytesMut {
    aligned(BytesMut::with_capacity(capacity + CACHE_LINE), capacity)
}

/// The memory of a buffer that was [`allocated`], for the same again, unless something lives in it.
fn reclaimed(buffer: &mut BytesMut, capacity: usize) -> Option<BytesMut> {
    buffer.try_reclaim(capacity + CACHE_LINE).then(|| aligned(std::mem::take(buffer), capacity))
}

/// The part of `buffer` that begins where a cache line does behind the header of a large frame that a client sends.
/// No vector of the payload lies across two lines then, whether we go over it or the kernel.
fn aligned(mut buffer: BytesMut, capacity: usize) -> BytesMut {
    let payload = buffer.as_ptr().wrapping_add(HEADER_BYTES_MAX);
    let skipped = payload.align_offset(CACHE_LINE) % CACHE_LINE;
    buffer.resize(skipped, 0);
    buffer.advance(skipped);
    drop(buffer.split_off(capacity));
    buffer
}

/// A buffer for a large message: empty, with capacity. It need not be given back: the thread keeps hold of
/// its memory, and lends it again once no message lives in it. Of several the one lent last comes first, as most
/// of it may still be in the cache.
pub(crate) fn take_large(capacity: usize) -> BytesMut {
    LARGE.with_borrow_mut(|kept| {
        let free = |(at, last)| Some((at, reclaimed(last, capacity)?));
        let mut buffer = match kept.iter_mut().enumerate().rev().find_map(free) {
            Some((at, buffer)) => {
                kept.remove(at);
                buffer
            }
            None => {
                if kept.len() == LARGE_BUFFERS_MAX {
                    kept.remove(0);
                }
                allocated(capacity)
            }
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_aligned(buffer: &BytesMut, capacity: usize) {
        let payload = buffer.as_ptr() as usize + HEADER_BYTES_MAX;
        assert_eq!((payload % CACHE_LINE, buffer.len(), buffer.capacity()), (0, 0, capacity));
    }

    /// Whether it was used before for small messages, or parts of it were taken over with large ones.
    #[test]
    fn the_payload_of_a_large_frame_begins_a_cache_line() {
        for taken in [0, 10, 1 << 10, 64 << 10, READ_BYTES] {
            with_read(|buffer| {
                assert_aligned(buffer, READ_BYTES);
                buffer.resize(taken, 1);
                drop(buffer.split_to(taken / 3 * 2));
            });
        }
        let held = with_read(|buffer| {
            buffer.resize(64 << 10, 2);
            buffer.split()
        });
        with_read(|buffer| assert_aligned(buffer, READ_BYTES));
        assert_eq!(held, vec![2; 64 << 10]);
    }

    /// The memory of those that were lent last is kept, of whatever size they were before.
    #[test]
    fn buffers_for_large_messages_are_lent_again_once_nothing_lives_in_them() {
        for capacity in [64 << 10, (64 << 10) + 1, 1 << 20] {
            let first = take_large(capacity);
            let others: Vec<_> = (1..LARGE_BUFFERS_MAX).map(|_| take_large(capacity)).collect();
            others.iter().chain([&first]).for_each(|buffer| assert_aligned(buffer, capacity));
            let memory = first.as_ptr();
            drop(first);
            let again = take_large(capacity);
            assert_aligned(&again, capacity);
            assert_eq!(again.as_ptr(), memory);
            assert!(others.iter().all(|other| other.as_ptr() != memory));
        }
    }

    #[test]
    fn of_the_buffers_that_are_free_the_one_lent_last_comes_first() {
        let (older, newer) = (take_large(1 << 20), take_large(1 << 20));
        let memory = newer.as_ptr();
        drop((older, newer));
        for _ in 0..3 {
            assert_eq!(take_large(1 << 20).as_ptr(), memory);
        }
    }
}
