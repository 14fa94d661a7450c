//! [`Cleaner`]: which rows of a partition are to be read again, so that what is dead in them goes.
//!
//! Rows are only taken out from the oldest on. What of one is still needed is appended again, and the
//! row goes with the same commit or a later one. So a record that ends a stream is in the log as long
//! as any record of that stream is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::journal::Row;

/// What dead records may take at least, before it is worth looking for them: 4 MiB.
const SLACK_BYTES: usize = 4 << 20;
/// Rows that are read at once at least, about.
const PASS_BYTES: usize = 512 << 10;

/// How often rounds may begin because there is no room: 10 s, so that vain ones cost little.
const PRESS_EVERY: Duration = Duration::from_secs(10);

/// The rows of a partition, from the oldest to the newest, by what is happening to them.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    /// What is needed of them is appended again, and the writer was told to take them out.
    removing: VecDeque<Row>,
    /// The writer was asked for their records.
    reading: VecDeque<Row>,
    rest: VecDeque<Row>,
    /// Bytes of all three.
    bytes: usize,
    /// Bytes that were written since rows were last read.
    grown: usize,
    /// Bytes that were appended again since then, and in the whole round: what was needed.
    moved: usize,
    needed: usize,
    /// The last row of the round that is on.
    round: Option<u64>,
    /// A round begins when the rows have more bytes.
    begin_at: usize,
    /// More than that they should not have, if it can be helped.
    full_at: usize,
    /// When a round was last begun because there was no room.
    pressed: Option<Instant>,
}

impl Cleaner {
    /// `live_bytes` is a guess, until the first round shows what is needed.
    pub(super) fn new(rows: VecDeque<Row>, live_bytes: usize, full_at: usize) -> Self {
        let bytes = rows.iter().map(|(_, bytes)| bytes).sum();
        let mut cleaner = Self { rest: rows, bytes, full_at, ..Self::default() };
        cleaner.plan(live_bytes);
        cleaner
    }

    /// Begins the next round once half of the rows is dead, or they get too many. Yet some always has
    /// to come to what is needed now, or one round would follow the other and find nothing.
    fn plan(&mut self, live_bytes: usize) {
        let half_dead = live_bytes.saturating_mul(2);
        let least = live_bytes.saturating_add(live_bytes / 4);
        self.begin_at = half_dead.min(self.full_at.max(least)).saturating_add(SLACK_BYTES);
    }

    /// There is no room. What was needed when the last round ended may have expired since: if at least
    /// half seems to be dead, a round begins. Guesses may be wrong, so not too often.
    pub(super) fn on_full(&mut self, live_bytes: usize, now: Instant) {
        let is_early =
            self.pressed.is_some_and(|it| now.saturating_duration_since(it) < PRESS_EVERY);
        let is_dead = self.bytes / 2 > live_bytes;
        if is_dead && !is_early && self.round.is_none() {
            self.pressed = Some(now);
            self.begin_at = 0;
        }
    }

    /// Rows were written, and the oldest `removed` ones were taken out.
    pub(super) fn on_written(&mut self, rows: Vec<Row>, removed: usize) {
        for (_, bytes) in self.removing.drain(..removed.min(self.removing.len())) {
            self.bytes -= bytes;
        }
        let grown = rows.iter().map(|(_, bytes)| bytes).sum::<usize>();
        self.grown += grown;
        self.bytes += grown;
        self.rest.extend(rows);
    }

    /// Nothing of what was appended or to be taken out since the last commit came to pass.
    pub(super) fn on_lost(&mut self) {
        for rows in [&mut self.reading, &mut self.removing] {
            while let Some(row) = rows.pop_back() {
                self.rest.push_front(row);
            }
        }
    }

    /// The rows to read now, if any.
    pub(super) fn next(&mut self) -> Option<Vec<u64>> {
        if !self.reading.is_empty() || !self.removing.is_empty() {
            return None;
        }
        if self.round.is_none() && self.bytes > self.begin_at {
            self.round = self.rest.back().map(|(number, _)| *number);
        }
        let last = self.round?;
        // Twice as fast as they grow, or it would never come to an end.
        let pass = PASS_BYTES.max(self.grown.saturating_sub(self.moved).saturating_mul(2));
        let mut bytes = 0;
        while bytes < pass
            && self.rest.front().is_some_and(|(number, _)| *number <= last)
            && let Some(row) = self.rest.pop_front()
        {
            bytes += row.1;
            self.reading.push_back(row);
        }
        if self.reading.is_empty() {
            self.round = None;
            self.plan(self.needed);
            self.needed = 0;
            return None;
        }
        (self.grown, self.moved) = (0, 0);
        Some(self.reading.iter().map(|(number, _)| *number).collect())
    }

    /// What is needed of the rows that were read is appended again, so many bytes: the rows are to be
    /// taken out.
    pub(super) fn on_moved(&mut self, bytes: usize) -> Vec<Row> {
        self.moved = bytes;
        self.needed += bytes;
        self.removing = std::mem::take(&mut self.reading);
        self.removing.iter().copied().collect()
    }

    /// They were read, but there was no room to append again what is needed of them.
    pub(super) fn on_stuck(&mut self) {
        while let Some(row) = self.reading.pop_back() {
            self.rest.push_front(row);
        }
    }

    /// Whether rows are being read.
    pub(super) fn is_reading(&self) -> bool {
        !self.reading.is_empty()
    }
}
