//! Property: the same bytes, valid or broken, cut anywhere, give what the naive twin says they mean.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use trunkline_proto::limits::{Limits, Settings};
use trunkline_proto::{CloseCode, Limit, Role};

use support::*;

/// Lengths at which a form, a path or a block ends, and any others.
fn any_len(random: &mut Random) -> usize {
    match random.below(12) {
        0 => *random.pick(&[0, 1, 63, 64, 65, 124, 125, 126, 127, 128, 255, 256]),
        1 => 100 + random.below(300),
        2 if random.chance(8) => *random.pick(&[4095, 4096, 8191, 8192, 8193, 20_000]),
        _ => random.below(40),
    }
}

fn any_text(random: &mut Random, len: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < len {
        text.push(*random.pick(&['a', 'z', ' ', 'é', '—', '語', '😀', '\u{10ffff}', '\0']));
    }
    text.into_bytes()
}

fn any_control_frame(from: Role, random: &mut Random) -> Vec<u8> {
    let payload_len = random.below(8);
    frame(from, *random.pick(&[0x89, 0x8a]), &random.clone().bytes(payload_len))
}

/// One message in any number of fragments, with control frames between them.
fn any_message(from: Role, random: &mut Random, out: &mut Vec<u8>) {
    let len = any_len(random);
    let is_text = random.chance(2);
    let payload = if is_text { any_text(random, len) } else { random.bytes(len) };
    let fragments = if random.chance(2) { 1 } else { 1 + random.below(6) };
    let mut cuts: Vec<_> = (1..fragments).map(|_| random.below(payload.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(payload.len());
    let mut begin = 0;
    for (i, end) in cuts.iter().copied().enumerate() {
        let opcode = if i > 0 {
            0
        } else if is_text {
            1
        } else {
            2
        };
        let fin = if i + 1 == cuts.len() { 0x80 } else { 0 };
        out.extend(frame(from, fin | opcode, &payload[begin..end]));
        begin = end;
        if random.chance(5) {
            out.extend(any_control_frame(from, random));
        }
    }
}

fn any_stream(from: Role, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..1 + random.below(6) {
        any_message(from, random, &mut out);
    }
    if random.chance(4) {
        let code = *random.pick(&[1000, 1001, 1005, 2999, 3000, 4999, 5000]);
        let payload = if random.chance(4) { vec![] } else { close_payload(code, "bye — é") };
        out.extend(frame(from, 0x88, &payload));
    }
    out
}

/// Breaks something: a bit, a byte, a length, the end, the order.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return bytes.push(random.next() as u8);
    }
    let at = random.below(bytes.len());
    match random.below(7) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = *random.pick(&[0, 1, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff]),
        3 => drop(bytes.remove(at)),
        4 => bytes.insert(at, random.next() as u8),
        5 => bytes.truncate(at.max(1)),
        _ => {
            let end = at + random.below(bytes.len() - at + 1);
            let again = bytes[at..end].to_vec();
            bytes.extend(again);
        }
    }
}

