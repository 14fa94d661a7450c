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
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        match self.is_set(cx, deadline) {
            true => Poll::Pending,
            false => self.poll_anew(cx, tokio::time::Instant::from_std(deadline)),
        }
    }

    /// Whether there is nothing to tell the runtime: it wakes this task by `deadline`, and has not yet.
    #[inline]
    pub(crate) fn is_set(&self, cx: &Context<'_>, deadline: Instant) -> bool {
        let (Some(sleep), Some(waker)) = (&self.sleep, &self.waker) else { return false };
        sleep.deadline() <= tokio::time::Instant::from_std(deadline)
            && waker.will_wake(cx.waker())
            && !sleep.is_elapsed()
    }

    #[inline(never)]
    fn poll_anew(&mut self, cx: &mut Context<'_>, deadline: tokio::time::Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        self.waker = None;
        loop {
            // Polling costs budget of the task, and a peer that never pauses may have had it all.
            if !sleep.is_elapsed() && sleep.as_mut().poll(cx).is_pending() {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}
