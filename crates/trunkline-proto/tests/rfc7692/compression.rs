//! §7.2.1: what we send.

use trunkline_proto::Role;
use trunkline_proto::deflate::{Compressor, DeflateConfig, Memory, WindowBits, compress_prepared};

use crate::naive::Naive;
use crate::support::*;

/// Compresses 200 messages and gives their sizes; a plain zlib receiver has to read all of them.
fn sizes(memory: Memory, takeover: bool, window: u8) -> Vec<usize> {
    let mut compressor = sender(memory, takeover, window);
    let mut plain = PlainZlib::new(window);
    let mut size = |seed| {
        let (payload, compressed) = (json(seed), compress(&mut compressor, &json(seed)));
        assert_eq!(plain.receive(&compressed), payload, "{memory:?} {window} bits");
        compressed.len()
    };
    (0..200).map(&mut size).collect()
}

/// §7.2.3.1: one message in one block.
#[test]
fn s7_2_3_1_hello_is_the_message_of_the_rfc() {
    for memory in MODES {
        let hello = compress(&mut sender(memory, true, 15), b"Hello");
        assert_eq!(hello, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], "{memory:?}");
    }
}

/// §7.2.3.2: the second message of the RFC, which is a reference to the first.
#[test]
fn s7_2_3_2_second_hello_refers_to_the_first() {
    for memory in [Memory::Dedicated, Memory::Hibernating] {
        let mut compressor = sender(memory, true, 15);
        compress(&mut compressor, b"Hello");
        assert_eq!(
            compress(&mut compressor, b"Hello"),
            [0xf2, 0x00, 0x11, 0x00, 0x00],
            "{memory:?}"
        );
    }
}

/// §7.2.3.6: an empty message is the byte 00, first or later, whole or as a last part.
#[test]
fn s7_2_3_6_empty_message_is_one_byte() {
    for memory in MODES {
        let mut compressor = sender(memory, true, 12);
        for _ in 0..2 {
            assert_eq!(compress(&mut compressor, b""), [0x00]);
            compress(&mut compressor, &json(1));
        }
        let mut parts = Vec::new();
        compressor.compress_chunk(b"", false, &mut parts);
        assert!(parts.is_empty());
        compressor.compress_chunk(b"", true, &mut parts);
        assert_eq!(parts, [0x00]);
    }
}

/// §7.2.1: the tail is taken off, and what is left never stands alone in place of a message.
#[test]
fn s7_2_1_tail_is_removed() {
    let mut random = Random(11);
    for memory in MODES {
        let mut compressor = sender(memory, true, 12);
        for _ in 0..200 {
            let compressed = compress(&mut compressor, &random.message());
            assert!(!compressed.is_empty() && !compressed.ends_with(&TAIL));
        }
    }
}

/// §7.2.1: whatever the settings, an ordinary receiver and a naive one read what we send, and we too.
#[test]
fn s7_2_1_messages_of_every_setting_are_decodable() {
    let mut random = Random(7);
    for window in 8..=15 {
        for (level, mem_level) in [(0, 1), (1, 1), (2, 9), (3, 5), (4, 8), (6, 5), (6, 1), (9, 9)] {
            for (memory, takeover) in MODES.into_iter().flat_map(|it| [(it, false), (it, true)]) {
                let config = DeflateConfig::new().level(level).mem_level(mem_level).memory(memory);
                let mut compressor =
                    Compressor::new(&config, agree(takeover, window), Role::Server);
                let (mut plain, mut ours) =
                    (PlainZlib::new(window), receiver(memory, true, window));
                for _ in 0..5 {
                    let payload = random.message();
                    let compressed = compress(&mut compressor, &payload);
                    assert!(plain.receive(&compressed) == payload, "{config:?} {window}");
                    assert!(
                        receive(&mut ours, &compressed).unwrap() == payload,
                        "{config:?} {window}"
                    );
                }
            }
        }
    }
}

