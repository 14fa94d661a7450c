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
        self.make(now, name, |channel, now, entropy| {
            channel.attach(caller);
            if options.is_on() {
                use_stream(channel, options, now, entropy);
            }
            Outcome::Page(channel.page(filter))
        })
    }

    /// Delivers no more.
    pub(super) fn detach(&mut self, now: Now, caller: Caller, name: &ChannelName) {
        self.change(now, name, |channel, now| channel.detach(caller, now));
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
            let page = self.change(now, name, |channel, _| channel.page(filter));
            return Outcome::Page(page.unwrap_or_default());
        }
        self.make(now, name, |channel, now, entropy| {
            use_stream(channel, options, now, entropy);
            Outcome::Page(channel.page(filter))
        })
    }

    /// Accepts a publication and delivers it.
    pub(super) fn publish(
        &mut self,
        now: Now,
        name: ChannelName,
        publish: Publish,
        outlet: &mut dyn Outlet,
    ) -> Outcome {
        let key_bytes = publish.idempotency_key.as_ref().map_or(0, |it| it.len());
        if key_bytes.max(publish.version_epoch.len()) > self.ledger.limits.key_bytes {
            return Outcome::Failed(CommandError::LimitExceeded);
        }
        let Some(key) = &publish.idempotency_key else {
            return self.accept(now, name, publish, outlet).into_outcome();
        };
        let moment = self.clock.moment(now.instant);
        self.results.expire(moment);
        let result = Results::name(&name, key);
        if let Some(position) = self.results.find(&result) {
            return Outcome::Published(position);
        }
        let accepted = self.accept(now, name, publish, outlet);
        if let Accepted::Yes(position) = &accepted {
            self.results.add(result, *position, self.ledger.limits.results, moment);
        }
        accepted.into_outcome()
    }

    /// Forgets the past of a channel. Offsets go on.
    pub(super) fn remove_history(&mut self, now: Now, name: &ChannelName) {
        self.change(now, name, |channel, now| {
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
        let outcome = self.make(now, name, |channel, now, _| {
            let until = now.after(Duration::from_millis(ttl_ms));
            if channel.add_presence(info, until, is_room) {
                Outcome::Done
            } else {
                Outcome::Failed(CommandError::TooManyRequests)
            }
        });
        self.ledger.refused += u64::from(!is_room && matches!(outcome, Outcome::Failed(_)));
        outcome
    }

    /// Forgets that a client is subscribed.
    pub(super) fn remove_presence(&mut self, now: Now, name: &ChannelName, client: ClientId) {
        self.change(now, name, |channel, _| channel.remove_presence(client));
    }

    /// What `ask` says of those who are subscribed; `None` if nobody is.
    pub(super) fn presence<T>(
        &mut self,
        now: Now,
        name: &ChannelName,
        ask: impl FnOnce(&Presence) -> T,
    ) -> Option<T> {
        self.change(now, name, |channel, _| channel.presence().map(ask)).flatten()
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
            self.change(now, &name, |_, _| ());
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
        if stream.suppresses(publish.version, &publish.version_epoch) {
            let position = stream.position();
            self.ledger.close(&name, channel, before);
            return Accepted::Suppressed(position);
        }
        let publication = Arc::new(Publication {
            offset: stream.position().offset + 1,
            data: publish.data,
            info: publish.info,
            tags: publish.tags,
            time_ms: now.unix_ms,
        });
        stream.set_version(publish.version, publish.version_epoch);
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
    fn pass(&mut self, now: Now, name: ChannelName, publish: Publish, outlet: &mut dyn Outlet) {
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
    fn evict(&mut self) {
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
    fn change<T>(
        &mut self,
        now: Now,
        name: &ChannelName,
        change: impl FnOnce(&mut Channel, Moment) -> T,
    ) -> Option<T> {
        let moment = self.clock.moment(now.instant);
        let channel = self.channels.get_mut(name)?;
        let before = self.ledger.open(name, channel, moment);
        let value = change(channel, moment);
        if !self.ledger.close(name, channel, before) {
            self.forget(name);
        }
        Some(value)
    }

    /// Does something to a channel, made if it is not there; forgets it if nothing is left of it then.
    fn make(
        &mut self,
        now: Now,
        name: &ChannelName,
        change: impl FnOnce(&mut Channel, Moment, &mut Entropy) -> Outcome,
    ) -> Outcome {
        let moment = self.clock.moment(now.instant);
        let Some(channel) = find_or_make(&mut self.channels, name, &mut self.ledger) else {
            return Outcome::Failed(CommandError::TooManyRequests);
        };
        let before = self.ledger.open(name, channel, moment);
        let outcome = change(channel, moment, &mut self.entropy);
        if !self.ledger.close(name, channel, before) {
            self.forget(name);
        }
        outcome
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
