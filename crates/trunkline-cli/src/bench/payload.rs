//! What is sent, and whether an answer is the right one.

use std::fmt::Write as _;

use trunkline::{Message, MessageKind};

/// The number in front of a message, in hexadecimal digits: six for the connection, ten for the message.
pub(crate) const STAMP_BYTES: usize = 16;

const SEQUENCE_BITS: u32 = 40;

/// Messages are cut from this much text and their own length, each at another place: twice what a
/// compressor remembers, so that it does not find each message in the one before.
const FILLER_BYTES: usize = 64 << 10;

/// A prime near the golden section of [`FILLER_BYTES`]: cuts that follow each other lie far apart.
const CUT_STEP: u64 = 40_503;

/// What is sent.
pub(super) enum Payload {
    /// Numbered messages, each of its own content.
    Numbered { kind: MessageKind, size: usize, filler: String },
    /// The same each time.
    Fixed(Message),
}

/// What an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The message of this number, unchanged.
    To(u64),
    /// Whatever it is, nobody can tell to which message.
    Any,
    /// None of the messages of this connection.
    Wrong,
}

impl Payload {
    pub(super) fn numbered(kind: MessageKind, size: usize) -> Self {
        let filler = match kind {
            MessageKind::Text => records(FILLER_BYTES + size),
            MessageKind::Binary => digits(FILLER_BYTES + size),
        };
        Self::Numbered { kind, size, filler }
    }

    pub(super) fn fixed(kind: MessageKind, text: &str) -> Self {
        Self::Fixed(message(kind, text.to_owned()))
    }

    /// Bytes of a message.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Numbered { size, .. } => *size,
            Self::Fixed(message) => message.len(),
        }
    }

    pub(super) fn kind(&self) -> MessageKind {
        match self {
            Self::Numbered { kind, .. } => *kind,
            Self::Fixed(message) => message.kind(),
        }
    }

    pub(super) fn message(&self, connection: u32, sequence: u64) -> Message {
        match self {
            Self::Numbered { kind, size, .. } => {
                let mut text = String::with_capacity(*size);
                let stamp = u64::from(connection) << SEQUENCE_BITS | sequence;
                // Nothing can fail to be written to a `String`.
                let _ = write!(text, "{stamp:0STAMP_BYTES$x}");
                text.push_str(self.cut(sequence));
                message(*kind, text)
            }
            Self::Fixed(message) => message.clone(),
        }
    }

    pub(super) fn judge(&self, connection: u32, kind: MessageKind, answer: &[u8]) -> Answer {
        match self {
            Self::Fixed(_) => Answer::Any,
            Self::Numbered { kind: own, .. } => match read_stamp(answer) {
                Some((stamp, rest))
                    if kind == *own
                        && stamp >> SEQUENCE_BITS == u64::from(connection)
                        && rest == self.cut(sequence_of(stamp)).as_bytes() =>
                {
                    Answer::To(sequence_of(stamp))
                }
                _ => Answer::Wrong,
            },
        }
    }

    /// What a message has behind its stamp.
    fn cut(&self, sequence: u64) -> &str {
        match self {
            Self::Numbered { size, filler, .. } => {
                let at = (sequence.wrapping_mul(CUT_STEP) % FILLER_BYTES as u64) as usize;
                &filler[at..at + size - STAMP_BYTES]
            }
            Self::Fixed(_) => "",
        }
    }
}

fn message(kind: MessageKind, text: String) -> Message {
    match kind {
        MessageKind::Text => Message::text(text),
        MessageKind::Binary => Message::binary(text.into_bytes()),
    }
}

fn sequence_of(stamp: u64) -> u64 {
    stamp & ((1 << SEQUENCE_BITS) - 1)
}

/// The stamp, if it is written exactly as we write it, and what follows.
fn read_stamp(answer: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = answer.split_first_chunk::<STAMP_BYTES>()?;
    let mut stamp = 0;
    for digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        stamp = stamp << 4 | u64::from(digit);
    }
    Some((stamp, rest))
}

/// Text as services send it, and as well to compress.
fn records(bytes: usize) -> String {
    let mut random = Random(1);
    let mut text = String::with_capacity(bytes + 128);
    while text.len() < bytes {
        let (id, price, size) =
            (random.next() % 1_000_000, random.next() % 100_000, random.next() % 500);
        let side = if random.next().is_multiple_of(2) { "buy" } else { "sell" };
        let _ = write!(
            text,
            "{{\"id\":{id},\"side\":\"{side}\",\"price\":{}.{:02},\"size\":{size}}},",
            price / 100,
            price % 100
        );
    }
    text.truncate(bytes);
    text
}

/// Digits of base 64 at random: a compressor gains a quarter at most.
fn digits(bytes: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = Random(2);
    (0..bytes).map(|_| char::from(DIGITS[(random.next() % 64) as usize])).collect()
}

/// The same numbers in every run, so that runs can be compared (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(payload: &Payload, answer: &Message) -> Answer {
        payload.judge(7, answer.kind(), answer.as_bytes())
    }

    #[test]
    fn an_echo_is_known_by_its_number() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            for size in [STAMP_BYTES, STAMP_BYTES + 1, 1000, 100_000] {
                let payload = Payload::numbered(kind, size);
                for sequence in [0, 1, 65_535, 65_536, (1 << SEQUENCE_BITS) - 1] {
                    let message = payload.message(7, sequence);
                    assert_eq!((message.len(), message.kind()), (size, kind));
                    assert_eq!(judge(&payload, &message), Answer::To(sequence));
                }
            }
        }
    }

    #[test]
    fn what_is_not_exactly_the_message_is_wrong() {
        let payload = Payload::numbered(MessageKind::Text, 40);
        let text = payload.message(7, 12).as_text().unwrap().to_owned();
        for wrong in [
            String::new(),
            text[..39].to_owned(),
            format!("{text}x"),
            text.to_uppercase(),
            text.replace('"', "'"),
            format!("+{}", &text[1..]),
            payload.message(8, 12).as_text().unwrap().to_owned(),
        ] {
            assert_eq!(judge(&payload, &Message::text(wrong.clone())), Answer::Wrong, "{wrong}");
        }
        assert_eq!(judge(&payload, &Message::binary(text.into_bytes())), Answer::Wrong);
    }

    #[test]
    fn messages_that_follow_each_other_differ_throughout() {
        let payload = Payload::numbered(MessageKind::Binary, 1000);
        let (one, next) = (payload.message(0, 1), payload.message(0, 2));
        let same = one.as_bytes().iter().zip(next.as_bytes()).filter(|(a, b)| a == b).count();
        assert!(same < 100, "{same} bytes are the same");
    }
}
