//! Messages that were handed over and are not known to have been written.
//!
//! ```text
//!   send, feed ──▶ held ──▶ writing ──▶ taken by the transport
//!                   ▲          │
//!                   └──────────┘ the connection broke before it took all of the message
//! ```
//!
//! A message moves on for good once the transport has taken its last byte, so the peer gets it once at the
//! most: one that was cut short is no message. Only where a write fails can it not be known what the
//! transport has taken of it; what was to be written then is in doubt, and not sent again either.

use std::collections::VecDeque;

use trunkline_proto::Message;

/// What becomes of messages while there is no connection, or when it breaks before they are written.
///
/// With either policy the peer gets a message once at the most. What the transport has taken is never sent
/// again, though it may be lost on its way: only the peer can tell, by an answer.
///
/// ```
/// use trunkline::{Connector, Reconnecting, reconnect::Unsent};
///
/// // Measurements are still worth sending after an outage, the first thousand of them.
/// let ws = Reconnecting::new(Connector::new(), "wss://example.com/telemetry")
///     .with_unsent(Unsent::Queue { bytes: 1 << 20, count: 1000 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Unsent {
    /// They come back: in the error of the `send` or `feed`, at once while there is no connection; and what
    /// was fed and is not written when the connection breaks, from
    /// [`take_unsent`](super::Reconnecting::take_unsent).
    #[default]
    Fail,
    /// They are kept and sent in their order over the next connection, after the hook has run. `send` and
    /// `feed` are done once a message is in the queue; while there is no connection and the queue is full, it
    /// comes back in the error. With a connection they wait instead.
    Queue {
        /// Bytes of payload, which one message may go beyond.
        bytes: usize,
        /// Messages.
        count: usize,
    },
}

/// What has become of the message that a `send` waits for.
#[derive(Debug)]
pub(super) enum Fate {
    Waiting,
    /// The transport has taken it.
    Sent,
    /// The peer does not have it.
    Unsent(Message),
    /// The peer may have it.
    InDoubt(Message),
}

/// The message that a `send` waits for.
#[derive(Debug)]
struct Awaited {
    number: u64,
    /// The message, once the transport has taken it and as long as it has not been flushed.
    taken: Option<Message>,
    fate: Fate,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    message: Message,
    /// Where its last byte is among all that the connection writes.
    end: u64,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    policy: Unsent,
    /// For the next connection, or for the caller to take back.
    held: VecDeque<Entry>,
    /// In the send queue of the connection.
    writing: VecDeque<Entry>,
    /// Payload in both.
    bytes: usize,
    /// The number of the next message.
    next: u64,
    /// Messages that the transport has taken since it was flushed.
    unflushed: u64,
    awaited: Option<Awaited>,
    /// Messages in doubt that nobody has been told of.
    doubtful: u64,
}

impl Outbox {
    pub(super) fn set_policy(&mut self, policy: Unsent) {
        self.policy = policy;
    }

    pub(super) fn keeps(&self) -> bool {
        matches!(self.policy, Unsent::Queue { .. })
    }

    /// Messages that no transport is known to have taken.
    pub(super) fn len(&self) -> usize {
        self.held.len() + self.writing.len()
    }

    /// Whether everything that was handed over has been taken and flushed.
    pub(super) fn is_done(&self) -> bool {
        self.len() == 0 && self.unflushed == 0
    }

    /// Whether messages wait for room in the send queue of the connection.
    pub(super) fn is_backed_up(&self) -> bool {
        self.keeps() && !self.held.is_empty()
    }

    /// Whether messages have come back that nobody has taken.
    pub(super) fn has_returned(&self) -> bool {
        !self.keeps() && !self.held.is_empty()
    }

    /// Whether a message may be kept until there is a connection.
    pub(super) fn has_room(&self) -> bool {
        match self.policy {
            Unsent::Fail => false,
            Unsent::Queue { bytes, count } => self.len() < count && self.bytes < bytes,
        }
    }

    /// Whether a message may be handed to the connection: one may always.
    pub(super) fn has_room_to_write(&self) -> bool {
        !self.keeps() || self.len() == 0 || self.has_room()
    }

    /// Keeps a message until there is a connection.
    pub(super) fn hold(&mut self, message: Message) {
        let entry = self.entry(message, 0);
        self.held.push_back(entry);
    }

    /// Takes note of a message that went to the connection, which has written it once it is at `end`.
    pub(super) fn wrote(&mut self, message: Message, end: u64) {
        let entry = self.entry(message, end);
        self.writing.push_back(entry);
    }

