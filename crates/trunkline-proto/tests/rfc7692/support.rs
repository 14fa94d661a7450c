//! What the tests share: agreements, messages, and ways to compress and to decompress.

use trunkline_proto::Role;
use trunkline_proto::deflate::{
    Compressor, DecompressError, Decompressor, DeflateConfig, DeflateParams, Memory, WindowBits,
};

pub(crate) const MODES: [Memory; 3] = [Memory::Dedicated, Memory::Hibernating, Memory::Stateless];
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Xorshift: the same sequence on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }

    /// Text with repetitions near and far, noise, and everything between.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        let len = [0, 1, 3, 40, 300, 1024, 5000, 40_000][self.below(8)];
        match self.below(4) {
            0 => self.bytes(len),
            1 => vec![b'z'; len],
            _ => (0..).flat_map(|_| json(self.next() % 50)).take(len).collect(),
        }
    }
}

/// About 1 KiB of JSON, of a kind but never the same.
pub(crate) fn json(seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text =
        format!("{{\"type\":\"publication\",\"channel\":\"prices:{}\",\"items\":[", seed % 7);
    while text.len() < 980 {
        let (id, price, volume) = (random.below(100_000), random.below(9999), random.below(500));
        text += &format!(
            "{{\"id\":{id},\"price\":{}.{:02},\"volume\":{volume}}},",
            price / 100,
            price % 100
        );
    }
    text.pop();
    (text + "]}").into_bytes()
}

pub(crate) fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// What both ends agree on if they want the same.
pub(crate) fn agree(takeover: bool, window: u8) -> DeflateParams {
    let mut params = DeflateParams::default();
    params.server_no_context_takeover = !takeover;
    params.client_no_context_takeover = !takeover;
    params.server_max_window_bits = bits(window);
    params.client_max_window_bits = bits(window);
    params
}

/// A server's sender.
pub(crate) fn sender(memory: Memory, takeover: bool, window: u8) -> Compressor {
    Compressor::new(&DeflateConfig::new().memory(memory), agree(takeover, window), Role::Server)
}

/// The receiver at its client.
pub(crate) fn receiver(memory: Memory, takeover: bool, window: u8) -> Decompressor {
    Decompressor::new(&DeflateConfig::new().memory(memory), agree(takeover, window), Role::Client)
}

pub(crate) fn compress(compressor: &mut Compressor, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compressor.compress(payload, &mut out);
    out
}

/// A whole message, in and out in one piece.
pub(crate) fn receive(
    it: &mut Decompressor,
    mut message: &[u8],
) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    it.decompress(&mut message, &mut out, usize::MAX)?;
    assert!(message.is_empty(), "with room for everything all input is taken");
    assert!(it.finish(&mut out, usize::MAX)?, "with room for everything a message ends");
    Ok(out)
}

/// A receiver that is nothing but zlib: what every other implementation makes of our bytes.
pub(crate) struct PlainZlib(zlib_rs::Inflate);

impl PlainZlib {
    pub(crate) fn new(window: u8) -> Self {
        Self(zlib_rs::Inflate::new(false, window.max(9)))
    }

    pub(crate) fn receive(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 300_000];
        let before = self.0.total_out();
        let whole = [message, &TAIL].concat();
        let taken = self.0.total_in();
        self.0.decompress(&whole, &mut out, zlib_rs::InflateFlush::SyncFlush).unwrap();
        assert_eq!(self.0.total_in() - taken, whole.len() as u64);
        out.truncate((self.0.total_out() - before) as usize);
        out
    }
}
