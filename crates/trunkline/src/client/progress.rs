//! How long each step of connecting took, for whoever asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::Stage;

/// Whom to tell, if anyone.
#[derive(Clone, Default)]
pub(super) struct Progress(pub(super) Option<Arc<dyn Fn(Stage, Duration) + Send + Sync>>);

impl Progress {
    /// A step is through, whatever came of it.
    pub(super) fn tell(&self, stage: Stage, took: Duration) {
        if let Some(hear) = &self.0 {
            hear(stage, took);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress(told)" } else { "Progress(untold)" })
    }
}