    fn entry(&mut self, message: Message, end: u64) -> Entry {
        let number = self.next;
        self.next += 1;
        self.bytes += message.len();
        Entry { number, message, end }
    }

    /// The next message that a new connection is to write.
    pub(super) fn first_held(&self) -> Option<&Message> {
        self.held.front().filter(|_| self.keeps()).map(|entry| &entry.message)
    }

    /// It went to the connection.
    pub(super) fn wrote_first_held(&mut self, end: u64) {
        if let Some(entry) = self.held.pop_front() {
            self.writing.push_back(Entry { end, ..entry });
        }
    }

    /// From now on the fate of the message that was handed over last is told.
    pub(super) fn await_last(&mut self) {
        let number = self.next.saturating_sub(1);
        self.awaited = Some(Awaited { number, taken: None, fate: Fate::Waiting });
    }

    /// What has become of the message that is awaited. It is told once, unless it is
    /// [`Fate::Waiting`].
    pub(super) fn fate(&mut self) -> Fate {
        let Some(awaited) = &mut self.awaited else { return Fate::Sent };
        match std::mem::replace(&mut awaited.fate, Fate::Waiting) {
            Fate::Waiting => {}
            fate => {
                self.awaited = None;
                self.doubtful -= u64::from(matches!(fate, Fate::InDoubt(_)));
                return fate;
            }
        }
        if !self.keeps()
            && let Some(message) = self.take_awaited()
        {
            return Fate::Unsent(message);
        }
        Fate::Waiting
    }

    /// Gives back the message that is awaited, if it is held.
    pub(super) fn take_awaited(&mut self) -> Option<Message> {
        let number = self.awaited.as_ref()?.number;
        let at = self.held.binary_search_by_key(&number, |entry| entry.number).ok()?;
        let entry = self.held.remove(at)?;
        self.awaited = None;
        self.bytes -= entry.message.len();
        Some(entry.message)
    }

    /// The transport has taken so many bytes of this connection, and keeps none in a buffer of its own if
    /// it has been flushed.
    pub(super) fn on_written(&mut self, position: u64, is_flushed: bool) {
        while self.writing.front().is_some_and(|entry| entry.end <= position)
            && let Some(entry) = self.writing.pop_front()
        {
            self.bytes -= entry.message.len();
            self.unflushed += 1;
            if let Some(awaited) = self.awaited.as_mut().filter(|it| it.number == entry.number) {
                awaited.taken = Some(entry.message);
            }
        }
        if is_flushed {
            self.unflushed = 0;
            if let Some(awaited) = &mut self.awaited
                && awaited.taken.take().is_some()
            {
                awaited.fate = Fate::Sent;
            }
        }
    }

    /// The connection is of no more use. If what it was writing last `is_in_doubt`, none of it is sent
    /// again.
    pub(super) fn on_lost(&mut self, is_in_doubt: bool) {
        self.doubtful += std::mem::take(&mut self.unflushed);
        if let Some(awaited) = &mut self.awaited
            && let Some(message) = awaited.taken.take()
        {
            awaited.fate = Fate::InDoubt(message);
        }
        if is_in_doubt {
            self.doubtful += self.writing.len() as u64;
            while let Some(entry) = self.writing.pop_front() {
                self.bytes -= entry.message.len();
                if let Some(awaited) = self.awaited.as_mut().filter(|it| it.number == entry.number)
                {
                    awaited.fate = Fate::InDoubt(entry.message);
                }
            }
        } else if self.keeps() {
            // What was being written is older than what was held.
            self.writing.append(&mut self.held);
            std::mem::swap(&mut self.writing, &mut self.held);
        } else if !self.writing.is_empty() {
            // What came back before and was not taken makes room: it must not grow from loss to loss.
            self.drop_held();
            std::mem::swap(&mut self.writing, &mut self.held);
        }
    }

    fn drop_held(&mut self) {
        self.bytes -= self.held.drain(..).map(|entry| entry.message.len()).sum::<usize>();
    }

    /// Whether a message is in doubt that nobody has been told of, who thereby is.
    pub(super) fn take_doubt(&mut self) -> bool {
        // Whoever waits for one of them does so no longer.
        self.awaited = None;
        std::mem::take(&mut self.doubtful) > 0
    }

