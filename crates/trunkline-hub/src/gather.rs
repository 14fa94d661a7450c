//! [`Gather`]: sessions that were told a publication a moment ago, and are let be for a while, so that what follows
//! goes out in one write. The first publication after a silence never waits.
//!
//! ```text
//!   publication ──▶ the session is awake: it is marked at once, and rests
//!               ──▶ the session rests: the entry waits in its outbox
//!   rests end ────▶ who has something is marked, and rests again; the others are awake
//! ```
//!
//! All rests of a hub end together: a publication waits for at most one delay, and one deadline serves all sessions.
//! Answers, pings and ends are marked at once, and take along what waits.

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
}

impl Gather {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { delay: limits.write_delay, resting: Vec::new(), due: None }
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
        }
    }

    /// When the rests end.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl<E: Default> Hub<E> {
    /// Ends the rests, if it is time. Whoever has something that it was marked for before, and does not read, is not
    /// marked for that again.
    pub(crate) fn end_rests(&mut self, now: Now) {
        let Self { sessions, marked, gather, .. } = self;
        if gather.due.is_none_or(|due| due > now.instant) {
            return;
        }
        gather.due = None;
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
