//! Lengths of time by the million: percentiles and a histogram.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Times beyond this are counted as this: nothing is waited for as long.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Three digits of each time are kept. For an hour in nanoseconds that takes 256 KiB, however many
/// there are.
const DIGITS: u8 = 3;

/// What the table and the object tell of.
pub(super) const QUANTILES: [(f64, &str); 6] = [
    (0.50, "p50"),
    (0.75, "p75"),
    (0.90, "p90"),
    (0.99, "p99"),
    (0.999, "p99.9"),
    (0.9999, "p99.99"),
];

pub(super) struct Times(Histogram<u64>);

/// How many times were at most so long, and longer than those of the row before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) up_to: Duration,
    pub(super) count: u64,
}

impl Times {
    pub(super) fn new() -> Self {
        let longest = LONGEST.as_nanos() as u64;
        Self(Histogram::new_with_bounds(1, longest, DIGITS).expect("these bounds are valid"))
    }

    pub(super) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn min(&self) -> Duration {
        Duration::from_nanos(self.0.min())
    }

    pub(super) fn mean(&self) -> Duration {
        Duration::from_nanos(self.0.mean() as u64)
    }

    pub(super) fn deviation(&self) -> Duration {
        Duration::from_nanos(self.0.stdev() as u64)
    }

    pub(super) fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    pub(super) fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile).min(self.0.max()))
    }

    /// From the shortest to the longest, in steps of 1, 2, 5, 10 and so on.
    pub(super) fn histogram(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        if self.is_empty() {
            return rows;
        }
        let mut from = 0;
        for up_to in steps() {
            // The last value that counts as `up_to` lies above it, by less than what is told apart.
            let below = self.0.highest_equivalent(up_to);
            let count = if from > below { 0 } else { self.0.count_between(from, below) };
            from = below + 1;
            if count > 0 || !rows.is_empty() {
                rows.push(Row { up_to: Duration::from_nanos(up_to), count });
            }
            if up_to >= self.0.max() {
                break;
            }
        }
        rows
    }
}

/// 1, 2, 5, 10 and so on nanoseconds, to beyond the longest.
fn steps() -> impl Iterator<Item = u64> {
    (0..13).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)))
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Times({} of them)", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::new();
        micros.into_iter().for_each(|it| times.record(Duration::from_micros(it)));
        times
    }

    /// Within the three digits that are kept.
    fn assert_near(time: Duration, micros: f64) {
        let got = time.as_secs_f64() * 1e6;
        assert!((got / micros - 1.0).abs() < 0.001, "{got} is not {micros}");
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut times = of(1..=5000);
        times.merge(&of(5001..=10_000));
        assert_eq!(times.count(), 10_000);
        for (quantile, micros) in [(0.5, 5000.0), (0.9, 9000.0), (0.99, 9900.0), (0.999, 9990.0)] {
            assert_near(times.quantile(quantile), micros);
        }
        assert_near(times.min(), 1.0);
        assert_near(times.max(), 10_000.0);
        assert_near(times.mean(), 5000.5);
    }

    #[test]
    fn rows_hold_everything_once() {
        let times = of([1, 2, 3, 7, 7, 900, 40_000]);
        let rows = times.histogram();
        let at = |micros| rows.iter().find(|row| row.up_to == Duration::from_micros(micros));
        assert_eq!(rows[0], Row { up_to: Duration::from_micros(1), count: 1 });
        assert_eq!(at(2).unwrap().count, 1);
        assert_eq!(at(5).unwrap().count, 1);
        assert_eq!(at(10).unwrap().count, 2);
        assert_eq!(at(20).unwrap().count, 0, "rows in between are there");
        assert_eq!(rows.last(), Some(&Row { up_to: Duration::from_millis(50), count: 1 }));
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 7);
        assert_eq!(of([]).histogram(), []);
    }

    #[test]
    fn what_is_too_long_counts_as_the_longest() {
        let times = of([u64::MAX]);
        assert_eq!(times.count(), 1);
        assert!(times.max() >= LONGEST && times.histogram().len() == 1, "{:?}", times.max());
    }
}
