//! [`Latency`]: how long publishes take, as quantiles of the last seconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two is divided into so many buckets: a quantile is at most a fifth too high.
const PARTS: usize = 4;
/// Up to 2^32 µs, which is more than an hour.
const BUCKETS: usize = 33 * PARTS;
/// A window; quantiles are those of the present one and of the one before.
const WINDOW: Duration = Duration::from_secs(5);

/// Durations of the last five to ten seconds, in buckets. Recording takes no lock.
#[derive(Debug)]
pub(crate) struct Latency {
    /// Which window the first of the two counts for; the other counts for the one before or after.
    window: AtomicU64,
    counts: [[AtomicU64; BUCKETS]; 2],
}

/// Half of all took no longer than `p50` microseconds, 99 of 100 no longer than `p99`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Quantiles {
    p50: u64,
    p99: u64,
}

impl Latency {
    pub(crate) fn new() -> Self {
        let counts = std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)));
        Self { window: AtomicU64::new(0), counts }
    }

    /// Counts one. `uptime` is any clock that goes on.
    pub(crate) fn record(&self, took: Duration, uptime: Duration) {
        self.advance(uptime);
        let bucket = bucket_of(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let window = self.window.load(Ordering::Relaxed);
        if let Some(count) = self.counts(window).get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `None` if nothing was published of late.
    pub(crate) fn quantiles(&self, uptime: Duration) -> Option<Quantiles> {
        self.advance(uptime);
        let counts: Vec<u64> = std::iter::zip(self.counts(0), self.counts(1))
            .map(|(a, b)| a.load(Ordering::Relaxed) + b.load(Ordering::Relaxed))
            .collect();
        let total: u64 = counts.iter().sum();
        (total > 0).then(|| Quantiles {
            p50: quantile(&counts, total.div_ceil(2)),
            p99: quantile(&counts, total - total / 100),
        })
    }

    /// Empties what is older than the window before the present one. Two threads may both do it: a few
    /// counts are then lost, which no quantile shows.
    fn advance(&self, uptime: Duration) {
        let present = uptime.as_secs() / WINDOW.as_secs();
        let known = self.window.swap(present, Ordering::Relaxed);
        for window in known + 1..=present.min(known + 2) {
            self.counts(window).iter().for_each(|it| it.store(0, Ordering::Relaxed));
        }
    }

    fn counts(&self, window: u64) -> &[AtomicU64; BUCKETS] {
        let [even, odd] = &self.counts;
        if window.is_multiple_of(2) { even } else { odd }
    }
}

fn bucket_of(micros: u64) -> usize {
    let micros = micros.clamp(1, (1 << 33) - 1);
    let power = micros.ilog2();
    // The two bits behind the highest one.
    let part = (micros << 2 >> power) & 3;
    power as usize * PARTS + usize::try_from(part).unwrap_or_default()
}

/// The upper end of a bucket, in microseconds.
fn upper_end(bucket: usize) -> u64 {
    let (power, part) = (bucket / PARTS, (bucket % PARTS) as u64);
    ((PARTS as u64 + part + 1) << power).div_ceil(PARTS as u64)
}

fn quantile(counts: &[u64], rank: u64) -> u64 {
    let mut seen = 0;
    let at = counts.iter().position(|count| {
        seen += count;
        seen >= rank
    });
    at.map_or(0, upper_end)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Latency, Quantiles, bucket_of, upper_end};

    const START: Duration = Duration::ZERO;

    #[test]
    fn a_bucket_ends_at_most_a_quarter_above_its_values() {
        for micros in (1..5000).chain([1 << 20, (1 << 33) - 1]) {
            let end = upper_end(bucket_of(micros));
            assert!(end >= micros && end <= micros + micros / 4 + 1, "{micros} ends at {end}");
        }
        assert!(bucket_of(u64::MAX) < super::BUCKETS);
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let latency = Latency::new();
        assert_eq!(latency.quantiles(START), None);
        for micros in 1..=1000 {
            latency.record(Duration::from_micros(micros), START);
        }
        let Some(Quantiles { p50, p99 }) = latency.quantiles(START) else {
            panic!("there are some")
        };
        assert!((500..=640).contains(&p50), "{p50}");
        assert!((990..=1280).contains(&p99), "{p99}");
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let latency = Latency::new();
        latency.record(Duration::from_secs(1), START);
        assert!(latency.quantiles(Duration::from_secs(9)).is_some());
        assert!(latency.quantiles(Duration::from_secs(10)).is_none());
        latency.record(Duration::from_secs(1), Duration::from_secs(11));
        assert!(latency.quantiles(Duration::from_secs(3600)).is_none());
    }
}
