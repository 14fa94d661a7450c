//! What a peer may do to us (SEC-PD-*).

use trunkline_proto::CloseCode;
use trunkline_proto::deflate::{DecompressError, Decompressor, Memory};

use crate::support::*;

/// Takes a whole message with a cap on its size, as a connection does: `None` is "too big".
fn receive_capped(
    it: &mut Decompressor,
    mut message: &[u8],
    cap: usize,
) -> Result<Option<Vec<u8>>, DecompressError> {
    let mut out = Vec::new();
    it.decompress(&mut message, &mut out, cap)?;
    assert!(out.len() <= cap && out.capacity() <= cap.max(8), "{} bytes reserved", out.capacity());
    if !message.is_empty() {
        return Ok(None);
    }
    let room = cap - out.len();
    Ok(it.finish(&mut out, room)?.then_some(out))
}

/// 200 MiB of zeros in some 200 KB.
fn bomb() -> Vec<u8> {
    let mut compressor = sender(Memory::Stateless, false, 15);
    let (mut out, zeros) = (Vec::new(), vec![0; 1 << 20]);
    (0..200).for_each(|i| compressor.compress_chunk(&zeros, i == 199, &mut out));
    out
}

/// SEC-PD-01, -04: a bomb stops at the cap, with no more than the cap reserved.
#[test]
fn sec_pd_01_bomb_stops_at_the_cap() {
    let bomb = bomb();
    assert!(bomb.len() < 300_000);
    for memory in MODES {
        for cap in [0, 1, 1000, 64 << 10, 1 << 20] {
            assert_eq!(receive_capped(&mut receiver(memory, true, 15), &bomb, cap), Ok(None));
        }
    }
}

/// SEC-PD-02: a bomb byte by byte reaches the cap with the sum of its frames.
#[test]
fn sec_pd_02_bomb_in_small_frames_stops_at_the_cap() {
    const CAP: usize = 1 << 20;
    let mut it = receiver(Memory::Hibernating, true, 15);
    let (mut out, bomb) = (Vec::new(), bomb());
    let stopped = bomb.chunks(1).position(|mut frame| {
        let room = CAP - out.len();
        it.decompress(&mut frame, &mut out, room).unwrap();
        !frame.is_empty()
    });
    assert!(stopped.is_some_and(|at| at < bomb.len() / 100));
    assert!(out.len() <= CAP && out.capacity() <= CAP);
    assert!(it.memory_bytes() < 100_000);
}

/// SEC-PD-02: thousand messages just under the cap are delivered one by one in flat memory.
#[test]
fn sec_pd_02_many_large_messages_take_flat_memory() {
    const CAP: usize = 64 << 10;
    let mut it = receiver(Memory::Hibernating, true, 12);
    let message = compress(&mut sender(Memory::Stateless, false, 12), &vec![0; CAP - 1]);
    for _ in 0..1000 {
        assert_eq!(receive_capped(&mut it, &message, CAP).unwrap().unwrap().len(), CAP - 1);
        assert_eq!(it.memory_bytes(), 4096);
    }
}

/// SEC-PD-03: exactly the cap is delivered, a byte more is too big; whatever the data looks like.
#[test]
fn sec_pd_03_cap_is_exact() {
    let mut random = Random(21);
    for len in [1, 2, 257, 258, 259, 5000, 16_383, 16_384, 16_385, 65_535, 65_536, 70_000] {
        let corpus = [vec![0; len], random.bytes(len), (0..).flat_map(json).take(len).collect()];
        for (payload, memory) in corpus.iter().flat_map(|it| MODES.map(|mode| (it, mode))) {
            let message = compress(&mut sender(memory, false, 12), payload);
            let mut at_cap = receiver(memory, true, 12);
            assert!(receive_capped(&mut at_cap, &message, len).unwrap().as_ref() == Some(payload));
            assert!(receive_capped(&mut at_cap, &message, len).unwrap().as_ref() == Some(payload));
            let mut over = receiver(memory, true, 12);
            assert_eq!(receive_capped(&mut over, &message, len - 1), Ok(None), "{len} {memory:?}");
        }
    }
}

