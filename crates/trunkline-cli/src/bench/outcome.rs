//! What came of a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline::Stage;

use super::plan::{Load, Plan, Span};
use super::schedule::Schedule;
use super::tally::Tally;
use super::times::Times;
use crate::exit::Exit;

pub(super) struct Outcome {
    /// Without credentials.
    pub(super) url: String,
    pub(super) plan: Arc<Plan>,
    pub(super) tally: Tally,
    pub(super) steps: Vec<(Stage, Times)>,
    pub(super) ended: Ended,
    /// When messages were sent, if it came to that, and until when.
    pub(super) sent_in: Option<(Span, Instant)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// As planned.
    Completed,
    /// Not one connection was left.
    Deserted,
    /// By whoever started it.
    Interrupted,
}

impl Outcome {
    /// How much of the time that was to be measured there was.
    pub(super) fn measured(&self) -> Duration {
        match self.sent_in {
            Some((span, until)) => {
                until.min(span.end).saturating_duration_since(span.measured_from)
            }
            None => Duration::ZERO,
        }
    }

    /// So many per second of the measured time.
    pub(super) fn per_second(&self, count: u64) -> f64 {
        match self.measured() {
            Duration::ZERO => 0.0,
            measured => count as f64 / measured.as_secs_f64(),
        }
    }

    /// Messages that were due and not sent, under a rate.
    pub(super) fn unsent(&self) -> u64 {
        match (self.plan.load, self.sent_in) {
            (Load::Rate(rate), Some((span, until))) => {
                let schedule = Schedule::new(span, rate, self.plan.connections);
                schedule.measured(until.min(span.end)).saturating_sub(self.tally.measured.sent)
            }
            _ => 0,
        }
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.tally.measured.sent * self.plan.payload.size() as u64
    }

    pub(super) fn has_mistakes(&self) -> bool {
        let mistakes = self.tally.mistakes;
        mistakes.lost + mistakes.doubled + mistakes.wrong > 0
    }

    pub(super) fn exit(&self) -> Exit {
        match self.tally.troubles.exit() {
            _ if self.ended == Ended::Interrupted => Exit::Interrupted,
            Some(exit) => exit,
            None if self.has_mistakes() || self.unsent() > 0 => Exit::Failed,
            None => Exit::Clean,
        }
    }
}
