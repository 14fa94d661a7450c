//! The last bytes of plaintext in one direction: all that a context is made of.

use std::collections::VecDeque;

use super::config::WindowBits;

/// At most a window of bytes, the newest ones, in no more memory than they need.
#[derive(Debug)]
pub(super) struct History {
    bytes: VecDeque<u8>,
    max: usize,
}

impl History {
    pub(super) fn new(window: WindowBits) -> Self {
        Self { bytes: VecDeque::new(), max: window.in_zlib().bytes() }
    }

    /// Adds `data` and lets go of what has left the window.
    pub(super) fn push(&mut self, data: &[u8]) {
        let newest = data.get(data.len().saturating_sub(self.max)..).unwrap_or_default();
        let surplus = (self.bytes.len() + newest.len()).saturating_sub(self.max);
        self.bytes.drain(..surplus);
        let needed = self.bytes.len() + newest.len();
        if needed > self.bytes.capacity() {
            // Doubling keeps many small messages linear; the window caps it.
            let target = self.bytes.capacity().saturating_mul(2).clamp(needed, self.max);
            self.bytes.reserve_exact(target - self.bytes.len());
        }
        self.bytes.extend(newest);
    }

    /// All of it in one piece, oldest first.
    pub(super) fn as_dictionary(&mut self) -> &[u8] {
        self.bytes.make_contiguous()
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn forget(&mut self) {
        self.bytes = VecDeque::new();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the sizes of the pieces, what is left is the tail of all of them together.
    #[test]
    fn the_newest_bytes_are_kept() {
        let all: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
        for piece in [1, 3, 100, 511, 512, 513, 1000, 20_000] {
            let mut history = History::new(WindowBits::MIN);
            let mut sent = 0;
            for data in all.chunks(piece) {
                history.push(data);
                sent += data.len();
                let expect = all.get(sent.saturating_sub(512)..sent);
                assert_eq!(Some(history.as_dictionary()), expect, "pieces of {piece}");
            }
        }
    }

    #[test]
    fn memory_follows_what_was_sent() {
        let mut history = History::new(WindowBits::MAX);
        assert_eq!(history.memory_bytes(), 0);
        history.push(&[7; 100]);
        assert_eq!(history.memory_bytes(), 100);
        for _ in 0..10_000 {
            history.push(&[7; 100]);
        }
        assert!(history.memory_bytes() <= WindowBits::MAX.bytes());
        history.forget();
        assert_eq!(history.memory_bytes(), 0);
    }
}
