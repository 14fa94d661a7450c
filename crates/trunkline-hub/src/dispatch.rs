//! What becomes of a command: it is begun in its turn, asked of the broker if need be, and answered in
//! the order in which commands came.

use std::sync::Arc;

use bytes::Bytes;

use crate::broker::{Operation, Publish};
use crate::channel_name::ChannelName;
use crate::command::{Command, History, HistoryFilter};
use crate::error::{CommandError, Disconnect};
use crate::hub::Hub;
use crate::now::Now;
use crate::pending::{Question, Waiting, Work};
use crate::reply::ReplyBody;
use crate::requests::Purpose;
use crate::session::SessionId;

impl<E: Default> Hub<E> {
    /// A connected client asks for something.
    pub fn handle_command(&mut self, now: Now, session: SessionId, id: u32, command: Command) {
        if !self.admit(now, session) {
            return;
        }
        let Some(it) = self.sessions.get_mut(session) else { return };
        let channel = command.channel().cloned();
        if it.pending.holds_back(channel.as_ref()) {
            return it.pending.push(
                Waiting { id, channel, work: Work::Held(command) },
                &mut self.spare_commands,
            );
        }
        let number = it.pending.next_number();
        let is_next = it.pending.is_empty();
        match self.begin(now, session, number, command) {
            Work::Ready(result) if is_next => self.reply(session, id, result),
            work => {
                if let Some(it) = self.sessions.get_mut(session) {
                    it.pending.push(Waiting { id, channel, work }, &mut self.spare_commands);
                }
                self.settle(now, session);
            }
        }
        self.arm(session);
    }

    /// A command of the client was refused before it came here: its token was not good, or the name of
    /// its channel is none. The client is told in its turn.
    pub fn refuse(&mut self, now: Now, session: SessionId, id: u32, error: CommandError) {
        if !self.admit(now, session) {
            return;
        }
        let Some(it) = self.sessions.get_mut(session) else { return };
        if it.pending.is_empty() {
            return self.reply(session, id, Err(error));
        }
        it.pending.push(
            Waiting { id, channel: None, work: Work::Ready(Err(error)) },
            &mut self.spare_commands,
        );
    }

    /// Whether the session may act at all: it is connected, and not too fast.
    fn admit(&mut self, now: Now, session: SessionId) -> bool {
        let Some(it) = self.sessions.get_mut(session) else { return false };
        if it.has_ended() {
            return false;
        }
        if !it.is_let_in() {
            self.end(session, Disconnect::BAD_REQUEST);
            return false;
        }
        self.counts.commands += 1;
        let (limits, moment) = (&self.settings.limits, self.clock.moment(now.instant));
        let refused = if !it.commands.take(limits.command_rate, moment) {
            &mut self.counts.commands_refused_connection
        } else if !it.user_may(|it| it.take_command(limits.user_command_rate, now.instant)) {
            &mut self.counts.commands_refused_user
        } else {
            return true;
        };
        *refused += 1;
        self.end(session, Disconnect::TOO_MANY_REQUESTS);
        false
    }

    /// Does what can be done of a command at once, and says what is left.
    fn begin(&mut self, now: Now, session: SessionId, number: u64, command: Command) -> Work {
        let begun = match command {
            Command::Subscribe(subscribe) => {
                return match self.begin_subscribe(now, session, subscribe) {
                    Ok(channel) => Work::Joining(channel),
                    Err(error) => Work::Ready(Err(error)),
                };
            }
            Command::Unsubscribe { channel } => {
                self.unsubscribe(session, &channel);
                Ok(ReplyBody::Unsubscribe)
            }
            Command::Publish { channel, data } => {
                let publish = self.publication(now, session, &channel, data);
                return self.asked(now, session, number, channel, Question::Publish, publish);
            }
            Command::History(History { channel, filter }) => {
                let operation = self.history(session, &channel, filter);
                return self.asked(now, session, number, channel, Question::History, operation);
            }
            Command::Presence { channel } => {
                let operation =
                    self.readable_presence(session, &channel).map(|()| Operation::Presence);
                return self.asked(now, session, number, channel, Question::Presence, operation);
            }
            Command::PresenceStats { channel } => {
                let operation =
                    self.readable_presence(session, &channel).map(|()| Operation::PresenceStats);
                let question = Question::PresenceStats;
                return self.asked(now, session, number, channel, question, operation);
            }
            // Nobody listens yet; it has no answer either.
            Command::Send { .. } => Err(CommandError::NotAvailable),
            Command::Rpc { .. } => Err(CommandError::NotAvailable),
            Command::Refresh(refreshed) => self.refresh(now, session, refreshed),
            Command::SubRefresh { channel, rights } => {
                self.sub_refresh(now, session, &channel, &rights)
            }
        };
        Work::Ready(begun)
    }

