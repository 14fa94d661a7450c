//! Bytes on their way in.

/// Bytes that came from the transport, taken from the front as they are understood.
///
/// They are unmasked where they lie. What is left after
/// [`poll_event`](crate::Connection::poll_event) gave `None` — at most a header and a control frame's
/// payload — must come first in the next input, unchanged.
#[derive(Debug)]
pub struct Input<'i>(&'i mut [u8]);

impl<'i> Input<'i> {
    /// An input with these bytes.
    pub fn new(bytes: &'i mut [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been taken yet.
    pub fn remaining(&self) -> &[u8] {
        self.0
    }

    /// How much has not been taken yet, in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all has been taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that have not been taken, to be unmasked in place.
    pub(crate) fn remaining_mut(&mut self) -> &mut [u8] {
        self.0
    }

    /// Takes the first `bytes`, or all where there are fewer.
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize) -> &'i mut [u8] {
        let bytes = bytes.min(self.0.len());
        let (taken, rest) = std::mem::take(&mut self.0).split_at_mut(bytes);
        self.0 = rest;
        taken
    }

    /// Takes everything, unread.
    pub(crate) fn discard(&mut self) {
        self.0 = &mut [];
    }
}
