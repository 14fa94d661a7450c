//! What a thread has counted; those of all threads are added up.

use super::times::Times;
use super::trouble::Troubles;

#[derive(Debug)]
pub(super) struct Tally {
    pub(super) connections: Connections,
    pub(super) measured: Measured,
    pub(super) mistakes: Mistakes,
    /// From when a measured message was sent, or due, to its answer.
    pub(super) latency: Times,
    /// From when a measured message was due to when it was handed to its connection.
    pub(super) lateness: Times,
    /// From the name to the open connection, of those that were opened.
    pub(super) connect: Times,
    pub(super) troubles: Troubles,
    /// What the first wrong answer was.
    pub(super) example: Option<String>,
    /// The share of the measured time in which the thread had something to do, 0 to 1.
    pub(super) busy: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connections {
    pub(super) opened: u64,
    pub(super) failed: u64,
    /// Of those that were opened: the server ended them, or they broke.
    pub(super) ended_early: u64,
    /// Of those that were opened: the server agreed to compression.
    pub(super) compressed: u64,
}

/// Of the time that is measured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    /// Messages that were sent in it, or were due.
    pub(super) sent: u64,
    /// How many of those were answered, be it after its end.
    pub(super) answered: u64,
    /// Messages that came in during it, whatever they were.
    pub(super) received: u64,
    pub(super) received_bytes: u64,
}

/// From the first message to the last, warm-up included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mistakes {
    pub(super) lost: u64,
    pub(super) late: u64,
    pub(super) doubled: u64,
    pub(super) wrong: u64,
    pub(super) unasked: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            connections: Connections::default(),
            measured: Measured::default(),
            mistakes: Mistakes::default(),
            latency: Times::new(),
            lateness: Times::new(),
            connect: Times::new(),
            troubles: Troubles::default(),
            example: None,
            busy: 0.0,
        }
    }

    /// Adds what another thread counted. The busiest thread stands for all: it is the one that may
    /// have held things up.
    pub(super) fn merge(&mut self, other: &Self) {
        let (ours, its) = (&mut self.connections, other.connections);
        ours.opened += its.opened;
        ours.failed += its.failed;
        ours.ended_early += its.ended_early;
        ours.compressed += its.compressed;
        let (ours, its) = (&mut self.measured, other.measured);
        ours.sent += its.sent;
        ours.answered += its.answered;
        ours.received += its.received;
        ours.received_bytes += its.received_bytes;
        let (ours, its) = (&mut self.mistakes, other.mistakes);
        ours.lost += its.lost;
        ours.late += its.late;
        ours.doubled += its.doubled;
        ours.wrong += its.wrong;
        ours.unasked += its.unasked;
        self.latency.merge(&other.latency);
        self.lateness.merge(&other.lateness);
        self.connect.merge(&other.connect);
        self.troubles.merge(&other.troubles);
        if self.example.is_none() {
            self.example.clone_from(&other.example);
        }
        self.busy = self.busy.max(other.busy);
    }
}
