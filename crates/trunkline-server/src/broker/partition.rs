//! [`Partition`]: channels, and what is done to them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_hub::broker::{Event, Outcome, Publish};
use trunkline_hub::{
    ChannelName, ClientId, ClientInfo, CommandError, Epoch, HistoryFilter, HistoryOptions, Now,
    Publication, StreamPosition,
};

use super::channel::Channel;
use super::ledger::{Before, Ledger};
use super::moment::{Clock, Moment};
use super::presence::Presence;
use super::results::Results;
use super::stream::Stream;
use super::{BrokerLimits, BrokerStats, Caller, ChannelPattern, ChannelSummary, Outlet};

/// Channels that one call about time looks at: about a quarter of a millisecond.
const CHANNELS_A_CALL: usize = 1024;

/// Where random numbers for epochs come from.
pub(super) type Entropy = Box<dyn FnMut() -> u64 + Send>;

/// The channels of a partition.
pub(super) struct Partition {
    channels: HashMap<ChannelName, Channel>,
    ledger: Ledger,
    results: Results,
    clock: Clock,
    entropy: Entropy,
}

impl Partition {
    pub(super) fn new(limits: BrokerLimits, entropy: Entropy, start: Instant) -> Self {
        Self {
            channels: HashMap::new(),
            ledger: Ledger::new(limits),
            results: Results::default(),
            clock: Clock::new(start),
            entropy,
        }
    }

    /// Delivers to `caller` from now on, and tells what is kept.
    pub(super) fn attach(
        &mut self,
        now: Now,
        caller: Caller,
        name: &ChannelName,
        options: HistoryOptions,
        filter: &HistoryFilter,
    ) -> Outcome {
        let page = self.make(now, name, |channel, now, entropy| {
            channel.attach(caller);
            if options.is_on() {
                use_stream(channel, options, now, entropy);
            }
            channel.page(filter)
        });
        page.map_or_else(Outcome::Failed, Outcome::Page)
    }

    /// Delivers no more.
    pub(super) fn detach(&mut self, now: Now, caller: Caller, name: &ChannelName) {
        self.change(now, name, |channel, now, _| channel.detach(caller, now));
    }

    /// What is kept of the past.
    pub(super) fn history(
        &mut self,
        now: Now,
        name: &ChannelName,
        options: HistoryOptions,
        filter: &HistoryFilter,
    ) -> Outcome {
        if !options.is_on() {
            let page = self.change(now, name, |channel, _, _| channel.page(filter));
            return Outcome::Page(page.unwrap_or_default());
        }
        let page = self.make(now, name, |channel, now, entropy| {
            use_stream(channel, options, now, entropy);
            channel.page(filter)
        });
        page.map_or_else(Outcome::Failed, Outcome::Page)
    }

    /// Accepts a publication and delivers it.
    pub(super) fn publish(
        &mut self,
        now: Now,
        name: ChannelName,
        publish: Publish,
        outlet: &mut dyn Outlet,
    ) -> Outcome {
        if !self.is_taken(&publish) {
            return Outcome::Failed(CommandError::LimitExceeded);
        }
        let Some(key) = &publish.idempotency_key else {
            return self.accept(now, name, publish, outlet).into_outcome();
        };
        let result = Results::name(&name, key);
        if let Some(position) = self.result(now, &result) {
            return Outcome::Published(position);
        }
        let accepted = self.accept(now, name, publish, outlet);
        if let Accepted::Yes(position) = &accepted {
            self.remember(now, result, *position);
        }
        accepted.into_outcome()
    }

    /// Whether the parts of a publication are within their bounds.
    pub(super) fn is_taken(&self, publish: &Publish) -> bool {
        let key_bytes = publish.idempotency_key.as_ref().map_or(0, |it| it.len());
        key_bytes.max(publish.version_epoch.len()) <= self.ledger.limits.key_bytes
    }

    /// What came of the publication whose key has this name.
    pub(super) fn result(&mut self, now: Now, name: &str) -> Option<Option<StreamPosition>> {
        self.results.expire(self.clock.moment(now.instant));
        self.results.find(name)
    }

