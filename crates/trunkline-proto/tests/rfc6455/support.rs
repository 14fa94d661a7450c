//! What the tests share: bytes in, events out, for both ends and any cut.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "a module of several binaries, public within each")]

use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use trunkline_proto::frame::{MaskKey, MaskSource};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Connection, Event, Input, Message, MessageKind, ProtocolError, Role};

use crate::twin::{self, RawFrame};

pub const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// An event that owns what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Chunk(MessageKind, Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong,
    Closed,
}

pub fn text(text: &str) -> Seen {
    Seen::Text(text.into())
}

pub fn binary(bytes: &[u8]) -> Seen {
    Seen::Binary(bytes.into())
}

pub fn ping(payload: &[u8]) -> Seen {
    Seen::Ping(payload.into())
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(received) => match received.into_message() {
                Message::Text(text) => Self::Text(text.as_str().into()),
                Message::Binary(bytes) => Self::Binary(bytes.into()),
            },
            Event::Chunk(chunk) => Self::Chunk(chunk.kind, chunk.bytes.into(), chunk.last),
            Event::Ping(payload) => Self::Ping(payload.into()),
            Event::Pong(_) => Self::Pong,
            Event::Closed => Self::Closed,
            other => panic!("an event that the tests do not know: {other:?}"),
        }
    }
}

/// Pseudo-random numbers from a seed (xorshift64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 24) as u8).collect()
    }
}

/// Masking keys that are never the same twice, and that are remembered.
#[derive(Clone, Default)]
pub struct Keys {
    given: Arc<Mutex<Vec<[u8; 4]>>>,
    count: Arc<AtomicU64>,
}

impl Keys {
    pub fn given(&self) -> Vec<[u8; 4]> {
        self.given.lock().unwrap().clone()
    }
}

impl MaskSource for Keys {
    fn next_key(&self) -> MaskKey {
        let count = self.count.fetch_add(1, Ordering::Relaxed) as u32;
        // Odd, so the map is one to one.
        let key = (count + 1).wrapping_mul(0x9e37_79b1).to_be_bytes();
        self.given.lock().unwrap().push(key);
        MaskKey::new(key)
    }
}

/// One moment for all that does not depend on time.
pub fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One end, with the defaults changed by `change`.
pub fn connection(role: Role, change: impl FnOnce(&mut Settings)) -> Connection {
    connection_with_keys(role, &Keys::default(), change)
}

pub fn connection_with_keys(
    role: Role,
    keys: &Keys,
    change: impl FnOnce(&mut Settings),
) -> Connection {
    let mut settings = Settings::for_role(role);
    change(&mut settings);
    let settings = Arc::new(settings);
    match role {
        Role::Client => Connection::client(settings, Box::new(keys.clone()), start()),
        Role::Server => Connection::server(settings, start()),
    }
}

/// Encodes one frame as `from` sends it, without any help of the library. `first` is FIN, the
/// reserved bits and the opcode.
pub fn frame(from: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = header(from, first, payload.len() as u64);
    match from {
        Role::Client => out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(p, k)| p ^ k)),
        Role::Server => out.extend(payload),
    }
    out
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The header alone: what a frame promises.
pub fn header(from: Role, first: u8, len: u64) -> Vec<u8> {
    let mut out = vec![first];
    match len {
        0..=125 => out.push(len as u8),
        126..=0xffff => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend(len.to_be_bytes());
        }
    }
    if from == Role::Client {
        out[1] |= 0x80;
        out.extend(KEY);
    }
    out
}

pub fn frames<P: AsRef<[u8]>>(from: Role, list: &[(u8, P)]) -> Vec<u8> {
    list.iter().flat_map(|(first, payload)| frame(from, *first, payload.as_ref())).collect()
}

pub fn close_payload(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_ref()].concat()
}

/// A connection and the bytes that it has not understood yet, as whoever drives it keeps them.
pub struct Driven {
    pub conn: Connection,
    pub unread: Vec<u8>,
    pub events: Vec<Seen>,
    pub error: Option<ProtocolError>,
}

impl Driven {
    pub fn new(conn: Connection) -> Self {
        Self { conn, unread: Vec::new(), events: Vec::new(), error: None }
    }

    /// Feeds `bytes` and takes every event.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_at(bytes, start());
    }

    pub fn feed_at(&mut self, bytes: &[u8], now: Instant) {
        self.unread.extend(bytes);
        let mut input = Input::new(&mut self.unread);
        loop {
            match self.conn.poll_event(&mut input, now) {
                Ok(Some(event)) => self.events.push(event.into()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(self.error.replace(error), None, "a broken rule is told once");
                }
            }
        }
        let left = input.len();
        // What `Input` promises to its driver, who sizes a buffer after it.
        assert!(left < 14 + 125, "{left} bytes were left");
        self.unread.drain(..self.unread.len() - left);
    }

    /// Writes everything that waits, as a transport that takes all does.
    pub fn drain(&mut self) -> Vec<u8> {
        drain(&mut self.conn)
    }
}

/// Takes everything that waits to be written.
pub fn drain(conn: &mut Connection) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = conn.poll_transmit(&mut slices);
        let taken: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
        slices[..filled].iter().for_each(|slice| sent.extend_from_slice(slice));
        if taken == 0 {
            assert!(!conn.wants_transmit());
            return sent;
        }
        conn.transmitted(taken, start());
    }
}

