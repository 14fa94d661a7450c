//! The messages of a connection that have been sent, and what became of each.

use std::collections::VecDeque;
use std::time::Instant;

/// From the oldest message without an answer to the newest, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    /// No slot before this number is waiting.
    oldest: u64,
    waiting: usize,
    /// How many slots there may be. Only a server that answers nothing, or not in order, needs many.
    span_max: usize,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    /// For an answer, since then.
    Waiting(Instant),
    /// Counted as lost; the answer may come all the same.
    GivenUp(Instant),
    Answered,
}

/// Which message an answer was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// One that waited since then.
    InTime(Instant),
    /// One that was counted as lost.
    Late(Instant),
    /// One that was answered before. So is, as far as anybody can tell, what lies further back than the window.
    Again,
    /// One that was not sent yet.
    Never,
}

impl Window {
    pub(super) fn new(span_max: usize) -> Self {
        Self { slots: VecDeque::new(), first: 0, oldest: 0, waiting: 0, span_max }
    }

    /// Messages that have no answer and are not given up.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether another message can be kept track of.
    pub(super) fn has_room(&self) -> bool {
        // A place of one that was given up can be had for the new one.
        self.slots.len() < self.span_max || !matches!(self.slots.front(), Some(Slot::Waiting(_)))
    }

    /// Adds the next message.
    pub(super) fn push(&mut self, since: Instant) {
        if self.slots.len() >= self.span_max && self.slots.pop_front().is_some() {
            self.first += 1;
            self.oldest = self.oldest.max(self.first);
        }
        self.slots.push_back(Slot::Waiting(since));
        self.waiting += 1;
    }

    /// The message of this number was answered.
    pub(super) fn settle(&mut self, sequence: u64) -> Settled {
        let Some(at) = sequence.checked_sub(self.first) else { return Settled::Again };
        let Some(slot) = usize::try_from(at).ok().and_then(|at| self.slots.get_mut(at)) else {
            return Settled::Never;
        };
        match std::mem::replace(slot, Slot::Answered) {
            Slot::Answered => Settled::Again,
            Slot::GivenUp(since) => {
                self.forget_answered();
                Settled::Late(since)
            }
            Slot::Waiting(since) => {
                self.waiting -= 1;
                self.forget_answered();
                Settled::InTime(since)
            }
        }
    }

    /// The message that has waited longest was answered, if one waits.
    pub(super) fn settle_oldest(&mut self) -> Option<Instant> {
        let sequence = self.oldest_waiting()?.0;
        match self.settle(sequence) {
            Settled::InTime(since) => Some(since),
            _ => None,
        }
    }

    /// Gives up what has waited since `before` or longer. Gives how many that were.
    pub(super) fn give_up(&mut self, before: Instant) -> u64 {
        let mut count = 0;
        while let Some((sequence, since)) = self.oldest_waiting()
            && since <= before
        {
            self.slots[(sequence - self.first) as usize] = Slot::GivenUp(since);
            self.waiting -= 1;
            count += 1;
        }
        count
    }

    fn oldest_waiting(&mut self) -> Option<(u64, Instant)> {
        loop {
            let at = usize::try_from(self.oldest - self.first).ok()?;
            match self.slots.get(at)? {
                Slot::Waiting(since) => return Some((self.oldest, *since)),
                _ => self.oldest += 1,
            }
        }
    }

    fn forget_answered(&mut self) {
        while let Some(Slot::Answered) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
        self.oldest = self.oldest.max(self.first);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn answers_in_any_order_are_told_from_doubled_ones() {
        let start = Instant::now();
        let mut window = Window::new(10);
        (0..3).for_each(|at| window.push(seconds(start, at)));
        assert_eq!(window.settle(3), Settled::Never);
        assert_eq!(window.settle(1), Settled::InTime(seconds(start, 1)));
        assert_eq!(window.settle(1), Settled::Again);
        assert_eq!(window.settle(0), Settled::InTime(start));
        assert_eq!(window.settle(0), Settled::Again);
        assert_eq!(window.waiting(), 1);
        assert_eq!(window.settle(2), Settled::InTime(seconds(start, 2)));
        assert_eq!(window.waiting(), 0);
    }

    #[test]
    fn the_oldest_is_the_one_that_waits_longest() {
        let start = Instant::now();
        let mut window = Window::new(10);
        assert_eq!(window.settle_oldest(), None);
        (0..3).for_each(|at| window.push(seconds(start, at)));
        window.settle(0);
        assert_eq!(window.settle_oldest(), Some(seconds(start, 1)));
        assert_eq!(window.settle_oldest(), Some(seconds(start, 2)));
        assert_eq!(window.settle_oldest(), None);
    }

    #[test]
    fn what_is_given_up_can_still_be_answered() {
        let start = Instant::now();
        let mut window = Window::new(10);
        (0..3).for_each(|at| window.push(seconds(start, at)));
        assert_eq!(window.give_up(seconds(start, 1)), 2);
        assert_eq!(window.give_up(seconds(start, 1)), 0);
        assert_eq!(window.waiting(), 1);
        assert_eq!(window.settle_oldest(), Some(seconds(start, 2)));
        assert_eq!(window.settle(0), Settled::Late(start));
        assert_eq!(window.settle(0), Settled::Again);
        assert_eq!(window.settle(1), Settled::Late(seconds(start, 1)));
    }

    #[test]
    fn the_span_is_bounded() {
        let start = Instant::now();
        let mut window = Window::new(2);
        (0..2).for_each(|at| window.push(seconds(start, at)));
        assert!(!window.has_room(), "the first one waits");
        window.settle(1);
        assert!(!window.has_room(), "the first one still waits");
        assert_eq!(window.give_up(start), 1);
        assert!(window.has_room());
        window.push(seconds(start, 2));
        assert_eq!(window.waiting(), 1);
        assert_eq!(window.settle(0), Settled::Again);
        assert_eq!(window.settle(2), Settled::InTime(seconds(start, 2)));
        assert!(window.has_room());
    }
}
