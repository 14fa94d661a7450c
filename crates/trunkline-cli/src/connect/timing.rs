//! `--timing`: how long each step took.

use std::time::Instant;

use crate::output::time;

/// When what happened.
pub(super) struct Timing {
    started: Instant,
    connected: Instant,
}

impl Timing {
    pub(super) fn start() -> Self {
        let started = Instant::now();
        Self { started, connected: started }
    }

    pub(super) fn connected(&mut self) {
        self.connected = Instant::now();
    }

    /// The steps up to the connection.
    pub(super) fn steps(&self) -> String {
        format!("connected        {}", time(self.connected - self.started))
    }

    /// The first message, counted from the connection on.
    pub(super) fn first_message(&self) -> String {
        format!("first message    {}", time(self.connected.elapsed()))
    }
}
