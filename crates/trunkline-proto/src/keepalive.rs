//! When to ping, and when silence means that the peer is gone.
//!
//! Any byte from the peer is a sign of life, so a ping is sent only into silence, and a pong that
//! queues behind a large message is not missed. A dead peer is found within interval and timeout of
//! its last byte, whoever pings in between. Deadlines are computed when they are asked for: a message
//! costs three stores.

use std::time::{Duration, Instant};

use crate::error::Timeout;
use crate::limits::Settings;

/// The payload of a ping that this end sends: a counter, so that only the answer to the newest counts.
pub(crate) type PingPayload = [u8; 4];

#[derive(Debug)]
pub(crate) struct Keepalive {
    heard_at: Instant,
    message_at: Instant,
    /// Our oldest ping since the peer was last heard: how long it has been silent although asked.
    asked_at: Option<Instant>,
    /// Our newest ping, while it is not answered.
    outstanding: Option<Instant>,
    pings: u32,
    round_trip: Option<Duration>,
}

impl Keepalive {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            heard_at: now,
            message_at: now,
            asked_at: None,
            outstanding: None,
            pings: 0,
            round_trip: None,
        }
    }

    /// Bytes came in.
    #[inline]
    pub(crate) fn on_bytes(&mut self, now: Instant) {
        self.heard_at = now;
        self.asked_at = None;
    }

    /// A message, or a part of one, came in.
    #[inline]
    pub(crate) fn on_message(&mut self, now: Instant) {
        self.message_at = now;
    }

    /// A ping goes out: gives its payload.
    pub(crate) fn on_ping_sent(&mut self, now: Instant) -> PingPayload {
        self.pings = self.pings.wrapping_add(1);
        self.asked_at.get_or_insert(now);
        self.outstanding = Some(now);
        self.pings.to_be_bytes()
    }

    /// A pong came in: gives the round-trip time if it answers our newest ping.
    pub(crate) fn on_pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        if payload != self.pings.to_be_bytes() {
            return None;
        }
        let round_trip = now.saturating_duration_since(self.outstanding.take()?);
        self.round_trip = Some(round_trip);
        Some(round_trip)
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// When something is due next.
    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Instant> {
        earlier(self.ping_or_pong_due(settings), self.idle_due(settings))
    }

    /// What is due by `now`: nothing, a ping, or giving up.
    pub(crate) fn check(&self, settings: &Settings, now: Instant) -> Result<PingDue, Timeout> {
        if self.idle_due(settings).is_some_and(|due| due <= now) {
            return Err(Timeout::Idle);
        }
        if self.ping_or_pong_due(settings).is_none_or(|due| due > now) {
            return Ok(PingDue::No);
        }
        if self.asked_at.is_some() { Err(Timeout::Keepalive) } else { Ok(PingDue::Yes) }
    }

    fn ping_or_pong_due(&self, settings: &Settings) -> Option<Instant> {
        let interval = settings.keepalive_interval?;
        match self.asked_at {
            Some(asked_at) => asked_at.checked_add(settings.keepalive_timeout),
            None => self.heard_at.checked_add(interval),
        }
    }

    fn idle_due(&self, settings: &Settings) -> Option<Instant> {
        self.message_at.checked_add(settings.idle_timeout?)
    }
}

/// The deadline that comes first, if there is one.
#[inline]
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PingDue {
    Yes,
    No,
}
