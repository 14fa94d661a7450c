//! How long to wait before the next attempt.

use std::time::Duration;

use crate::masks::random;

/// How the pauses between attempts grow.
///
/// Each pause is drawn from zero up to a bound ("full jitter"), and the bound grows from one failure to
/// the next. So clients that a server has lost all at once do not come back all at once, time after time,
/// when it is least able to serve them.
///
/// ```
/// use std::time::Duration;
/// use trunkline::{Connector, Reconnecting, reconnect::Backoff};
///
/// let backoff = Backoff::new()
///     .with_initial(Duration::from_millis(200))
///     .with_max(Duration::from_secs(10));
/// let ws = Reconnecting::new(Connector::new(), "wss://example.com/feed").with_backoff(backoff);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    factor: f64,
    reset_after: Duration,
    retry_after_max: Duration,
}

/// Half a second on average, and nothing at times: a connection that a proxy has dropped is back before
/// anyone notices.
const INITIAL: Duration = Duration::from_secs(1);

/// The bound that an outage of any length ends at: half a minute after a server is back it has all of its
/// clients again, spread over that time.
const MAX: Duration = Duration::from_secs(30);

/// One second becomes 30 after five failures.
const FACTOR: f64 = 2.0;

/// A server that accepts connections and drops them at once is not back yet. One that has lasted longer
/// than the 20 seconds of silence after which it is pinged has shown that it works.
const RESET_AFTER: Duration = Duration::from_secs(30);

/// A server that is being mended asks for minutes. One that asks for hours is out of its mind, or is not
/// the one that was meant.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: INITIAL,
            max: MAX,
            factor: FACTOR,
            reset_after: RESET_AFTER,
            retry_after_max: RETRY_AFTER_MAX,
        }
    }
}

impl Backoff {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bound of the first pause. Default: 1 second, so half of that on average.
    #[must_use]
    pub fn with_initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// What the bound grows to. Default: 30 seconds, so that a server that comes back has all of its
    /// clients again after that time.
    #[must_use]
    pub fn with_max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// By what the bound grows from pause to pause; less than 1 is 1. Default: 2.
    #[must_use]
    pub fn with_factor(mut self, factor: f64) -> Self {
        // What is no number becomes 1 as well.
        self.factor = factor.max(1.0);
        self
    }

    /// How long a connection must have lasted for the bound to begin anew, and the counts of attempts and
    /// of time too. Default: 30 seconds, for a server that takes connections only to drop them is not
    /// back yet.
    #[must_use]
    pub fn with_reset_after(mut self, time: Duration) -> Self {
        self.reset_after = time;
        self
    }

    /// The longest that a server's `Retry-After` is honoured for; if it asks for more, it gets this.
    /// Default: 5 minutes. A pause is added, so that those who were told the same time do not come at
    /// the same time.
    #[must_use]
    pub fn with_retry_after_max(mut self, max: Duration) -> Self {
        self.retry_after_max = max;
        self
    }

    /// The bound of the next pause after so many.
    pub(super) fn bound(&self, pauses: u32) -> Duration {
        let exponent = i32::try_from(pauses).unwrap_or(i32::MAX);
        let seconds = self.initial.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.max).min(self.max)
    }

    pub(super) fn has_lasted(&self, lived: Duration) -> bool {
        lived >= self.reset_after
    }

    pub(super) fn retry_after(&self, asked: Duration) -> Duration {
        asked.min(self.retry_after_max)
    }
}

/// Draws from zero up to `bound`, each as likely as the other, with the system's randomness.
pub(super) fn full_jitter(bound: Duration) -> Duration {
    scale(bound, u64::from_ne_bytes(random()))
}

fn scale(bound: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
    let nanos = (u128::from(nanos) * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_doubles_up_to_thirty_seconds() {
        let seconds = |pauses| Backoff::new().bound(pauses).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(seconds), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(seconds(u32::MAX), 30);
    }

    #[test]
    fn bound_stays_within_its_settings_whatever_they_are() {
        for factor in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, 0.5, 1.0] {
            let backoff = Backoff::new().with_factor(factor);
            assert_eq!([0, 1, 1000].map(|it| backoff.bound(it)), [INITIAL; 3], "{factor}");
        }
        for factor in [2.0, f64::MAX, f64::INFINITY] {
            assert_eq!(Backoff::new().with_factor(factor).bound(3000), MAX, "{factor}");
        }
        let inverted = Backoff::new().with_initial(MAX).with_max(INITIAL);
        assert_eq!(inverted.bound(0), INITIAL);
        let endless = Backoff::new().with_initial(Duration::MAX).with_max(Duration::MAX);
        assert_eq!(endless.bound(9), Duration::MAX);
        assert_eq!(Backoff::new().with_initial(Duration::ZERO).bound(9), Duration::ZERO);
    }

    #[test]
    fn jitter_covers_the_whole_range_and_no_more() {
        assert_eq!(scale(INITIAL, 0), Duration::ZERO);
        assert_eq!(scale(INITIAL, 1 << 63), INITIAL / 2);
        assert_eq!(scale(INITIAL, u64::MAX), INITIAL - Duration::from_nanos(1));
        assert_eq!(scale(Duration::ZERO, u64::MAX), Duration::ZERO);
        let tenths: std::collections::HashSet<u128> =
            (0..1000).map(|_| full_jitter(INITIAL).as_millis() / 100).collect();
        assert_eq!(tenths.len(), 10, "{tenths:?}");
    }
}
