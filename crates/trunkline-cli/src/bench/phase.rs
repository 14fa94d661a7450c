//! Where a run has got to: decided in one place, known to all threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::plan::Span;
use crate::exit::Failure;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The first connection is opened alone: where it cannot be, a thousand others need not try.
    First,
    /// The others are opened, from then on.
    Opening(Instant),
    /// Messages are sent.
    Sending(Span),
    /// Only what was due before the end is still sent: who leaves it out leaves out the longest waits.
    Overtime,
    /// Answers are waited for, and connections closed.
    Draining,
    /// Everything is dropped as it is.
    Over,
}

impl Phase {
    /// Whether nothing new is begun.
    pub(super) fn is_ending(self) -> bool {
        matches!(self, Self::Overtime | Self::Draining | Self::Over)
    }
}

/// What threads tell while they are at it.
#[derive(Debug, Default)]
pub(super) struct Live {
    opened: AtomicU64,
    failed: AtomicU64,
    /// Of those that were opened.
    ended: AtomicU64,
    received: AtomicU64,
    first_failure: Mutex<Option<Failure>>,
    /// A connection was opened, failed or ended.
    pub(super) changed: Notify,
}

impl Live {
    pub(super) fn on_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(super) fn on_failed(&self, failure: Failure) {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(super) fn on_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(super) fn on_received(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    pub(super) fn open(&self) -> u64 {
        self.opened().saturating_sub(self.ended.load(Ordering::Relaxed))
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// What the first connection that could not be opened failed with, whole.
    pub(super) fn take_first_failure(&self) -> Option<Failure> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
