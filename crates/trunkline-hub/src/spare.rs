//! [`Spare`]: empty queues, lent to those sessions that have something to put into one.

use std::collections::VecDeque;

/// A queue that takes as much of a session as a pointer does: sessions are idle nearly all their life.
pub(crate) type Queue<T> = Box<VecDeque<T>>;

/// Empty queues with room: a session that is idle has none, and whoever needs one allocates none.
#[derive(Debug)]
pub(crate) struct Spare<T> {
    queues: Vec<Queue<T>>,
    max: usize,
}

/// Entries that a queue may have room for and be kept: larger ones were a backlog, which is rare.
const SPARE_ENTRIES: usize = 64;
/// Room in a new queue.
const NEW_ENTRIES: usize = 4;

impl<T> Spare<T> {
    /// None yet; keeps `max` at most.
    pub(crate) const fn new(max: usize) -> Self {
        Self { queues: Vec::new(), max }
    }

    pub(crate) fn take(&mut self) -> Queue<T> {
        self.queues.pop().unwrap_or_else(|| Box::new(VecDeque::with_capacity(NEW_ENTRIES)))
    }

    /// Takes back one that is empty.
    pub(crate) fn give(&mut self, queue: Queue<T>) {
        if queue.capacity() <= SPARE_ENTRIES && self.queues.len() < self.max {
            self.queues.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_was_given_back_is_lent_again() {
        let mut spare = Spare::<u8>::new(1);
        let mut lent = spare.take();
        lent.reserve(SPARE_ENTRIES / 2);
        let room = lent.capacity();
        assert!(room > NEW_ENTRIES);
        spare.give(lent);
        assert_eq!(spare.take().capacity(), room);
        assert_eq!(spare.take().capacity(), NEW_ENTRIES);
    }

    #[test]
    fn neither_backlogs_nor_more_queues_than_were_asked_for_are_kept() {
        let mut spare = Spare::<u8>::new(2);
        spare.give(Box::new(VecDeque::with_capacity(SPARE_ENTRIES + 1)));
        assert!(spare.queues.is_empty());
        for _ in 0..3 {
            spare.give(Box::default());
        }
        assert_eq!(spare.queues.len(), 2);
    }
}
