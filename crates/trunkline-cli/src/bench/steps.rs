//! How long each step to a connection took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use trunkline::Stage;

use super::times::Times;

#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<Mutex<BTreeMap<Stage, Times>>>);

impl Steps {
    /// Hears of each step.
    pub(super) fn listener(&self) -> impl Fn(Stage, Duration) + Send + Sync + use<> {
        let steps = Arc::clone(&self.0);
        move |stage, took| {
            let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.entry(stage).or_insert_with(Times::new).record(took);
        }
    }

    /// Those that were heard of, in their order.
    pub(super) fn take(&self) -> Vec<(Stage, Times)> {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *steps).into_iter().collect()
    }
}
