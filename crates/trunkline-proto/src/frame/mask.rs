//! Masking (RFC 6455 §5.3): each byte of a client's payload is XORed with one of the four of a key.
//!
//! The wide loop works on blocks of a size known to the compiler, which makes vector code of it, once for
//! each set of vector instructions that a processor may have; the one byte at a time that §5.3 writes down
//! is the oracle in the tests.

use std::fmt;

/// A masking key, turned so that its first byte belongs to the next byte of payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaskKey([u8; 4]);

/// Bytes that one turn of the wide loop masks: two registers of SSE2, one of AVX2.
const BLOCK: usize = 32;

/// Payloads shorter than this are masked without a loop.
const SHORT: usize = 128;

/// Bytes that the processor moves between its caches at a time.
const CACHE_LINE: usize = 64;

/// From this length on it pays to align: below, the few bytes before the first line cost as much.
const ALIGN_FROM: usize = 1024;

impl MaskKey {
    /// The key with these bytes.
    pub const fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// The bytes as they stand in a header.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }

    /// The key for the bytes that follow the next `bytes` of payload.
    #[must_use]
    pub fn advanced(self, bytes: usize) -> Self {
        // Not `rotate_left` of the array, which is three calls of `memmove`.
        let [lowest, ..] = bytes.to_le_bytes();
        let turned = u32::from_le_bytes(self.0).rotate_right(8 * u32::from(lowest % 4));
        Self(turned.to_le_bytes())
    }

    fn word(self) -> u64 {
        let [a, b, c, d] = self.0;
        u64::from_ne_bytes([a, b, c, d, a, b, c, d])
    }

    /// Masks or unmasks `payload` where it lies; the two are the same operation.
    #[inline]
    pub fn apply(self, payload: &mut [u8]) {
        if payload.len() < SHORT {
            self.apply_short(payload);
        } else if payload.len() < ALIGN_FROM {
            self.apply_unaligned(payload);
        } else {
            self.apply_aligned(payload);
        }
    }

    /// A payload begins behind its header, so seldom where a cache line does: a long one is masked
    /// from the next line on, or every fourth access would touch two.
    fn apply_aligned(self, payload: &mut [u8]) {
        let until_aligned = payload.as_ptr().align_offset(CACHE_LINE).min(payload.len());
        let (head, body) = payload.split_at_mut(until_aligned);
        self.apply_short(head);
        self.advanced(until_aligned).apply_widely(body);
    }

    /// Compiles the loop once for each set of vector instructions, and runs the widest of this processor.
    #[cfg(feature = "simd")]
    fn apply_widely(self, payload: &mut [u8]) {
        fearless_simd::dispatch!(fearless_simd::Level::new(), _ => self.apply_unaligned(payload));
    }

    #[cfg(not(feature = "simd"))]
    fn apply_widely(self, payload: &mut [u8]) {
        self.apply_unaligned(payload);
    }

    #[inline(always)]
    fn apply_unaligned(self, payload: &mut [u8]) {
        let (blocks, rest) = payload.as_chunks_mut::<BLOCK>();
        for block in blocks {
            self.apply_to_chunk(block);
        }
        self.apply_short(rest);
    }

    /// Less than [`SHORT`] bytes: two chunks that meet or overlap in the middle, so that neither a loop has to be set
    /// up nor a rest to be seen to.
    #[inline]
    fn apply_short(self, payload: &mut [u8]) {
        match payload.len() {
            65.. => self.apply_to_ends::<64>(payload),
            33.. => self.apply_to_ends::<32>(payload),
            17.. => self.apply_to_ends::<16>(payload),
            9.. => self.apply_to_ends::<8>(payload),
            4.. => self.apply_to_ends::<4>(payload),
            _ => payload.iter_mut().zip(self.0).for_each(|(byte, key)| *byte ^= key),
        }
    }

    /// Masks from `N` bytes to twice as many. Both ends are read before either is written: what lies in both is masked
    /// once.
    #[inline]
    fn apply_to_ends<const N: usize>(self, payload: &mut [u8]) {
        let (Some(mut first), Some(mut last)) =
            (payload.first_chunk::<N>().copied(), payload.last_chunk::<N>().copied())
        else {
            return;
        };
        self.apply_to_chunk(&mut first);
        self.advanced(payload.len() - N).apply_to_chunk(&mut last);
        if let Some(chunk) = payload.first_chunk_mut() {
            *chunk = first;
        }
        if let Some(chunk) = payload.last_chunk_mut() {
            *chunk = last;
        }
    }