    /// Gives back what no connection has begun to write.
    pub(super) fn take_unsent(&mut self) -> Vec<Message> {
        let taken = self.held.drain(..).map(|entry| entry.message).collect::<Vec<_>>();
        self.bytes -= taken.iter().map(Message::len).sum::<usize>();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: Unsent = Unsent::Queue { bytes: 1000, count: 3 };

    /// Three messages of two bytes, which end at 10, 20 and 30; a `send` waits for the last.
    fn outbox(policy: Unsent) -> Outbox {
        let mut outbox = Outbox { policy, ..Outbox::default() };
        for (text, end) in [("m1", 10), ("m2", 20), ("m3", 30)] {
            outbox.wrote(text.into(), end);
        }
        outbox.await_last();
        outbox
    }

    fn texts(messages: Vec<Message>) -> Vec<String> {
        messages.iter().map(|it| it.as_text().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn check(policy: Unsent, position: u64, is_in_doubt: bool, back: &[&str], fate: &str) {
        let mut outbox = outbox(policy);
        outbox.on_written(position, position == 30);
        outbox.on_lost(is_in_doubt);
        assert_eq!(format!("{:?}", outbox.fate()), fate, "{position}");
        assert_eq!(texts(outbox.take_unsent()), back, "{position}");
        assert_eq!((outbox.bytes, outbox.len(), outbox.is_done()), (0, 0, true));
    }

    #[test]
    fn message_goes_back_unless_its_last_byte_was_taken() {
        let unsent = "Unsent(Text(2 bytes))";
        for (position, back) in
            [(0, &["m1", "m2"][..]), (9, &["m1", "m2"]), (10, &["m2"]), (20, &[]), (29, &[])]
        {
            check(Unsent::Fail, position, false, back, unsent);
        }
        check(Unsent::Fail, 30, false, &[], "Sent");
        for (position, back) in [
            (0, &["m1", "m2", "m3"][..]),
            (9, &["m1", "m2", "m3"]),
            (10, &["m2", "m3"]),
            (29, &["m3"]),
        ] {
            check(QUEUE, position, false, back, "Waiting");
        }
        check(QUEUE, 30, false, &[], "Sent");
    }

    #[test]
    fn message_in_doubt_never_goes_back() {
        for policy in [Unsent::Fail, QUEUE] {
            for position in [0, 10, 29] {
                check(policy, position, true, &[], "InDoubt(Text(2 bytes))");
            }
            // Taken, and not known to be flushed.
            let mut outbox = outbox(policy);
            outbox.on_written(30, false);
            outbox.on_lost(false);
            assert!(matches!(outbox.fate(), Fate::InDoubt(_)));
            assert!(outbox.take_doubt() && !outbox.take_doubt(), "it is told once");
        }
    }

    #[test]
    fn order_is_kept_from_connection_to_connection() {
        let mut outbox = outbox(QUEUE);
        outbox.hold("m4".into());
        outbox.on_written(10, true);
        outbox.on_lost(false);
        let mut end = 0;
        for expect in ["m2", "m3"] {
            assert_eq!(outbox.first_held().unwrap().as_text(), Some(expect));
            end += 10;
            outbox.wrote_first_held(end);
        }
        outbox.on_written(10, true);
        assert!(matches!(outbox.fate(), Fate::Waiting));
        outbox.on_lost(false);
        assert_eq!(texts(outbox.take_unsent()), ["m3", "m4"]);
    }

    #[test]
    fn queue_takes_up_to_its_bounds() {
        let mut outbox = Outbox { policy: QUEUE, ..Outbox::default() };
        for _ in 0..3 {
            assert!(outbox.has_room());
            outbox.hold("m".into());
        }
        assert!(!outbox.has_room(), "three are as many as may wait");
        let mut outbox = Outbox { policy: QUEUE, ..Outbox::default() };
        outbox.hold(vec![0; 999].into());
        assert!(outbox.has_room(), "a byte is left");
        outbox.hold(vec![0; 5000].into());
        assert!(!outbox.has_room(), "one message went beyond");
        let nothing = Unsent::Queue { bytes: 0, count: 0 };
        let outbox = Outbox { policy: nothing, ..Outbox::default() };
        assert!(!outbox.has_room() && outbox.has_room_to_write());
        assert!(!Outbox::default().has_room() && Outbox::default().has_room_to_write());
    }

    /// What came back and was not taken does not add up over the weeks.
    #[test]
    fn returned_messages_are_those_of_the_last_loss() {
        let mut outbox = Outbox::default();
        for round in 0..3 {
            outbox.wrote(format!("m{round}").into(), 10);
            outbox.on_lost(false);
            // A connection on which nothing was sent changes nothing.
            outbox.on_lost(false);
        }
        assert!(outbox.has_returned());
        assert_eq!(texts(outbox.take_unsent()), ["m2"]);
        assert_eq!(outbox.bytes, 0);
    }
}