    /// Asks the broker on behalf of a command, unless there is a reason against it.
    fn asked(
        &mut self,
        now: Now,
        session: SessionId,
        number: u64,
        channel: ChannelName,
        question: Question,
        operation: Result<Operation, CommandError>,
    ) -> Work {
        match operation {
            Err(error) => Work::Ready(Err(error)),
            Ok(operation) => {
                let purpose = Purpose::Command { session, number };
                self.ask(now, &channel, operation, Some(purpose));
                Work::Asked(question)
            }
        }
    }

    fn publication(
        &mut self,
        now: Now,
        session: SessionId,
        channel: &ChannelName,
        data: Bytes,
    ) -> Result<Operation, CommandError> {
        let options = self.options(channel)?;
        self.asker(session, channel).may_publish(&options)?;
        let id = self.channels.id(channel);
        let it = self.sessions.get_mut(session).ok_or(CommandError::Internal)?;
        let (limits, moment) = (&self.settings.limits, self.clock.moment(now.instant));
        if !it.publications.take(limits.publish_rate, moment) {
            self.counts.publishes_refused_connection += 1;
            return Err(CommandError::TooManyRequests);
        }
        if !it.user_may(|it| it.take_publication(limits.user_publish_rate, now.instant)) {
            self.counts.publishes_refused_user += 1;
            return Err(CommandError::TooManyRequests);
        }
        let subscribed = id.and_then(|id| it.subscription(id)).map(|it| Arc::clone(&it.info));
        let info = subscribed.unwrap_or_else(|| it.info_with(&Bytes::new()));
        let history = options.history;
        Ok(Operation::Publish(Publish { data, info: Some(info), history, ..Publish::default() }))
    }

    fn history(
        &self,
        session: SessionId,
        channel: &ChannelName,
        filter: HistoryFilter,
    ) -> Result<Operation, CommandError> {
        let options = self.options(channel)?;
        self.asker(session, channel).may_read_history(&options)?;
        let max = self.settings.limits.history_publications;
        let limit = Some(filter.limit.unwrap_or(max).min(max));
        Ok(Operation::History {
            history: options.history,
            filter: HistoryFilter { limit, ..filter },
        })
    }

    fn readable_presence(
        &self,
        session: SessionId,
        channel: &ChannelName,
    ) -> Result<(), CommandError> {
        self.asker(session, channel).may_read_presence(&*self.options(channel)?)
    }

    /// Gives replies in the order of the commands, as far as they are there.
    pub(crate) fn settle(&mut self, now: Now, session: SessionId) {
        loop {
            let Some(it) = self.sessions.get_mut(session) else { return };
            let number = it.pending.next_number() - it.pending.len() as u64;
            let Some(front) = it.pending.front_mut() else { return };
            match &mut front.work {
                Work::Asked(_) => return,
                Work::Held(_) => {
                    let Some(Work::Held(command)) = it.pending.front_mut().map(|front| {
                        std::mem::replace(&mut front.work, Work::Asked(Question::Publish))
                    }) else {
                        return;
                    };
                    let work = self.begin(now, session, number, command);
                    self.arm(session);
                    let Some(it) = self.sessions.get_mut(session) else { return };
                    let Some(front) = it.pending.front_mut() else { return };
                    front.work = work;
                }
                Work::Joining(channel) => {
                    let channel = *channel;
                    if !self.settle_join(now, session, channel) {
                        return;
                    }
                }
                Work::Connecting => {
                    if !self.settle_connect(now, session) {
                        return;
                    }
                }
                Work::Ready(_) => {
                    let Some(Waiting { id, work: Work::Ready(result), .. }) =
                        it.pending.pop_front(&mut self.spare_commands)
                    else {
                        return;
                    };
                    self.reply(session, id, result);
                }
            }
        }
    }
}
