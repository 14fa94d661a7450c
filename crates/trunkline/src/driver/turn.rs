//! How much one poll does before it is the turn of the clock and of other tasks.

/// Bytes that are read and decoded in one poll that brings nothing to show for: some milliseconds,
/// if a peer sends nothing but the smallest frames there are.
const TURN_BYTES: usize = 1 << 20;

/// What a read costs at the least, however little it brings: 64 of them are half the budget that tokio
/// gives a task.
const READ_COST: usize = TURN_BYTES / 64;

/// What is left of a poll's share.
pub(super) struct Turn {
    left: usize,
}

impl Default for Turn {
    fn default() -> Self {
        Self { left: TURN_BYTES }
    }
}

impl Turn {
    /// Takes note of a read; `true` if it was the last of this poll.
    #[inline]
    pub(super) fn ends_with(&mut self, bytes: usize) -> bool {
        self.left = self.left.saturating_sub(bytes.max(READ_COST));
        self.left == 0
    }
}
