//! [`Gather`]: sessions that were told a publication a moment ago, and are let be for a while, so that what follows
//! goes out in one write. The first publication after a silence never waits.
//!
//! ```text
//!   publication ──▶ the session is awake: it is marked at once, and rests
//!               ──▶ the session rests: the entry waits in its outbox
//!   rests end ────▶ who has something is marked, and rests again; the others are awake
//! ```
//!
//! All rests of a hub end together, so one deadline serves all sessions. It counts from when the last of those who are
//! marked has been written to, unless that takes longer than the delay itself: so a publication waits for two delays at
//! the most, and for one where writes take no time. Answers, pings and ends are marked at once, and take along what
//! waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::egress::Egress;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::now::Now;
use crate::session::SessionId;

/// Whether a session is let be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It is not: what is published to it is written at once.
    Awake,
    /// It is, and nothing has been published to it meanwhile.
    Resting,
    /// It is, and something waits until the rests end.
    Waiting,
}

/// Who rests, and until when. Without a delay nobody does.
#[derive(Debug)]
pub(crate) struct Gather {
    delay: Duration,
    resting: Vec<SessionId>,
    due: Option<Instant>,
    /// Whether those whose rests end then may not all have been written to yet.
    is_writing: bool,
}

impl Gather {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { delay: limits.write_delay, resting: Vec::new(), due: None, is_writing: false }
    }

    /// Another delay counts from the next rest on.
    pub(crate) fn configure(&mut self, limits: &Limits) {
        self.delay = limits.write_delay;
    }

    /// A publication was added to the outbox of the session `id`: names it among those that are to be written, unless it
    /// rests.
    #[inline]
    pub(crate) fn mark<E>(
        &mut self,
        egress: &mut Egress<E>,
        id: SessionId,
        marked: &mut VecDeque<SessionId>,
    ) {
        if egress.is_marked {
            return;
        }
        if egress.rest != Rest::Awake {
            egress.rest = Rest::Waiting;
            return;
        }
        egress.is_marked = true;
        marked.push_back(id);
        if !self.delay.is_zero() {
            egress.rest = Rest::Resting;
            self.resting.push(id);
        }
    }

    /// Publications have been added: sees to it that the rests end.
    pub(crate) fn arm(&mut self, now: Now) {
        if self.due.is_none() && !self.resting.is_empty() {
            self.due = Some(now.instant + self.delay);
            self.is_writing = true;
        }
    }

    /// When the rests end.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl<E: Default> Hub<E> {
    /// Says that everyone whom [`poll_marked`](Self::poll_marked) has named was written to. With a delay, whoever was
    /// told a publication is let be from now on, and not from when it was named: who comes late in a long row of writes
    /// has as much time to gather as who comes early. Asks for the time only if that matters.
    pub fn handle_written(&mut self, now: impl FnOnce() -> Now) {
        let Gather { delay, due, is_writing, .. } = &mut self.gather;
        if !std::mem::take(is_writing) {
            return;
        }
        let now = now().instant;
        if let Some(due) = due.as_mut().filter(|due| **due > now) {
            *due = now + *delay;
        }
    }

    /// Ends the rests, if it is time. Whoever has something that it was marked for before, and does not read, is not
    /// marked for that again.
    pub(crate) fn end_rests(&mut self, now: Now) {
        let Self { sessions, marked, gather, .. } = self;
        if gather.due.is_none_or(|due| due > now.instant) {
            return;
        }
        gather.due = None;
        gather.is_writing = false;
        let may_rest = !gather.delay.is_zero();
        gather.resting.retain(|&id| {
            let Some(egress) = sessions.egress_mut(id) else { return false };
            let waits = egress.rest == Rest::Waiting;
            if waits && !egress.is_marked {
                egress.is_marked = true;
                marked.push_back(id);
            }
            egress.rest = if waits && may_rest { Rest::Resting } else { Rest::Awake };
            egress.rest == Rest::Resting
        });
        gather.arm(now);
    }
}
