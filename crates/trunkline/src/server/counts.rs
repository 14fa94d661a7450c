//! What a server has seen so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a server has seen since it began, see [`ServerHandle::counts`](crate::ServerHandle::counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounts {
    /// Connections that are there now, those in their handshake included.
    pub open: u64,
    /// Connections that were let in, to their handshake.
    pub admitted: u64,
    /// Connections turned away because the server was full.
    pub full: u64,
    /// Connections turned away because there were too many from their address.
    pub full_address: u64,
    /// Handshakes that led to no connection: refused, cut off, or given up by the peer.
    pub not_accepted: u64,
    /// Connections whose handler panicked.
    pub panics: u64,
    /// Times that the server stopped accepting for a moment, because the system would not let it.
    pub pauses: u64,
}

/// The same, while it is being counted.
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) open: Count,
    pub(super) admitted: Count,
    pub(super) full: Count,
    pub(super) full_address: Count,
    pub(super) not_accepted: Count,
    pub(super) panics: Count,
    pub(super) pauses: Count,
}

impl Counting {
    pub(super) fn now(&self) -> ServerCounts {
        ServerCounts {
            open: self.open.get(),
            admitted: self.admitted.get(),
            full: self.full.get(),
            full_address: self.full_address.get(),
            not_accepted: self.not_accepted.get(),
            panics: self.panics.get(),
            pauses: self.pauses.get(),
        }
    }
}

/// Written by one task, read by any.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set(&self, count: usize) {
        self.0.store(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
