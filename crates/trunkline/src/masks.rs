//! Masking keys and handshake keys from the system's random number generator (RFC 6455 §5.3, §10.3).

use std::cell::RefCell;

use trunkline_proto::frame::{MaskKey, MaskSource};

/// Keys are drawn in blocks, one system call for 256 frames, shared by all connections of a thread.
const BLOCK_BYTES: usize = 1024;

struct Block {
    bytes: [u8; BLOCK_BYTES],
    used: usize,
}

thread_local! {
    static BLOCK: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK_BYTES], used: BLOCK_BYTES }) };
}

/// Draws masking keys from the system.
pub(crate) struct SystemMasks;

impl MaskSource for SystemMasks {
    fn next_key(&self) -> MaskKey {
        MaskKey::new(random())
    }
}

/// Unpredictable bytes, each handed out once.
///
/// # Panics
/// If the system has no source of randomness: going on with predictable keys would be worse.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    const { assert!(N <= BLOCK_BYTES) };
    BLOCK.with_borrow_mut(|block| {
        if block.used + N > BLOCK_BYTES {
            getrandom::fill(&mut block.bytes).expect("the system provides random bytes");
            block.used = 0;
        }
        let mut taken = [0; N];
        taken.copy_from_slice(&block.bytes[block.used..block.used + N]);
        block.used += N;
        taken
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// §10.3: a key must not be derivable from those before it; at the least it is not one of them.
    #[test]
    fn s10_3_keys_do_not_repeat() {
        let keys: HashSet<[u8; 16]> = (0..10_000).map(|_| random()).collect();
        assert_eq!(keys.len(), 10_000);
    }

    #[test]
    fn s10_3_each_byte_of_a_key_takes_every_value() {
        let mut seen = [[false; 256]; 4];
        for _ in 0..20_000 {
            for (seen, byte) in seen.iter_mut().zip(SystemMasks.next_key().to_bytes()) {
                seen[usize::from(byte)] = true;
            }
        }
        assert!(seen.iter().flatten().all(|seen| *seen));
    }
}
