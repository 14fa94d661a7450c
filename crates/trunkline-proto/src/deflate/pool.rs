//! The zlib states that a thread lends to its connections.
//!
//! They are taken out and put back, never borrowed across a call, so a state may be kept for as
//! long as a message is unfinished and may come back on another thread.

use std::cell::RefCell;

use zlib_rs::{Deflate, DeflateConfig as ZlibConfig, Inflate};

use super::compressor::EncodingKey;

/// Output is made in steps of this size; it is also all that a step can go beyond a limit.
pub(super) const STEP_BYTES: usize = 16 * 1024;

/// States that lie idle in a thread. Few sets of parameters are in use at once, and few messages
/// are unfinished at once; what comes back beyond that is dropped.
const IDLE_MAX: usize = 4;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

struct Pool {
    deflates: Vec<(EncodingKey, Deflate)>,
    inflates: Vec<Inflate>,
    scratch: Vec<u8>,
}

impl Pool {
    const fn new() -> Self {
        Self { deflates: Vec::new(), inflates: Vec::new(), scratch: Vec::new() }
    }

    fn take_deflate(&mut self, key: EncodingKey) -> Option<Deflate> {
        let at = self.deflates.iter().position(|(it, _)| *it == key)?;
        Some(self.deflates.remove(at).1)
    }

    fn give_deflate(&mut self, key: EncodingKey, deflate: Deflate) {
        if self.deflates.len() == IDLE_MAX {
            self.deflates.remove(0);
        }
        self.deflates.push((key, deflate));
    }

    fn give_inflate(&mut self, inflate: Inflate) {
        if self.inflates.len() < IDLE_MAX {
            self.inflates.push(inflate);
        }
    }
}

/// Runs `f` on the pool, or gives `None` while the thread is being torn down.
fn with_pool<T>(f: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| f(&mut pool.borrow_mut())).ok()
}

/// A compressor without any context.
pub(super) fn take_deflate(key: EncodingKey) -> Deflate {
    match with_pool(|pool| pool.take_deflate(key)).flatten() {
        Some(mut deflate) => {
            deflate.reset();
            deflate
        }
        None => new_deflate(key),
    }
}

pub(super) fn give_deflate(key: EncodingKey, deflate: Deflate) {
    with_pool(|pool| pool.give_deflate(key, deflate));
}

/// A decompressor without any context.
pub(super) fn take_inflate() -> Inflate {
    match with_pool(|pool| pool.inflates.pop()).flatten() {
        Some(mut inflate) => {
            inflate.reset(false);
            inflate
        }
        // zlib-rs keeps 32 KiB whatever the window is, and a reset brings it back to 15 bits.
        None => Inflate::new(false, 15),
    }
}

pub(super) fn give_inflate(inflate: Inflate) {
    with_pool(|pool| pool.give_inflate(inflate));
}

/// Lends the thread's buffer for output: a fresh part of a `Vec` would have to be zeroed first.
pub(super) fn with_scratch<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut scratch = with_pool(|pool| std::mem::take(&mut pool.scratch)).unwrap_or_default();
    scratch.resize(STEP_BYTES, 0);
    let result = f(&mut scratch);
    with_pool(|pool| pool.scratch = scratch);
    result
}

fn new_deflate(key: EncodingKey) -> Deflate {
    Deflate::new_with_config(ZlibConfig {
        level: i32::from(key.level()),
        // Negative: raw DEFLATE, without the header of zlib.
        window_bits: -i32::from(key.window_bits().in_zlib().get()),
        mem_level: i32::from(key.mem_level()),
        ..ZlibConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::WindowBits;

    #[test]
    fn idle_states_are_bounded() {
        for level in 0..10 {
            give_deflate(
                EncodingKey::new(WindowBits::DEFAULT, level, 5),
                new_deflate(EncodingKey::new(WindowBits::DEFAULT, level, 5)),
            );
            give_inflate(Inflate::new(false, 15));
        }
        let idle = with_pool(|pool| (pool.deflates.len(), pool.inflates.len()));
        assert_eq!(idle, Some((IDLE_MAX, IDLE_MAX)));
    }

    #[test]
    fn a_state_is_lent_to_its_own_key_only() {
        let [nine, six] = [9, 6].map(|level| EncodingKey::new(WindowBits::DEFAULT, level, 5));
        give_deflate(nine, new_deflate(nine));
        assert!(with_pool(|pool| pool.take_deflate(six)).flatten().is_none());
        assert!(with_pool(|pool| pool.take_deflate(nine)).flatten().is_some());
    }
}