/// §7.1.2: nothing refers back further than the window agreed on. That goes for 8 bits too, for
/// which zlib has no compressor: 9 bits never refer back by more than 250 bytes.
#[test]
fn s7_1_2_references_stay_inside_the_window() {
    for window in 8..=15 {
        for level in [1, 3, 4, 6, 9] {
            for memory in MODES {
                let config = DeflateConfig::new().level(level).memory(memory);
                let mut compressor = Compressor::new(&config, agree(true, window), Role::Server);
                let mut naive = Naive::default();
                for seed in 0..24 {
                    let payload: Vec<u8> = (0..3).flat_map(|it| json(seed * 2 + it)).collect();
                    assert!(naive.receive(&compress(&mut compressor, &payload)) == payload);
                }
                assert!(naive.distance_max <= bits(window).bytes(), "{window} {config:?}");
                assert!(naive.distance_max > 100, "the corpus has repetitions");
            }
        }
    }
}

/// §7.1.1.1: without takeover each message is what a new compressor makes of it.
#[test]
fn s7_1_1_1_without_takeover_each_message_stands_alone() {
    for memory in MODES {
        let mut compressor = sender(memory, false, 12);
        for seed in 0..20 {
            let alone = compress(&mut sender(memory, false, 12), &json(seed));
            assert_eq!(compress(&mut compressor, &json(seed)), alone, "{memory:?}");
        }
    }
}

/// SEC-PD-11: with default options no message tells anything about the one before it.
#[test]
fn sec_pd_11_length_does_not_depend_on_earlier_messages() {
    let secret = b"{\"session\":\"5f0a3c77e1d94b06a2b8c64dd1e7f390\"}".repeat(4);
    let expect = compress(&mut sender(Memory::default(), false, 12), &secret);
    let (params, _) = DeflateConfig::new().negotiate(&[deflate_offer()]).unwrap();
    let mut random = Random(5);
    for trial in 0..1000 {
        let mut compressor = Compressor::new(&DeflateConfig::new(), params, Role::Server);
        let mut guess = secret[..random.below(secret.len())].to_vec();
        guess.extend(random.bytes(16));
        compress(&mut compressor, &guess);
        assert_eq!(compress(&mut compressor, &secret), expect, "trial {trial}");
    }
}

fn deflate_offer() -> trunkline_proto::handshake::Extension {
    crate::negotiation::extension("permessage-deflate; client_max_window_bits")
}

/// SEC-PD-12: what cannot be compressed grows by 0.1 % and 16 bytes at most, at any memory level.
#[test]
fn sec_pd_12_noise_does_not_blow_up() {
    let mut random = Random(9);
    for mem_level in [1, 5, 9] {
        for memory in MODES {
            let config = DeflateConfig::new().mem_level(mem_level).memory(memory);
            let mut compressor = Compressor::new(&config, agree(true, 12), Role::Server);
            let mut ours = receiver(memory, true, 12);
            for len in [1, 100, 1000, 4096, 65_535, 65_536, 200_000] {
                let noise = random.bytes(len);
                let compressed = compress(&mut compressor, &noise);
                assert!(compressed.len() <= len + len / 1000 + 16, "{} of {len}", compressed.len());
                assert_eq!(receive(&mut ours, &compressed).unwrap(), noise);
            }
        }
    }
}

/// SEC-PD-12: tiny messages are not compressed, unless asked for.
#[test]
fn sec_pd_12_threshold_is_128_bytes() {
    let compressor = sender(Memory::default(), false, 12);
    assert!(!compressor.wants(127));
    assert!(compressor.wants(128));
    let config = DeflateConfig::new().threshold(0);
    assert!(Compressor::new(&config, agree(false, 12), Role::Client).wants(0));
}

