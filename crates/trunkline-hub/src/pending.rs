//! Commands of one session that are not answered yet, in the order in which they came.
//!
//! The broker answers in any order; a client gets its replies in the order of its commands. What has
//! its answer waits here until all before it have theirs. A command about a channel to which a
//! subscription is just being made is held back until that has been settled.

use crate::broker::Outcome;
use crate::channel::ChannelId;
use crate::channel_name::ChannelName;
use crate::command::Command;
use crate::error::CommandError;
use crate::reply::ReplyBody;
use crate::spare::{Queue, Spare};

#[derive(Debug)]
pub(crate) struct Pending {
    /// Only while there are any.
    commands: Option<Queue<Waiting>>,
    /// The number of the first of them.
    first: u64,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    /// What the client called it.
    pub(crate) id: u32,
    pub(crate) channel: Option<ChannelName>,
    pub(crate) work: Work,
}

#[derive(Debug)]
pub(crate) enum Work {
    /// Not begun.
    Held(Command),
    /// The broker was asked, and what it says is the reply.
    Asked(Question),
    /// A subscription is being made.
    Joining(ChannelId),
    /// The connection's own subscriptions are being made.
    Connecting,
    /// This is the reply.
    Ready(Result<ReplyBody, CommandError>),
}

/// Questions whose answer does not depend on what the session has become in the meantime.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    Publish,
    History,
    Presence,
    PresenceStats,
}

impl Question {
    pub(crate) fn reply(self, outcome: Outcome) -> Result<ReplyBody, CommandError> {
        match (self, outcome) {
            (Self::Publish, Outcome::Published(_)) => Ok(ReplyBody::Publish),
            (Self::History, Outcome::Page(page)) => Ok(ReplyBody::History(page)),
            (Self::Presence, Outcome::Presence(infos)) => Ok(ReplyBody::Presence(infos)),
            (Self::PresenceStats, Outcome::PresenceStats(stats)) => {
                Ok(ReplyBody::PresenceStats(stats))
            }
            (_, Outcome::Failed(error)) => Err(error),
            // A broker that answers another question is broken, and trying again may help.
            _ => Err(CommandError::Internal),
        }
    }
}

impl Default for Pending {
    fn default() -> Self {
        Self { commands: None, first: 1 }
    }
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.commands.as_ref().map_or(0, |it| it.len())
    }

    /// The number that the next command will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.first + self.len() as u64
    }

    pub(crate) fn push(&mut self, waiting: Waiting, spare: &mut Spare<Waiting>) {
        self.commands.get_or_insert_with(|| spare.take()).push_back(waiting);
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut Waiting> {
        self.commands.as_mut()?.front_mut()
    }

    pub(crate) fn pop_front(&mut self, spare: &mut Spare<Waiting>) -> Option<Waiting> {
        let waiting = self.commands.as_mut()?.pop_front()?;
        self.first += 1;
        if let Some(emptied) = self.commands.take_if(|it| it.is_empty()) {
            spare.give(emptied);
        }
        Some(waiting)
    }

    pub(crate) fn by_number(&mut self, number: u64) -> Option<&mut Waiting> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.commands.as_mut()?.get_mut(index)
    }

    /// The subscription that a command is making has been ended by somebody else.
    pub(crate) fn give_up_join(&mut self, channel: ChannelId) {
        for waiting in self.commands.iter_mut().flat_map(|it| it.iter_mut()) {
            if matches!(waiting.work, Work::Joining(it) if it == channel) {
                waiting.work = Work::Ready(Err(CommandError::Internal));
            }
        }
    }

    /// Whether a command about `channel` has to wait for those before it.
    pub(crate) fn holds_back(&self, channel: Option<&ChannelName>) -> bool {
        self.commands.iter().flat_map(|it| it.iter()).any(|it| match it.work {
            Work::Connecting => true,
            Work::Held(_) | Work::Joining(_) => it.channel.as_ref() == channel,
            Work::Asked(_) | Work::Ready(_) => false,
        })
    }

    pub(crate) fn clear(&mut self) {
        self.first = self.next_number();
        self.commands = None;
    }
}
