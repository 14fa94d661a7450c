//! When to try again, and when not to any more.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{Backoff, full_jitter};
use super::ended::{Ended, Why};
use super::failure::{Failure, Verdict, classify};

/// From dialling to the end of the hook. More than the 30 seconds that a connector takes at the most, whose
/// own errors say more.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// What the user has set about attempts.
pub(super) struct Policy {
    pub(super) backoff: Backoff,
    pub(super) jitter: Box<dyn FnMut(Duration) -> Duration + Send>,
    pub(super) classifier: Box<dyn FnMut(&Failure) -> Verdict + Send>,
    pub(super) max_attempts: Option<u32>,
    pub(super) max_elapsed: Option<Duration>,
    pub(super) attempt_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            jitter: Box::new(full_jitter),
            classifier: Box::new(classify),
            max_attempts: None,
            max_elapsed: None,
            attempt_timeout: ATTEMPT_TIMEOUT,
        }
    }
}

/// The attempts since the last connection that has lasted.
#[derive(Default)]
pub(super) struct Row {
    /// How many there were.
    pub(super) attempts: u32,
    /// How many pauses were drawn.
    pauses: u32,
    /// When there was no connection first.
    since: Option<Instant>,
}

impl Row {
    /// An attempt begins.
    pub(super) fn begin(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
        self.since.get_or_insert_with(Instant::now);
    }

    /// A connection that had lived so long is lost.
    pub(super) fn on_lost(&mut self, lived: Duration, backoff: &Backoff) {
        if backoff.has_lasted(lived) {
            *self = Self { since: Some(Instant::now()), ..Self::default() };
        }
    }
}

impl Policy {
    /// The pause before the next attempt, or why there is none.
    pub(super) fn judge(
        &mut self,
        failure: &Arc<Failure>,
        row: &mut Row,
    ) -> Result<Duration, Ended> {
        let at_least = match (self.classifier)(failure) {
            Verdict::Retry => Duration::ZERO,
            Verdict::RetryAfter(time) => self.backoff.retry_after(time),
            Verdict::Finish => return Err(ended(Why::Closed, failure, row)),
            Verdict::GiveUp => return Err(ended(Why::NotRetryable, failure, row)),
        };
        if self.max_attempts.is_some_and(|max| row.attempts >= max) {
            return Err(ended(Why::Attempts, failure, row));
        }
        let bound = self.backoff.bound(row.pauses);
        row.pauses = row.pauses.saturating_add(1);
        let pause = at_least.saturating_add((self.jitter)(bound).min(bound));
        let elapsed = row.since.map_or(Duration::ZERO, |since| since.elapsed());
        if self.max_elapsed.is_some_and(|max| elapsed.saturating_add(pause) > max) {
            return Err(ended(Why::Elapsed, failure, row));
        }
        Ok(pause)
    }
}

fn ended(why: Why, failure: &Arc<Failure>, row: &Row) -> Ended {
    Ended::new(why, Some(Arc::clone(failure)), row.attempts)
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("backoff", &self.backoff)
            .field("max_attempts", &self.max_attempts)
            .field("max_elapsed", &self.max_elapsed)
            .field("attempt_timeout", &self.attempt_timeout)
            .finish_non_exhaustive()
    }
}
