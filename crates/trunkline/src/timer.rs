//! The one timer of a connection.
//!
//! Deadlines mostly move later: every message puts the next ping off. So the timer is left as it is
//! and asked, once it fires, whether the deadline is still the one it was set for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::time::Sleep;

#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who is woken when it fires.
    waker: Option<Waker>,
}

impl Timer {
    /// Ready once `deadline` has passed; may wake the task before, never after.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
            self.waker = None;
        }
        // Registered already, and not due yet: nothing to tell the runtime.
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
            && !sleep.is_elapsed()
        {
            return Poll::Pending;
        }
        loop {
            // Polling costs budget of the task, and a peer that never pauses may have had it all.
            if !sleep.is_elapsed() && sleep.as_mut().poll(cx).is_pending() {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if sleep.deadline() >= deadline {
                self.waker = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}