    /// Masks as many bytes as the compiler knows of.
    #[inline]
    fn apply_to_chunk<const N: usize>(self, chunk: &mut [u8; N]) {
        for word in chunk.as_chunks_mut().0 {
            *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(self.0)).to_ne_bytes();
        }
    }

    /// Appends `payload`, masked or unmasked, to `out`: one pass over the bytes instead of two.
    #[inline]
    pub fn apply_to_copy(self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.len() < SHORT {
            self.apply_to_short_copy(payload, out);
        } else {
            self.apply_to_long_copy(payload, out);
        }
    }

    fn apply_to_long_copy(self, payload: &[u8], out: &mut Vec<u8>) {
        let word = self.word();
        let (words, rest) = payload.as_chunks::<8>();
        // Of an iterator whose length it knows, the compiler makes a loop of vector instructions
        // that writes straight to the spare capacity.
        out.extend(
            words.iter().flat_map(|bytes| (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes()),
        );
        self.apply_to_short_copy(rest, out);
    }

    #[inline(never)]
    fn apply_to_short_copy(self, payload: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        out.extend_from_slice(payload);
        if let Some(copy) = out.get_mut(before..) {
            self.apply_short(copy);
        }
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskKey({:02x?})", self.0)
    }
}

/// Where a client takes its masking keys from. They must be unpredictable to whoever chooses the
/// payload (§5.3, §10.3), so an implementation draws them from a cryptographic source.
pub trait MaskSource: Send + Sync {
    /// A fresh key, for one frame.
    fn next_key(&self) -> MaskKey;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §5.3 as it is written down: octet i of the payload with octet i modulo 4 of the key.
    fn naive(key: [u8; 4], payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    const KEY: [u8; 4] = [0x12, 0xef, 0x80, 0x7b];

    fn payload(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
    }

    /// Every length around every block, at every offset from an aligned address.
    #[test]
    fn s5_3_wide_loops_agree_with_one_byte_at_a_time() {
        for len in 0..300 {
            let expected = naive(KEY, &payload(len));
            for offset in 0..16 {
                let mut bytes = vec![0xaa; offset + len + 3];
                bytes[offset..offset + len].copy_from_slice(&payload(len));
                MaskKey::new(KEY).apply(&mut bytes[offset..offset + len]);
                assert_eq!(bytes[offset..offset + len], expected);
                assert!(bytes[..offset].iter().chain(&bytes[offset + len..]).all(|it| *it == 0xaa));
            }
        }
    }

    #[test]
    fn s5_3_the_copying_loop_agrees_with_one_byte_at_a_time() {
        for len in (0..300).chain([1000, 4095, 4096, 70_001]) {
            for before in [0, 1, 5] {
                let mut out = vec![0x55; before];
                MaskKey::new(KEY).apply_to_copy(&payload(len), &mut out);
                assert_eq!(out[..before], vec![0x55; before]);
                assert_eq!(out[before..], naive(KEY, &payload(len)));
            }
        }
    }

    /// A payload that comes in two pieces is masked as if it had come in one.
    #[test]
    fn s5_3_the_key_turns_with_the_payload() {
        for len in [1, 4, 7, 64, 65, 130, 200] {
            let expected = naive(KEY, &payload(len));
            for cut in 0..=len {
                let mut bytes = payload(len);
                let (a, b) = bytes.split_at_mut(cut);
                let key = MaskKey::new(KEY);
                key.apply(a);
                key.advanced(a.len()).apply(b);
                assert_eq!(bytes, expected);
            }
        }
        assert_eq!(MaskKey::new(KEY).advanced(usize::MAX), MaskKey::new(KEY).advanced(3));
    }

    #[test]
    fn s5_3_masking_twice_changes_nothing() {
        for key in [[0; 4], [0xff; 4], KEY] {
            let mut bytes = payload(257);
            MaskKey::new(key).apply(&mut bytes);
            MaskKey::new(key).apply(&mut bytes);
            assert_eq!(bytes, payload(257));
        }
    }
}
