//! What the broker has been asked and has not answered yet.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::broker::{Operation, Request, RequestId};
use crate::channel::ChannelId;
use crate::channel_name::ChannelName;
use crate::entropy::Keyed;
use crate::session::SessionId;

/// What an answer is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// A command that waits in the session's queue under this number.
    Command { session: SessionId, number: u64 },
    /// A subscription that is being made: by a command, with the connection, or by a server.
    Join { session: SessionId, channel: ChannelId },
    /// Is the channel where the broker is?
    Check { channel: ChannelId },
}

#[derive(Debug)]
pub(crate) struct Requests {
    next: u64,
    asked: HashMap<RequestId, Purpose, Keyed>,
    /// In the order in which they were asked, so also of their deadlines.
    deadlines: VecDeque<(Instant, RequestId)>,
    outgoing: VecDeque<Request>,
}

impl Requests {
    pub(crate) fn new(keys: Keyed) -> Self {
        Self {
            next: 1,
            asked: HashMap::with_hasher(keys),
            deadlines: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }

    /// Asks; the answer is for `purpose`, and nobody's if that is `None`.
    pub(crate) fn ask(
        &mut self,
        channel: &ChannelName,
        operation: Operation,
        purpose: Option<(Purpose, Instant)>,
    ) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        if let Some((purpose, deadline)) = purpose {
            self.asked.insert(id, purpose);
            self.deadlines.push_back((deadline, id));
        }
        self.outgoing.push_back(Request { id, channel: channel.clone(), operation });
        id
    }

    pub(crate) fn poll(&mut self) -> Option<Request> {
        self.outgoing.pop_front()
    }

    /// What the answer with this id is for; `None` if that has been settled.
    pub(crate) fn settle(&mut self, id: RequestId) -> Option<Purpose> {
        let purpose = self.asked.remove(&id);
        while self.deadlines.front().is_some_and(|(_, id)| !self.asked.contains_key(id)) {
            self.deadlines.pop_front();
        }
        purpose
    }

    /// How many answers somebody waits for.
    pub(crate) fn unanswered(&self) -> usize {
        self.asked.len()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// One that was not answered in time.
    pub(crate) fn overdue(&self, now: Instant) -> Option<RequestId> {
        self.deadlines.front().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    pub(crate) fn deadline(now: Instant, timeout: Duration) -> Instant {
        now + timeout
    }
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed")
    }
}
