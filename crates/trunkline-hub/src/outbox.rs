//! [`Outbox`]: what is still to be written to one client, with a bound.

use std::rc::Rc;

use crate::channel::ChannelId;
use crate::channel_name::ChannelName;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::reply::{Entry, PushBody, SharedPush};
use crate::spare::{Queue, Spare};

/// What an entry costs beyond its payload.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// A queue that owns no memory while it is empty: see [`Spare`].
///
/// Mostly it has one entry, between a publication and the write that follows. That one lies in the
/// session itself: for ten thousand sessions, memory that is somewhere else costs more than all else
/// that a delivery does here.
#[derive(Debug)]
pub(crate) struct Outbox<E> {
    first: Option<Queued<E>>,
    /// What came behind it, if anything did.
    rest: Option<Queue<Queued<E>>>,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Queued<E> {
    entry: Entry<E>,
    weight: u32,
}

/// There was no room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self { first: None, rest: None, bytes: 0 }
    }
}

impl<E> Outbox<E> {
    /// Adds an entry of `weight` bytes. The first one always fits, whatever its size; a reply fits as long as what is
    /// there does, for the client has asked for it, and cannot know what else would come.
    #[inline]
    pub(crate) fn push(
        &mut self,
        entry: Entry<E>,
        weight: usize,
        limits: &Limits,
        spare: &mut Spare<Queued<E>>,
    ) -> Result<(), Full> {
        let weight = weight.saturating_add(ENTRY_OVERHEAD_BYTES);
        let queued = Queued { entry, weight: u32::try_from(weight).unwrap_or(u32::MAX) };
        let bytes = self.bytes.saturating_add(weight);
        if !self.is_empty() {
            return self.push_behind(queued, bytes, limits, spare);
        }
        self.first = Some(queued);
        self.bytes = bytes;
        Ok(())
    }

    /// Adds an entry behind others; with it there would be `bytes`. Not inlined: what it saves of registers would be
    /// saved for the one entry, too, that mostly is all.
    #[inline(never)]
    fn push_behind(
        &mut self,
        queued: Queued<E>,
        bytes: usize,
        limits: &Limits,
        spare: &mut Spare<Queued<E>>,
    ) -> Result<(), Full> {
        if self.is_full(&queued.entry, bytes, limits) {
            return Err(Full);
        }
        self.rest.get_or_insert_with(|| spare.take()).push_back(queued);
        self.bytes = bytes;
        Ok(())
    }

    /// Whether `entry` is one too many; with it there would be `bytes`.
    fn is_full(&self, entry: &Entry<E>, bytes: usize, limits: &Limits) -> bool {
        let counted = if matches!(entry, Entry::Reply(_)) { self.bytes } else { bytes };
        counted > limits.outbox_bytes || self.len() >= limits.outbox_entries
    }

    /// What is there, in the order in which it is taken.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<E>> {
        let rest = self.rest.iter().flat_map(|it| it.iter());
        self.first.iter().chain(rest).map(|it| &it.entry)
    }

    #[inline]
    pub(crate) fn pop(&mut self, spare: &mut Spare<Queued<E>>) -> Option<Entry<E>> {
        if self.rest.is_some() {
            return self.pop_of_several(spare);
        }
        let only = self.first.take()?;
        self.bytes = 0;
        Some(only.entry)
    }

    /// The same where there are others. Not inlined, for the same reason as [`push_behind`](Self::push_behind).
    #[inline(never)]
    fn pop_of_several(&mut self, spare: &mut Spare<Queued<E>>) -> Option<Entry<E>> {
        let rest = self.rest.as_mut()?;
        let queued = match self.first.take() {
            Some(first) => first,
            None => rest.pop_front()?,
        };
        self.bytes = self.bytes.saturating_sub(queued.weight as usize);
        if rest.is_empty() {
            self.bytes = 0;
            if let Some(emptied) = self.rest.take() {
                spare.give(emptied);
            }
        }
        Some(queued.entry)
    }

    /// Removes the oldest publications of `channel` until one of `weight` bytes fits. `Err` if there
    /// is no room even without them.
    pub(crate) fn drop_oldest(
        &mut self,
        channel: &ChannelName,
        weight: usize,
        limits: &Limits,
    ) -> Result<usize, Full> {
        let needed = weight.saturating_add(ENTRY_OVERHEAD_BYTES);
        let mut dropped = 0;
        let mut index = 0;
        let is_full = |it: &Self| {
            it.bytes.saturating_add(needed) > limits.outbox_bytes
                || it.len() >= limits.outbox_entries
        };
        // As in `push`, the first one always fits.
        while !self.is_empty() && is_full(self) {
            let removed = match self.first.take_if(|it| it.is_publication_of(channel)) {
                Some(first) => first,
                None => {
                    let rest = self.rest.as_mut().ok_or(Full)?;
                    while !rest.get(index).ok_or(Full)?.is_publication_of(channel) {
                        index += 1;
                    }
                    let removed = rest.remove(index).ok_or(Full)?;
                    self.rest.take_if(|it| it.is_empty());
                    removed
                }
            };
            self.bytes = self.bytes.saturating_sub(removed.weight as usize);
            dropped += 1;
        }
        Ok(dropped)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |it| it.len())
    }
}

impl<E> Queued<E> {
    fn is_publication_of(&self, channel: &ChannelName) -> bool {
        let Entry::Push(shared) = &self.entry else { return false };
        matches!(shared.push.body, PushBody::Publication(_))
            && shared.push.channel.as_ref() == Some(channel)
    }
}

/// The newest publications of channels that send no more than the newest, until they may go out.
#[derive(Debug, Default)]
pub(crate) struct Newest<E> {
    pub(crate) channels: Vec<(ChannelId, Latest<E>)>,
    /// One of them may go out.
    pub(crate) due: Option<Moment>,
}

/// The newest publication of one of these channels.
#[derive(Debug)]
pub(crate) struct Latest<E> {
    pub(crate) push: Option<Rc<SharedPush<E>>>,
    pub(crate) weight: usize,
    /// Not before this.
    pub(crate) due: Moment,
}

impl<E> Newest<E> {
    /// Puts `push` in the place of the one that waits. Whether there was one.
    pub(crate) fn replace(
        &mut self,
        now: Moment,
        channel: ChannelId,
        push: Rc<SharedPush<E>>,
        weight: usize,
    ) -> bool {
        let (replaced, due) = match self.channels.iter_mut().find(|(it, _)| *it == channel) {
            Some((_, latest)) => {
                latest.weight = weight;
                (latest.push.replace(push).is_some(), latest.due)
            }
            None => {
                self.channels.push((channel, Latest { push: Some(push), weight, due: now }));
                (false, now)
            }
        };
        self.due = Some(self.due.map_or(due, |it| it.min(due)));
        replaced
    }
}