    /// Remembers what came of the publication whose key has this name.
    pub(super) fn remember(&mut self, now: Now, name: Arc<str>, position: Option<StreamPosition>) {
        let moment = self.clock.moment(now.instant);
        self.results.add(name, position, self.ledger.limits.results, moment);
    }

    /// Remembers what came of a publication at some time before `now`, none of which is before those
    /// that were handed in already.
    pub(super) fn remember_since(
        &mut self,
        now: Now,
        name: Arc<str>,
        position: StreamPosition,
        time_ms: i64,
    ) {
        let age = u64::try_from(now.unix_ms.saturating_sub(time_ms)).unwrap_or(0);
        let moment = self.clock.moment(now.instant).before(Duration::from_millis(age));
        self.results.add(name, Some(position), self.ledger.limits.results, moment);
    }

    /// Forgets the past of a channel. Offsets go on.
    pub(super) fn remove_history(&mut self, now: Now, name: &ChannelName) {
        self.change(now, name, |channel, now, _| {
            if let Some(stream) = &mut channel.stream {
                stream.touch(now);
                stream.clear();
            }
        });
    }

    /// Keeps in mind that a client is subscribed.
    pub(super) fn add_presence(
        &mut self,
        now: Now,
        name: &ChannelName,
        info: Arc<ClientInfo>,
        ttl_ms: u64,
    ) -> Outcome {
        let is_room = self.ledger.is_room_for_presence();
        let added = self.make(now, name, |channel, now, _| {
            channel.add_presence(info, now.after(Duration::from_millis(ttl_ms)), is_room)
        });
        match added {
            Ok(true) => Outcome::Done,
            Ok(false) => {
                self.ledger.refused += 1;
                Outcome::Failed(CommandError::TooManyRequests)
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Forgets that a client is subscribed.
    pub(super) fn remove_presence(&mut self, now: Now, name: &ChannelName, client: ClientId) {
        self.change(now, name, |channel, _, _| channel.remove_presence(client));
    }

    /// What `ask` says of those who are subscribed; `None` if nobody is.
    pub(super) fn presence<T>(
        &mut self,
        now: Now,
        name: &ChannelName,
        ask: impl FnOnce(&Presence) -> T,
    ) -> Option<T> {
        self.change(now, name, |channel, _, _| channel.presence().map(ask)).flatten()
    }

    /// Tells all who are attached.
    pub(super) fn tell(&self, name: ChannelName, event: Event, outlet: &mut dyn Outlet) {
        if let Some(channel) = self.channels.get(&name) {
            channel.deliver(name, event, outlet);
        }
    }

    /// When something expires.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let first = self.ledger.waiting.first().into_iter().chain(self.results.expires()).min()?;
        self.clock.instant(first)
    }

    /// Forgets what has expired, of a bounded number of channels.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        let moment = self.clock.moment(now.instant);
        self.results.expire(moment);
        for _ in 0..CHANNELS_A_CALL {
            let Some((_, name)) = self.ledger.waiting.pop(moment) else { break };
            if let Some(channel) = self.channels.get_mut(&name) {
                channel.wait.clear();
            }
            self.change(now, &name, |_, _, _| ());
        }
    }

    /// Those whose names match.
    pub(super) fn channels(&self, pattern: &ChannelPattern) -> Vec<ChannelSummary> {
        let matching = self.channels.iter().filter(|(name, _)| pattern.matches(name));
        matching.map(|(name, channel)| channel.summary(name.clone())).collect()
    }

    /// What is kept and was done.
    pub(super) fn stats(&self) -> BrokerStats {
        BrokerStats {
            channels: self.channels.len(),
            results: self.results.len(),
            forgotten_results: self.results.forgotten(),
            ..self.ledger.stats()
        }
    }

    /// Accepts a publication whose key, if it has one, is new.
    fn accept(
        &mut self,
        now: Now,
        name: ChannelName,
        publish: Publish,
        outlet: &mut dyn Outlet,
    ) -> Accepted {
        if publish.history.is_on() {
            self.append(now, name, publish, outlet)
        } else {
            self.pass(now, name, publish, outlet);
            Accepted::Yes(None)
        }
    }

    /// Accepts a publication of a channel with history.
    fn append(
        &mut self,
        now: Now,
        name: ChannelName,
        publish: Publish,
        outlet: &mut dyn Outlet,
    ) -> Accepted {
        let options = publish.history;
        let moment = self.clock.moment(now.instant);
        let Some(channel) = find_or_make(&mut self.channels, &name, &mut self.ledger) else {
            return Accepted::No(CommandError::TooManyRequests);
        };
        let before = self.ledger.open(&name, channel, moment);
        let stream = use_stream(channel, options, moment, &mut self.entropy);
        let Some(publication) = stream.accept(publish, now.unix_ms) else {
            let position = stream.position();
            self.ledger.close(&name, channel, before);
            return Accepted::Suppressed(position);
        };
        stream.push(&publication, options, self.ledger.limits.channel_bytes, moment);
        let position = stream.position();
        self.ledger.close(&name, channel, before);
        self.ledger.accepted += 1;
        channel.deliver(name, Event::Publication { publication, epoch: position.epoch }, outlet);
        self.evict();
        Accepted::Yes(Some(position))
    }

    /// Delivers a publication of a channel without history. If it had one until now, that ends: who
    /// recovers later must not take it for whole.
    pub(super) fn pass(
        &mut self,
        now: Now,
        name: ChannelName,
        publish: Publish,
        outlet: &mut dyn Outlet,
    ) {
        self.ledger.accepted += 1;
        let Some(channel) = self.channels.get_mut(&name) else { return };
        let had_stream = channel.stream.is_some();
        let publication = Arc::new(Publication {
            offset: 0,
            data: publish.data,
            info: publish.info,
            tags: publish.tags,
            time_ms: now.unix_ms,
        });
        let event = Event::Publication { publication, epoch: Epoch::NONE };
        channel.deliver(name.clone(), event, outlet);
        if had_stream {
            self.end_stream(now, &name);
        }
    }

    /// Forgets the stream of a channel, position and all.
    fn end_stream(&mut self, now: Now, name: &ChannelName) {
        let moment = self.clock.moment(now.instant);
        let Some(channel) = self.channels.get_mut(name) else { return };
        let before = self.ledger.open(name, channel, moment);
        self.ledger.end_stream(name, channel);
        if !self.ledger.close(name, channel, before) {
            self.forget(name);
        }
    }

    /// Drops the oldest publications of all until those that are left fit.
    pub(super) fn evict(&mut self) {
        while self.ledger.is_over_budget() {
            let Some((moment, name)) = self.ledger.ages.pop_first() else { return };
            let Some(channel) = self.channels.get_mut(&name) else { continue };
            let before = Before::of(channel);
            let Some(stream) = &mut channel.stream else { continue };
            stream.age.clear();
            // The entry may be older than what the channel keeps by now.
            if stream.oldest().is_some_and(|it| it <= moment) {
                stream.pop();
                self.ledger.evicted += 1;
            }
            self.ledger.close(&name, channel, before);
        }
    }

    /// Does something to a channel if it is there; forgets it if nothing is left of it then.
    pub(super) fn change<T>(
        &mut self,
        now: Now,
        name: &ChannelName,
        change: impl FnOnce(&mut Channel, Moment, &BrokerLimits) -> T,
    ) -> Option<T> {
        let moment = self.clock.moment(now.instant);
        let channel = self.channels.get_mut(name)?;
        let before = self.ledger.open(name, channel, moment);
        let value = change(channel, moment, &self.ledger.limits);
        if !self.ledger.close(name, channel, before) {
            self.forget(name);
        }
        Some(value)
    }

    /// Does something to a channel, made if it is not there; forgets it if nothing is left of it then.
    fn make<T>(
        &mut self,
        now: Now,
        name: &ChannelName,
        change: impl FnOnce(&mut Channel, Moment, &mut Entropy) -> T,
    ) -> Result<T, CommandError> {
        let moment = self.clock.moment(now.instant);
        let Some(channel) = find_or_make(&mut self.channels, name, &mut self.ledger) else {
            return Err(CommandError::TooManyRequests);
        };
        let before = self.ledger.open(name, channel, moment);
        let value = change(channel, moment, &mut self.entropy);
        if !self.ledger.close(name, channel, before) {
            self.forget(name);
        }
        Ok(value)
    }

    /// Does something to the stream of a channel, both made if they are not there.
    pub(super) fn with_stream<T>(
        &mut self,
        now: Now,
        name: &ChannelName,
        options: HistoryOptions,
        change: impl FnOnce(&mut Stream) -> T,
    ) -> Result<T, CommandError> {
        self.make(now, name, |channel, now, entropy| {
            change(use_stream(channel, options, now, entropy))
        })
    }

    /// Makes a channel of a log, whatever their number.
    pub(super) fn restore_stream(
        &mut self,
        now: Now,
        name: &ChannelName,
        restore: impl FnOnce(&mut Channel, Moment, &BrokerLimits),
    ) {
        self.channels.entry(name.clone()).or_default();
        self.change(now, name, restore);
    }

    /// The channel, if anything is known of it.
    pub(super) fn find(&self, name: &ChannelName) -> Option<&Channel> {
        self.channels.get(name)
    }

    /// The channel, for what changes no sums.
    pub(super) fn find_mut(&mut self, name: &ChannelName) -> Option<&mut Channel> {
        self.channels.get_mut(name)
    }

    /// All streams, in no order.
    pub(super) fn streams(&self) -> impl Iterator<Item = (&ChannelName, &Stream)> {
        self.channels.iter().filter_map(|(name, it)| Some((name, it.stream.as_deref()?)))
    }

    /// All streams, for what changes no sums.
    pub(super) fn streams_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.channels.values_mut().filter_map(|it| it.stream.as_deref_mut())
    }

