//! [`Moment`]: the time inside a hub.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// Nanoseconds since the first that a hub was told of, which has number one. Every session keeps ten of these: an
/// [`Instant`] takes twice as much, and so does an `Option` of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

impl Moment {
    /// So much later; centuries on, time stands still.
    #[inline]
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }

    /// How much later it is than `earlier`; nothing if it is not.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

/// Turns [`Instant`]s into [`Moment`]s and back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    start: Option<Instant>,
}

impl Clock {
    /// The moment of `instant`; the first for all that lies before it.
    #[inline]
    pub(crate) fn moment(&mut self, instant: Instant) -> Moment {
        let start = *self.start.get_or_insert(instant);
        Moment(NonZeroU64::MIN).after(instant.saturating_duration_since(start))
    }

    /// When it is that moment; `None` if that is farther away than an [`Instant`] can be.
    pub(crate) fn instant(&self, moment: Moment) -> Option<Instant> {
        self.start?.checked_add(Duration::from_nanos(moment.0.get() - 1))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_far_apart_as_the_instants_that_they_stand_for() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        let first = clock.moment(start);
        for nanoseconds in [0, 1, 999_999_999, 1_000_000_000, u64::from(u32::MAX) * 1_000_000_000] {
            let (passed, later) = (Duration::from_nanos(nanoseconds), first);
            assert_eq!(clock.moment(start + passed), later.after(passed));
            assert_eq!(clock.instant(later.after(passed)), Some(start + passed));
            assert_eq!(later.after(passed).since(first), passed);
        }
    }

    #[test]
    fn what_lies_before_the_first_moment_is_taken_for_it() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        let first = clock.moment(start + Duration::from_secs(1));
        assert_eq!(clock.moment(start), first);
        assert_eq!(first.since(first.after(Duration::from_secs(1))), Duration::ZERO);
    }

    #[test]
    fn time_stands_still_at_its_end() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        let last = clock.moment(start).after(Duration::MAX);
        assert_eq!(last.after(Duration::from_secs(1)), last);
        assert!(last > clock.moment(start + Duration::from_secs(1_000_000_000)));
    }

    #[test]
    fn no_moment_takes_as_much_as_an_instant() {
        assert_eq!(size_of::<Option<Moment>>() * 2, size_of::<Option<Instant>>());
    }
}