/// SEC-PD-08: no flipped bit makes us panic, hang or go beyond the cap; nor does it make us
/// forget how to read: the next connection of the thread is not affected.
#[test]
fn sec_pd_08_every_bit_flip_is_survived() {
    for memory in MODES {
        let payload = [json(1), json(2)].concat();
        let message = compress(&mut sender(memory, false, 12), &payload[..1024]);
        let mut errors = 0;
        for bit in 0..message.len() * 8 {
            let mut flipped = message.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut it = receiver(memory, true, 12);
            errors += usize::from(receive_capped(&mut it, &flipped, 1 << 20).is_err());
        }
        assert!(errors > message.len(), "{errors} errors");
        let fresh = receive(&mut receiver(memory, true, 12), &message);
        assert_eq!(fresh.as_deref(), Ok(&payload[..1024]));
    }
}

/// SEC-PD-08: a message that stops early is an error wherever it stops, at the cap too.
#[test]
fn sec_pd_08_truncated_message_is_an_error() {
    let payload = json(3);
    let message = compress(&mut sender(Memory::Stateless, false, 12), &payload);
    for memory in MODES {
        for len in 0..message.len() {
            let mut it = receiver(memory, true, 12);
            let mut out = Vec::new();
            it.decompress(&mut &message[..len], &mut out, usize::MAX).unwrap();
            let made = out.len();
            assert!(it.finish(&mut out, usize::MAX).is_err(), "{memory:?} {len} bytes");
            let at_cap = receive_capped(&mut receiver(memory, true, 12), &message[..len], made);
            assert!(!matches!(at_cap, Ok(Some(_))), "{memory:?} {len} bytes, {made} out");
        }
    }
}

/// SEC-PD-08: nor does any room make a truncated message whole, not even one that ends where the
/// tail's own bits would have had to be written.
#[test]
fn sec_pd_08_truncated_message_is_an_error_in_any_room() {
    let mut random = Random(31);
    for round in 0..24 {
        let payload = match round % 3 {
            0 => {
                let len = 30 + random.below(90);
                random.bytes(len).iter().map(|it| it % 5).collect()
            }
            1 => json(round)[..120].to_vec(),
            _ => vec![144 + round as u8; 60],
        };
        let message = compress(&mut sender(Memory::Stateless, false, 12), &payload);
        for (len, cap) in (1..message.len()).flat_map(|len| (0..122).map(move |cap| (len, cap))) {
            let got = receive_capped(&mut receiver(MODES[cap % 3], true, 12), &message[..len], cap);
            assert!(!matches!(got, Ok(Some(_))), "{len} of {message:?} in {cap}");
        }
    }
}

/// SEC-PD-08: a stored block that lacks its last four bytes is not completed by the tail.
#[test]
fn sec_pd_08_tail_never_becomes_data() {
    let stored = b"\x00\x05\x00\xfa\xffH";
    for (memory, cap) in MODES.into_iter().flat_map(|it| [1, 2, 4, 5, 6, 100].map(|cap| (it, cap)))
    {
        let got = receive_capped(&mut receiver(memory, true, 12), stored, cap);
        assert!(!matches!(got, Ok(Some(_))), "{memory:?} {cap}");
    }
}

/// §7.2.2: an empty payload is no compressed message, not even an empty one.
#[test]
fn s7_2_2_empty_payload_is_an_error() {
    for memory in MODES {
        assert_eq!(receive(&mut receiver(memory, true, 12), b""), Err(DecompressError::Truncated));
    }
}

/// §7.2.1: a final block has to be followed by an empty block, of which a byte is left.
#[test]
fn s7_2_1_final_block_without_the_empty_one_is_an_error() {
    let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for memory in MODES {
        for cap in [5, 6, 100] {
            let got = receive_capped(&mut receiver(memory, true, 12), &hello, cap);
            assert_eq!(got, Err(DecompressError::Truncated), "{memory:?} {cap}");
        }
    }
}

