//! §7.2.2 and the examples of §7.2.3: what we receive.

use trunkline_proto::Role;
use trunkline_proto::deflate::{
    Compressor, DecompressError, DeflateConfig, Memory, compress_prepared,
};

use crate::support::*;

/// Messages of one connection, each cut at every byte, under every mode.
#[track_caller]
fn check(messages: &[(&[u8], &[u8])]) {
    let cuts = messages.iter().map(|(message, _)| message.len()).max().unwrap_or(0);
    for memory in MODES {
        for cut in 0..=cuts {
            let mut it = receiver(memory, true, 15);
            for (message, expect) in messages {
                let (mut head, mut rest) = message.split_at(cut.min(message.len()));
                let mut out = Vec::new();
                it.decompress(&mut head, &mut out, usize::MAX).unwrap();
                it.decompress(&mut rest, &mut out, usize::MAX).unwrap();
                assert!(it.finish(&mut out, usize::MAX).unwrap());
                assert!(out == *expect, "{memory:?} cut at {cut}");
            }
        }
    }
}

/// §7.2.3.1: the same in two frames is the same to us, since frames are only cuts.
#[test]
fn s7_2_3_1_one_compressed_block() {
    check(&[(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello")]);
}

/// §7.2.3.2: with and without a reference to the first message.
#[test]
fn s7_2_3_2_shared_window() {
    let first: (&[u8], &[u8]) = (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello");
    check(&[first, first, (&[0xf2, 0x00, 0x11, 0x00, 0x00], b"Hello"), first]);
}

/// §7.2.3.3: a block that is not compressed.
#[test]
fn s7_2_3_3_stored_block() {
    let stored = b"\x00\x05\x00\xfa\xffHello\x00";
    check(&[(stored, b"Hello"), (stored, b"Hello")]);
}

/// §7.2.3.4: a final block ends its stream, not the message nor the connection.
#[test]
fn s7_2_3_4_final_block() {
    let hello: (&[u8], &[u8]) = (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], b"Hello");
    check(&[hello, hello]);
}

/// §7.2.3.4: the window outlives the stream that a final block ended, in a message and after it.
#[test]
fn s7_2_3_4_window_outlives_a_final_block() {
    let finished: [u8; 7] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let again: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let both = [&finished[..], &again[..]].concat();
    check(&[(&both, b"HelloHello"), (&again, b"Hello")]);
    // Without takeover the same holds inside a message.
    let mut it = receiver(Memory::Stateless, false, 15);
    assert_eq!(receive(&mut it, &both).unwrap(), b"HelloHello");
    assert_eq!(receive(&mut it, &again), Err(DecompressError::Corrupt));
}

/// §7.2.3.5: two blocks in one message.
#[test]
fn s7_2_3_5_two_blocks() {
    let two: &[u8] =
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    check(&[(two, b"Hello"), (two, b"Hello")]);
}

/// §7.2.3.6: an empty message; zlib's own spelling of it is fine too.
#[test]
fn s7_2_3_6_empty_message() {
    let hello: (&[u8], &[u8]) = (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello");
    check(&[(&[0x00], b""), hello, (&[0x02, 0x00], b""), hello]);
}

/// §7.2.2: a large message cut at every byte comes out the same, from each mode.
#[test]
fn s7_2_2_every_cut_gives_the_same_message() {
    let payload = [json(1), Random(3).bytes(700), json(1)].concat();
    check(&[(&compress(&mut sender(Memory::Stateless, false, 12), &payload), &payload)]);
}

/// §7.1.1.1: without takeover a reference to an earlier message is an error.
#[test]
fn s7_1_1_1_without_takeover_no_message_refers_to_another() {
    for memory in MODES {
        let mut it = receiver(memory, false, 15);
        let hello = receive(&mut it, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        assert_eq!(hello.as_deref(), Ok(&b"Hello"[..]));
        let refers = receive(&mut it, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
        assert_eq!(refers, Err(DecompressError::Corrupt), "{memory:?}");
    }
}

/// §7.1.2.2: whatever window a sender uses, 8 bits too, all of it can be referred to.
#[test]
fn s7_1_2_2_windows_of_every_size_are_kept() {
    for window in 8..=15 {
        for (ours, theirs) in MODES.into_iter().flat_map(|a| MODES.map(|b| (a, b))) {
            let mut compressor = sender(theirs, true, window);
            let mut it = receiver(ours, true, window);
            for seed in 0..12 {
                let payload: Vec<u8> =
                    (0..1 + seed % 4).flat_map(|it| json(seed / 2 + it)).collect();
                let compressed = compress(&mut compressor, &payload);
                assert!(receive(&mut it, &compressed).unwrap() == payload, "{window} {ours:?}");
            }
        }
    }
}

/// Each direction has its own agreement: the client's parameters bind the client's messages.
#[test]
fn s7_1_directions_do_not_mix() {
    let mut params = agree(true, 15);
    params.server_no_context_takeover = true;
    params.server_max_window_bits = bits(9);
    let config = DeflateConfig::new();
    let hello = [b"Hello, hello, hello".as_slice(); 2];
    let lengths = |role| {
        let mut compressor = Compressor::new(&config, params, role);
        let key = compressor.encoding_key();
        (key.window_bits().get(), hello.map(|it| compress(&mut compressor, it).len()))
    };
    let (server, client) = (lengths(Role::Server), lengths(Role::Client));
    assert_eq!((server.0, client.0), (9, 15));
    assert_eq!(server.1[0], server.1[1]);
    assert!(client.1[0] > client.1[1]);
}

/// Every way to give room adds up to the same message, and no call exceeds what it was given.
#[test]
fn room_is_never_exceeded_and_nothing_is_lost() {
    let payload = [json(4), vec![b'x'; 40_000], json(4)].concat();
    let mut compressor = sender(Memory::Dedicated, true, 12);
    let compressed = compress(&mut compressor, &payload);
    let refers = compress(&mut compressor, &json(4));
    for memory in MODES {
        for room in [1, 2, 3, 100, 257, 258, 259, 16_384, 16_385, 42_000] {
            let mut it = receiver(memory, true, 12);
            let (mut input, mut out) = (&compressed[..], Vec::new());
            while !input.is_empty() {
                let before = out.len();
                it.decompress(&mut input, &mut out, room).unwrap();
                assert!(out.len() - before <= room);
                assert!(out.len() > before || input.is_empty(), "each call makes progress");
            }
            loop {
                let before = out.len();
                let ended = it.finish(&mut out, room).unwrap();
                assert!(out.len() - before <= room);
                if ended {
                    break;
                }
                assert!(out.len() > before, "each call makes progress");
            }
            assert!(out == payload, "{memory:?} room {room}");
            assert_eq!(receive(&mut it, &refers).unwrap(), json(4), "{memory:?} room {room}");
        }
    }
}

/// Bytes that only come out at the end of their message are in the window like any others.
#[test]
fn what_finish_gives_is_remembered() {
    let mut seen = 0;
    for len in 3000..3300 {
        let payload = &b"abc".repeat(1100)[..len];
        let mut compressor = sender(Memory::Dedicated, true, 12);
        let messages = [(); 2].map(|()| compress(&mut compressor, payload));
        for (memory, left) in MODES.into_iter().flat_map(|it| [1, 2, 4].map(|left| (it, left))) {
            let mut it = receiver(memory, true, 12);
            let (mut input, mut out) = (&messages[0][..], Vec::new());
            it.decompress(&mut input, &mut out, len - left).unwrap();
            if input.is_empty() {
                assert_eq!(it.finish(&mut out, 0), Ok(false));
                assert_eq!(it.finish(&mut out, left), Ok(true));
                assert!(receive(&mut it, &messages[1]).unwrap() == payload, "{len} {left}");
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "some messages end in bits that share a byte with their last reference");
}

/// An idle connection keeps what its mode says and nothing for a message that is over.
#[test]
fn sec_pd_09_idle_memory_follows_the_mode() {
    let idle = |memory, takeover| {
        let mut it = receiver(memory, takeover, 12);
        let key = sender(memory, takeover, 12).encoding_key();
        assert_eq!(it.memory_bytes(), 0, "nothing before the first message");
        (0..9).for_each(|seed| {
            receive(&mut it, &compress_prepared(key, &json(seed))).unwrap();
        });
        it.memory_bytes()
    };
    assert_eq!(MODES.map(|it| idle(it, false)), [0, 0, 0]);
    assert_eq!(idle(Memory::Hibernating, true), 4096);
    assert!(idle(Memory::Dedicated, true) > 40_000);
}
