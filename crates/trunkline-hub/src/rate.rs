//! How often a session may act.

use std::time::Instant;

use crate::limits::Rate;

/// A bucket of tokens that fills with time.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, filled: now }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let rate = Rate { per_second: 2.0, burst: 3.0 };
        let start = Instant::now();
        let mut bucket = Bucket::full(rate, start);
        let taken = (0..5).filter(|_| bucket.take(rate, start)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(rate, start + Duration::from_millis(499)));
        assert!(bucket.take(rate, start + Duration::from_millis(501)));
        assert!(!bucket.take(rate, start + Duration::from_millis(600)));
    }

    #[test]
    fn an_idle_bucket_holds_no_more_than_a_burst() {
        let rate = Rate { per_second: 1000.0, burst: 2.0 };
        let start = Instant::now();
        let mut bucket = Bucket::full(rate, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..5).filter(|_| bucket.take(rate, later)).count(), 2);
    }
}
