//! Moves bytes between a stream and a [`Connection`]: the only code that touches either.
//!
//! ```text
//!   stream ──read──▶ scratch of the thread ──▶ Connection ──▶ sink: one message, a batch, a chunk
//!                          │ what is not taken yet
//!                          └──▶ inbox, as large as that
//!   stream ◀──writev── Connection ◀── queue
//! ```
//!
//! While nothing comes in and nothing waits to go out, a connection owns no buffer.

mod ahead;
mod clock;
mod deadline;
mod decode;
mod ending;
mod orders;
mod owned;
mod read;
mod turn;
mod write;

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{
    CloseCode, CloseInfo, Connection, Message, MessageKind, Outgoing, Prepared, QueueError,
    QueueErrorKind, Role,
};

use crate::answers::Answers;
use crate::error::Error;
use crate::observe::{Life, Size};
use crate::scratch::{self, SHARED_FROM};
#[cfg(feature = "server")]
use crate::tether::Tie;
use crate::timer::Timer;
use ahead::Ahead;
use clock::Clock;
use decode::{Decoded, decode};
pub(crate) use decode::{Next, Sink};
pub(crate) use owned::OwnedDriver;
#[cfg(feature = "hyper")]
pub(crate) use owned::see_through;
use turn::Turn;

/// Messages that are handed out one after the other without a wait. Then it is the turn of other tasks,
/// however many are there: as many as tokio lets a task take from one of its own queues.
pub(crate) const MESSAGES_IN_A_ROW: usize = 128;

/// Where the driver stands between the first byte and the last.
enum Phase {
    /// Messages go both ways.
    Running,
    /// It is over; what waits is written and the transport is ended. Then `outcome` is told.
    Ending(Box<Ending>),
    /// Told.
    Ended,
}

/// What is still to be done. On the heap: a connection runs nearly all its life.
struct Ending {
    outcome: Result<(), Error>,
    /// We have ended our side of the transport.
    shut_down: bool,
    /// Bytes that were read and thrown away.
    drained: usize,
}

/// How a wait for events ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The sink is satisfied.
    Satisfied,
    /// Both sides have closed, and the transport has been ended.
    Closed,
}

pub(crate) struct Driver<S> {
    stream: S,
    conn: Connection,
    /// Few have one: a thin pointer takes half the room of one that knows a length.
    subprotocol: Option<Box<Box<str>>>,
    phase: Phase,
    /// Bytes that were read and not decoded yet.
    inbox: BytesMut,
    /// Messages that came while a `send` waited.
    ahead: Option<Box<Ahead>>,
    timer: Timer,
    clock: Clock,
    /// The next message is received in chunks.
    streamed: bool,
    /// The size of the last message if it was too large for the thread's buffer: the next one may well
    /// be as large.
    large_bytes: usize,
    /// Messages that were handed out since the last wait.
    messages_in_a_row: u32,
    /// Bytes were given to the stream that it may keep in a buffer of its own.
    unflushed: bool,
    /// To whoever may tell the connection to close, if anyone.
    #[cfg(feature = "server")]
    tie: Option<Tie<S>>,
    /// A write has failed: what it was to write may have got out all the same.
    write_failed: bool,
    /// What is told of it.
    life: Life,
    /// What a `Sink` was told: there is room for a message.
    #[cfg(feature = "stream")]
    room_is_promised: bool,
    /// Who uses a whole connection as a `Stream` and as a `Sink`.
    #[cfg(feature = "stream")]
    pub(crate) users: Option<Box<crate::stream::Users>>,
}

impl<S> Driver<S> {
    /// Takes over after the handshake: `early` came behind it.
    pub(crate) fn new(
        stream: S,
        conn: Connection,
        subprotocol: Option<String>,
        early: Vec<u8>,
        now: Instant,
        life: Life,
    ) -> Self {
        Self {
            stream,
            conn,
            subprotocol: subprotocol.map(|it| Box::new(it.into_boxed_str())),
            phase: Phase::Running,
            inbox: BytesMut::from(&*early),
            ahead: None,
            timer: Timer::default(),
            clock: Clock::new(now),
            streamed: false,
            large_bytes: 0,
            messages_in_a_row: 0,
            unflushed: false,
            #[cfg(feature = "server")]
            tie: None,
            write_failed: false,
            life,
            #[cfg(feature = "stream")]
            room_is_promised: false,
            #[cfg(feature = "stream")]
            users: None,
        }
    }

