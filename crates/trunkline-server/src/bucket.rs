//! [`Bucket`]: so many in a time, and so many at once.

use std::time::Instant;

/// Allows something at a rate, and some of it at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) const fn full(burst: f64, now: Instant) -> Self {
        Self { tokens: burst, filled: now }
    }

    pub(crate) fn take(&mut self, rate: f64, burst: f64, now: Instant) -> bool {
        self.tokens = self.level(rate, burst, now);
        self.filled = now;
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }

    pub(crate) fn is_full(&self, rate: f64, burst: f64, now: Instant) -> bool {
        self.level(rate, burst, now) >= burst
    }

    pub(crate) fn level(&self, rate: f64, burst: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.tokens + passed * rate).min(burst)
    }
}