/// A hibernating context is as good as a live one, and an ordinary receiver cannot tell them apart.
#[test]
fn hibernating_compresses_like_dedicated() {
    for window in 9..=15 {
        let [dedicated, hibernating, stateless] = MODES.map(|it| sizes(it, true, window));
        let sum = |it: &[usize]| it.iter().sum::<usize>();
        let (live, asleep) = (sum(&dedicated), sum(&hibernating));
        assert!(live.abs_diff(asleep) <= live / 200 + 8, "{window} bits: {live} and {asleep}");
        if window >= 12 {
            assert!(asleep < sum(&stateless), "takeover is worth it at {window} bits");
        }
    }
}

/// §7.2.1: a message in parts is one message; each part can be read when it arrives.
#[test]
fn s7_2_1_parts_of_a_message_can_be_read_as_they_come() {
    for memory in MODES {
        let (mut compressor, mut ours) = (sender(memory, true, 12), receiver(memory, true, 12));
        for seed in 0..20 {
            let payload = [json(seed), json(seed + 1)].concat();
            let (mut read, mut sent) = (Vec::new(), 0);
            let chunks: Vec<&[u8]> = payload.chunks(seed as usize * 40 + 1).collect();
            for (i, chunk) in chunks.iter().enumerate() {
                let mut part = Vec::new();
                compressor.compress_chunk(chunk, i + 1 == chunks.len(), &mut part);
                ours.decompress(&mut &part[..], &mut read, usize::MAX).unwrap();
                sent += chunk.len();
                assert!(read == payload[..sent], "{memory:?} part {i}");
            }
            assert!(ours.finish(&mut read, 0).unwrap());
            assert_eq!(receive(&mut ours, &compress(&mut compressor, &payload)).unwrap(), payload);
        }
    }
}

/// Between its parts a message owns a state; when it ends, only the window is left.
#[test]
fn memory_follows_the_mode() {
    let used = |memory, last| {
        let mut compressor = sender(memory, true, 12);
        (0..9).for_each(|seed| compressor.compress_chunk(&json(seed), last, &mut Vec::new()));
        compressor.memory_bytes()
    };
    assert_eq!(used(Memory::Stateless, true), 0);
    assert_eq!(used(Memory::Hibernating, true), 4096);
    assert!(used(Memory::Dedicated, true) > 150_000);
    assert!(MODES.into_iter().all(|it| used(it, false) > 150_000));
}

/// A prepared message is decodable in the middle of any connection with its key; after a reset
/// the messages that follow are too, although our context never saw it.
#[test]
fn prepared_messages_fit_between_others() {
    for memory in MODES {
        for window in [8, 9, 12, 15] {
            let mut compressor = sender(memory, true, window);
            let mut plain = PlainZlib::new(window);
            for seed in 0..10 {
                let compressed = compress(&mut compressor, &json(seed));
                assert_eq!(plain.receive(&compressed), json(seed));
                let prepared = compress_prepared(compressor.encoding_key(), &json(seed + 100));
                assert_eq!(plain.receive(&prepared), json(seed + 100));
                compressor.reset();
                let alone = compress(&mut sender(memory, true, window), &json(seed));
                assert_eq!(compress(&mut compressor, &json(seed)), alone, "{memory:?}");
                assert_eq!(plain.receive(&alone), json(seed));
            }
        }
    }
    assert_eq!(compress_prepared(sender(Memory::Stateless, false, 12).encoding_key(), b""), [0x00]);
}

/// The key holds what shapes the bytes and nothing else, so receivers share prepared messages.
#[test]
fn encoding_key_is_shared_by_equal_settings() {
    let key = |memory, takeover, window| sender(memory, takeover, window).encoding_key();
    assert_eq!(key(Memory::Dedicated, true, 12), key(Memory::Stateless, false, 12));
    assert_ne!(key(Memory::Dedicated, true, 12), key(Memory::Dedicated, true, 11));
    assert_eq!(key(Memory::Dedicated, true, 12).window_bits(), WindowBits::DEFAULT);
}
