//! The same bytes for our server and for tungstenite 0.30.0: the same messages, the same verdict.

use std::io::{self, Read, Write};

use trunkline_proto::{Limit, ProtocolError, Role};
use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use crate::support::{Driven, Seen, connection};

/// All bytes come from the client.
///
/// - Both hear the same messages, pings, pongs and close.
/// - Both go on, or both refuse; what may differ is listed in [`allowed`].
pub fn check(bytes: &[u8]) {
    let ours = ours(bytes);
    let mut theirs = theirs(bytes);
    if let (Verdict::Refused(_), Verdict::Waiting) = (&ours.verdict, &theirs.verdict) {
        // We refuse at the earliest byte, tungstenite once the frame is whole: let it be.
        theirs = self::theirs(&completed(bytes));
    }
    if let Some(Allowed { heard, .. }) = allowed(&ours, &theirs) {
        assert_eq!(ours.heard, theirs.heard[..heard.min(theirs.heard.len())]);
        return;
    }
    assert_eq!(ours.heard, theirs.heard, "{:?}, {:?}", ours.verdict, theirs.verdict);
    let same = matches!(
        (&ours.verdict, &theirs.verdict),
        (Verdict::Waiting, Verdict::Waiting)
            | (Verdict::Closed, Verdict::Closed)
            | (Verdict::Refused(_), Verdict::Refused(_))
    );
    assert!(same, "{:?}, {:?}", ours.verdict, theirs.verdict);
}

#[derive(Debug)]
struct Outcome<E> {
    heard: Vec<Seen>,
    verdict: Verdict<E>,
}

#[derive(Debug)]
enum Verdict<E> {
    /// All is well so far.
    Waiting,
    Closed,
    Refused(E),
}

/// A difference that is known, and how much of what both heard is still the same.
struct Allowed {
    heard: usize,
    #[expect(dead_code, reason = "for whoever reads the list")]
    why: &'static str,
}

/// Where tungstenite 0.30.0 is known to differ.
fn allowed(ours: &Outcome<ProtocolError>, theirs: &Outcome<Error>) -> Option<Allowed> {
    let heard = ours.heard.len();
    let because = |why| Some(Allowed { heard, why });
    match (&ours.verdict, &theirs.verdict) {
        (Verdict::Refused(ProtocolError::PayloadLength), _) => {
            because("it takes a length in any of its spellings; §5.2 allows the shortest only")
        }
        (Verdict::Refused(ProtocolError::ControlFrameTooLong), _) => {
            because("the same for the longer spellings of a control frame's length (§5.5)")
        }
        (Verdict::Refused(ProtocolError::InvalidCloseCode(_)), Verdict::Closed) => because(
            "it answers a code that must not be sent with 1002, as we do, but tells its caller of \
             a close instead of an error",
        ),
        _ => None,
    }
}

/// Bound for both, so that both meet it; fragments are counted by us alone.
const BYTES_MAX: usize = 2000;

fn ours(bytes: &[u8]) -> Outcome<ProtocolError> {
    let mut driven = Driven::new(connection(Role::Server, |settings| {
        settings.limits.message_bytes = Limit::at_most(BYTES_MAX);
        settings.limits.frame_bytes = Limit::at_most(BYTES_MAX);
        settings.limits.tiny_fragments = Limit::unbounded();
        settings.limits.empty_fragments = Limit::unbounded();
    }));
    driven.feed(bytes);
    let verdict = match driven.error {
        Some(error) => Verdict::Refused(error),
        None if driven.conn.is_closed() => Verdict::Closed,
        None => Verdict::Waiting,
    };
    Outcome { heard: driven.events, verdict }
}

fn theirs(bytes: &[u8]) -> Outcome<Error> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(BYTES_MAX))
        .max_frame_size(Some(BYTES_MAX));
    let mut socket = WebSocket::from_raw_socket(Peer(bytes), TheirRole::Server, Some(config));
    let mut heard = Vec::new();
    let verdict = loop {
        match socket.read() {
            Ok(Message::Text(text)) => heard.push(Seen::Text(text.as_str().into())),
            Ok(Message::Binary(bytes)) => heard.push(Seen::Binary(bytes.to_vec())),
            Ok(Message::Ping(payload)) => heard.push(Seen::Ping(payload.to_vec())),
            Ok(Message::Pong(_)) => heard.push(Seen::Pong),
            Ok(Message::Close(_)) => {
                heard.push(Seen::Closed);
                break Verdict::Closed;
            }
            Ok(Message::Frame(_)) => unreachable!("frames are for writing"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                break Verdict::Waiting;
            }
            Err(error) => break Verdict::Refused(error),
        }
    };
    Outcome { heard, verdict }
}

/// A transport with these bytes that then waits; what is written to it is of no interest.
struct Peer<'a>(&'a [u8]);

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same bytes with zeros behind them up to the end of the last frame.
fn completed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        if at + 1 == bytes.len() {
            // Masked, without payload.
            bytes.push(0x80);
        }
        let extra = match bytes[at + 1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if bytes[at + 1] & 0x80 != 0 { 4 } else { 0 };
        let payload_at = at + 2 + extra + key;
        if bytes.len() < payload_at {
            bytes.resize(payload_at, 0);
        }
        let len = match extra {
            0 => usize::from(bytes[at + 1] & 0x7f),
            _ => {
                bytes[at + 2..at + 2 + extra].iter().fold(0, |sum, it| sum << 8 | usize::from(*it))
            }
        };
        if len > BYTES_MAX {
            break;
        }
        at = payload_at + len;
        if bytes.len() < at {
            bytes.resize(at, 0);
        }
    }
    bytes
}
