//! When each message is due under a rate.

use std::time::{Duration, Instant};

use super::plan::Span;

/// Message by message over all connections in turn, at even distances: what is due on one connection
/// is due at its own even distances, and no two are due at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    span: Span,
    per_second: f64,
    connections: u64,
}

impl Schedule {
    pub(super) fn new(span: Span, per_second: f64, connections: u32) -> Self {
        Self { span, per_second, connections: connections.into() }
    }

    /// When this message of this connection is due; `None` once the time for sending is over.
    pub(super) fn due(&self, connection: u32, sequence: u64) -> Option<Instant> {
        let index = u64::from(connection) + sequence * self.connections;
        let after = Duration::try_from_secs_f64(index as f64 / self.per_second).ok()?;
        self.span.begin.checked_add(after).filter(|due| *due < self.span.end)
    }

    /// How many messages are due in the time that is measured, if it ends at `end`.
    pub(super) fn measured(&self, end: Instant) -> u64 {
        let before = |at: Instant| {
            let after = at.saturating_duration_since(self.span.begin);
            (after.as_secs_f64() * self.per_second).ceil() as u64
        };
        before(end).saturating_sub(before(self.span.measured_from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 connections, 10 messages per second, for 1 s after 1 s of warm-up.
    fn schedule() -> (Schedule, Span) {
        let begin = Instant::now();
        let measured_from = begin + Duration::from_secs(1);
        let end = measured_from + Duration::from_secs(1);
        let span = Span { begin, measured_from, end };
        (Schedule::new(span, 10.0, 4), span)
    }

    #[test]
    fn connections_take_turns() {
        let (schedule, span) = schedule();
        let due = |connection, sequence| {
            schedule.due(connection, sequence).map(|it| (it - span.begin).as_millis())
        };
        assert_eq!([due(0, 0), due(1, 0), due(2, 0), due(3, 0)], [0, 100, 200, 300].map(Some));
        assert_eq!([due(0, 1), due(1, 1)], [400, 500].map(Some));
        assert_eq!([due(3, 4), due(0, 5)], [Some(1900), None]);
    }

    #[test]
    fn what_was_due_is_known_whenever_it_ends() {
        let (schedule, span) = schedule();
        let until = |millis| schedule.measured(span.begin + Duration::from_millis(millis));
        assert_eq!(
            [until(2000), until(1500), until(1001), until(1000), until(500)],
            [10, 5, 1, 0, 0]
        );
    }
}
