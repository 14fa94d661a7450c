//! [`Sparing`]: lines of the log that strangers can bring about, at a pace that leaves the log readable.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind in a second: enough to see what goes on, and some 100 MB a day at worst. Metrics count all.
const LINES_A_SECOND: u32 = 10;

/// How often a kind of line may be written.
#[derive(Debug, Default)]
pub(crate) struct Sparing(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Sparing {
    /// Whether a line may be written now, and how many were left out before it.
    pub(crate) fn line(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since| now.saturating_duration_since(since) >= Duration::from_secs(1);
        if said.since.is_none_or(is_over) {
            (said.since, said.lines) = (Some(now), 0);
        }
        if said.lines == LINES_A_SECOND {
            said.left_out += 1;
            return None;
        }
        said.lines += 1;
        Some(std::mem::take(&mut said.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_of_a_second_are_written_and_the_others_counted() {
        let (sparing, now) = (Sparing::default(), Instant::now());
        let lines = |at: Instant| (0..1000).filter_map(|_| sparing.line(at)).collect::<Vec<_>>();
        assert_eq!(lines(now), [0; 10]);
        let next = now + Duration::from_secs(1);
        assert_eq!(lines(next), [990, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sparing.line(next + Duration::from_secs(60)), Some(990));
    }
}
