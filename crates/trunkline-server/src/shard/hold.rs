//! [`Hold`]: what a panic makes of a shard.
//!
//! Hub and partition belong to all clients of a thread. A panic may leave them in the middle of a step: a
//! publication that half of its subscribers got, an offset that was given out and not kept. Nobody can tell, so
//! nobody touches them again: the shard ends, and says so to whoever watches it.

use std::panic::resume_unwind;

use super::{Message, Shard};

/// Somebody has in hand what a shard holds.
pub(super) struct Hold<'a>(&'a Shard);

impl<'a> Hold<'a> {
    /// # Panics
    /// If somebody has panicked who had it in hand.
    #[inline]
    pub(super) fn of(shard: &'a Shard) -> Self {
        if shard.is_broken() {
            // What happened has been said. This only gets whoever comes now out of the way.
            resume_unwind(Box::new("the shard is broken"));
        }
        Self(shard)
    }

    /// It was put down in order.
    #[inline]
    pub(super) fn put_down(self) {
        std::mem::forget(self);
    }
}

/// Only a panic gets here.
impl Drop for Hold<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.is_broken.set(true);
        self.0.links.send(self.0.index, Message::Stop);
    }
}
