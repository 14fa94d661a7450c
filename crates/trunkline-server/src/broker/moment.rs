//! [`Moment`]: the time inside a partition.

use std::time::{Duration, Instant};

/// Milliseconds since the partition was made. Half the size of an [`Instant`], and unlike one it can
/// lie before the start of the machine, where publications loaded from disk come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    /// So much later.
    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// So much earlier.
    pub(super) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The end of the second that it lies in.
    pub(super) const fn second_end(self) -> Self {
        Self(self.0.div_euclid(1000).saturating_add(1).saturating_mul(1000))
    }
}

/// Turns [`Instant`]s into [`Moment`]s and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that shows 0 at `start`.
    pub(super) const fn new(start: Instant) -> Self {
        Self { start }
    }

    /// What the clock shows at `instant`; 0 before its start.
    pub(super) fn moment(&self, instant: Instant) -> Moment {
        let since = instant.saturating_duration_since(self.start);
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        Moment(seconds.saturating_mul(1000).saturating_add(since.subsec_millis().into()))
    }

    /// When the clock shows `moment`, or its start for what lies before; `None` if that is farther away
    /// than an [`Instant`] can be.
    pub(super) fn instant(&self, moment: Moment) -> Option<Instant> {
        let since = u64::try_from(moment.0).unwrap_or(0);
        self.start.checked_add(Duration::from_millis(since))
    }
}
