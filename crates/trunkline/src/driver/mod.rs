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

mod clock;
mod decode;
mod ending;
mod orders;
mod owned;
mod turn;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::buf::Limit;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use trunkline_proto::{
    CloseCode, CloseInfo, Connection, Event, Message, MessageKind, Outgoing, QueueError,
    QueueErrorKind, Received,
};

use crate::error::Error;
use crate::observe::{Life, Size};
use crate::scratch::{self, SHARED_FRACTION, SHARED_FROM};
#[cfg(feature = "server")]
use crate::tether::Tie;
use crate::timer::Timer;
use clock::Clock;
use decode::{Ahead, Decoded, decode, decode_small};
pub(crate) use decode::{Next, Sink};
pub(crate) use owned::OwnedDriver;
#[cfg(feature = "hyper")]
pub(crate) use owned::see_through;
use turn::Turn;

/// A frame whose payload is referenced takes two slices, and is at least 4 KiB long: 16 of them
/// reach the default high-water mark.
const SLICES: usize = 32;

/// After a large message a buffer is made for the next one, of the same size up to this: its beginning
/// then needs no copy.
const LARGE_MAX: usize = 1 << 20;

/// Messages that are handed out one after the other without a wait. Then it is the turn of other tasks,
/// however many are there: as many as tokio lets a task take from one of its own queues.
const MESSAGES_IN_A_ROW: usize = 128;

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
    messages_in_a_row: usize,
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
    #[inline]
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
        if self.messages_in_a_row < MESSAGES_IN_A_ROW {
            return Poll::Ready(());
        }
        self.messages_in_a_row = 0;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes note that messages, or parts of them, were handed out.
    #[inline]
    pub(crate) fn handed_out(&mut self, count: usize) {
        self.messages_in_a_row += count;
    }

    /// A message that came in while a `send` waited.
    #[inline]
    pub(crate) fn pop_ahead(&mut self) -> Option<Message> {
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
            if (!self.inbox.is_empty() || self.streamed) && self.take_inbox(cx, sink) {
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

    /// Decodes what is in the inbox; `true` if there is something to show for it.
    #[inline]
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
            Poll::Ready(bytes) if turn.ends_with(bytes) && !sink.is_satisfied() => {
                cx.waker().wake_by_ref();
                self.poll_deadline(cx);
                return Poll::Pending;
            }
            Poll::Ready(_) => {}
            Poll::Pending if self.poll_deadline(cx) || self.poll_order(cx) => {}
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Reads once and decodes what came, where it lies; what the sink leaves goes to the inbox. Gives
    /// how many bytes came: 0 where that was the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> Poll<usize> {
        if self.inbox.is_empty()
            && let Some(read) = self.poll_fill(cx, sink)
        {
            return read;
        }
        if self.large_bytes > 0 {
            return self.poll_read_large(cx, sink);
        }
        scratch::with_read(|scratch| self.poll_read_into(cx, scratch, sink))
    }

    /// Reads into a buffer for a message as large as the last one.
    #[inline(never)]
    fn poll_read_large(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> Poll<usize> {
        let large = std::mem::take(&mut self.large_bytes);
        let mut buffer = scratch::take_large(Connection::room_for(large));
        let read = self.poll_read_into(cx, &mut buffer, sink);
        let falls_short = matches!(read, Poll::Ready(bytes) if bytes < large);
        if !falls_short {
            self.large_bytes = large;
        }
        read
    }

    #[inline(always)]
    fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        sink: &mut impl Sink,
    ) -> Poll<usize> {
        if !self.inbox.is_empty() {
            buffer.extend_from_slice(&self.inbox);
        }
        let read = pin!(self.stream.read_buf(buffer)).poll(cx);
        let read = self.end_unless_more(read);
        if let Poll::Ready(1..) = read {
            self.on_read(cx, buffer, sink);
        }
        read
    }

    /// Reads the payload of a large message to where it belongs, if that is what comes next.
    fn poll_fill(&mut self, cx: &mut Context<'_>, sink: &mut impl Sink) -> Option<Poll<usize>> {
        let stream = &mut self.stream;
        let fill = |payload: &mut Limit<&mut BytesMut>| pin!(stream.read_buf(payload)).poll(cx);
        let filled = self.conn.fill_payload(fill, || self.clock.on_part())?;
        if !filled.behind.is_empty() {
            self.inbox = filled.behind;
        }
        if let Some(message) = filled.message {
            self.large_bytes = message.len().min(LARGE_MAX);
            let event = Event::Message(Received::Whole(message));
            self.life.heard(&event);
            sink.on_event(event);
        }
        Some(self.end_unless_more(filled.result))
    }

    /// Tells how many bytes a read brought. If it says that no more will come, this is the end.
    #[inline]
    fn end_unless_more(&mut self, read: Poll<io::Result<usize>>) -> Poll<usize> {
        match read {
            Poll::Ready(Ok(bytes @ 1..)) => Poll::Ready(bytes),
            Poll::Ready(Ok(0)) => {
                self.end(Err(Error::Disconnected));
                Poll::Ready(0)
            }
            Poll::Ready(Err(error)) => {
                self.end(Err(disconnected_or(error)));
                Poll::Ready(0)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    #[inline(always)]
    fn on_read(&mut self, cx: &mut Context<'_>, bytes: &mut BytesMut, sink: &mut impl Sink) {
        self.clock.on_read(&mut self.conn);
        self.life.read(|| self.clock.came_at(&mut self.conn));
        // Nearly always: small messages that are wanted, and nothing else.
        let (conn, life, clock) = (&mut self.conn, &mut self.life, &mut self.clock);
        let (taken, next) = decode_small(conn, life, bytes, clock, sink);
        if taken < bytes.len() || next == Next::Any || !self.inbox.is_empty() {
            self.decode_read(cx, bytes, taken, next, sink);
        }
    }

    /// Decodes what is left of a read, as far as it is wanted.
    #[inline(never)]
    fn decode_read(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut BytesMut,
        mut taken: usize,
        next: Next,
        sink: &mut impl Sink,
    ) {
        let shared_from = (bytes.capacity() / SHARED_FRACTION).max(SHARED_FROM);
        let outcome = loop {
            if next != Next::Any {
                break None;
            }
            match decode(
                &mut self.conn,
                &mut self.life,
                bytes,
                &mut taken,
                shared_from,
                &mut self.clock,
                sink,
            ) {
                Decoded::Pinged => {
                    self.try_flush(cx);
                    if sink.is_satisfied() {
                        break None;
                    }
                }
                Decoded::All | Decoded::Stopped => break None,
                Decoded::Ended(outcome) => break Some(outcome),
            }
        };
        // Right-sized, and nothing at all if everything was taken.
        let left = bytes.get(taken..).unwrap_or_default();
        if !left.is_empty() || !self.inbox.is_empty() {
            // It came now, however much later it is decoded.
            self.clock.came_at(&mut self.conn);
            self.inbox = BytesMut::from(left);
        }
        if let Some(outcome) = outcome {
            self.end(outcome);
        }
    }

    /// Writes what waits, as far as the transport takes it. Errors show in the next read or flush.
    #[inline]
    fn try_flush(&mut self, cx: &mut Context<'_>) {
        if (self.conn.wants_transmit() || self.unflushed)
            && let Poll::Ready(Err(error)) = self.poll_write(cx)
        {
            self.on_write_error(error);
        }
    }

    #[cold]
    fn on_write_error(&mut self, error: io::Error) {
        // The peer may have said why before it hung up: reading goes on to the end.
        if !is_hang_up(&error) {
            self.end(Err(error.into()));
        }
    }

    /// Ready once the transport has taken everything that waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.obey();
        loop {
            match self.poll_write(cx) {
                Poll::Ready(written) => return Poll::Ready(written.map_err(disconnected_or)),
                Poll::Pending => self.read_ahead(cx),
            }
            let acted = self.poll_deadline(cx) || self.poll_order(cx);
            match &self.phase {
                Phase::Ending(ending) => {
                    if let Err(error) = &ending.outcome {
                        return Poll::Ready(Err(again(error)));
                    }
                }
                Phase::Ended => return Poll::Ready(Err(Error::Disconnected)),
                Phase::Running => {}
            }
            if !acted {
                return Poll::Pending;
            }
        }
    }

    /// Ready once a message can be queued, or cannot be any more.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.conn.is_above_high_water() {
            return Poll::Ready(Ok(()));
        }
        self.life.waits_for_room();
        let flushed = ready!(self.poll_flush(cx));
        self.life.has_room();
        Poll::Ready(flushed)
    }

    /// The same for a `Sink`, which may queue one message then, whatever comes in between.
    #[cfg(feature = "stream")]
    pub(crate) fn poll_promise(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.room_is_promised {
            ready!(self.poll_room(cx))?;
            self.room_is_promised = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Receives while the transport takes nothing, as far as [`Ahead`] has room. The peer may be waiting
    /// for us to read: two ends that both send can then go on, and pings are answered.
    fn read_ahead(&mut self, cx: &mut Context<'_>) {
        // Chunks go to whoever asked for them, not into a queue of messages.
        if self.streamed {
            return;
        }
        let mut ahead = self.ahead.take().unwrap_or_default();
        let mut turn = Turn::default();
        while self.is_running() && !ahead.is_satisfied() {
            let decoded =
                if self.inbox.is_empty() { Decoded::All } else { self.decode_inbox(&mut *ahead) };
            match decoded {
                Decoded::Stopped => break,
                Decoded::Pinged => {}
                Decoded::Ended(outcome) => self.end(outcome),
                Decoded::All => match self.poll_read(cx, &mut *ahead) {
                    Poll::Ready(bytes) if turn.ends_with(bytes) => {
                        cx.waker().wake_by_ref();
                        break;
                    }
                    Poll::Ready(_) => {}
                    Poll::Pending => break,
                },
            }
        }
        self.ahead = Some(ahead).filter(|ahead| !ahead.messages.is_empty());
    }

    /// Receives until the connection is over, as far as there is room for what comes: for a connection
    /// that nothing can be sent on any more, while nobody receives. [`Progress::Satisfied`] if there is
    /// no more room.
    #[cfg(feature = "client")]
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        loop {
            if !self.is_running() {
                return self.poll_end(cx);
            }
            self.read_ahead(cx);
            if self.ahead.as_ref().is_some_and(|ahead| ahead.is_satisfied()) {
                return Poll::Ready(Ok(Progress::Satisfied));
            }
            if self.is_running() && !self.poll_deadline(cx) {
                return Poll::Pending;
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.conn.wants_transmit() {
            let stream = Pin::new(&mut self.stream);
            let written = match self.conn.poll_transmit_contiguous() {
                Some([]) => break,
                Some(bytes) => stream.poll_write(cx, bytes),
                None => Self::poll_write_slices(&mut self.conn, stream, cx),
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => {
                    self.unflushed = true;
                    self.conn.transmitted(bytes, self.clock.came_about());
                }
                Poll::Ready(Err(error)) => {
                    self.write_failed = true;
                    self.life.write_failed(is_hang_up(&error));
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    self.on_stall();
                    return Poll::Pending;
                }
            }
        }
        self.reclaim_buffer();
        if self.unflushed {
            return self.poll_flush_stream(cx);
        }
        Poll::Ready(Ok(()))
    }

    /// The stream takes nothing at the moment.
    #[inline(never)]
    fn on_stall(&mut self) {
        let now = self.clock.look(&mut self.conn);
        self.conn.transmitted(0, now);
        self.reclaim_buffer();
    }

    /// Has the stream get rid of what it took: one that buffers can be stuck with it.
    fn poll_flush_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
            let now = self.clock.look(&mut self.conn);
            self.conn.flush_stalled(now);
            return Poll::Pending;
        };
        flushed?;
        self.unflushed = false;
        self.conn.flushed();
        Poll::Ready(Ok(()))
    }

    /// Writes headers and the large payloads between them with one call.
    fn poll_write_slices(
        conn: &mut Connection,
        stream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = conn.poll_transmit(&mut slices);
        match &slices[..filled] {
            slices if stream.is_write_vectored() => stream.poll_write_vectored(cx, slices),
            [slice, ..] => stream.poll_write(cx, slice),
            [] => Poll::Ready(Ok(0)),
        }
    }

    #[inline]
    fn reclaim_buffer(&mut self) {
        if let Some(buffer) = self.conn.reclaim_buffer() {
            scratch::give_write(buffer);
        }
    }

    /// Waits for the connection's deadline; `true` if one has been seen to, so that there may be
    /// something to write, or an end.
    #[inline]
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.clock.poll_timeout(&self.conn);
        match due.is_some_and(|due| self.timer.is_set(cx, due)) {
            true => false,
            false => self.see_to_deadlines(cx),
        }
    }

    #[inline(never)]
    fn see_to_deadlines(&mut self, cx: &mut Context<'_>) -> bool {
        let mut acted = false;
        while let Some(deadline) = self.clock.poll_timeout(&self.conn) {
            if self.timer.poll(cx, deadline).is_pending() {
                break;
            }
            let now = self.clock.on_timer(&mut self.conn);
            if self.conn.poll_timeout().is_none_or(|due| due > now) {
                continue;
            }
            acted = true;
            // A peer that sends more than the application takes is not silent.
            if self.ahead.as_ref().is_some_and(|ahead| ahead.is_satisfied()) {
                self.conn.heard(now);
            }
            if let Err(timeout) = self.conn.handle_timeout(now) {
                match &mut self.phase {
                    Phase::Running => self.end(Err(timeout.into())),
                    _ => {
                        self.phase = Phase::Ended;
                        let info = self.conn.close_info();
                        self.life.ended(info, Err(&timeout.into()));
                    }
                }
                break;
            }
        }
        acted
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
