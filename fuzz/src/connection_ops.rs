//! Two connections, joined by queues of bytes, and whatever one may do with them in any order.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use trunkline_proto::error::QueueErrorKind;
use trunkline_proto::{
    CloseCode, Connection, Event, Input, Limit, Message, MessageKind, Outgoing, Prepared,
    ProtocolError, Role,
};

use crate::agreement::{Agreement, DEFLATE_BYTES, INFLATE_BYTES};
use crate::support::{connection, start};
use crate::wire;

/// What two ends agreed on, and what then happens.
#[derive(Debug, Arbitrary)]
pub struct Script {
    agreement: Option<Agreement>,
    /// Limits so small that messages run into them.
    narrow: bool,
    ops: Vec<(Side, Op)>,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Side {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Op {
    /// Queues a message of so many bytes.
    Queue(Kind, u16, Form),
    /// Queues the next so many bytes of a streamed message.
    Chunk(Kind, u16, bool),
    Ping,
    Close(u16, u8),
    /// The transport takes so many bytes; 0: it takes nothing.
    Write(u16),
    /// So many bytes of the other end come in.
    Deliver(u16),
    WaitMillis(u16),
    WaitSecs(u8),
    HandleTimeout,
    ReceiveStreamed(bool),
    LendBuffer(u16),
    ReclaimBuffer,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Form {
    Borrowed,
    Owned,
    Prepared,
}

/// - What one end queued, the other hears: each message once, in order, whole or in chunks, up to the
///   close; all of it, once everything is delivered.
/// - Each end sends frames that a strict peer can read, and at most one close frame, the last.
/// - An error has its reason in the limits; nothing is heard behind it.
/// - A deadline that has come does something; one that has not, does nothing.
/// - Memory is bounded by what waits and by the limits.
pub fn check(script: Script) {
    let mut world = World::new(&script);
    for (side, op) in script.ops.into_iter().take(500) {
        world.step(side, op);
        world.check_memory();
    }
    world.settle();
}

struct World {
    ends: [End; 2],
    now: Instant,
    compressed: bool,
}

struct End {
    conn: Connection,
    /// Written and not delivered yet.
    on_the_way: VecDeque<u8>,
    /// Delivered and not understood yet.
    unread: Vec<u8>,
    /// Everything ever written.
    written: Vec<u8>,
    /// Queued and not heard by the other end yet.
    queued: VecDeque<(MessageKind, Vec<u8>)>,
    /// The message that this end sends in chunks.
    sending: Option<(MessageKind, Vec<u8>)>,
    /// The message that this end hears in chunks.
    hearing: Option<(MessageKind, Vec<u8>)>,
    has_sent_chunks: bool,
    largest: usize,
    /// A deadline passed, or a rule was broken.
    is_over: bool,
    /// It was a deadline: whoever drives this end has let go of the transport.
    is_let_go: bool,
    has_heard_close: bool,
}

impl World {
    fn new(script: &Script) -> Self {
        let end = |role, agreement: Option<Agreement>| {
            let conn = connection(role, |settings| {
                if script.narrow {
                    settings.limits.message_bytes = Limit::at_most(5000);
                    settings.limits.frame_bytes = Limit::at_most(2000);
                    settings.limits.tiny_fragments = Limit::at_most(5);
                    settings.limits.empty_fragments = Limit::at_most(2);
                    settings.limits.send_high_water_bytes = Limit::at_most(100);
                    settings.idle_timeout = Some(Duration::from_secs(100));
                }
            });
            End::new(match agreement {
                None => conn,
                Some(agreement) => conn.with_deflate(&agreement.config(), agreement.params()),
            })
        };
        let other = script.agreement.map(Agreement::with_next_memory);
        Self {
            ends: [end(Role::Server, script.agreement), end(Role::Client, other)],
            now: start(),
            compressed: script.agreement.is_some(),
        }
    }

    fn step(&mut self, side: Side, op: Op) {
        let now = self.now;
        let [server, client] = &mut self.ends;
        let (end, peer) = match side {
            Side::Server => (server, client),
            Side::Client => (client, server),
        };
        match op {
            Op::Queue(kind, len, form) => end.queue(kind.into(), size(len), form),
            Op::Chunk(kind, len, last) => end.queue_chunk(kind.into(), size(len), last),
            Op::Ping => end.conn.ping(now),
            Op::Close(code, reason) => {
                let code = CloseCode::new(code).unwrap_or(CloseCode::NORMAL);
                end.conn.close(code, &text(usize::from(reason)), now);
                assert!(!end.conn.is_open());
            }
            Op::Write(bytes) => end.write(bytes.into(), now),
            Op::Deliver(bytes) => end.hear(peer, bytes.into(), now),
            Op::WaitMillis(millis) => self.now += Duration::from_millis(millis.into()),
            Op::WaitSecs(secs) => self.now += Duration::from_secs(secs.into()),
            Op::HandleTimeout => end.handle_timeout(now),
            Op::ReceiveStreamed(streamed) => end.conn.receive_streamed(streamed),
            Op::LendBuffer(bytes) => end.conn.lend_buffer(vec![0xaa; usize::from(bytes) % 4096]),
            Op::ReclaimBuffer => drop(end.conn.reclaim_buffer()),
        }
    }

    fn check_memory(&self) {
        for end in &self.ends {
            let limits = end.conn.settings().limits;
            let waiting = limits.send_high_water_bytes.max() + end.largest;
            let zlib = if self.compressed { INFLATE_BYTES + DEFLATE_BYTES } else { 0 };
            // What waits lies in a buffer that doubles and whose front half may have been written.
            let bound = 2 * limits.message_bytes.max() + 4 * waiting + (64 << 10) + zlib;
            assert!(end.conn.memory_bytes() <= bound, "{} of {bound}", end.conn.memory_bytes());
        }
    }

    /// Delivers everything, both ways, until nothing moves; then nothing may be missing.
    fn settle(mut self) {
        let now = self.now;
        let [server, client] = &mut self.ends;
        loop {
            server.write(usize::MAX, now);
            client.write(usize::MAX, now);
            if server.on_the_way.is_empty() && client.on_the_way.is_empty() {
                break;
            }
            server.hear(client, usize::MAX, now);
            client.hear(server, usize::MAX, now);
        }
        for (end, peer) in [(&*server, &*client), (&*client, &*server)] {
            assert!(!peer.conn.wants_transmit());
            assert!(end.is_over || peer.queued.is_empty(), "{} not heard", peer.queued.len());
            assert!(end.is_over || peer.conn.is_open() || end.has_heard_close, "a lost close");
            let role = end.conn.role();
            let sent = wire::strict(role, &end.written, self.compressed, false);
            let closed = sent.last().is_some_and(|last| last.first == wire::CLOSE);
            assert_eq!(closed, !end.conn.is_open(), "closed if and only if it said so");
        }
    }
}

impl End {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            on_the_way: VecDeque::new(),
            unread: Vec::new(),
            written: Vec::new(),
            queued: VecDeque::new(),
            sending: None,
            hearing: None,
            has_sent_chunks: false,
            largest: 0,
            is_over: false,
            is_let_go: false,
            has_heard_close: false,
        }
    }

    fn queue(&mut self, kind: MessageKind, len: usize, form: Form) {
        let message = match kind {
            MessageKind::Text => Message::text(text(len)),
            MessageKind::Binary => Message::binary(binary(len)),
        };
        let prepared;
        let outgoing = match (form, &message) {
            (Form::Prepared, _) => {
                prepared = Prepared::new(message.clone());
                Outgoing::from(&prepared)
            }
            (Form::Borrowed, Message::Text(text)) => Outgoing::Text(text),
            (Form::Borrowed, Message::Binary(bytes)) => Outgoing::Binary(bytes),
            (Form::Owned, _) => Outgoing::Message(message.clone()),
        };
        let refusal = self.conn.refusal();
        let before = self.conn.transmit_bytes();
        match self.conn.queue(outgoing) {
            Ok(()) => {
                assert_eq!(refusal, None);
                self.largest = self.largest.max(message.len());
                self.queued.push_back((kind, message.into_bytes().into()));
            }
            Err(error) => {
                assert_eq!(Some(error.kind()), refusal, "as was foretold");
                assert_eq!(error.into_outgoing().as_bytes(), message.as_bytes());
                assert_eq!(self.conn.transmit_bytes(), before);
                match refusal {
                    Some(QueueErrorKind::Closed) => assert!(!self.conn.is_open()),
                    Some(QueueErrorKind::Streaming) => assert!(self.sending.is_some()),
                    _ => assert!(self.conn.is_above_high_water()),
                }
            }
        }
    }

    fn queue_chunk(&mut self, kind: MessageKind, len: usize, last: bool) {
        let begun = self.sending.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let kind_begun = self.sending.as_ref().map(|(kind, _)| *kind);
        // Text is the next part of one endless text, so that cuts fall inside characters.
        let chunk = match kind {
            MessageKind::Text => TEXT.bytes().cycle().skip(begun % TEXT.len()).take(len).collect(),
            MessageKind::Binary => binary(len),
        };
        let ends_well = !last
            || kind == MessageKind::Binary
            || TEXT.is_char_boundary((begun + len) % TEXT.len());
        match self.conn.queue_chunk(kind, &chunk, last) {
            Ok(()) => {
                assert!(ends_well && kind_begun.is_none_or(|it| it == kind));
                self.has_sent_chunks = true;
                self.largest = self.largest.max(len);
                let (kind, mut bytes) = self.sending.take().unwrap_or((kind, Vec::new()));
                bytes.extend(chunk);
                if last {
                    self.queued.push_back((kind, bytes));
                } else {
                    self.sending = Some((kind, bytes));
                }
            }
            Err(QueueErrorKind::InvalidUtf8) => assert!(!ends_well),
            Err(QueueErrorKind::Streaming) => assert!(kind_begun.is_some_and(|it| it != kind)),
            Err(QueueErrorKind::Closed) => assert!(!self.conn.is_open()),
            Err(_) => assert!(self.conn.is_above_high_water()),
        }
    }

    /// Lets the transport take up to `max` bytes.
    fn write(&mut self, max: usize, now: Instant) {
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = self.conn.poll_transmit(&mut slices);
        let part: Vec<u8> =
            slices[..filled].iter().flat_map(|it| it.iter().copied()).take(max).collect();
        self.conn.transmitted(part.len(), now);
        self.written.extend(&part);
        self.on_the_way.extend(&part);
    }

    /// Takes `max` of the bytes that `peer` has written.
    fn hear(&mut self, peer: &mut Self, max: usize, now: Instant) {
        self.unread.extend(peer.on_the_way.drain(..max.min(peer.on_the_way.len())));
        if self.is_let_go {
            return;
        }
        let mut unread = std::mem::take(&mut self.unread);
        let mut input = Input::new(&mut unread);
        loop {
            let was_closed = self.conn.is_closed();
            match self.conn.poll_event(&mut input, now) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    assert!(!was_closed, "heard behind the end: {event:?}");
                    match event {
                        Event::Message(message) => {
                            assert!(self.hearing.is_none(), "half in chunks, half whole");
                            let heard = (message.kind(), message.as_bytes().to_vec());
                            assert_eq!(Some(heard), peer.queued.pop_front());
                        }
                        Event::Chunk(chunk) => {
                            let (kind, mut bytes) =
                                self.hearing.take().unwrap_or((chunk.kind, Vec::new()));
                            assert_eq!(kind, chunk.kind);
                            bytes.extend(chunk.bytes);
                            if chunk.last {
                                assert_eq!(Some((kind, bytes)), peer.queued.pop_front());
                            } else {
                                self.hearing = Some((kind, bytes));
                            }
                        }
                        Event::Closed => {
                            assert!(!peer.conn.is_open(), "a close that nobody sent");
                            assert!(!std::mem::replace(&mut self.has_heard_close, true));
                        }
                        _ => {}
                    }
                }
                Err(error) => {
                    assert!(!was_closed && !self.is_over, "an error behind the end");
                    self.is_over = true;
                    peer.check_blame(error, &self.conn);
                }
            }
        }
        let left = input.len();
        assert!(left < 14 + 125, "{left} bytes left");
        unread.drain(..unread.len() - left);
        self.unread = unread;
    }

    /// Two ends that follow the rules can only run into limits.
    fn check_blame(&self, error: ProtocolError, hearer: &Connection) {
        let limits = hearer.settings().limits;
        match error {
            ProtocolError::MessageTooBig { limit } => {
                let sizes = self.queued.iter().chain(&self.sending).map(|it| it.1.len());
                assert!(sizes.max().is_some_and(|size| size > limit));
            }
            ProtocolError::FrameTooBig { limit } => assert!(self.largest + 16 > limit),
            ProtocolError::TooManyTinyFragments => {
                assert!(self.has_sent_chunks && limits.tiny_fragments.max() < 1024);
            }
            ProtocolError::TooManyEmptyFragments => assert!(self.has_sent_chunks),
            error => panic!("neither end broke a rule: {error:?}"),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let before = self.conn.poll_timeout();
        let waiting = self.conn.transmit_bytes();
        let result = self.conn.handle_timeout(now);
        if before.is_none_or(|due| due > now) {
            assert_eq!(result, Ok(()), "before its time");
            assert_eq!((self.conn.poll_timeout(), self.conn.transmit_bytes()), (before, waiting));
        } else if result.is_ok() {
            // A ping may have been due: it moves the deadline.
            let after = self.conn.poll_timeout();
            assert!(after.is_none_or(|due| due > now), "due again at once: this would spin");
        } else {
            (self.is_over, self.is_let_go) = (true, true);
        }
    }
}

/// Mostly small, for many of them tell more than few; up to 20 000 bytes, for there are paths of their own
/// for large ones.
fn size(len: u16) -> usize {
    usize::from(if len < 0xf000 { len % 300 } else { len % 20_000 })
}

/// Characters of one to four bytes.
const TEXT: &str = "trunkline é — 語 😀 ";

fn text(len: usize) -> String {
    TEXT.chars()
        .cycle()
        .scan(0, |bytes, char| {
            *bytes += char.len_utf8();
            (*bytes <= len).then_some(char)
        })
        .collect()
}

/// Bytes that compress a little.
fn binary(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * at / 7 % 251) as u8).collect()
}

impl From<Kind> for MessageKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}
