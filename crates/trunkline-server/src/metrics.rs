//! What is counted for the process as a whole; what belongs to channels and sessions is counted where they are.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::admission::NoSeat;
use crate::auth::Denied;

/// Numbers that only grow. They are added to from all threads, and read when somebody asks.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// WebSockets that were accepted.
    pub(crate) accepted: AtomicU64,
    /// Messages of clients, and the bytes in them.
    pub(crate) messages_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    /// Clients and requests that were served by code that panicked.
    pub(crate) panics: AtomicU64,
    /// Connections for which there was no room.
    pub(crate) connections_refused: ByReason<NoRoom>,
    /// WebSockets that did not come about.
    pub(crate) handshakes_refused: ByReason<NoHandshake>,
    /// Requests in HTTP that were refused for who they are from.
    pub(crate) requests_refused: ByReason<NoEntry>,
    /// Connections that were closed because all together held as much as they may.
    pub(crate) out_of_memory: ByReason<Hog>,
    /// Tokens that were refused.
    pub(crate) tokens_denied: ByReason<Denied>,
}

/// Why there was no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// There are as many as there may be.
    Full,
    /// There are as many from this address as there may be.
    Address,
    /// They come too fast.
    Rate,
    /// There are as many of this user as there may be, or they come too fast.
    User,
}

/// What a connection held of which all together held too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hog {
    /// A message that had come in part, or one that was being written.
    Message,
    /// What waited behind that.
    Queue,
}

/// Why no WebSocket came about on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHandshake {
    /// The one of TLS failed.
    Tls,
    /// It took too long.
    Timeout,
    /// The peer was gone before it was over.
    HungUp,
    /// It was for a page that may not connect.
    Origin,
    /// There is no WebSocket at its path.
    Path,
    /// Something in it was too long.
    TooLarge,
    /// It was wrong in another way.
    Request,
}

/// Why a request in HTTP was refused, whatever it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEntry {
    /// It had no key of the API, or a wrong one.
    Key,
    /// Too many from its address had a wrong one: this one's was not looked at.
    Guesses,
    /// It was for a page that may not ask.
    Origin,
}

impl NoHandshake {
    /// Of a request that was refused with this status.
    pub(crate) const fn of(status: u16) -> Self {
        match status {
            403 => Self::Origin,
            404 => Self::Path,
            408 => Self::Timeout,
            413 | 414 | 431 => Self::TooLarge,
            _ => Self::Request,
        }
    }
}

/// Why something was refused: one word for each case, for a label. Nothing that anybody sent is in it.
pub(crate) trait Reason: Copy + PartialEq + 'static {
    /// All cases.
    const ALL: &'static [Self];

    fn word(self) -> &'static str;
}

impl Reason for NoRoom {
    const ALL: &'static [Self] = &[Self::Full, Self::Address, Self::Rate, Self::User];

    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Rate => "rate",
            Self::User => "user",
        }
    }
}

impl Reason for Hog {
    const ALL: &'static [Self] = &[Self::Message, Self::Queue];

    fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Queue => "queue",
        }
    }
}

impl From<NoSeat> for NoRoom {
    fn from(why: NoSeat) -> Self {
        match why {
            NoSeat::Full => Self::Full,
            NoSeat::AddressFull => Self::Address,
            NoSeat::TooFast => Self::Rate,
        }
    }
}

impl Reason for NoHandshake {
    const ALL: &'static [Self] = &[
        Self::Tls,
        Self::Timeout,
        Self::HungUp,
        Self::Origin,
        Self::Path,
        Self::TooLarge,
        Self::Request,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::HungUp => "hung_up",
            Self::Origin => "origin",
            Self::Path => "path",
            Self::TooLarge => "too_large",
            Self::Request => "request",
        }
    }
}

impl Reason for NoEntry {
    const ALL: &'static [Self] = &[Self::Key, Self::Guesses, Self::Origin];

    fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Guesses => "guesses",
            Self::Origin => "origin",
        }
    }
}

impl Reason for Denied {
    const ALL: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

/// Numbers of one name, as they were at one moment.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) reasons: Vec<(&'static str, u64)>,
}

/// A number for each reason.
#[derive(Debug)]
pub(crate) struct ByReason<R> {
    counts: Vec<(R, AtomicU64)>,
}

impl<R: Reason> Default for ByReason<R> {
    fn default() -> Self {
        Self { counts: R::ALL.iter().map(|it| (*it, AtomicU64::new(0))).collect() }
    }
}

impl<R: Reason> ByReason<R> {
    pub(crate) fn count(&self, why: R) {
        if let Some((_, count)) = self.counts.iter().find(|(it, _)| *it == why) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each reason with its number.
    pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
        self.counts.iter().map(|(it, count)| (it.word(), count.load(Ordering::Relaxed))).collect()
    }

    fn sum(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            accepted: zero(),
            messages_in: zero(),
            bytes_in: zero(),
            panics: zero(),
            connections_refused: ByReason::default(),
            handshakes_refused: ByReason::default(),
            requests_refused: ByReason::default(),
            out_of_memory: ByReason::default(),
            tokens_denied: ByReason::default(),
        }
    }
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

    /// The numbers with their names, in the order of the documentation.
    pub(crate) fn named(&self) -> [(&'static str, &'static str, u64); 4] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("connections_accepted", "WebSockets that were accepted", read(&self.accepted)),
            ("messages_received", "Messages of clients", read(&self.messages_in)),
            ("received_bytes", "Bytes in them", read(&self.bytes_in)),
            (
                "panics",
                "Clients and requests that were cut off by a mistake of ours",
                read(&self.panics),
            ),
        ]
    }

    /// What was refused, by reason.
    pub(crate) fn refused(&self) -> [Family; 5] {
        let family = |name, help, reasons| Family { name, help, reasons };
        [
            family(
                "connections_refused",
                "Connections for which there was no room",
                self.connections_refused.read(),
            ),
            family(
                "handshakes_refused",
                "Sockets on which no WebSocket came about",
                self.handshakes_refused.read(),
            ),
            family(
                "requests_refused",
                "Requests in HTTP that were refused for who they are from",
                self.requests_refused.read(),
            ),
            family(
                "memory_disconnects",
                "Clients that were closed because all together held as much as they may",
                self.out_of_memory.read(),
            ),
            family("tokens_denied", "Tokens that were refused", self.tokens_denied.read()),
        ]
    }

    /// Connections that were not let in, and tokens that were not taken.
    pub(crate) fn refused_in_all(&self) -> u64 {
        self.connections_refused.sum() + self.tokens_denied.sum()
    }
}
