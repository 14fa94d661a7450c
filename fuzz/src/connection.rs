//! Bytes into events, at both ends, with and without compression (RFC 6455 §5, RFC 7692 §6).

use bytes::{Buf, BytesMut};
use trunkline_proto::limits::{Limits, Settings};
use trunkline_proto::{Connection, Input, Limit, Message, ProtocolError, Role};

use crate::agreement::{Agreement, INFLATE_BYTES};
use crate::cut::Cut;
use crate::support::{Driven, Seen, connection, start};
use crate::{twin, wire};

/// The first byte is read as a [`Setup`], the second seeds the cuts, the rest comes from the peer.
///
/// - Any cut gives the same events, the same error and the same answers; so do messages that share the
///   memory of the input.
/// - Without compression, the naive twin hears the same.
/// - Memory stays within `2 × message + high water + 8 KiB + 16 × input`.
/// - What is sent can be read by a strict peer: pongs, and one close frame where it is over.
/// - What comes after the end is not heard.
pub fn check(bytes: &[u8]) {
    let [bits, seed, bytes @ ..] = bytes else { return };
    let setup = Setup::from_bits(*bits);
    let whole = setup.run(bytes, Cut::Nowhere, false);
    for cut in [Cut::Everywhere, Cut::Seeded(*seed)] {
        assert_eq!(setup.run(bytes, cut, false), whole, "{setup:?} {cut:?}");
    }
    assert_eq!(setup.run_shared(bytes, *seed), (whole.events.clone(), whole.error), "{setup:?}");
    // Written at once, more pings have their own pong; the rest is the same.
    let written = setup.run(bytes, Cut::Seeded(*seed), true);
    assert_eq!((&written.events, &written.error), (&whole.events, &whole.error), "{setup:?}");

    if setup.agreement.is_none() && !setup.streamed {
        let expected = twin::decode(setup.role.peer(), &setup.settings().limits, bytes);
        assert_eq!((whole.events, whole.error), (expected.events, expected.error), "{setup:?}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    role: Role,
    narrow: bool,
    streamed: bool,
    agreement: Option<Agreement>,
}

#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Seen>,
    error: Option<ProtocolError>,
    sent: Vec<wire::Frame>,
}

impl Setup {
    fn from_bits(bits: u8) -> Self {
        let role = if bits & 1 == 0 { Role::Server } else { Role::Client };
        // Three bits for the memory and takeover, at the smallest window or the default one.
        let window = if bits & 0x40 == 0 { 0 } else { 4 << 3 };
        let agreement = Agreement::from_bits(bits >> 3 & 7 | window);
        Self {
            role,
            narrow: bits & 2 != 0,
            streamed: bits & 4 != 0,
            agreement: (bits & 0x80 != 0).then_some(agreement),
        }
    }

    fn settings(self) -> Settings {
        let mut settings = Settings::for_role(self.role);
        if self.narrow {
            let limits: &mut Limits = &mut settings.limits;
            limits.message_bytes = Limit::at_most(300);
            limits.frame_bytes = Limit::at_most(200);
            limits.tiny_fragments = Limit::at_most(4);
            limits.empty_fragments = Limit::at_most(2);
            limits.send_high_water_bytes = Limit::at_most(100);
        }
        settings
    }

    fn connection(self) -> Connection {
        let mut conn = connection(self.role, |settings| *settings = self.settings());
        conn.receive_streamed(self.streamed);
        match self.agreement {
            None => conn,
            Some(agreement) => conn.with_deflate(&agreement.config(), agreement.params()),
        }
    }

    /// Feeds `bytes` cut as `cut` says; `eager` writes after each part, otherwise at the end.
    fn run(self, bytes: &[u8], cut: Cut, eager: bool) -> Outcome {
        let mut driven = Driven::new(self.connection());
        let (mut sent, mut fed) = (Vec::new(), 0);
        for part in cut.parts(bytes) {
            driven.feed(part);
            fed += part.len();
            self.check_memory(&driven.conn, fed);
            if eager {
                sent.extend(driven.drain());
            }
        }
        sent.extend(driven.drain());
        let sent = wire::strict(self.role, &sent, false, false);
        check_answers(&driven, &sent);
        if driven.conn.is_closed() {
            let heard = driven.events.len();
            driven.feed(&[0x81, 0x80, 0, 0, 0, 0, 0x89, 0, 0x88, 0, 0xff]);
            assert_eq!(driven.events.len(), heard, "heard behind the end");
            assert!(driven.unread.is_empty() && driven.drain().is_empty());
        }
        Outcome { events: merged(driven.events, driven.error), error: driven.error, sent }
    }

    /// The same by way of messages that share the memory of the input, whatever their length.
    fn run_shared(self, bytes: &[u8], seed: u8) -> (Vec<Seen>, Option<ProtocolError>) {
        let mut driven = Driven::new(self.connection());
        for part in Cut::Seeded(seed).parts(bytes) {
            let mut input = BytesMut::from(&[&driven.unread[..], part].concat()[..]);
            driven.unread.clear();
            loop {
                match driven.conn.poll_shared(&mut input, usize::from(seed) / 8, start()) {
                    Ok(Some(Message::Text(text))) => {
                        driven.events.push(Seen::Text(text.as_str().into()));
                    }
                    Ok(Some(Message::Binary(bytes))) => {
                        driven.events.push(Seen::Binary(bytes.to_vec()));
                    }
                    // Of what is left, one event at a time, so that the next message may be shared.
                    Ok(None) => {
                        let mut rest = Input::new(&mut input);
                        match driven.conn.poll_event(&mut rest, start()) {
                            Ok(Some(event)) => driven.events.push(event.into()),
                            Ok(None) => {
                                driven.unread = rest.remaining().to_vec();
                                break;
                            }
                            Err(error) => assert_eq!(driven.error.replace(error), None),
                        }
                        let left = rest.len();
                        input.advance(input.len() - left);
                    }
                    Err(error) => assert_eq!(driven.error.replace(error), None),
                }
            }
        }
        (merged(driven.events, driven.error), driven.error)
    }

    fn check_memory(self, conn: &Connection, fed: usize) {
        let limits = self.settings().limits;
        let message = 2 * limits.message_bytes.max() + limits.send_high_water_bytes.max();
        let inflating = if self.agreement.is_some() { INFLATE_BYTES } else { 0 };
        let bound = message + (8 << 10) + 16 * fed + inflating;
        assert!(conn.memory_bytes() <= bound, "{} of {bound} bytes", conn.memory_bytes());
    }
}

fn check_answers(driven: &Driven, sent: &[wire::Frame]) {
    let over = driven.error.is_some() || driven.events.contains(&Seen::Closed);
    assert_eq!(driven.conn.is_closed(), over);
    assert_eq!(driven.conn.is_finished(), over);
    assert!(!driven.conn.wants_transmit());
    let (pongs, closes) = sent.split_at(sent.len().saturating_sub(usize::from(over)));
    assert!(pongs.iter().all(|it| it.first == wire::PONG), "unasked: {sent:02x?}");
    assert_eq!(closes.len(), usize::from(over), "over without a word");
    assert!(closes.iter().all(|it| it.first == wire::CLOSE), "over without a close: {sent:02x?}");
    if let Some(error) = driven.error {
        let code = wire::close_code(&closes[0].payload);
        assert_eq!(code, Some(error.close_code().get()));
    }
}

/// The parts of a streamed message as one, for how it is parted depends on the cuts. So does how much of
/// the part that broke a rule is handed on before: such a rest is left out.
fn merged(events: Vec<Seen>, error: Option<ProtocolError>) -> Vec<Seen> {
    let mut all: Vec<Seen> = Vec::new();
    for event in events {
        match (all.last_mut(), event) {
            (Some(Seen::Chunk(kind, bytes, end @ false)), Seen::Chunk(next, more, last)) => {
                assert_eq!(*kind, next, "a message is of one kind");
                bytes.extend(more);
                *end = last;
            }
            (_, event) => all.push(event),
        }
    }
    if error.is_some() && matches!(all.last(), Some(Seen::Chunk(_, _, false))) {
        all.pop();
    }
    all
}