    pub(crate) fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref().map(|it| &**it)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let ahead = self.ahead.as_ref().map_or(0, |it| it.bytes);
        self.conn.memory_bytes() + self.inbox.capacity() + ahead
    }

    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Makes sure that frames are gathered in a buffer of the thread, not in one that has to grow.
    #[inline(always)]
    pub(crate) fn before_queue(&mut self) {
        if !self.conn.wants_transmit() {
            self.conn.lend_buffer(scratch::take_write());
        }
    }

    /// Queues a message.
    #[inline]
    pub(crate) fn queue<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), QueueError<'m>> {
        let message = message.into();
        let size = Size::of(&message);
        let queued = self.conn.queue(message);
        if queued.is_ok() {
            self.life.sent(size);
        }
        queued
    }

    /// Queues a prepared message of whose frame the first `written` bytes are on the stream already.
    pub(crate) fn queue_rest(
        &mut self,
        prepared: &Prepared,
        written: usize,
    ) -> Result<(), QueueErrorKind> {
        let is_plain = self.conn.role() == Role::Server && !self.conn.is_compressed();
        assert!(
            is_plain,
            "this connection sends other frames than the one that was written past it"
        );
        assert!(!self.conn.wants_transmit(), "a frame was written past those that are queued");
        self.queue(prepared).map_err(|error| error.kind())?;
        self.conn.transmitted(written, self.clock.came_about());
        Ok(())
    }

    /// What queues answers.
    pub(crate) fn answers(&mut self) -> Answers<'_> {
        Answers::new(self.conn.sending(), &mut self.life)
    }

    /// Queues a part of a message.
    pub(crate) fn queue_chunk(
        &mut self,
        kind: MessageKind,
        chunk: &[u8],
        last: bool,
    ) -> Result<(), QueueErrorKind> {
        self.conn.queue_chunk(kind, chunk, last)?;
        self.life.sent(Size::of_chunk(kind, chunk, last));
        Ok(())
    }

    /// Whether the next message is received in chunks.
    pub(crate) fn receive_streamed(&mut self, streamed: bool) {
        self.streamed = streamed;
        self.conn.receive_streamed(streamed);
    }

    /// Queues a ping.
    pub(crate) fn ping(&mut self) {
        let now = self.clock.look(&mut self.conn);
        self.conn.ping(now);
    }

    /// Begins to close.
    pub(crate) fn begin_close(&mut self, code: CloseCode, reason: &str) {
        let now = self.clock.look(&mut self.conn);
        self.conn.close(code, reason, now);
    }

    /// Ready, unless it is the turn of other tasks: a peer that sends faster than messages are taken
    /// must not keep the thread to itself.
    #[inline]
    pub(crate) fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        if (self.messages_in_a_row as usize) < MESSAGES_IN_A_ROW {
            return Poll::Ready(());
        }
        self.end_row(cx)
    }

    /// The same when it is theirs.
    #[cold]
    fn end_row(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.messages_in_a_row = 0;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes note that messages, or parts of them, were handed out.
    #[inline]
    pub(crate) fn handed_out(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.messages_in_a_row = self.messages_in_a_row.saturating_add(count);
    }

    /// A message that came in while a `send` waited.
    #[inline]
    pub(crate) fn pop_ahead(&mut self) -> Option<Message> {
        if self.ahead.is_some() { self.pop_some_ahead() } else { None }
    }

    /// Apart, as all that is rare on the way of a small message: it would take room and time there.
    #[cold]
    fn pop_some_ahead(&mut self) -> Option<Message> {
        let ahead = self.ahead.as_mut()?;
        let message = ahead.messages.pop_front()?;
        ahead.bytes -= message.len() + size_of::<Message>();
        if ahead.messages.is_empty() {
            self.ahead = None;
        }
        Some(message)
    }

    pub(crate) fn close_info(&self) -> Option<&CloseInfo> {
        self.conn.close_info()
    }

    /// Whether the stream may still keep bytes in a buffer of its own.
    #[cfg(feature = "client")]
    pub(crate) fn is_unflushed(&self) -> bool {
        self.unflushed
    }

    /// Whether a write has failed.
    #[cfg(feature = "client")]
    pub(crate) fn has_write_failed(&self) -> bool {
        self.write_failed
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Whether it has been told how it ended, and nothing is left to be received.
    #[cfg(feature = "stream")]
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended) && self.ahead.is_none()
    }

    /// Queues a message of a `Sink`: one for each time that there was room.
    #[cfg(feature = "stream")]
    pub(crate) fn queue_promised(&mut self, message: Message) -> Result<(), QueueError<'static>> {
        self.before_queue();
        if !std::mem::take(&mut self.room_is_promised) {
            return self.queue(message);
        }
        let message = message.into();
        let size = Size::of(&message);
        self.conn.queue_promised(message)?;
        self.life.sent(size);
        Ok(())
    }

    /// The end begins: nothing more is decoded.
    #[cold]
    fn end(&mut self, outcome: Result<(), Error>) {
        if self.is_running() {
            self.inbox = BytesMut::new();
            self.phase = Phase::Ending(Box::new(Ending { outcome, shut_down: false, drained: 0 }));
        }
    }

    /// Decodes what is in the inbox.
    fn decode_inbox(&mut self, sink: &mut impl Sink) -> Decoded {
        let mut taken = 0;
        let decoded = decode(
            &mut self.conn,
            &mut self.life,
            &mut self.inbox,
            &mut taken,
            SHARED_FROM,
            &mut self.clock,
            sink,
        );
        self.inbox.advance(taken);
        // Whoever waits now must not hold on to the memory of what has been taken.
        if self.inbox.is_empty() || matches!(decoded, Decoded::All) {
            self.inbox = BytesMut::from(&*self.inbox);
        }
        decoded
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Receives until `sink` is satisfied or the connection is over. Writes what waits, answers pings
    /// and keeps the deadlines on the way.
    ///
    /// Nothing is lost if it is not polled again: what has been read is in the inbox or the sink.
    pub(crate) fn poll_events(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<Progress, Error>> {
        let mut turn = Turn::default();
        self.obey();
        loop {
            if sink.is_satisfied() {
                return Poll::Ready(Ok(Progress::Satisfied));
            }
            if !self.is_running() {
                match self.poll_end(cx) {
                    Poll::Pending if self.poll_order(cx) => continue,
                    polled => return polled,
                }
            }
            // The end of a compressed message may bring out another chunk without a further byte.
            let has_more = !self.inbox.is_empty() || self.streamed || self.conn.has_event();
            if has_more && self.take_inbox(cx, sink) {
                continue;
            }
            // What was said in answer to the last read goes out before the next.
            self.try_flush(cx);
            if self.is_running() && self.poll_bytes(cx, sink, &mut turn).is_pending() {
                self.messages_in_a_row = 0;
                return Poll::Pending;
            }
        }
    }

    /// It is the turn of other tasks, and of the clock.
    #[cold]
    fn end_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        cx.waker().wake_by_ref();
        self.poll_deadline(cx);
        Poll::Pending
    }

    /// Decodes what is in the inbox; `true` if there is something to show for it.
    #[inline(never)]
    fn take_inbox(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> bool {
        match self.decode_inbox(sink) {
            Decoded::Pinged => self.try_flush(cx),
            Decoded::Ended(outcome) => self.end(outcome),
            Decoded::Stopped | Decoded::All => return sink.is_satisfied(),
        }
        true
    }

    /// Waits for bytes or for the deadline, whichever comes first; Ready once one of them is there.
    #[inline]
    fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut impl Sink,
        turn: &mut Turn,
    ) -> Poll<()> {
        match self.poll_read(cx, sink) {
            Poll::Ready(bytes) if !sink.is_satisfied() && turn.ends_with(bytes) => {
                return self.end_turn(cx);
            }
            Poll::Ready(_) => {}
            Poll::Pending if self.poll_deadline(cx) || self.poll_order(cx) => {}
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }
}

/// Whether an error only says that the other end is gone.
fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof, WriteZero,
    };
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof | WriteZero
    )
}

fn disconnected_or(error: io::Error) -> Error {
    if is_hang_up(&error) { Error::Disconnected } else { Error::Io(error) }
}

/// An error to tell twice: to the `send` that met it, and to the `recv` that comes after.
pub(crate) fn again(error: &Error) -> Error {
    match error {
        Error::Protocol(error) => Error::Protocol(*error),
        Error::Timeout(timeout) => Error::Timeout(*timeout),
        Error::Disconnected => Error::Disconnected,
        Error::Io(error) => Error::Io(io::Error::new(error.kind(), error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// With the block of its timer it fills the room between two of tokio's blocks, which lie at multiples of 128 bytes:
    /// 8 more would make it 112 more. What comes with features does not count.
    #[test]
    fn an_idle_connection_fills_the_room_between_what_tokio_aligns() {
        let of_stream = if cfg!(feature = "stream") { 8 } else { 0 };
        assert_eq!(size_of::<Driver<TcpStream>>() - size_of::<Life>(), 488 + of_stream);
    }
}
