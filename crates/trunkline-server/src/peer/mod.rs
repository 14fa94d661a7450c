//! The task of one socket: messages in, commands to the hub; entries of the outbox out, as frames.
//!
//! It waits for both at once. What the hub has for the client is put into the connection as long as
//! that has room, and written by the same call that waits for what the client says; what has no room
//! stays in the outbox of the session, where it is counted.

mod judging;
#[cfg(test)]
mod tests;

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::{Batch, CloseCode, SendError, WebSocket};
use trunkline_hub::{Disconnect, Entry, SessionId};

use crate::admission::Seat;
use crate::contained::unless_panicked;
use crate::dialect::centrifugo::{Encoded, Encoding, Inappropriate};
use crate::metrics::Hog;
use crate::profile::Profile;
use crate::reception::Reception;
use crate::shard::{Shard, now};
use crate::users::UserSeat;

/// Bytes of replies that are gathered into one message.
const REPLIES_BYTES: usize = 16 << 10;

/// Serves the client that `entering` lets in, if it does, until its connection is gone.
///
/// What this returns lives as long as the client stays, so nothing is in it twice; `entering` is on the heap, and gone
/// as soon as it is over.
#[expect(clippy::manual_async_fn, reason = "what it returns is smaller")]
pub(crate) fn run<S, F>(entering: Pin<Box<F>>) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Option<Peer<S>>>,
{
    async move {
        let Some(mut peer) = entering.await else { return };
        if unless_panicked(pin!(peer.serve())).await.is_none() {
            peer.reception.metrics().panicked();
            if peer.shard.is_broken() {
                return;
            }
            Box::pin(peer.apologise()).await;
        }
        peer.shard.with(|state| {
            state.hub.close(peer.session);
            state.set_profile(peer.session, None);
        });
        peer.reception.hold_nothing(&mut peer.memory_steps);
        peer.shard.turn(now());
    }
}

/// A client that has been let in, with its session.
pub(crate) struct Peer<S> {
    shard: Rc<Shard>,
    reception: Arc<Reception>,
    ws: WebSocket<S>,
    encoding: Encoding,
    /// What it holds, as it was counted last.
    memory_steps: u32,
    session: SessionId,
    /// An entry that was taken from the outbox and had no room.
    held: Option<Entry<Encoded>>,
    /// Counts this connection among those of its user.
    user_seat: Option<UserSeat>,
    /// Counts it among those of its address.
    #[expect(dead_code, reason = "it counts until it is dropped")]
    seat: Option<Seat>,
}

/// What a wait ended with.
enum Step {
    /// The client has said something.
    Messages(Batch),
    /// The hub wants the client to go.
    End(Disconnect),
    /// The connection is gone.
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Opens a session; `seat` counts the connection among those of its address, which is `from`.
    pub(crate) fn new(
        shard: Rc<Shard>,
        reception: Arc<Reception>,
        ws: WebSocket<S>,
        encoding: Encoding,
        seat: Option<Seat>,
        from: IpAddr,
    ) -> Self {
        let profile = Profile {
            software: None,
            encoding,
            subprotocol: ws.subprotocol().and_then(Encoding::of_subprotocol),
            address: reception.may_tell_addresses().then(|| from.to_canonical()),
        };
        let session = shard.with(|state| {
            let session = state.hub.open(now());
            state.set_profile(session, Some(profile));
            session
        });
        reception.metrics().accepted();
        let (held, user_seat, memory_steps) = (None, None, 0);
        Self { shard, reception, ws, encoding, memory_steps, session, held, user_seat, seat }
    }

    /// Not an `async fn`, which would keep `self` twice.
    #[expect(clippy::manual_async_fn, reason = "what it returns is smaller")]
    fn serve(&mut self) -> impl Future<Output = ()> {
        async move {
            // The hub's deadline for a `connect` has begun.
            self.shard.turn(now());
            loop {
                let step = poll_fn(|cx| self.poll_step(cx)).await;
                // On the heap, for a client that says nothing need not have room for it.
                if Box::pin(self.take(step)).await.is_break() {
                    return;
                }
            }
        }
    }

