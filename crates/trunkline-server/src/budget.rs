//! [`Budget`]: how much all connections may hold together, whatever each of them may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is counted together. A connection that holds less than one is not counted: those that want
/// little live on when others have taken all, and a message that is read or written at once touches
/// nothing that threads share.
pub(crate) const STEP_BYTES: usize = 16 << 10;

/// If the system does not say how much memory there is.
const UNKNOWN_MEMORY_BYTES: usize = 2 << 30;

/// Steps that connections of all threads hold, and how many they may.
#[derive(Debug)]
pub(crate) struct Budget {
    max: AtomicUsize,
    held: AtomicUsize,
}

impl Budget {
    /// `bytes` as `client.memory_limit` has it: 0 is half of what the process may have.
    pub(crate) fn of(bytes: usize) -> Self {
        let budget = Self { max: AtomicUsize::new(0), held: AtomicUsize::new(0) };
        budget.configure(bytes);
        budget
    }

    /// Another limit holds from now on. What is held stays.
    pub(crate) fn configure(&self, bytes: usize) {
        let bytes = match bytes {
            0 => crate::process::memory_limit_bytes().unwrap_or(UNKNOWN_MEMORY_BYTES) / 2,
            bytes => bytes,
        };
        self.max.store(bytes / STEP_BYTES, Ordering::Relaxed);
    }

    /// A connection that held `held` steps is about to hold as many as `bytes` are. If there is room
    /// for them, `held` says so afterwards.
    #[inline]
    pub(crate) fn hold(&self, held: &mut u32, bytes: usize) -> bool {
        let steps = u32::try_from(bytes / STEP_BYTES).unwrap_or(u32::MAX);
        steps == *held || self.change(held, steps)
    }

    #[cold]
    fn change(&self, held: &mut u32, steps: u32) -> bool {
        if let Some(less) = held.checked_sub(steps) {
            self.held.fetch_sub(less as usize, Ordering::Relaxed);
        } else {
            let (more, max) = ((steps - *held) as usize, self.max.load(Ordering::Relaxed));
            let room = |held: usize| held.checked_add(more).filter(|it| *it <= max);
            if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
                return false;
            }
        }
        *held = steps;
        true
    }

    /// Bytes that are held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed) * STEP_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_hold_is_bounded_and_comes_back() {
        let budget = Budget::of(4 * STEP_BYTES);
        let (mut first, mut second) = (0, 0);
        assert!(budget.hold(&mut first, 3 * STEP_BYTES));
        assert!(!budget.hold(&mut second, 2 * STEP_BYTES), "there is room for one");
        assert!(budget.hold(&mut second, 2 * STEP_BYTES - 1));
        assert!(!budget.hold(&mut first, usize::MAX));
        assert_eq!((first, second, budget.held_bytes()), (3, 1, 4 * STEP_BYTES));
        assert!(budget.hold(&mut first, 0) && budget.hold(&mut second, 0));
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn less_than_a_step_is_always_allowed() {
        let (budget, mut all, mut small) = (Budget::of(STEP_BYTES), 0, 0);
        assert!(budget.hold(&mut all, STEP_BYTES));
        assert!(budget.hold(&mut small, STEP_BYTES - 1));
    }

    #[test]
    fn threads_together_hold_no_more_than_they_may() {
        let budget = Budget::of(100 * STEP_BYTES);
        let take = || (0..100).filter(|_| budget.hold(&mut 0, STEP_BYTES)).count();
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|it| it.join().expect("it does not panic")).sum()
        });
        assert_eq!(taken, 100);
    }
}
