//! [`Channel`]: all that a partition knows of one channel.

use std::sync::Arc;
use std::time::Duration;

use trunkline_hub::broker::{Delivery, Event};
use trunkline_hub::{ChannelName, ClientId, ClientInfo, HistoryFilter, HistoryPage};

use super::agenda::Note;
use super::moment::Moment;
use super::presence::Presence;
use super::stream::{Kept, Stream};
use super::{Caller, ChannelSummary, Outlet};

/// Who is attached, what was published, who is present. Forgotten when there is nothing of the three.
#[derive(Debug, Default)]
pub(super) struct Channel {
    attached: Vec<Caller>,
    pub(super) stream: Option<Box<Stream>>,
    presence: Option<Box<Presence>>,
    /// Its entry among the channels that wait for something to expire.
    pub(super) wait: Note,
}

impl Channel {
    /// From now on `caller` hears what happens.
    pub(super) fn attach(&mut self, caller: Caller) {
        if !self.attached.contains(&caller) {
            self.attached.push(caller);
        }
    }

    /// From now on it does not.
    pub(super) fn detach(&mut self, caller: Caller, now: Moment) {
        self.attached.retain(|it| *it != caller);
        if let Some(stream) = &mut self.stream {
            stream.touch(now);
        }
    }

    /// Tells all who are attached.
    pub(super) fn deliver(&self, channel: ChannelName, event: Event, outlet: &mut dyn Outlet) {
        let Some((last, others)) = self.attached.split_last() else { return };
        let delivery = Delivery { channel, event };
        for caller in others {
            outlet.deliver(*caller, delivery.clone());
        }
        outlet.deliver(*last, delivery);
    }

    /// The part of the past that `filter` asks for: nothing, if there is no stream.
    pub(super) fn page(&self, filter: &HistoryFilter) -> HistoryPage {
        self.stream.as_ref().map_or_else(HistoryPage::default, |it| it.page(filter))
    }

    /// What is kept of the past.
    pub(super) fn kept(&self) -> Kept {
        self.stream.as_ref().map(|it| it.kept()).unwrap_or_default()
    }

    /// Who is present, if anybody is.
    pub(super) fn presence(&self) -> Option<&Presence> {
        self.presence.as_deref()
    }

    /// Notes that a client is present, unless it would be a new one and there is no room for one.
    pub(super) fn add_presence(
        &mut self,
        info: Arc<ClientInfo>,
        until: Moment,
        is_room: bool,
    ) -> bool {
        let fits = is_room || self.presence.as_ref().is_some_and(|it| it.contains(info.client));
        if fits {
            self.presence.get_or_insert_default().add(info, until);
        }
        fits
    }

    /// Forgets that a client is present.
    pub(super) fn remove_presence(&mut self, client: ClientId) {
        if let Some(presence) = &mut self.presence {
            presence.remove(client);
            if presence.len() == 0 {
                self.presence = None;
            }
        }
    }

    /// How many clients are present.
    pub(super) fn presences(&self) -> usize {
        self.presence.as_ref().map_or(0, |it| it.len())
    }

    /// Drops publications and clients that have expired.
    pub(super) fn expire(&mut self, now: Moment) {
        if let Some(stream) = &mut self.stream {
            stream.expire(now);
        }
        if let Some(presence) = &mut self.presence {
            presence.expire(now);
            if presence.len() == 0 {
                self.presence = None;
            }
        }
    }

    /// When something of it expires next.
    pub(super) fn next(&self, unused_ttl: Duration) -> Option<Moment> {
        let presence = self.presence.as_ref().map(|it| it.expires());
        let publication = self.stream.as_ref().and_then(|it| it.expires());
        let position = self.stream_ends(unused_ttl);
        presence.into_iter().chain(publication).chain(position).min()
    }

    /// When its stream may be forgotten. Not as long as somebody is attached, which is use, or
    /// publications are kept, which have positions.
    pub(super) fn stream_ends(&self, unused_ttl: Duration) -> Option<Moment> {
        let stream = self.stream.as_deref()?;
        if stream.oldest().is_some() || stream.is_waiting() {
            return None;
        }
        self.attached.is_empty().then(|| stream.ends(unused_ttl))
    }

    /// Whether nothing is known of it.
    pub(super) fn is_nothing(&self) -> bool {
        self.attached.is_empty() && self.stream.is_none() && self.presence.is_none()
    }

    pub(super) fn summary(&self, channel: ChannelName) -> ChannelSummary {
        ChannelSummary {
            channel,
            attached: self.attached.len(),
            publications: self.kept().publications,
            top: self.stream.as_ref().map(|it| it.position()),
            presences: self.presences(),
        }
    }
}
