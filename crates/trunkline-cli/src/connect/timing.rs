//! `--timing`: how long each step took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use trunkline::Stage;

use crate::dial::step_name;
use crate::output::time;

/// When what happened.
pub(super) struct Timing {
    steps: Arc<Mutex<Vec<(Stage, Duration)>>>,
    started: Instant,
}

impl Timing {
    pub(super) fn start() -> Self {
        Self { steps: Arc::default(), started: Instant::now() }
    }

    /// Hears of each step.
    pub(super) fn listener(&self) -> impl Fn(Stage, Duration) + Send + Sync + use<> {
        let steps = Arc::clone(&self.steps);
        move |stage, took| steps.lock().unwrap_or_else(PoisonError::into_inner).push((stage, took))
    }

    /// A line for each step up to the connection, and one for all of them.
    pub(super) fn steps(&self) -> Vec<String> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let total: Duration = steps.iter().map(|(_, took)| *took).sum();
        let named = steps.iter().map(|(stage, took)| line(step_name(*stage), *took));
        named.chain([line("connected", total)]).collect()
    }

    /// The first message, counted from the beginning.
    pub(super) fn first_message(&self) -> String {
        line("first message", self.started.elapsed())
    }
}

pub(super) fn line(step: &str, took: Duration) -> String {
    format!("{step:<15}{:>9}", time(took))
}
