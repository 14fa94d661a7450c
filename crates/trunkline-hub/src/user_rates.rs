//! [`UserRates`]: how often one user may act, over all connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::limits::Rate;

/// Buckets of tokens that all sessions of one user share, whichever hubs they are on.
///
/// A bucket is one number: when it will be full again, as the generic cell rate algorithm has it. To
/// take a token is to move that moment on by one compare-and-swap. There is no lock, and two users have
/// nothing in common that they could wait for.
#[derive(Debug)]
pub struct UserRates {
    /// What the moments are counted from, in nanoseconds.
    begun: Instant,
    commands: AtomicU64,
    publications: AtomicU64,
    connections: AtomicU64,
}

impl UserRates {
    /// With all buckets full.
    pub const fn full(now: Instant) -> Self {
        Self {
            begun: now,
            commands: AtomicU64::new(0),
            publications: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        }
    }

    /// Takes a token for a command, if there is one.
    pub fn take_command(&self, rate: Rate, now: Instant) -> bool {
        self.take(&self.commands, rate, now)
    }

    /// Takes a token for a publication, if there is one.
    pub fn take_publication(&self, rate: Rate, now: Instant) -> bool {
        self.take(&self.publications, rate, now)
    }

    /// Takes a token for a connection, if there is one. Whoever lets clients in asks for it; hubs do not.
    pub fn take_connection(&self, rate: Rate, now: Instant) -> bool {
        self.take(&self.connections, rate, now)
    }

    /// Whether nothing is lost if these buckets are thrown away and others made.
    pub fn are_full(&self, now: Instant) -> bool {
        let now = self.moment(now);
        [&self.commands, &self.publications, &self.connections]
            .into_iter()
            .all(|full_at| full_at.load(Ordering::Relaxed) <= now)
    }

    fn take(&self, full_at: &AtomicU64, rate: Rate, now: Instant) -> bool {
        let now = self.moment(now);
        let token = nanoseconds(1.0 / rate.per_second);
        // What the other tokens of a full bucket are worth. A bucket that lacks them all is not full
        // again for so long, and has one token left.
        let others = nanoseconds((rate.burst - 1.0) / rate.per_second);
        let taken = full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let full_at = full_at.max(now);
            (full_at - now <= others).then(|| full_at.saturating_add(token))
        });
        taken.is_ok()
    }

    /// Nanoseconds up to `now`. Hubs do not look at the clock together: one may still be at a moment
    /// before the first.
    fn moment(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.begun).as_nanos();
        u64::try_from(passed).unwrap_or(u64::MAX)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float stops at the ends of the integer, and less than nothing is nothing"
)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::moment::Clock;
    use crate::rate::Bucket;

    const RATE: Rate = Rate { per_second: 2.0, burst: 3.0 };

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let start = Instant::now();
        let rates = UserRates::full(start);
        assert_eq!((0..5).filter(|_| rates.take_command(RATE, start)).count(), 3);
        assert!(!rates.take_command(RATE, start + Duration::from_millis(499)));
        assert!(rates.take_command(RATE, start + Duration::from_millis(500)));
        assert!(!rates.take_command(RATE, start + Duration::from_millis(600)));
    }

    #[test]
    fn each_kind_has_a_bucket_and_all_have_to_be_full_again() {
        let (start, once) = (Instant::now(), Rate { burst: 1.0, ..RATE });
        let rates = UserRates::full(start);
        assert!(rates.are_full(start));
        assert!(rates.take_command(once, start) && rates.take_publication(once, start));
        assert!(rates.take_connection(once, start) && !rates.take_connection(once, start));
        assert!(!rates.are_full(start + Duration::from_millis(499)));
        assert!(rates.are_full(start + Duration::from_millis(500)));
    }

    #[test]
    fn no_bound_and_a_clock_behind_are_taken_as_they_are() {
        let start = Instant::now();
        let rates = UserRates::full(start + Duration::from_secs(1));
        let unbounded = Rate { per_second: 1.0, burst: f64::INFINITY };
        assert!((0..1000).all(|_| rates.take_command(unbounded, start)));
    }

    /// The bucket of one session, which counts tokens, is the twin: both allow the same.
    #[test]
    fn it_allows_what_a_bucket_of_one_session_allows() {
        let start = Instant::now();
        let mut clock = Clock::default();
        let (rates, mut bucket) = (UserRates::full(start), Bucket::full(RATE, clock.moment(start)));
        let (mut now, mut state) = (start, 1_u64);
        for step in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Eighths of a second are exact in floats too.
            now += Duration::from_millis(125 * ((state >> 33) % 8));
            let allowed = bucket.take(RATE, clock.moment(now));
            assert_eq!(rates.take_command(RATE, now), allowed, "step {step}");
        }
    }

    #[test]
    fn threads_together_get_no_more_than_one_alone() {
        let start = Instant::now();
        let rates = UserRates::full(start);
        let rate = Rate { per_second: 1.0, burst: 1000.0 };
        let take = || (0..1000).filter(|_| rates.take_publication(rate, start)).count();
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|it| it.join().expect("it does not panic")).sum::<usize>()
        });
        assert_eq!(taken, 1000);
    }
}