    /// Counts a publication.
    pub(super) const fn count_accepted(&mut self) {
        self.ledger.accepted += 1;
    }

    /// Where streams that end are noted, if anybody wants to know.
    pub(super) const fn ended(&mut self) -> Option<&mut Vec<(ChannelName, Epoch)>> {
        self.ledger.ended.as_mut()
    }

    /// From now on streams that end are noted.
    pub(super) fn note_ended(&mut self) {
        self.ledger.ended = Some(Vec::new());
    }

    /// Forgets a channel of which nothing is left, and gives back memory after many have gone.
    fn forget(&mut self, name: &ChannelName) {
        self.channels.remove(name);
        if self.channels.len() < self.channels.capacity() / 8 {
            self.channels.shrink_to(self.channels.len() * 2);
        }
    }
}

/// What came of a publication.
enum Accepted {
    /// It was delivered.
    Yes(Option<StreamPosition>),
    /// Its version is not new; this is the top.
    Suppressed(StreamPosition),
    /// There is no room.
    No(CommandError),
}

impl Accepted {
    const fn into_outcome(self) -> Outcome {
        match self {
            Self::Yes(position) => Outcome::Published(position),
            Self::Suppressed(top) => Outcome::Published(Some(top)),
            Self::No(error) => Outcome::Failed(error),
        }
    }
}

/// The channel of that name; `None` if there is none and no room for one.
fn find_or_make<'a>(
    channels: &'a mut HashMap<ChannelName, Channel>,
    name: &ChannelName,
    ledger: &mut Ledger,
) -> Option<&'a mut Channel> {
    let is_room = channels.len() < ledger.limits.channels;
    match channels.entry(name.clone()) {
        Entry::Occupied(entry) => Some(entry.into_mut()),
        Entry::Vacant(entry) if is_room => Some(entry.insert(Channel::default())),
        Entry::Vacant(_) => {
            ledger.refused += 1;
            None
        }
    }
}

/// The stream of a channel, begun if there is none.
fn use_stream<'a>(
    channel: &'a mut Channel,
    options: HistoryOptions,
    now: Moment,
    entropy: &mut Entropy,
) -> &'a mut Stream {
    let begin = || Box::new(Stream::new(Epoch::from_entropy(entropy()), options, now));
    let stream = channel.stream.get_or_insert_with(begin);
    stream.touch(now);
    stream
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
