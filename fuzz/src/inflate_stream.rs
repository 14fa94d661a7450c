//! Compressed messages (RFC 7692 §7.2): those of anyone, and our own.

use trunkline_proto::Role;
use trunkline_proto::deflate::{Compressor, DecompressError, Decompressor};
use zlib_rs::{Inflate, InflateFlush, Status};

use crate::agreement::{Agreement, INFLATE_BYTES};
use crate::cut::Cut;

/// The first byte says whether the rest is compressed already, and what was agreed on; the second
/// seeds the cuts, the third is the room for a step, in units of 16 bytes.
///
/// - A step makes at most as much as there is room for, and reserves no more.
/// - Any cut and any room gives the same message, or an error.
/// - Where nothing is wrong, a plain zlib reads the same.
/// - What we compress, whole or in chunks, is what every receiver reads, whatever either end keeps.
pub fn check(bytes: &[u8]) {
    let [bits, seed, room, bytes @ ..] = bytes else { return };
    let agreement = Agreement::from_bits(bits & 0x3f);
    if bits & 0x40 == 0 {
        check_foreign(agreement, *seed, usize::from(*room) * 16, bytes);
    } else {
        check_own(agreement, *seed, bytes);
    }
}

type Inflated = Result<Vec<u8>, DecompressError>;

/// More than this of a bomb is of no interest.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

fn check_foreign(agreement: Agreement, seed: u8, room: usize, bytes: &[u8]) {
    let mut one = receiver(agreement);
    let mut other = receiver(agreement.with_next_memory());
    let mut third = receiver(agreement);
    let mut plain = Plain::new();
    // Messages of up to 255 bytes and a last one, in one context.
    let mut rest = bytes;
    for _ in 0..8 {
        let message = take_message(&mut rest);
        let Some(whole) = inflate(&mut one, message, Cut::Nowhere, MESSAGE_BYTES_MAX) else {
            return;
        };
        let cut = inflate(&mut other, message, Cut::Everywhere, 1 + room);
        let cut_seeded = inflate(&mut third, message, Cut::Seeded(seed), 1 + room / 16);
        // A message that stops inside a block is cut short or corrupt: where the tail leads the inflater
        // depends on the room. A connection tells one as the other.
        let message_of = |it: Option<Inflated>| it.and_then(Result::ok);
        assert_eq!(message_of(cut).as_ref(), whole.as_ref().ok());
        assert_eq!(message_of(cut_seeded).as_ref(), whole.as_ref().ok());
        plain.check(message, &whole, agreement);
        if whole.is_err() || rest.is_empty() {
            return;
        }
    }
}

/// The bytes behind a length, or all if there are fewer.
fn take_message<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let Some((len, behind)) = rest.split_first() else { return &[] };
    let (message, behind) = behind.split_at(usize::from(*len).min(behind.len()));
    *rest = behind;
    message
}

fn receiver(agreement: Agreement) -> Decompressor {
    // Stateless ends that agreed on takeover all the same have to follow: that is covered too.
    Decompressor::new(&agreement.config(), agreement.params(), Role::Client)
}

/// One whole message; `None` if it is a bomb.
fn inflate(it: &mut Decompressor, bytes: &[u8], cut: Cut, room: usize) -> Option<Inflated> {
    let mut message = Vec::new();
    let mut step = |it: &mut Decompressor, input: &mut &[u8]| {
        let mut out = Vec::new();
        let before = input.len();
        let result = it.decompress(input, &mut out, room);
        assert!(out.len() <= room && out.capacity() <= room.max(8), "more than there was room for");
        assert!(it.memory_bytes() <= INFLATE_BYTES);
        message.extend(&out);
        result.map(|()| before > input.len() || !out.is_empty())
    };
    for mut part in cut.parts(bytes) {
        while !part.is_empty() {
            match step(it, &mut part) {
                Ok(moved) => assert!(moved, "stuck with {room} bytes of room"),
                Err(error) => return Some(Err(error)),
            }
        }
    }
    loop {
        let before = message.len();
        match it.finish(&mut message, room) {
            Ok(true) => return Some(Ok(message)),
            Ok(false) if message.len() > MESSAGE_BYTES_MAX => return None,
            Ok(false) => assert!(message.len() > before, "stuck at the end"),
            Err(error) => return Some(Err(error)),
        }
        assert!(message.len() - before <= room);
    }
}

/// A receiver that is nothing but zlib.
struct Plain {
    inflate: Inflate,
    /// A final block ends the stream, and with it what a plain zlib can follow.
    is_usable: bool,
}

impl Plain {
    fn new() -> Self {
        Self { inflate: Inflate::new(false, 15), is_usable: true }
    }

    fn check(&mut self, message: &[u8], expected: &Inflated, agreement: Agreement) {
        if !agreement.takeover() {
            *self = Self::new();
        }
        if !self.is_usable {
            return;
        }
        let input = [message, &[0, 0, 0xff, 0xff]].concat();
        let mut out = vec![0; expected.as_ref().map_or(4096, |it| it.len() + 1)];
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(&input, &mut out, InflateFlush::SyncFlush);
        let taken = (self.inflate.total_in() - before.0) as usize;
        out.truncate((self.inflate.total_out() - before.1) as usize);
        self.is_usable = status.as_ref().is_ok_and(|it| *it != Status::StreamEnd);
        match (status, expected) {
            (Ok(Status::StreamEnd), _) => {}
            (Ok(_), Ok(expected)) => {
                assert_eq!(taken, input.len());
                assert!(out == *expected, "zlib reads something else");
            }
            // Zlib waits for more where a message must not end.
            (Ok(_), Err(_)) => {}
            (Err(error), expected) => assert!(expected.is_err(), "zlib says {error:?}"),
        }
    }
}

/// Messages of our own, in chunks as `seed` cuts them, from each mode to each other.
fn check_own(agreement: Agreement, seed: u8, bytes: &[u8]) {
    let modes = [agreement, agreement.with_next_memory()];
    for sender in modes {
        let mut compressor = Compressor::new(&sender.config(), sender.params(), Role::Server);
        let mut receivers = modes.map(receiver);
        let mut plain = Plain::new();
        let mut rest = bytes;
        for round in 0..8_u8 {
            let message = take_message(&mut rest).repeat(1 + usize::from(round) * 7);
            let mut compressed = Vec::new();
            if round % 2 == 0 {
                compressor.compress(&message, &mut compressed);
            } else {
                let parts = Cut::Seeded(seed).parts(&message);
                let last = parts.len().saturating_sub(1);
                for (at, part) in parts.iter().enumerate().take(last) {
                    compressor.compress_chunk(part, false, &mut compressed);
                    assert!(at < last);
                }
                compressor.compress_chunk(
                    parts.last().copied().unwrap_or_default(),
                    true,
                    &mut compressed,
                );
            }
            let expected = Ok(message);
            for it in &mut receivers {
                let got = inflate(it, &compressed, Cut::Nowhere, MESSAGE_BYTES_MAX);
                assert_eq!(got.as_ref(), Some(&expected));
            }
            plain.check(&compressed, &expected, agreement);
            if rest.is_empty() {
                break;
            }
        }
    }
}
