//! [`Agenda`]: which channel is to be looked at next.

use std::collections::BTreeSet;

use trunkline_hub::ChannelName;

use super::moment::Moment;

/// Channels by time. Each has one entry at most, and remembers its time in a [`Note`] of its own.
///
/// Entries move lazily. What a channel waits for is nearly always put off, by the next publication for
/// instance, so an entry stays where it is until its time comes; then the channel is asked what it
/// waits for, and noted down again.
#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeSet<(Moment, ChannelName)>);

/// When the agenda looks at a channel.
#[derive(Debug, Default)]
pub(super) struct Note(Option<Moment>);

impl Agenda {
    /// The time of the first entry.
    pub(super) fn first(&self) -> Option<Moment> {
        self.0.first().map(|(moment, _)| *moment)
    }

    /// Sees to it that `channel` is looked at by `moment`.
    #[inline]
    pub(super) fn add(&mut self, moment: Moment, channel: &ChannelName, note: &mut Note) {
        if note.0.is_none_or(|noted| moment < noted) {
            self.remove(channel, note);
            self.0.insert((moment, channel.clone()));
            note.0 = Some(moment);
        }
    }

    /// Takes out the entry of `channel`.
    pub(super) fn remove(&mut self, channel: &ChannelName, note: &mut Note) {
        if let Some(moment) = note.0.take() {
            self.0.remove(&(moment, channel.clone()));
        }
    }

    /// Takes out the first entry if its time has come by `now`. The caller clears the channel's note.
    pub(super) fn pop(&mut self, now: Moment) -> Option<(Moment, ChannelName)> {
        (self.first()? <= now).then(|| self.pop_first())?
    }

    /// Takes out the first entry. The caller clears the channel's note.
    pub(super) fn pop_first(&mut self) -> Option<(Moment, ChannelName)> {
        self.0.pop_first()
    }
}

impl Note {
    /// Forgets an entry that was taken out by [`Agenda::pop_first`].
    pub(super) const fn clear(&mut self) {
        self.0 = None;
    }
}
