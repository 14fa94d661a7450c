//! When the hub has to be called again, for whom.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::channel::ChannelId;
use crate::moment::Moment;
use crate::session::SessionId;

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    Session(SessionId),
    Channel(ChannelId),
}

/// All deadlines of a hub. One that was put off stays where it is and is looked at when it comes, so
/// that a message costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BinaryHeap<Reverse<(Moment, Alarm)>>);

impl Deadlines {
    /// Adds a deadline, unless `armed` says that there is one which is as early.
    pub(crate) fn arm(&mut self, armed: &mut Option<Moment>, due: Option<Moment>, alarm: Alarm) {
        let Some(due) = due else { return };
        if armed.is_none_or(|armed| due < armed) {
            *armed = Some(due);
            self.0.push(Reverse((due, alarm)));
        }
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The next one that has come by `now`.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<(Moment, Alarm)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(it)| it)
    }
}
