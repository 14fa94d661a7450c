//! [`Line`]: the connection of one client, with whoever writes to it.
//!
//! What the hub has for the client is put into the connection as long as that has room; what has no room stays in the
//! outbox of the session, where it is counted. The task of the socket does that whenever it is at work. But a
//! publication goes to many sockets at once, and to wake a task for each costs more than all else that is done for it:
//! while a task waits for nothing but what its client says, the shard writes in its place. The task is woken when the
//! socket does not take everything, and for all else that there may be to see to. Publications do not even come near
//! the line then: they take the way of its [`Shortcut`].

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use trunkline::{Batch, CloseCode, Error, Prepared, SendError, WebSocket};
use trunkline_hub::{Disconnect, Entry, SessionId};

use super::shortcuts::Shortcut;
use super::{Shard, Socket};
use crate::dialect::centrifugo::{Encoded, Encoding, Inappropriate};
use crate::metrics::Hog;

/// Bytes of replies that are gathered into one message.
const REPLIES_BYTES: usize = 16 << 10;

/// The connection of one client.
pub(crate) struct Line {
    ws: WebSocket<Socket>,
    session: SessionId,
    /// An entry that was taken from the outbox and had no room. Few have one.
    held: Option<Box<Entry<Encoded>>>,
    /// The task of the socket.
    task: Option<Waker>,
    encoding: Encoding,
    writer: Writer,
}

/// Who writes what the session has to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// The task, which is at work: it looks before it waits.
    Task,
    /// The task, which waits, and is to be woken for that.
    WokenTask,
    /// The shard.
    Shard,
    /// Nobody any more: the shard has panicked over it.
    Nobody,
}

/// What a wait for the client ended with.
pub(crate) enum Heard {
    /// It has said something.
    Messages,
    /// The hub wants it to go.
    End(Disconnect),
    /// The connection is gone.
    Gone,
}

impl Line {
    pub(crate) fn new(ws: WebSocket<Socket>, encoding: Encoding, session: SessionId) -> Self {
        Self { ws, session, held: None, task: None, encoding, writer: Writer::Task }
    }

    /// Writes what the session has to write, and waits for messages of the client, which it puts into `batch`.
    pub(crate) fn poll_heard(
        &mut self,
        cx: &mut Context<'_>,
        shard: &Shard,
        batch: &mut Batch,
    ) -> Poll<Heard> {
        self.begin_work(cx, shard);
        loop {
            let is_empty = match self.fill(shard) {
                Ok(is_empty) => is_empty,
                Err(disconnect) => return Poll::Ready(Heard::End(disconnect)),
            };
            if is_empty && let Some(disconnect) = self.ending(shard) {
                return Poll::Ready(Heard::End(disconnect));
            }
            if let Poll::Ready(heard) = self.poll_socket(cx, shard, batch) {
                return Poll::Ready(heard);
            }
            // What the socket took has made room for more.
            if is_empty || !self.ws.has_room() {
                let writer = if self.is_quiet(shard) { Writer::Shard } else { Writer::WokenTask };
                return self.wait(shard, writer);
            }
        }
    }

    /// Writes what is queued, and reads unless the client has more unanswered commands than it may.
    fn poll_socket(
        &mut self,
        cx: &mut Context<'_>,
        shard: &Shard,
        batch: &mut Batch,
    ) -> Poll<Heard> {
        if self.is_busy(shard) {
            return match self.poll_flush(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(Heard::Gone),
                _ => Poll::Pending,
            };
        }
        pin!(self.ws.recv_many(batch)).poll(cx).map(|received| match received {
            Ok(messages) if messages > 0 => Heard::Messages,
            _ => Heard::Gone,
        })
    }

    /// Waits until all that the client has asked for is answered and handed to the connection, or the connection is no
    /// more: whoever reads from it next is told.
    pub(crate) fn poll_settled(&mut self, cx: &mut Context<'_>, shard: &Shard) -> Poll<()> {
        self.begin_work(cx, shard);
        loop {
            let is_empty = match self.fill(shard) {
                Ok(is_empty) => is_empty,
                Err(disconnect) => {
                    shard.with(|state| state.hub.end(self.session, disconnect));
                    return Poll::Ready(());
                }
            };
            let is_settled = shard.with(|state| state.hub.is_settled(self.session));
            if is_empty && is_settled || self.ending(shard).is_some() {
                return Poll::Ready(());
            }
            if let Poll::Ready(Err(_)) = self.poll_flush(cx) {
                return Poll::Ready(());
            }
            if is_empty || !self.ws.has_room() {
                return self.wait(shard, Writer::WokenTask);
            }
        }
    }

