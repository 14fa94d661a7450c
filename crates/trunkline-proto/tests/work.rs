//! What one peer can make this process compute: at most 16 times what a client of this library needs to make as many
//! bytes in frames of the same sizes (SECURITY.md). Both are timed in turn, in this thread, and the best of several
//! rounds counts, so that a busy machine slows both down or neither.

#[path = "rfc6455/support.rs"]
mod support;
#[path = "rfc6455/twin.rs"]
mod twin;

use std::hint::black_box;
use std::time::{Duration, Instant};

use trunkline_proto::{Input, MessageKind, Role};

use support::*;

const FACTOR: f64 = 16.0;
/// Rounds of which the best counts.
const ROUNDS: usize = 5;
/// As much as one read brings.
const READ: usize = 256 << 10;

/// Frames that a peer sends: first byte and payload.
type Frames = Vec<(u8, Vec<u8>)>;

fn best(mut act: impl FnMut() -> Duration) -> f64 {
    (0..ROUNDS).map(|_| act()).min().expect("a round").as_secs_f64()
}

/// What it costs to make them: binary messages of the same sizes, masked, into a buffer.
fn making(list: &Frames) -> f64 {
    best(|| {
        let mut conn = connection(Role::Client, |_| ());
        let start = Instant::now();
        for (_, payload) in list {
            conn.queue_chunk(MessageKind::Binary, payload, true).expect("there is room");
            if conn.is_above_high_water() {
                black_box(drain(&mut conn));
            }
        }
        black_box(drain(&mut conn));
        start.elapsed()
    })
}

/// What it costs to take them, up to the end or the broken rule, with all answers made.
fn taking(list: &Frames) -> f64 {
    let bytes = frames(Role::Client, list);
    best(|| {
        let mut conn = connection(Role::Server, |_| ());
        let mut unread = Vec::new();
        let mut reads: Vec<Vec<u8>> = bytes.chunks(READ).map(<[u8]>::to_vec).collect();
        let start = Instant::now();
        for read in &mut reads {
            unread.append(read);
            let mut input = Input::new(&mut unread);
            while let Ok(Some(event)) = conn.poll_event(&mut input, start) {
                black_box(event);
            }
            let left = input.len();
            unread.drain(..unread.len() - left);
            black_box(drain(&mut conn));
        }
        start.elapsed()
    })
}

fn repeated(first: u8, payload: &[u8], count: usize) -> Frames {
    vec![(first, payload.to_vec()); count]
}

/// Messages of as many fragments as may be, over and over.
fn fragmented(opcode: u8, payload: &[u8], fragments: usize, messages: usize) -> Frames {
    let mut one = repeated(0x00, payload, fragments);
    one[0].0 = opcode;
    one[fragments - 1].0 |= 0x80;
    over_and_over(&one, messages)
}

#[test]
fn no_input_takes_more_than_16_times_the_work_of_its_sender() {
    // Two, three and four bytes in turn, which no run of ASCII shortens.
    let text = "\u{e4}\u{20ac}\u{1f600}".repeat(40_000);
    let attacks: [(&str, Frames); 11] = [
        ("SEC-FR-12 empty messages", repeated(0x82, b"", 20_000)),
        ("SEC-FR-12 empty text", repeated(0x81, b"", 20_000)),
        ("SEC-FR-12 messages of a byte", repeated(0x81, b"a", 20_000)),
        ("SEC-CT-03 pings", repeated(0x89, &[7; 125], 10_000)),
        ("SEC-CT-03 empty pings", repeated(0x89, b"", 20_000)),
        ("SEC-CT-05 pongs", repeated(0x8a, &[7; 125], 10_000)),
        ("SEC-FG-04 tiny fragments", fragmented(0x02, b"a", 1_000, 20)),
        ("SEC-FG-05 empty fragments", fragmented(0x02, b"", 60, 300)),
        ("SEC-FG-03 fragments of 64 bytes", fragmented(0x01, &[b'a'; 64], 4_000, 5)),
        ("SEC-UT-01 large text", repeated(0x81, text.as_bytes(), 5)),
        ("SEC-UT-02 characters cut by frames", characters_cut(10)),
    ];
    let mut worst = (0.0, "");
    for (name, list) in &attacks {
        let ratio = taking(list) / making(list);
        println!("{ratio:5.2} {name}");
        assert!(ratio <= FACTOR, "{name}: {ratio:.1} times the work of its sender");
        if ratio > worst.0 {
            worst = (ratio, name);
        }
    }
    println!("the worst: {:.1} times the work of its sender, {}", worst.0, worst.1);
}

/// A text message of fragments that mostly end inside a character of three bytes, over and over.
fn characters_cut(messages: usize) -> Frames {
    let text = "\u{20ac}".repeat(64 * 460);
    let mut one: Frames = text.as_bytes().chunks(64).map(|it| (0x00, it.to_vec())).collect();
    one[0].0 = 0x01;
    one.last_mut().expect("there are fragments").0 = 0x80;
    over_and_over(&one, messages)
}

fn over_and_over(one: &Frames, times: usize) -> Frames {
    (0..times).flat_map(|_| one.clone()).collect()
}
