//! Building the client's masked frames in advance, and reading the server's.

use crate::{Opts, Payload};
use flate2::{Compress, Compression, FlushCompress};

pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn payload(kind: Payload, size: usize, seed: u64) -> Vec<u8> {
    let mut r = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut v = Vec::with_capacity(size + 64);
    match kind {
        Payload::Bin => {
            while v.len() < size {
                v.extend_from_slice(&r.next().to_le_bytes());
            }
            v.truncate(size);
        }
        Payload::Ascii => {
            while v.len() < size {
                v.push(b' ' + (r.next() % 95) as u8);
            }
        }
        Payload::Utf8 => {
            // A blend of 1-, 2-, 3- and 4-byte characters, mostly Latin text.
            while v.len() < size {
                let room = size - v.len();
                let c = match r.next() % 20 {
                    0 if room >= 4 => '😀',
                    1 | 2 if room >= 3 => '語',
                    3..=6 if room >= 2 => 'é',
                    n => (b'a' + n as u8) as char,
                };
                let mut b = [0; 4];
                v.extend_from_slice(c.encode_utf8(&mut b).as_bytes());
            }
        }
        Payload::Json => {
            v.extend_from_slice(b"{\"type\":\"update\",\"items\":[");
            let names = ["temperature", "pressure", "humidity", "voltage", "current", "speed"];
            while v.len() < size {
                let a = r.next();
                let s = format!(
                    "{{\"id\":{},\"name\":\"{}\",\"value\":{}.{:02},\"unit\":\"si\",\"ok\":{}}},",
                    a % 100_000,
                    names[(a >> 20) as usize % names.len()],
                    (a >> 30) % 1000,
                    (a >> 45) % 100,
                    a >> 60 & 1 == 0
                );
                v.extend_from_slice(s.as_bytes());
            }
            v.truncate(size);
        }
    }
    v
}

/// How long the n-th message is. Of mixed ones, each of 7 sizes that double is half as frequent as the one before.
fn size(o: &Opts, n: usize) -> usize {
    if !o.mixed {
        return o.size;
    }
    // 1, 2, 1, 3, 1, 2, 1, 4, ...: the ruler sequence mixes them evenly.
    let doublings = ((n + 1).trailing_zeros()).min(6);
    (o.size >> 6 << doublings).max(1)
}

pub fn put_frame(out: &mut Vec<u8>, opcode: u8, rsv1: bool, body: &[u8], mask: [u8; 4]) {
    out.push(0x80 | if rsv1 { 0x40 } else { 0 } | opcode);
    match body.len() {
        n if n < 126 => out.push(0x80 | n as u8),
        n if n < 65536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(body.iter().enumerate().map(|(i, b)| b ^ mask[i & 3]));
}

/// A cycle of frames, laid out so that any `window` frames in a row, from any
/// starting point of the cycle, are one contiguous slice.
pub struct Cycle {
    pub bytes: Vec<u8>,
    /// Offsets of frame starts; one more entry than frames laid out.
    pub offs: Vec<usize>,
    pub len: usize,
    /// Clear payloads, for `--verify`.
    pub clear: Vec<Vec<u8>>,
}

impl Cycle {
    pub fn build(o: &Opts) -> Self {
        let n = if o.deflate {
            32
        } else if o.size >= 1 << 18 {
            1
        } else if o.size >= 1 << 14 {
            4
        } else {
            64
        };
        let op = if o.payload == Payload::Bin { 2 } else { 1 };
        let mut rng = Rng(0x1234_5678_9abc_def1);
        let clear: Vec<Vec<u8>> =
            (0..n).map(|i| payload(o.payload, size(o, i), i as u64 + 1)).collect();
        let mut frames: Vec<Vec<u8>> = Vec::new();
        // With context takeover the cycle stays decodable when replayed: its
        // first message refers to nothing before it, and the later ones only
        // to messages of the same cycle.
        let mut z = Compress::new(Compression::new(6), false);
        for c in &clear {
            let mut f = Vec::new();
            let mask = (rng.next() as u32 | 1).to_ne_bytes();
            if o.deflate {
                let mut out = Vec::with_capacity(c.len() * 2 + 64);
                if o.no_context {
                    z.reset();
                }
                z.compress_vec(c, &mut out, FlushCompress::Sync).unwrap();
                assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
                out.truncate(out.len() - 4);
                put_frame(&mut f, op, true, &out, mask);
            } else {
                put_frame(&mut f, op, false, c, mask);
            }
            frames.push(f);
        }
        let mut bytes = Vec::new();
        let mut offs = vec![0];
        for i in 0..n + o.window {
            bytes.extend_from_slice(&frames[i % n]);
            offs.push(bytes.len());
        }
        Cycle { bytes, offs, len: n, clear }
    }
}

/// Streaming reader of unmasked server frames; counts finished data messages.
#[derive(Default, Clone)]
pub struct Reader {
    hdr: [u8; 10],
    have: u8,
    in_body: bool,
    fin_data: bool,
    left: u64,
    pub body_pos: usize,
    pub bytes_body: u64,
}

pub enum Bad {
    Close,
    Masked,
}

impl Reader {
    /// Feed bytes. `seen` is called with each piece of data payload (only when
    /// `VERIFY`), and the number of messages finished is returned.
    #[inline]
    pub fn feed<const VERIFY: bool>(
        &mut self,
        mut b: &[u8],
        mut seen: impl FnMut(&[u8], usize, bool),
    ) -> Result<u32, Bad> {
        let mut done = 0;
        while !b.is_empty() || (self.in_body && self.left == 0) {
            if !self.in_body {
                // Fast path: a whole header is there.
                let (used, ready) = if self.have == 0 && b.len() >= 10 {
                    let need = header_len(b[1]);
                    self.hdr.copy_from_slice(&b[..10]);
                    (need, true)
                } else {
                    let want = if self.have < 2 { 2 } else { header_len(self.hdr[1]) };
                    let k = (want - self.have as usize).min(b.len());
                    self.hdr[self.have as usize..self.have as usize + k].copy_from_slice(&b[..k]);
                    self.have += k as u8;
                    let full = self.have >= 2 && self.have as usize == header_len(self.hdr[1]);
                    (k, full)
                };
                b = &b[used..];
                if !ready {
                    continue;
                }
                self.have = 0;
                let (b0, b1) = (self.hdr[0], self.hdr[1]);
                if b1 & 0x80 != 0 {
                    return Err(Bad::Masked);
                }
                let op = b0 & 15;
                if op == 8 {
                    return Err(Bad::Close);
                }
                self.fin_data = op < 8 && b0 & 0x80 != 0;
                if op == 1 || op == 2 {
                    self.body_pos = 0;
                }
                self.left = match b1 {
                    126 => u16::from_be_bytes([self.hdr[2], self.hdr[3]]) as u64,
                    127 => u64::from_be_bytes(self.hdr[2..10].try_into().unwrap()),
                    n => n as u64,
                };
                self.in_body = true;
            }
            let k = self.left.min(b.len() as u64) as usize;
            self.left -= k as u64;
            self.bytes_body += k as u64;
            if VERIFY {
                seen(&b[..k], self.body_pos, self.fin_data && self.left == 0);
                self.body_pos += k;
            }
            b = &b[k..];
            if self.left == 0 {
                self.in_body = false;
                done += self.fin_data as u32;
            }
        }
        Ok(done)
    }
}

#[inline]
fn header_len(b1: u8) -> usize {
    match b1 & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}
