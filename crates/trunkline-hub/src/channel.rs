//! [`Channel`]: a named stream of publications, as far as one hub is concerned; and the registry, which
//! makes channels on first use and forgets them when they are empty.

use std::collections::HashMap;
use std::sync::Arc;

use crate::channel_name::ChannelName;
use crate::entropy::Keyed;
use crate::moment::Moment;
use crate::options::ChannelOptions;
use crate::position::StreamPosition;
use crate::session::SessionId;

/// A channel that somebody of this hub is subscribed to, or about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChannelId {
    slot: u32,
    generation: u32,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: ChannelName,
    pub(crate) options: Arc<ChannelOptions>,
    /// Those who get every publication.
    pub(crate) live: Vec<SessionId>,
    /// Those for whom publications are held back.
    pub(crate) joining: Vec<SessionId>,
    /// Where those in `live` are; `None` as long as the broker has not said, and in channels without history.
    pub(crate) position: Option<StreamPosition>,
    /// The broker delivers to this hub.
    pub(crate) is_attached: bool,
    /// Subscriptions, live or not, that want to hear of lost publications.
    pub(crate) positioned: usize,
    pub(crate) check: Check,
}

/// When a channel's position is compared with the broker's.
#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) due: Option<Moment>,
    /// The broker was seen to be at this offset; if the channel is not there at the next check,
    /// publications were lost.
    pub(crate) behind: Option<u64>,
    pub(crate) armed: Option<Moment>,
}

#[derive(Debug)]
pub(crate) struct Channels {
    by_name: HashMap<ChannelName, ChannelId, Keyed>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    channel: Option<Channel>,
}

impl Channels {
    pub(crate) fn new(keys: Keyed) -> Self {
        Self { by_name: HashMap::with_hasher(keys), slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn id(&self, name: &ChannelName) -> Option<ChannelId> {
        self.by_name.get(name).copied()
    }

    /// The channel of this name, made if there is none.
    pub(crate) fn enter(&mut self, name: &ChannelName, options: &Arc<ChannelOptions>) -> ChannelId {
        if let Some(id) = self.id(name) {
            return id;
        }
        let channel = Channel {
            name: name.clone(),
            options: Arc::clone(options),
            live: Vec::new(),
            joining: Vec::new(),
            position: None,
            is_attached: false,
            positioned: 0,
            check: Check::default(),
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, channel: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 channels")
        });
        let place = self.slots.get_mut(slot as usize).expect("it was free, or just made");
        place.channel = Some(channel);
        let id = ChannelId { slot, generation: place.generation };
        self.by_name.insert(name.clone(), id);
        id
    }

    pub(crate) fn remove(&mut self, id: ChannelId) -> Option<Channel> {
        let place = self.slots.get_mut(id.slot as usize)?;
        if place.generation != id.generation {
            return None;
        }
        let channel = place.channel.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.slot);
        self.by_name.remove(&channel.name);
        // Churn leaves nothing behind.
        if self.by_name.is_empty() {
            self.by_name.shrink_to(0);
        }
        Some(channel)
    }

    #[inline]
    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        let place = self.slots.get(id.slot as usize)?;
        place.channel.as_ref().filter(|_| place.generation == id.generation)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let place = self.slots.get_mut(id.slot as usize)?;
        place.channel.as_mut().filter(|_| place.generation == id.generation)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.slots.iter().enumerate().filter_map(|(slot, it)| {
            let id = ChannelId { slot: u32::try_from(slot).ok()?, generation: it.generation };
            it.channel.as_ref().map(|channel| (id, channel))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }
}
