//! The broker: lists and linear searches, and a record of all that was ever accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_hub::broker::{Delivery, Event, Operation, Outcome, Publish};
use trunkline_hub::{
    ChannelName, ClientId, Epoch, HistoryFilter, HistoryOptions, HistoryPage, PresenceStats,
    Publication, StreamPosition,
};

/// What became of a payload.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) channel: ChannelName,
    pub(crate) at: StreamPosition,
    /// The order in which all was accepted, over all channels and epochs.
    pub(crate) serial: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Broker {
    streams: BTreeMap<ChannelName, Stream>,
    /// By payload; each is published once.
    pub(crate) accepted: BTreeMap<Box<[u8]>, Accepted>,
    epochs: u64,
}

#[derive(Debug, Default)]
struct Stream {
    epoch: Option<Epoch>,
    top: u64,
    past: Vec<Arc<Publication>>,
    attached: Vec<usize>,
    present: BTreeMap<ClientId, u64>,
}

/// What a request leads to.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) outcome: Option<Outcome>,
    /// To these hubs.
    pub(crate) delivery: Option<(Vec<usize>, Delivery)>,
}

impl Broker {
    /// Everything but the record is lost.
    pub(crate) fn restart(&mut self) {
        self.streams.clear();
    }

    /// The link to a hub was cut.
    pub(crate) fn forget(&mut self, hub: usize) {
        self.streams.values_mut().for_each(|it| it.attached.retain(|it| *it != hub));
    }

    pub(crate) fn top(&self, channel: &ChannelName) -> Option<StreamPosition> {
        let stream = self.streams.get(channel)?;
        Some(StreamPosition { offset: stream.top, epoch: stream.epoch? })
    }

    pub(crate) fn present(&self, channel: &ChannelName, now_ms: u64) -> Vec<ClientId> {
        let Some(stream) = self.streams.get(channel) else { return Vec::new() };
        stream.present.iter().filter(|(_, end)| **end > now_ms).map(|(client, _)| *client).collect()
    }

    fn stream(&mut self, channel: &ChannelName, history: HistoryOptions) -> &mut Stream {
        let stream = self.streams.entry(channel.clone()).or_default();
        if history.is_on() && stream.epoch.is_none() {
            self.epochs += 1;
            stream.epoch = Some(Epoch::from_entropy(self.epochs));
        }
        stream
    }

    pub(crate) fn handle(
        &mut self,
        hub: usize,
        now_ms: u64,
        channel: ChannelName,
        operation: Operation,
    ) -> Done {
        let outcome = match operation {
            Operation::Attach { history, filter } => {
                let page = self.page(&channel, history, filter);
                let attached = &mut self.stream(&channel, history).attached;
                if !attached.contains(&hub) {
                    attached.push(hub);
                }
                Outcome::Page(page)
            }
            Operation::Detach => {
                self.streams.entry(channel).or_default().attached.retain(|it| *it != hub);
                return Done::default();
            }
            Operation::Publish(publish) => return self.publish(channel, publish),
            Operation::History { history, filter } => {
                Outcome::Page(self.page(&channel, history, filter))
            }
            Operation::RemoveHistory => {
                self.streams.entry(channel).or_default().past.clear();
                Outcome::Done
            }
            Operation::AddPresence { info, ttl_ms } => {
                let present = &mut self.streams.entry(channel).or_default().present;
                present.insert(info.client, now_ms + ttl_ms);
                Outcome::Done
            }
            Operation::RemovePresence { client } => {
                self.streams.entry(channel).or_default().present.remove(&client);
                Outcome::Done
            }
            Operation::Presence => Outcome::Presence(Vec::new()),
            Operation::PresenceStats => Outcome::PresenceStats(PresenceStats::default()),
            Operation::Join(info) => return self.told(channel, Event::Join(info)),
            Operation::Leave(info) => return self.told(channel, Event::Leave(info)),
        };
        Done { outcome: Some(outcome), delivery: None }
    }

    fn publish(&mut self, channel: ChannelName, publish: Publish) -> Done {
        let serial = self.accepted.len() as u64;
        let has_history = publish.history.is_on();
        let stream = self.stream(&channel, publish.history);
        stream.top += u64::from(has_history);
        let at = if has_history {
            StreamPosition { offset: stream.top, epoch: stream.epoch.unwrap_or(Epoch::NONE) }
        } else {
            StreamPosition::default()
        };
        let publication = Arc::new(Publication {
            offset: at.offset,
            data: publish.data.clone(),
            info: publish.info,
            ..Publication::default()
        });
        if has_history {
            stream.past.push(Arc::clone(&publication));
            let excess = stream.past.len().saturating_sub(publish.history.size);
            stream.past.drain(..excess);
        }
        let accepted = Accepted { channel: channel.clone(), at, serial };
        self.accepted.insert(publish.data.as_ref().into(), accepted);
        let event = Event::Publication { publication, epoch: at.epoch };
        let outcome = Some(Outcome::Published(has_history.then_some(at)));
        Done { outcome, ..self.told(channel, event) }
    }

    fn page(
        &mut self,
        channel: &ChannelName,
        history: HistoryOptions,
        filter: HistoryFilter,
    ) -> HistoryPage {
        let stream = self.stream(channel, history);
        let epoch = stream.epoch.unwrap_or(Epoch::NONE);
        let mut publications = stream.past.clone();
        if filter.reverse {
            publications.reverse();
        }
        if let Some(since) = filter.since {
            if since.epoch != epoch && !since.epoch.is_none() {
                publications.clear();
            }
            publications.retain(|it| {
                if filter.reverse { it.offset < since.offset } else { it.offset > since.offset }
            });
        }
        publications.truncate(filter.limit.unwrap_or(usize::MAX));
        HistoryPage { publications, top: StreamPosition { offset: stream.top, epoch } }
    }

    fn told(&self, channel: ChannelName, event: Event) -> Done {
        let hubs = self.streams.get(&channel).map(|it| it.attached.clone()).unwrap_or_default();
        Done { outcome: None, delivery: Some((hubs, Delivery { channel, event })) }
    }
}
