//! [`LogBroker`]: a partition with a log.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use trunkline_hub::broker::{Answer, Operation, Outcome, Publish, Request, RequestId};
use trunkline_hub::{ChannelName, CommandError, HistoryOptions, Now};

use super::cleaner::Cleaner;
use super::journal::{self, Journal, Refused};
use super::load::LoadedPartition;
use super::record::{encode_end, encode_head, encode_publication};
use super::waiting::{Action, Waiting};
use crate::broker::partition::Partition;
use crate::broker::reserved::{Reserved, position};
use crate::broker::results::{self, Results};
use crate::broker::stream::{LOADED, Stream};
use crate::broker::{Broker, BrokerStats, Caller, ChannelPattern, ChannelSummary, Outlet};

/// How long an idempotency key is kept, in milliseconds.
pub(super) const KEY_TTL_MS: i64 = results::TTL.as_millis() as i64;

/// A partition whose history is written into a [`Log`](super::Log).
///
/// Under [`Fsync::Always`](super::Fsync::Always) what depends on the disk waits in a queue until the
/// disk has it: publications, removals of a history, and the first look at a stream, which tells its
/// epoch. All else is answered at once, from what the disk has.
pub struct LogBroker {
    pub(super) index: usize,
    pub(super) partition: Partition,
    pub(super) journal: Arc<Journal>,
    pub(super) cleaner: Cleaner,
    /// What waits for the disk, in the order in which it was appended.
    waiting: VecDeque<Waiting>,
    /// The keys of publications that wait.
    waiting_keys: HashSet<Arc<str>>,
    /// The place of the last record that the disk has.
    durable: u64,
}

impl LogBroker {
    /// `rows_bytes` is what the rows of one partition should not exceed.
    pub(super) fn new(
        index: usize,
        journal: Arc<Journal>,
        loaded: LoadedPartition,
        rows_bytes: usize,
    ) -> Self {
        let LoadedPartition { mut partition, rows, .. } = loaded;
        partition.note_ended();
        let cleaner = Cleaner::new(rows, partition.stats().history_bytes, rows_bytes);
        Self {
            index,
            partition,
            journal,
            cleaner,
            waiting: VecDeque::new(),
            waiting_keys: HashSet::new(),
            durable: LOADED,
        }
    }

    /// What came of a request; `None` if it is not answered, or later.
    fn outcome(
        &mut self,
        now: Now,
        from: Caller,
        request: Request,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        let Request { id, channel, operation } = request;
        let wait = |action| Waiting { place: 0, from, id, channel: channel.clone(), action };
        match operation {
            Operation::Attach { history, filter } => {
                self.look(now, wait(Action::Attach(history, filter)), history, outlet)
            }
            Operation::History { history, filter } => {
                self.look(now, wait(Action::History(history, filter)), history, outlet)
            }
            Operation::Publish(publish) if publish.history.is_on() => {
                self.publish(now, from, id, channel, publish, outlet)
            }
            Operation::Publish(publish) => Some(self.pass(now, channel, publish, outlet)),
            Operation::RemoveHistory => {
                self.remove_history(now, wait(Action::RemoveHistory), outlet)
            }
            Operation::Detach => {
                self.detach(now, from, &channel);
                None
            }
            // What is of the moment is not written down.
            operation @ (Operation::AddPresence { .. }
            | Operation::RemovePresence { .. }
            | Operation::Presence
            | Operation::PresenceStats
            | Operation::Join(_)
            | Operation::Leave(_)) => {
                self.partition.handle_operation(now, from, channel, operation, outlet)
            }
        }
    }

    /// Accepts a publication of a channel with history.
    fn publish(
        &mut self,
        now: Now,
        from: Caller,
        id: RequestId,
        channel: ChannelName,
        mut publish: Publish,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        if !self.partition.is_taken(&publish) {
            return Some(Outcome::Failed(CommandError::LimitExceeded));
        }
        let key = publish.idempotency_key.take();
        let name = key.as_ref().map(|key| Results::name(&channel, key));
        if let Some(name) = &name {
            if let Some(position) = self.partition.result(now, name) {
                return Some(Outcome::Published(position));
            }
            if self.waiting_keys.contains(name) {
                let action = Action::Repeat(Arc::clone(name));
                self.wait(Waiting { place: self.last_place(), from, id, channel, action });
                return None;
            }
        }
        let Reserved { publication, head, before } =
            match self.partition.reserve(now, &channel, publish) {
                Ok(Some(reserved)) => reserved,
                Ok(None) => {
                    // What it is compared with may still wait, and fail.
                    let place = self.last_place();
                    let action = Action::Suppress;
                    let waiting = Waiting { place, from, id, channel, action };
                    return self.wait_or_act(now, waiting, outlet);
                }
                Err(error) => return Some(Outcome::Failed(error)),
            };
        let record = |out: &mut Vec<u8>| {
            encode_publication(out, &channel, &head, &publication, key.as_deref());
        };
        let place = match self.journal.append(self.index, record) {
            Ok(place) => place,
            Err(refused) => {
                self.partition.take_back(now, &channel, head.epoch, before);
                if refused == Refused::NoRoom {
                    self.cleaner.on_full(self.partition.stats().history_bytes, now.instant);
                    self.clean();
                }
                return Some(failed(refused));
            }
        };
        self.partition.set_logged(&channel, place);
        let (options, epoch) = (head.options, head.epoch);
        let action = Action::Publish { publication, options, epoch, before, key: name };
        self.wait_or_act(now, Waiting { place, from, id, channel, action }, outlet)
    }

