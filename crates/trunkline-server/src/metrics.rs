//! What is counted for the process as a whole; what belongs to channels and sessions is counted where they are.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::admission::NoSeat;

/// Numbers that only grow. They are added to from all threads, and read when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// WebSockets that were accepted.
    pub(crate) accepted: AtomicU64,
    /// Messages of clients, and the bytes in them.
    pub(crate) messages_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    /// Tokens that were refused.
    pub(crate) tokens_denied: AtomicU64,
    /// Clients that were served by code that panicked.
    pub(crate) panics: AtomicU64,
    refused_full: AtomicU64,
    refused_address: AtomicU64,
    refused_rate: AtomicU64,
    refused_user: AtomicU64,
}

impl Metrics {
    pub(crate) fn received(&self, bytes: usize) {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn denied(&self) {
        self.tokens_denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused_user(&self) {
        self.refused_user.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers with their names, in the order of the documentation.
    pub(crate) fn named(&self) -> [(&'static str, &'static str, u64); 9] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("connections_accepted", "WebSockets that were accepted", read(&self.accepted)),
            (
                "connections_refused_full",
                "Refused: as many as there may be",
                read(&self.refused_full),
            ),
            (
                "connections_refused_address",
                "Refused: too many of one address",
                read(&self.refused_address),
            ),
            ("connections_refused_rate", "Refused: too fast", read(&self.refused_rate)),
            (
                "connections_refused_user",
                "Refused: too many of one user, or too fast",
                read(&self.refused_user),
            ),
            ("messages_received", "Messages of clients", read(&self.messages_in)),
            ("received_bytes", "Bytes in them", read(&self.bytes_in)),
            ("tokens_denied", "Tokens that were refused", read(&self.tokens_denied)),
            ("panics", "Clients that were cut off by a mistake of ours", read(&self.panics)),
        ]
    }

    /// Sockets that were not let in, and tokens that were not taken.
    pub(crate) fn refused_in_all(&self) -> u64 {
        let refused = [
            &self.refused_full,
            &self.refused_address,
            &self.refused_rate,
            &self.refused_user,
            &self.tokens_denied,
        ];
        refused.map(|it| it.load(Ordering::Relaxed)).iter().sum()
    }

    pub(crate) fn refused(&self, why: NoSeat) {
        let counter = match why {
            NoSeat::Full => &self.refused_full,
            NoSeat::AddressFull => &self.refused_address,
            NoSeat::TooFast => &self.refused_rate,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