/// §7.2.1: the same where the end of the stream only shows once its last byte found room.
#[test]
fn s7_2_1_final_block_that_ends_late_is_an_error() {
    let pattern = b"abc".repeat(1100);
    let mut late = 0;
    for len in 3000..3300 {
        let mut message = vec![0; 1000];
        let mut deflate = zlib_rs::Deflate::new(6, false, 12);
        deflate.compress(&pattern[..len], &mut message, zlib_rs::DeflateFlush::Finish).unwrap();
        message.truncate(deflate.total_out() as usize);
        let mut it = receiver(MODES[len % 3], true, 12);
        let (mut input, mut out) = (&message[..], Vec::new());
        it.decompress(&mut input, &mut out, len - 1).unwrap();
        if input.is_empty() {
            assert_eq!(it.finish(&mut out, 1), Err(DecompressError::Truncated));
            late += 1;
        }
    }
    assert!(late > 0, "some streams end in bits that share a byte with their last reference");
}

/// SEC-PD-08: what follows a message in the same payload is an error or more of the message.
#[test]
fn sec_pd_08_trailing_garbage_is_survived() {
    let mut random = Random(77);
    let message = compress(&mut sender(Memory::Stateless, false, 12), &json(8));
    let mut errors = 0;
    for _ in 0..2000 {
        let garbage = {
            let len = 1 + random.below(40);
            random.bytes(len)
        };
        let whole = [&message[..], &TAIL, &garbage].concat();
        let mut it = receiver(Memory::Hibernating, true, 12);
        errors += usize::from(receive_capped(&mut it, &whole, 1 << 20).is_err());
    }
    assert!(errors > 1500, "{errors} errors");
}

/// SEC-PD-08: blocks that hold nothing are taken in linear time, with no room at all.
#[test]
fn sec_pd_08_empty_stored_blocks_produce_nothing() {
    let mut blocks = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(100_000);
    blocks.push(0x00);
    for memory in MODES {
        let mut it = receiver(memory, true, 12);
        assert_eq!(receive_capped(&mut it, &blocks, 0), Ok(Some(Vec::new())));
        assert_eq!(receive_capped(&mut it, &blocks, 1 << 20), Ok(Some(Vec::new())));
    }
}

/// SEC-PD-08: the last flag on data is fine; on nothing, again and again, it buys work for two
/// bytes each and is refused.
#[test]
fn sec_pd_08_final_blocks_are_paid_for_by_bytes() {
    let empty = [0x03, 0x00].repeat(1000);
    let stored = [&[0x01, 0x00, 0x04, 0xff, 0xfb][..], &[b'a'; 1024]].concat().repeat(1000);
    for memory in MODES {
        let mut it = receiver(memory, true, 15);
        assert_eq!(receive(&mut it, &empty), Err(DecompressError::TooManyFinalBlocks));
        let mut it = receiver(memory, true, 15);
        assert_eq!(receive(&mut it, &[&stored[..], &[0x00]].concat()).unwrap().len(), 1024 * 1000);
        assert_eq!(receive(&mut it, &[&empty[..20], &[0x00]].concat()).unwrap(), b"");
    }
}

/// SEC-PD-08: random bytes do no harm in any step sizes, and errors have a code and a reason.
#[test]
fn sec_pd_08_noise_is_survived() {
    let mut random = Random(1234);
    for _ in 0..20_000 {
        let noise = {
            let len = random.below(120);
            random.bytes(len)
        };
        let mut it = receiver(MODES[random.below(3)], true, 9);
        let (mut out, room) = (Vec::new(), random.below(300));
        let result = noise
            .chunks(1 + random.below(9))
            .try_for_each(|mut part| it.decompress(&mut part, &mut out, room));
        if let Err(error) = result.and_then(|()| it.finish(&mut out, room)) {
            assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Mutations of real messages, one after the other in one context.
#[test]
fn sec_pd_08_mutated_messages_are_survived() {
    let mut random = Random(99);
    for round in 0..150 {
        let memory = MODES[round % 3];
        let (mut compressor, mut it) = (sender(memory, true, 10), receiver(memory, true, 10));
        for _ in 0..10 {
            let mut message = compress(&mut compressor, &random.message());
            if random.below(3) == 0 {
                let at = random.below(message.len());
                message[at] = random.next() as u8;
            }
            if receive_capped(&mut it, &message, 30_000).is_err() {
                break;
            }
        }
    }
}