fn any_cuts(random: &mut Random, len: usize) -> Vec<usize> {
    let mut cuts: Vec<_> = (0..random.below(12)).map(|_| random.below(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

#[track_caller]
fn check_against_twin(role: Role, change: &dyn Fn(&mut Settings), bytes: &[u8], seed: u64) {
    let mut settings = Settings::for_role(role);
    change(&mut settings);
    let expected = twin::decode(role.peer(), &settings.limits, bytes);
    let mut random = Random::new(seed);
    let all = [vec![], (1..bytes.len()).collect(), any_cuts(&mut random, bytes.len())];
    let mut outcomes = all.iter().map(|cuts| run(role, change, &[], bytes, cuts));
    let first = outcomes.next().unwrap();
    assert_eq!(first.events, expected.events, "seed {seed} {role:?}");
    assert_eq!(first.error, expected.error, "seed {seed} {role:?}");
    for other in outcomes {
        assert_eq!(other, first, "seed {seed} {role:?}");
    }
}

#[test]
fn valid_streams_mean_what_the_twin_says() {
    for seed in 0..1500 {
        for role in ROLES {
            let bytes = any_stream(role.peer(), &mut Random::new(seed));
            check_against_twin(role, &|_| (), &bytes, seed);
        }
    }
}

#[test]
fn sec_fr_15_broken_streams_mean_what_the_twin_says() {
    for seed in 0..2500 {
        for role in ROLES {
            let mut random = Random::new(seed);
            let mut bytes = any_stream(role.peer(), &mut random);
            for _ in 0..1 + random.below(3) {
                mutate(&mut random, &mut bytes);
            }
            check_against_twin(role, &|_| (), &bytes, seed);
        }
    }
}

#[test]
fn streams_under_narrow_limits_mean_what_the_twin_says() {
    for seed in 0..1500 {
        for role in ROLES {
            let mut random = Random::new(seed);
            let mut bytes = any_stream(role.peer(), &mut random);
            if random.chance(3) {
                mutate(&mut random, &mut bytes);
            }
            let mut limit = |max| Limit::at_most(random.below(max));
            let (message, frame, tiny, empty) = (limit(200), limit(150), limit(6), limit(3));
            let change = |settings: &mut Settings| {
                settings.limits.message_bytes = message;
                settings.limits.frame_bytes = frame;
                settings.limits.tiny_fragments = tiny;
                settings.limits.empty_fragments = empty;
            };
            check_against_twin(role, &change, &bytes, seed);
        }
    }
}

/// After our own close the peer may go on: the same events, and not one more answer.
#[test]
fn streams_after_our_close_mean_the_same() {
    for seed in 0..1000 {
        for role in ROLES {
            let mut random = Random::new(seed);
            let mut bytes = any_stream(role.peer(), &mut random);
            if random.chance(2) {
                mutate(&mut random, &mut bytes);
            }
            let expected = twin::decode(role.peer(), &Limits::for_role(role), &bytes);
            for cuts in [vec![], (1..bytes.len()).collect(), any_cuts(&mut random, bytes.len())] {
                let mut driven = Driven::new(connection(role, |_| ()));
                driven.conn.close(CloseCode::NORMAL, "", start());
                let mut from = 0;
                for to in cuts.into_iter().chain([bytes.len()]) {
                    driven.feed(&bytes[from..to]);
                    from = to;
                }
                assert_eq!(driven.events, expected.events, "seed {seed} {role:?}");
                assert_eq!(driven.error, expected.error, "seed {seed} {role:?}");
                assert_eq!(twin::strict(role, &driven.drain()).len(), 1);
            }
        }
    }
}

/// What one connection sends, cut anywhere, is what the other hears: the two halves agree.
#[test]
fn what_one_end_sends_the_other_hears() {
    for seed in 0..500 {
        for role in ROLES {
            let mut random = Random::new(seed);
            let mut ours = connection(role, |settings| {
                settings.limits.send_high_water_bytes = Limit::unbounded();
            });
            let mut expected = Vec::new();
            for _ in 0..random.below(8) {
                let len = any_len(&mut random);
                if random.chance(2) {
                    let payload = String::from_utf8(any_text(&mut random, len)).unwrap();
                    ours.queue(&payload).unwrap();
                    expected.push(Seen::Text(payload));
                } else {
                    let payload = random.bytes(len);
                    ours.queue(payload.clone()).unwrap();
                    expected.push(Seen::Binary(payload));
                }
            }
            ours.close(CloseCode::NORMAL, "", start());
            expected.push(Seen::Closed);
            let bytes = drain(&mut ours);
            for cuts in [vec![], (1..bytes.len()).collect(), any_cuts(&mut random, bytes.len())] {
                let got = run(role.peer(), &|_| (), &[], &bytes, &cuts);
                assert_eq!((got.events, got.error), (expected.clone(), None), "seed {seed}");
            }
        }
    }
}
