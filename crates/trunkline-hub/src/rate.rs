//! How often a session may act.

use crate::limits::Rate;
use crate::moment::Moment;

/// A bucket of tokens that fills with time.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled: Moment,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Moment) -> Self {
        Self { tokens: rate.burst, filled: now }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Moment) -> bool {
        let passed = now.since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::moment::Clock;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let rate = Rate { per_second: 2.0, burst: 3.0 };
        let start = Clock::default().moment(Instant::now());
        let mut bucket = Bucket::full(rate, start);
        let taken = (0..5).filter(|_| bucket.take(rate, start)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(rate, start.after(Duration::from_millis(499))));
        assert!(bucket.take(rate, start.after(Duration::from_millis(501))));
        assert!(!bucket.take(rate, start.after(Duration::from_millis(600))));
    }

    #[test]
    fn an_idle_bucket_holds_no_more_than_a_burst() {
        let rate = Rate { per_second: 1000.0, burst: 2.0 };
        let start = Clock::default().moment(Instant::now());
        let mut bucket = Bucket::full(rate, start);
        let later = start.after(Duration::from_secs(3600));
        assert_eq!((0..5).filter(|_| bucket.take(rate, later)).count(), 2);
    }
}