/// What came of some bytes: what the application heard, the broken rule, the frames that were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub events: Vec<Seen>,
    pub error: Option<ProtocolError>,
    pub sent: Vec<(u8, Vec<u8>)>,
}

/// Feeds `bytes` cut at `cuts` into a fresh connection, `prefix` before them, and drains it at the end.
pub fn run(
    role: Role,
    change: &dyn Fn(&mut Settings),
    prefix: &[u8],
    bytes: &[u8],
    cuts: &[usize],
) -> Outcome {
    let mut driven = Driven::new(connection(role, change));
    if !prefix.is_empty() {
        driven.feed(prefix);
        assert_eq!(driven.error, None);
        assert_eq!(driven.events.len(), 1);
        driven.events.clear();
    }
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        driven.feed(&bytes[from..to]);
        from = to;
    }
    let sent = driven.drain();
    let closed = driven.error.is_some() || driven.events.contains(&Seen::Closed);
    assert_eq!(driven.conn.is_closed(), closed);
    assert_eq!(driven.conn.is_finished(), closed, "closed, and all is written");
    let sent = twin::strict(role, &sent).into_iter().map(|it| (it.first, it.payload)).collect();
    Outcome { events: driven.events, error: driven.error, sent }
}

/// Every way of cutting `len` bytes that a test can afford: not at all, everywhere, in two, at random.
pub fn cuttings(len: usize) -> Vec<Vec<usize>> {
    let mut random = Random::new(len as u64 + 1);
    let mut all = vec![vec![]];
    if len <= 70_000 {
        all.push((1..len).collect());
    }
    if len <= 300 {
        all.extend((1..len).map(|cut| vec![cut]));
    } else {
        // The first and last bytes, where headers are, and some between.
        let between: Vec<_> = (0..40).map(|_| 1 + random.below(len - 1)).collect();
        all.extend((1..20).chain(len - 20..len).chain(between).map(|cut| vec![cut]));
    }
    for _ in 0..6 {
        let mut cuts: Vec<_> = (0..1 + random.below(8)).map(|_| random.below(len + 1)).collect();
        cuts.sort_unstable();
        all.push(cuts);
    }
    all
}

/// Feeds what the peer of `role` sent in every way of cutting, also behind 64 KiB of valid bytes,
/// and checks that each gives these events, this broken rule, and the right answers.
#[track_caller]
pub fn check_bytes(
    role: Role,
    change: &dyn Fn(&mut Settings),
    bytes: &[u8],
    events: &[Seen],
    error: Option<ProtocolError>,
) {
    let sent = answers(bytes, role, events, error);
    let expected = Outcome { events: events.into(), error, sent };
    for cuts in cuttings(bytes.len()) {
        let got = run(role, change, &[], bytes, &cuts);
        let shown = &cuts[..cuts.len().min(10)];
        assert!(got == expected, "{role:?} cut at {shown:?}\n got {got:?}\nwant {expected:?}");
    }
    let mut limits = Settings::for_role(role);
    change(&mut limits);
    if limits.limits.message_bytes.allows(64 << 10) && limits.limits.frame_bytes.allows(64 << 10) {
        let prefix = &of_64_kib()[usize::from(role == Role::Server)];
        for cuts in [vec![], (1..bytes.len().min(2000)).collect()] {
            let got = run(role, change, prefix, bytes, &cuts);
            assert_eq!(got, expected, "{role:?} behind 64 KiB");
        }
    }
}

/// The same for frames that either end may send: both ends are checked.
#[track_caller]
pub fn check<P: AsRef<[u8]>>(list: &[(u8, P)], events: &[Seen], error: Option<ProtocolError>) {
    check_with(&|_| (), list, events, error);
}

#[track_caller]
pub fn check_with<P: AsRef<[u8]>>(
    change: &dyn Fn(&mut Settings),
    list: &[(u8, P)],
    events: &[Seen],
    error: Option<ProtocolError>,
) {
    for role in ROLES {
        check_bytes(role, change, &frames(role.peer(), list), events, error);
    }
}

/// A message of 64 KiB, from a server and from a client.
fn of_64_kib() -> &'static [Vec<u8>; 2] {
    static FRAMES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    FRAMES
        .get_or_init(|| [Role::Server, Role::Client].map(|from| frame(from, 0x82, &[7; 64 << 10])))
}

/// What a connection must send if nothing is written before the end: the pong to the first ping, the
/// one to the newest (§5.5.3), and a close frame.
fn answers(
    bytes: &[u8],
    role: Role,
    events: &[Seen],
    error: Option<ProtocolError>,
) -> Vec<(u8, Vec<u8>)> {
    let mut sent = Vec::new();
    let closed = events.contains(&Seen::Closed);
    let mut pings = events.iter().filter_map(|event| match event {
        Seen::Ping(payload) => Some((0x8a, payload.clone())),
        _ => None,
    });
    sent.extend(pings.next());
    if let (Some(newest), false) = (pings.next_back(), closed || error.is_some()) {
        sent.push(newest);
    }
    if let Some(error) = error {
        let reason = error.to_string();
        sent.push((0x88, close_payload(error.close_code().get(), reason)));
    }
    if closed {
        let limits = Settings::for_role(role).limits;
        let close = |it: &RawFrame| it.first == 0x88;
        let decoded = twin::decode(role.peer(), &limits, bytes);
        let theirs = decoded.frames.into_iter().find(close).unwrap().payload;
        sent.push((0x88, theirs.into_iter().take(2).collect()));
    }
    sent
}