    /// Delivers a publication of a channel without history. Nobody waits for a disk, but if there was
    /// a stream, its end is on the way before anybody hears of what it will not have.
    fn pass(
        &mut self,
        now: Now,
        channel: ChannelName,
        publish: Publish,
        outlet: &mut dyn Outlet,
    ) -> Outcome {
        if !self.partition.is_taken(&publish) {
            return Outcome::Failed(CommandError::LimitExceeded);
        }
        let key = publish.idempotency_key.as_ref().map(|key| Results::name(&channel, key));
        if let Some(position) = key.and_then(|key| self.partition.result(now, &key)) {
            return Outcome::Published(position);
        }
        if let Some(stream) = self.partition.stream(&channel) {
            let epoch = stream.position().epoch;
            let end = |out: &mut Vec<u8>| encode_end(out, &channel, epoch);
            if let Err(refused) = self.journal.append_end(self.index, end) {
                return failed(refused);
            }
        }
        let outcome = self.partition.publish(now, channel, publish, outlet);
        self.partition.take_ended();
        outcome
    }

    /// Attaches, or tells what is kept, once the epoch that is told is sure to survive.
    fn look(
        &mut self,
        now: Now,
        mut waiting: Waiting,
        options: HistoryOptions,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        if options.is_on() {
            let place = match self.log_stream(now, &waiting.channel, options) {
                Ok(place) => place,
                Err(error) => return Some(Outcome::Failed(error)),
            };
            waiting.place = place;
        }
        self.wait_or_act(now, waiting, outlet)
    }

    /// The place of a stream's first record. Begins the stream, and appends the record, if need be.
    fn log_stream(
        &mut self,
        now: Now,
        channel: &ChannelName,
        options: HistoryOptions,
    ) -> Result<u64, CommandError> {
        let (journal, index) = (&self.journal, self.index);
        let log = |stream: &mut Stream| {
            if stream.logged == 0 {
                let head = stream.head();
                let record = |out: &mut Vec<u8>| encode_head(out, channel, &head, head.top + 1);
                match journal.append(index, record) {
                    Ok(place) => stream.logged = place,
                    // A lazy log promises nothing that would be broken.
                    Err(_) if !journal.is_always() => {}
                    Err(refused) => return Err(error(refused)),
                }
            }
            Ok(stream.logged)
        };
        self.partition.with_stream(now, channel, options, log)?
    }

    fn remove_history(
        &mut self,
        now: Now,
        mut waiting: Waiting,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        if let Some(stream) = self.partition.stream(&waiting.channel) {
            let head = stream.head();
            let record =
                |out: &mut Vec<u8>| encode_head(out, &waiting.channel, &head, head.top + 1);
            match self.journal.append_end(self.index, record) {
                Ok(place) => waiting.place = place,
                Err(refused) => return Some(failed(refused)),
            }
        }
        self.wait_or_act(now, waiting, outlet)
    }

    /// Detaches, also from what waits to be attached to.
    fn detach(&mut self, now: Now, from: Caller, channel: &ChannelName) {
        let stream = self.partition.stream(channel);
        if stream.is_some_and(|it| it.logged > self.durable) {
            let is_attach = |it: &Waiting| matches!(it.action, Action::Attach(..));
            self.waiting.retain(|it| !(it.from == from && it.channel == *channel && is_attach(it)));
        }
        self.partition.detach(now, from, channel);
    }

    /// Waits for the disk, if anybody does.
    fn wait_or_act(
        &mut self,
        now: Now,
        waiting: Waiting,
        outlet: &mut dyn Outlet,
    ) -> Option<Outcome> {
        if self.journal.is_always() && waiting.place > self.durable {
            self.wait(waiting);
            None
        } else {
            Some(self.act(now, waiting, outlet))
        }
    }

    fn wait(&mut self, waiting: Waiting) {
        if let Action::Publish { key: Some(key), .. } = &waiting.action {
            self.waiting_keys.insert(Arc::clone(key));
        }
        self.waiting.push_back(waiting);
    }

