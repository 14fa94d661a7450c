//! The one timer of a shard.

use std::cell::Cell;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::sleep_until;

/// Knows when the shard has something to do, and is set to an earlier time from anywhere on its thread.
#[derive(Debug, Default)]
pub(super) struct Timer {
    armed: Cell<Option<Instant>>,
    is_earlier: Notify,
}

impl Timer {
    /// Sets the timer, if that is earlier than what it is set to. A later time costs nothing: it fires
    /// once too early, and is set again.
    pub(super) fn arm(&self, due: Option<Instant>) {
        let Some(due) = due else { return };
        if self.armed.get().is_none_or(|armed| due < armed) {
            self.armed.set(Some(due));
            self.is_earlier.notify_one();
        }
    }

    /// Waits until the time has come.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn due(&self) {
        loop {
            match self.armed.get() {
                None => self.is_earlier.notified().await,
                Some(due) => tokio::select! {
                    () = sleep_until(due.into()) => {
                        self.armed.set(None);
                        return;
                    }
                    () = self.is_earlier.notified() => {}
                },
            }
        }
    }
}
