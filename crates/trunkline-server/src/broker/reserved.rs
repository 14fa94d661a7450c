//! Publications in two steps, for brokers that keep a log: first they get their offset, then, once a
//! disk has them, they are kept and delivered.

use std::sync::Arc;

use trunkline_hub::broker::{Event, Publish};
use trunkline_hub::{
    ChannelName, CommandError, Epoch, HistoryOptions, Now, Publication, StreamPosition,
};

use super::Outlet;
use super::partition::Partition;
use super::stream::{Head, LOADED, Stream, Version};

/// A publication that has its offset.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) publication: Arc<Publication>,
    /// What the stream will be with it.
    pub(super) head: Head,
    /// The version before it.
    pub(super) before: Version,
}

impl Partition {
    /// Gives a publication of a channel with history its offset; `None` if its version is not new.
    pub(super) fn reserve(
        &mut self,
        now: Now,
        name: &ChannelName,
        publish: Publish,
    ) -> Result<Option<Reserved>, CommandError> {
        let options = publish.history;
        let reserve = |stream: &mut Stream| {
            let before = stream.head().version;
            let publication = stream.accept(publish, now.unix_ms)?;
            stream.reserve();
            let head = Head { options, ..stream.head() };
            Some(Reserved { publication, head, before })
        };
        self.with_stream(now, name, options, reserve)
    }

    /// Keeps and delivers a publication that was reserved, the first of those of its channel. If its
    /// stream has ended meanwhile, it is only delivered.
    pub(super) fn keep(
        &mut self,
        now: Now,
        name: ChannelName,
        publication: Arc<Publication>,
        options: HistoryOptions,
        epoch: Epoch,
        outlet: &mut dyn Outlet,
    ) {
        self.change(now, &name, |channel, moment, limits| {
            let stream = channel.stream.as_mut().filter(|it| it.position().epoch == epoch);
            if let Some(stream) = stream {
                stream.unreserve();
                stream.touch(moment);
                stream.push(&publication, options, limits.channel_bytes, moment);
            }
        });
        self.count_accepted();
        self.tell(name, Event::Publication { publication, epoch }, outlet);
        self.evict();
    }

    /// Takes back a publication that was reserved, the last of those of its channel.
    pub(super) fn take_back(
        &mut self,
        now: Now,
        name: &ChannelName,
        epoch: Epoch,
        before: Version,
    ) {
        self.change(now, name, |channel, _, _| {
            let stream = channel.stream.as_mut().filter(|it| it.position().epoch == epoch);
            if let Some(stream) = stream {
                stream.take_back(before);
            }
        });
    }

    /// What a channel's stream is, if it has one.
    pub(super) fn stream(&self, name: &ChannelName) -> Option<&Stream> {
        self.find(name)?.stream.as_deref()
    }

    /// Sets the place of a stream's first record in the log, if there is none.
    pub(super) fn set_logged(&mut self, name: &ChannelName, place: u64) {
        if let Some(stream) = self.find_mut(name).and_then(|it| it.stream.as_mut())
            && stream.logged == 0
        {
            stream.logged = place;
        }
    }

    /// Forgets the places of records that were not written: all those beyond `durable`.
    pub(super) fn forget_logged(&mut self, durable: u64) {
        for stream in self.streams_mut().filter(|it| it.logged > durable) {
            stream.logged = 0;
        }
    }

    /// Takes in a stream from a log: what it was, and what is kept of it, the oldest first.
    pub(super) fn restore(
        &mut self,
        now: Now,
        name: ChannelName,
        head: Head,
        publications: Vec<Arc<Publication>>,
    ) {
        let options = head.options;
        self.restore_stream(now, &name, |channel, moment, limits| {
            let mut stream = Stream::restored(head, moment);
            stream.logged = LOADED;
            for publication in &publications {
                // The clock on the wall may have been set back.
                let age =
                    u64::try_from(now.unix_ms.saturating_sub(publication.time_ms)).unwrap_or(0);
                let accepted = moment.before(std::time::Duration::from_millis(age));
                stream.push(publication, options, limits.channel_bytes, accepted);
            }
            channel.stream = Some(Box::new(stream));
        });
        self.evict();
    }

    /// The streams that have ended since the last time.
    pub(super) fn take_ended(&mut self) -> Vec<(ChannelName, Epoch)> {
        self.ended().map(std::mem::take).unwrap_or_default()
    }
}

/// The position of a publication.
pub(super) fn position(publication: &Publication, epoch: Epoch) -> StreamPosition {
    StreamPosition { offset: publication.offset, epoch }
}
