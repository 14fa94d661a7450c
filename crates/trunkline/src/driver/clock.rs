//! The time of a connection, looked at when it matters.
//!
//! A look at the clock costs more than to decode a small message, and from a busy peer nearly all of them
//! would say the same: it was heard, and the next ping is put off. So once a peer is busy, whole small
//! messages are taken as if they had come at the time of the last look, and a watch is set: the next look,
//! a quarter later at most of the time after which silence is noticed, tells the machine that the peer has
//! been heard until then. Whatever else comes in or is due is timed exactly, as all is of other peers.
//!
//! ```text
//!   look         messages, not timed         last one   watch: look, heard until now
//!    │            │  │    │ │   │               │        │
//!   ─┴────────────┴──┴────┴─┴───┴───────────────┴────────┴───────────────────────────▶
//!    └──────────── at most a quarter of it ──────────────┘└── interval: ping ──
//! ```
//!
//! So silence is never noticed before its time, and a quarter later at most while somebody waits for the
//! connection.

use std::time::{Duration, Instant};

use trunkline_proto::Connection;
use trunkline_proto::limits::Settings;

/// A watch looks so many times in the time after which silence is noticed.
const LOOKS: u32 = 4;

/// A peer is busy if it is heard again within this part of the time between two looks. Then the looks that
/// are spared are many more than the times that the timer is set for the watch.
const BUSY: u32 = 16;

/// What time it is for one connection.
pub(super) struct Clock {
    /// When the last bytes came in; if nobody looked then, the time of the last look.
    came_at: Instant,
    /// Whether somebody looked then.
    is_timed: bool,
    /// Whether messages were taken since the last look.
    is_behind: bool,
    /// When to look again at the latest. Only a peer that has one is not timed with each read.
    watch: Option<Instant>,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self { came_at: now, is_timed: true, is_behind: false, watch: None }
    }

    /// Bytes have come in.
    #[inline]
    pub(super) fn on_read(&mut self, conn: &mut Connection) {
        self.is_timed = false;
        if self.watch.is_none() {
            self.look_whether_busy(conn);
        }
    }

    #[inline(never)]
    fn look_whether_busy(&mut self, conn: &mut Connection) {
        let before = self.came_at;
        let now = self.look(conn);
        let since = now.saturating_duration_since(before);
        if let Some(every) = silence(conn.settings()).map(|it| it / LOOKS)
            && since < every / BUSY
        {
            self.watch = now.checked_add(every);
        }
    }

    /// When the last bytes came in.
    #[inline]
    pub(super) fn came_at(&mut self, conn: &mut Connection) -> Instant {
        if self.is_timed { self.came_at } else { self.look(conn) }
    }

    /// The same for whole small messages, which need not be timed.
    #[inline]
    pub(super) fn came_about(&self) -> Instant {
        self.came_at
    }

    /// Such messages were taken.
    #[inline]
    pub(super) fn on_messages(&mut self) {
        self.is_behind |= !self.is_timed;
    }

    /// A part of a message came in just now: gives the time, which counts for all messages before it.
    pub(super) fn on_part(&mut self) -> Instant {
        (self.is_timed, self.is_behind) = (true, false);
        self.came_at = clock();
        self.came_at
    }

    /// What time it is. The machine is told if the peer has been heard since it knew last.
    pub(super) fn look(&mut self, conn: &mut Connection) -> Instant {
        let now = clock();
        if !std::mem::replace(&mut self.is_timed, true) {
            self.came_at = now;
        }
        if std::mem::take(&mut self.is_behind) {
            conn.heard_message(now);
        }
        now
    }

    /// When something is due, or the clock should be looked at: then call [`on_timer`](Self::on_timer).
    #[inline]
    pub(super) fn poll_timeout(&self, conn: &Connection) -> Option<Instant> {
        match self.watch.filter(|_| self.is_behind) {
            // Before anything that silence brings, which counts from the last look at the earliest.
            Some(watch) if conn.is_only_silence_due() => Some(watch),
            watch => earlier_of_all(conn, watch),
        }
    }

    /// The timer has fired. Without a new watch the next read is timed.
    pub(super) fn on_timer(&mut self, conn: &mut Connection) -> Instant {
        self.watch = None;
        self.look(conn)
    }
}

/// When something is due, or the watch if that is before.
#[inline(never)]
fn earlier_of_all(conn: &Connection, watch: Option<Instant>) -> Option<Instant> {
    let due = conn.poll_timeout()?;
    Some(watch.map_or(due, |watch| due.min(watch)))
}

/// How long a peer is silent when that is noticed first.
fn silence(settings: &Settings) -> Option<Duration> {
    settings.keepalive_interval.into_iter().chain(settings.idle_timeout).min()
}

/// The time, as tokio tells it: tests can stop it.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}
