//! The course of a drain: who is told when, and when it is over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::acceptor::later;
use super::connection::How;
use super::drain::{Drain, Drained};
use crate::tether::{Order, TakesOrders};

/// After the tasks of the connections have been aborted at the deadline, how long they have to be
/// gone. A handler that does not yield to the runtime cannot be stopped, and is not waited for.
const ABORT_GRACE: Duration = Duration::from_millis(100);

/// A drain of connections at the ends `E`.
pub(super) struct Draining<E> {
    order: Order,
    began: Instant,
    spread: Duration,
    deadline: Instant,
    /// Who was to be told when it began, and who has not been yet.
    total: usize,
    waiting: Vec<E>,
    has_cut: bool,
    ended: Drained,
    timer: Pin<Box<Sleep>>,
}

/// What the server is to do.
pub(super) enum Step {
    /// Drop all connections.
    Cut,
    /// Wait for them no longer.
    GiveUp,
}

impl<E: TakesOrders> Draining<E> {
    /// Begins to tell the connections at these `ends`.
    pub(super) fn new(drain: &Drain, ends: Vec<E>) -> Self {
        let began = Instant::now();
        Self {
            order: drain.order(),
            began,
            spread: drain.spread,
            deadline: later(began, drain.deadline),
            total: ends.len(),
            waiting: ends,
            has_cut: false,
            ended: Drained::default(),
            timer: Box::pin(sleep_until(began)),
        }
    }

    /// The same with another deadline and spread, for those who have not been told yet.
    pub(super) fn begin_anew(&mut self, drain: &Drain) {
        if !self.has_cut {
            let waiting = std::mem::take(&mut self.waiting);
            *self = Self { ended: self.ended, ..Self::new(drain, waiting) };
        }
    }

    /// Takes note of how a connection ended; `None` if it was dropped.
    pub(super) fn on_ended(&mut self, how: Option<How>) {
        match how {
            Some(How::Closed) => self.ended.closed += 1,
            Some(How::Broken) => self.ended.broken += 1,
            Some(How::NotAccepted) => self.ended.not_accepted += 1,
            None => self.ended.dropped += 1,
        }
    }

    pub(super) fn so_far(&self) -> Drained {
        self.ended
    }

    /// Tells those whose turn it is, and is ready when more is to be done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            let now = Instant::now();
            if now >= self.deadline {
                if std::mem::replace(&mut self.has_cut, true) {
                    return Poll::Ready(Step::GiveUp);
                }
                self.waiting.clear();
                self.deadline = now + ABORT_GRACE;
                return Poll::Ready(Step::Cut);
            }
            let next = self.tell(now).unwrap_or(self.deadline).min(self.deadline);
            if self.timer.deadline() != next {
                self.timer.as_mut().reset(next);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Tells those whose turn has come, and gives when the next one's will.
    fn tell(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let told = self.total - self.waiting.len();
            let end = self.waiting.last()?;
            let share = told as f64 / self.total as f64;
            let due = later(self.began, self.spread.mul_f64(share));
            if due > now {
                return Some(due);
            }
            end.order(self.order.clone());
            self.waiting.pop();
        }
    }
}