    async fn take(&mut self, step: Step) -> ControlFlow<()> {
        match step {
            Step::Messages(batch) => {
                self.handle(&batch).await;
                self.shard.give_batch(batch);
                self.shard.turn(now());
                return ControlFlow::Continue(());
            }
            Step::End(disconnect) => self.end(&disconnect).await,
            Step::Gone => {}
        }
        ControlFlow::Break(())
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            self.shard.wake_me(self.session, cx.waker());
            let is_empty = match self.fill() {
                Ok(is_empty) => is_empty,
                Err(disconnect) => return Poll::Ready(Step::End(disconnect)),
            };
            if is_empty && let Some(disconnect) = self.ending() {
                return Poll::Ready(Step::End(disconnect));
            }
            if let Poll::Ready(step) = self.poll_socket(cx) {
                return Poll::Ready(step);
            }
            // What the socket took has made room for more.
            if is_empty || !self.ws.has_room() {
                self.shard.with(|state| self.shard.arm(state));
                return match self.count_memory(is_empty) {
                    Ok(()) => Poll::Pending,
                    Err(disconnect) => Poll::Ready(Step::End(disconnect)),
                };
            }
        }
    }

    /// Counts what it holds for as long as it waits.
    fn count_memory(&mut self, is_empty: bool) -> Result<(), Disconnect> {
        let (mut bytes, mut hog) = (self.ws.memory_bytes(), Hog::Message);
        if !is_empty {
            bytes += self.shard.with(|state| state.hub.outbox_bytes(self.session));
            hog = Hog::Queue;
        }
        self.reception.hold(&mut self.memory_steps, bytes, hog)
    }

    /// Writes what is queued, and reads unless the client has more unanswered commands than it may.
    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.shard.with(|state| state.hub.is_busy(self.session)) {
            let flushed = pin!(self.ws.flush()).poll(cx);
            return match flushed {
                Poll::Ready(Err(_)) => Poll::Ready(Step::Gone),
                _ => Poll::Pending,
            };
        }
        let mut batch = self.shard.take_batch();
        let received = pin!(self.ws.recv_many(&mut batch)).poll(cx);
        match received {
            Poll::Ready(Ok(messages)) if messages > 0 => Poll::Ready(Step::Messages(batch)),
            Poll::Ready(_) => Poll::Ready(Step::Gone),
            Poll::Pending => {
                self.shard.give_batch(batch);
                Poll::Pending
            }
        }
    }

    /// Moves entries from the outbox into the connection while that has room. Whether the outbox is
    /// empty then.
    fn fill(&mut self) -> Result<bool, Disconnect> {
        let Self { shard, ws, encoding, session, held, .. } = self;
        let mut replies = Vec::new();
        shard.with_own(|state| {
            while ws.has_room() {
                let Some(entry) = held.take().or_else(|| state.hub.poll_entry(*session)) else {
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
                if replies.is_empty() {
                    let frame = Encoded::of(shared, *encoding).map_err(inappropriate)?;
                    ws.try_feed(frame).map_err(write_error)?;
                    state.bytes_out += frame.message().as_bytes().len() as u64;
                } else {
                    // What was said before goes first, and may take the last room.
                    state.bytes_out += say(ws, *encoding, &mut replies)?;
                    *held = Some(entry);
                }
            }
            Ok(false)
        })
    }

    /// The peer is told of a mishap of ours, if the connection can still tell it anything.
    async fn apologise(&mut self) {
        let _ = self.ws.close(CloseCode::INTERNAL_ERROR, "internal server error").await;
    }

    /// Waits until all that the client has asked for is answered and handed to the connection. An answer may hold a
    /// whole history: several at once would find no room, however fast the client reads, and it would be taken for slow
    /// whenever it came back.
    async fn settle(&mut self) {
        if self.shard.with(|state| state.hub.is_settled(self.session)) {
            return;
        }
        self.shard.turn(now());
        poll_fn(|cx| self.poll_settled(cx)).await;
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.shard.wake_me(self.session, cx.waker());
            let is_empty = match self.fill() {
                Ok(is_empty) => is_empty,
                Err(disconnect) => {
                    self.shard.with(|state| state.hub.end(self.session, disconnect));
                    return Poll::Ready(());
                }
            };
            let is_settled = self.shard.with(|state| state.hub.is_settled(self.session));
            if is_empty && is_settled || self.ending().is_some() {
                return Poll::Ready(());
            }
            // A connection that is gone is told of by whoever reads from it next.
            if let Poll::Ready(Err(_)) = pin!(self.ws.flush()).poll(cx) {
                return Poll::Ready(());
            }
            if is_empty || !self.ws.has_room() {
                return Poll::Pending;
            }
        }
    }

    fn ending(&self) -> Option<Disconnect> {
        self.shard.with(|state| state.hub.ending(self.session).cloned())
    }

    /// Says why and hangs up: what this connection holds is what there is too little of.
    async fn end_at_once(&mut self) {
        let mut closing = pin!(self.ws.close(CloseCode::TRY_AGAIN_LATER, "try again later"));
        poll_fn(|cx| {
            let _ = closing.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// Closes the connection with the code and the reason that SDKs act upon.
    async fn end(&mut self, disconnect: &Disconnect) {
        // The session's subscriptions end now, not when the peer has answered.
        self.shard.with(|state| state.hub.end(self.session, disconnect.clone()));
        self.shard.turn(now());
        if disconnect.code() == Disconnect::CLOSED.code() {
            return;
        }
        if *disconnect == Disconnect::TRY_AGAIN_LATER {
            return self.end_at_once().await;
        }
        let code = CloseCode::new(disconnect.code()).unwrap_or(CloseCode::INTERNAL_ERROR);
        // A peer that does not answer is left after the close deadline.
        let _ = self.ws.close(code, disconnect.reason()).await;
    }
}

/// Queues the replies that were gathered, as one message. How many bytes that are.
fn say<S: AsyncRead + AsyncWrite + Unpin>(
    ws: &mut WebSocket<S>,
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
