//! How the sessions of a shard get written what they have to write.

use std::rc::Rc;

use tokio::task::yield_now;

use super::Shard;

/// Sessions that are attended to before other tasks have their turn: what they publish meanwhile goes out together
/// with what still waits, and they do not wait longer than some hundred writes take.
pub(super) const ATTENDED_AT_ONCE: usize = 128;

impl Shard {
    /// Attends to those who have something to write, for as long as it is polled.
    pub(super) async fn attend_marked(self: Rc<Self>) {
        loop {
            self.has_marked.notified().await;
            while self.attend_some() {
                yield_now().await;
            }
        }
    }

    /// Attends to the next who have something to write. Whether there are more.
    fn attend_some(&self) -> bool {
        let mut lines = self.lines.borrow_mut();
        for _ in 0..ATTENDED_AT_ONCE {
            let Some(session) = self.with(|state| state.hub.poll_marked()) else { break };
            if let Some(line) = lines.of(session) {
                line.attend(self);
            }
        }
        self.with(|state| {
            self.arm(state);
            state.hub.has_marked()
        })
    }
}