    /// Closes the connection, and waits until it is closed, or has come to another end.
    pub(crate) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: CloseCode,
        reason: &str,
    ) -> Poll<()> {
        pin!(self.ws.close(code, reason)).poll(cx).map(|_| ())
    }

    /// Bytes of memory that it holds, and what most of it may be.
    pub(crate) fn held_bytes(&self, shard: &Shard) -> (usize, Hog) {
        let queued = shard.with(|state| state.hub.outbox_bytes(self.session));
        (self.ws.memory_bytes() + queued, if queued > 0 { Hog::Queue } else { Hog::Message })
    }

    #[cfg(test)]
    pub(super) fn holds_one(&self) -> bool {
        self.held.is_some()
    }

    /// The task is at work.
    ///
    /// # Panics
    /// If the shard has panicked in its place.
    fn begin_work(&mut self, cx: &Context<'_>, shard: &Shard) {
        if self.writer == Writer::Nobody {
            // What happened has been said.
            resume_unwind(Box::new("the shard has panicked over this client"));
        }
        self.set_writer(shard, Writer::Task);
        if self.task.as_ref().is_none_or(|it| !it.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
        }
    }

    /// The task waits.
    fn wait<T>(&mut self, shard: &Shard, writer: Writer) -> Poll<T> {
        // What was taken from the outbox may have made room for what has its time.
        shard.with(|state| shard.arm(state));
        self.set_writer(shard, writer);
        Poll::Pending
    }

    /// Who writes from now on. Past the connection only the shard can.
    fn set_writer(&mut self, shard: &Shard, writer: Writer) {
        self.writer = writer;
        let place = if writer == Writer::Shard { self.ws.stream().place() } else { None };
        let shortcut = place.map(|place| Shortcut { place, encoding: self.encoding });
        shard.shortcuts.set(self.session, shortcut);
    }

    /// Whether there is nothing to wait for but what the client says, so that the shard can do all that there may be to
    /// do: unless what is written changes what the connection holds, or nothing is read from it.
    fn is_quiet(&self, shard: &Shard) -> bool {
        self.ws.queued_bytes() == 0
            && self.held.is_none()
            && !self.ws.is_compressed()
            && !self.is_busy(shard)
    }

    /// Whether the client has more unanswered commands than it may.
    fn is_busy(&self, shard: &Shard) -> bool {
        shard.with(|state| state.hub.is_busy(self.session))
    }

    fn ending(&self, shard: &Shard) -> Option<Disconnect> {
        shard.with(|state| state.hub.ending(self.session).cloned())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        pin!(self.ws.flush()).poll(cx)
    }

    /// Moves entries from the outbox into the connection while that has room. Whether the outbox is
    /// empty then.
    fn fill(&mut self, shard: &Shard) -> Result<bool, Disconnect> {
        let Self { ws, encoding, session, held, .. } = self;
        let mut replies = Vec::new();
        shard.with_own(|state| {
            while ws.has_room() {
                let kept = held.take().map(|it| *it);
                let Some(entry) = kept.or_else(|| state.hub.poll_entry(*session)) else {
                    state.bytes_out += say(ws, *encoding, &mut replies)?;
                    return Ok(true);
                };
                let Entry::Push(shared) = &entry else {
                    encoding.append(&mut replies, &entry).map_err(inappropriate)?;
                    if replies.len() >= REPLIES_BYTES {
                        state.bytes_out += say(ws, *encoding, &mut replies)?;
                    }
                    continue;
                };
                // What was said before goes first, and may take the last room.
                if !replies.is_empty() {
                    state.bytes_out += say(ws, *encoding, &mut replies)?;
                    if !ws.has_room() {
                        *held = Some(Box::new(entry));
                        break;
                    }
                }
                let frame = Encoded::of(shared, *encoding).map_err(inappropriate)?;
                #[cfg(test)]
                super::tests::fail_at(frame.message());
                ws.try_feed(frame).map_err(write_error)?;
                state.bytes_out += frame.message().as_bytes().len() as u64;
            }
            Ok(false)
        })
    }

    /// The session has something to write, or is to be closed.
    pub(super) fn attend(&mut self, shard: &Shard) {
        if matches!(self.writer, Writer::Task | Writer::Nobody) {
            return;
        }
        // Not cloned, which would touch the memory of the task.
        let Some(task) = self.task.take() else { return };
        let writing = || self.writer == Writer::Shard && self.write(shard, &task);
        let written = catch_unwind(AssertUnwindSafe(writing));
        self.task = Some(task);
        match written {
            Ok(true) => {}
            Ok(false) => self.wake(shard, Writer::Task),
            Err(_) => self.give_up(shard),
        }
    }

    /// The shard has written the first `written` bytes of a frame past the connection, and has to leave the rest to it.
    pub(super) fn feed_rest(
        &mut self,
        prepared: &Prepared,
        written: usize,
    ) -> Result<(), SendError> {
        self.ws.feed_rest(prepared, written)
    }

    /// The shard has panicked over this client, whose task is to hear of it.
    pub(super) fn give_up(&mut self, shard: &Shard) {
        self.wake(shard, Writer::Nobody);
    }

    fn wake(&mut self, shard: &Shard, writer: Writer) {
        self.set_writer(shard, writer);
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    /// Writes what the session has to write, in place of `task`, which is woken once the socket takes more if it does
    /// not take it all. Whether nothing is left to be seen to.
    fn write(&mut self, shard: &Shard, task: &Waker) -> bool {
        let mut cx = Context::from_waker(task);
        loop {
            if shard.with_own(|state| state.hub.ending(self.session).is_some()) {
                return false;
            }
            let is_empty = match self.fill(shard) {
                Ok(is_empty) => is_empty,
                Err(disconnect) => {
                    shard.with(|state| state.hub.end(self.session, disconnect));
                    return false;
                }
            };
            if !matches!(self.poll_flush(&mut cx), Poll::Ready(Ok(()))) {
                return false;
            }
            if is_empty {
                return true;
            }
        }
    }
}

/// Queues the replies that were gathered, as one message. How many bytes that are.
fn say(
    ws: &mut WebSocket<Socket>,
    encoding: Encoding,
    replies: &mut Vec<u8>,
) -> Result<u64, Disconnect> {
    if replies.is_empty() {
        return Ok(0);
    }
    let bytes = replies.len() as u64;
    let said = encoding.message(std::mem::take(replies)).map_err(inappropriate)?;
    ws.try_feed(said).map_err(write_error)?;
    Ok(bytes)
}

fn inappropriate(_: Inappropriate) -> Disconnect {
    Inappropriate::DISCONNECT
}

fn write_error(_: SendError) -> Disconnect {
    Disconnect::WRITE_ERROR
}