    /// The place that something has to wait for if it comes behind all that waits.
    fn last_place(&self) -> u64 {
        self.waiting.back().map_or(self.durable, |it| it.place)
    }

    /// Does what has waited for the disk.
    fn act(&mut self, now: Now, waiting: Waiting, outlet: &mut dyn Outlet) -> Outcome {
        let Waiting { from, channel, action, .. } = waiting;
        let partition = &mut self.partition;
        match action {
            Action::Publish { publication, options, epoch, key, .. } => {
                let position = Some(position(&publication, epoch));
                partition.keep(now, channel, publication, options, epoch, outlet);
                if let Some(key) = key {
                    self.waiting_keys.remove(&key);
                    partition.remember(now, key, position);
                }
                Outcome::Published(position)
            }
            Action::Repeat(name) => match partition.result(now, &name) {
                Some(position) => Outcome::Published(position),
                None => Outcome::Failed(CommandError::Internal),
            },
            Action::Suppress => {
                Outcome::Published(partition.stream(&channel).map(Stream::position))
            }
            Action::RemoveHistory => {
                partition.remove_history(now, &channel);
                Outcome::Done
            }
            Action::Attach(options, filter) => {
                partition.attach(now, from, &channel, options, &filter)
            }
            Action::History(options, filter) => partition.history(now, &channel, options, &filter),
        }
    }

    /// The disk has all records up to `upto`.
    fn on_written(&mut self, now: Now, upto: u64, outlet: &mut dyn Outlet) {
        self.durable = upto;
        while self.waiting.front().is_some_and(|it| it.place <= upto)
            && let Some(waiting) = self.waiting.pop_front()
        {
            let (from, id) = (waiting.from, waiting.id);
            let outcome = self.act(now, waiting, outlet);
            outlet.answer(from, Answer { id, outcome });
        }
    }

    /// What waits will never be on the disk. The last goes first, as each takes back what it changed.
    fn on_lost(&mut self, now: Now, outlet: &mut dyn Outlet) {
        self.cleaner.on_lost();
        let mut waiting = std::mem::take(&mut self.waiting);
        self.waiting_keys.clear();
        self.partition.forget_logged(self.durable);
        for it in waiting.iter_mut().rev() {
            if let Action::Publish { epoch, before, .. } = &mut it.action {
                let before = std::mem::take(before);
                self.partition.take_back(now, &it.channel, *epoch, before);
            }
        }
        for Waiting { from, id, .. } in waiting {
            outlet.answer(from, Answer { id, outcome: Outcome::Failed(CommandError::Internal) });
        }
    }

    /// Writes down which streams have ended. One that is missed is forgotten when the log is loaded,
    /// or goes on there, which does no harm: nobody has published since.
    fn log_ended(&mut self) {
        for (channel, epoch) in self.partition.take_ended() {
            let end = |out: &mut Vec<u8>| encode_end(out, &channel, epoch);
            let _ = self.journal.append_end(self.index, end);
        }
    }

    fn clean(&mut self) {
        if let Some(rows) = self.cleaner.next() {
            self.journal.want(self.index, rows);
        }
    }
}

impl Broker for LogBroker {
    fn handle_request(
        &mut self,
        now: Now,
        from: Caller,
        request: Request,
        outlet: &mut dyn Outlet,
    ) {
        let id = request.id;
        if let Some(outcome) = self.outcome(now, from, request, outlet) {
            outlet.answer(from, Answer { id, outcome });
        }
        self.log_ended();
    }

    fn handle_wake(&mut self, now: Now, outlet: &mut dyn Outlet) {
        for event in self.journal.events(self.index) {
            match event {
                journal::Event::Written { upto, rows, removed } => {
                    self.cleaner.on_written(rows, removed);
                    self.on_written(now, upto, outlet);
                }
                journal::Event::Lost => self.on_lost(now, outlet),
                journal::Event::Rows(rows) => self.on_rows(now, &rows),
            }
        }
        self.log_ended();
        self.clean();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.partition.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Now, _: &mut dyn Outlet) {
        self.partition.handle_timeout(now);
        self.log_ended();
    }

    fn channels(&self, pattern: &ChannelPattern) -> Vec<ChannelSummary> {
        self.partition.channels(pattern)
    }

    fn stats(&self) -> BrokerStats {
        self.partition.stats()
    }
}

/// What is said to a request whose record was not taken.
const fn failed(refused: Refused) -> Outcome {
    Outcome::Failed(error(refused))
}

const fn error(refused: Refused) -> CommandError {
    match refused {
        Refused::Failing | Refused::NoRoom => CommandError::Internal,
        Refused::Full => CommandError::TooManyRequests,
    }
}

impl fmt::Debug for LogBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBroker")
            .field("index", &self.index)
            .field("waiting", &self.waiting.len())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
