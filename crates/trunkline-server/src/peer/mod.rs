//! The task of one socket: messages in, commands to the hub; entries of the outbox out, as frames.
//!
//! It waits for both at once: what the hub has for the client is written by the same call that waits for what the client
//! says. While it waits, the shard can write in its place: see [`Line`].

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

use trunkline::{Batch, CloseCode, WebSocket};
use trunkline_hub::{Disconnect, SessionId};

use crate::admission::Seat;
use crate::contained::unless_panicked;
use crate::dialect::centrifugo::Encoding;
use crate::profile::Profile;
use crate::reception::Reception;
use crate::shard::{Heard, Line, Shard, Socket, now};
use crate::users::UserSeat;

/// Serves the client that `entering` lets in, if it does, until its connection is gone.
///
/// What this returns lives as long as the client stays, so nothing is in it twice; `entering` is on the heap, and gone
/// as soon as it is over.
#[expect(clippy::manual_async_fn, reason = "what it returns is smaller")]
pub(crate) fn run<F>(entering: Pin<Box<F>>) -> impl Future<Output = ()>
where
    F: Future<Output = Option<Peer>>,
{
    async move {
        let Some(mut peer) = entering.await else { return };
        if unless_panicked(pin!(peer.serve())).await.is_none() {
            peer.reception.metrics().panicked();
            if peer.shard.is_broken() {
                return peer.shard.remove_line(peer.session);
            }
            Box::pin(peer.apologise()).await;
        }
        peer.shard.remove_line(peer.session);
        peer.shard.with(|state| {
            state.hub.close(peer.session);
            state.set_profile(peer.session, None);
        });
        peer.reception.hold_nothing(&mut peer.memory_steps);
        peer.shard.turn(now());
    }
}

/// A client that has been let in, with its session.
pub(crate) struct Peer {
    shard: Rc<Shard>,
    reception: Arc<Reception>,
    encoding: Encoding,
    /// What it holds, as it was counted last.
    memory_steps: u32,
    session: SessionId,
    /// Counts this connection among those of its user.
    user_seat: Option<UserSeat>,
    /// Counts it among those of its address.
    #[expect(dead_code, reason = "it counts until it is dropped")]
    seat: Option<Seat>,
}

impl Peer {
    /// Opens a session; `seat` counts the connection among those of its address, which is `from`.
    pub(crate) fn new(
        shard: Rc<Shard>,
        reception: Arc<Reception>,
        ws: WebSocket<Socket>,
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
        shard.add_line(session, Line::new(ws, encoding, session));
        reception.metrics().accepted();
        let (user_seat, memory_steps) = (None, 0);
        Self { shard, reception, encoding, memory_steps, session, user_seat, seat }
    }

    /// Not an `async fn`, which would keep `self` twice.
    #[expect(clippy::manual_async_fn, reason = "what it returns is smaller")]
    fn serve(&mut self) -> impl Future<Output = ()> {
        async move {
            // The hub's deadline for a `connect` has begun.
            self.shard.turn(now());
            loop {
                let (heard, batch) = poll_fn(|cx| self.poll_heard(cx)).await;
                // On the heap, for a client that says nothing need not have room for it.
                if Box::pin(self.take(heard, batch)).await.is_break() {
                    return;
                }
            }
        }
    }

    async fn take(&mut self, heard: Heard, batch: Batch) -> ControlFlow<()> {
        if let Heard::Messages = heard {
            self.handle(&batch).await;
        }
        self.shard.give_batch(batch);
        match heard {
            Heard::Messages => {
                self.shard.turn(now());
                return ControlFlow::Continue(());
            }
            Heard::End(disconnect) => self.end(&disconnect).await,
            Heard::Gone => {}
        }
        ControlFlow::Break(())
    }

    /// Waits for what the client says; counts what the connection holds for as long as it waits.
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<(Heard, Batch)> {
        let Self { shard, reception, memory_steps, session, .. } = self;
        let mut batch = shard.take_batch();
        let heard = shard.with_line(*session, |line| {
            if let Poll::Ready(heard) = line.poll_heard(cx, shard, &mut batch) {
                return Some(heard);
            }
            let (bytes, hog) = line.held_bytes(shard);
            reception.hold(memory_steps, bytes, hog).err().map(Heard::End)
        });
        match heard {
            Some(heard) => Poll::Ready((heard, batch)),
            None => {
                shard.give_batch(batch);
                Poll::Pending
            }
        }
    }

    /// The peer is told of a mishap of ours, if the connection can still tell it anything.
    async fn apologise(&self) {
        let (code, reason) = (CloseCode::INTERNAL_ERROR, "internal server error");
        poll_fn(|cx| self.poll_close(cx, code, reason)).await;
    }

    /// Waits until all that the client has asked for is answered and handed to the connection. An answer may hold a
    /// whole history: several at once would find no room, however fast the client reads, and it would be taken for slow
    /// whenever it came back.
    async fn settle(&self) {
        if self.shard.with(|state| state.hub.is_settled(self.session)) {
            return;
        }
        self.shard.turn(now());
        let Self { shard, session, .. } = self;
        poll_fn(|cx| shard.with_line(*session, |line| line.poll_settled(cx, shard))).await;
    }

    fn poll_close(&self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<()> {
        self.shard.with_line(self.session, |line| line.poll_close(cx, code, reason))
    }

    /// Says why and hangs up: what this connection holds is what there is too little of.
    async fn end_at_once(&self) {
        let (code, reason) = (CloseCode::TRY_AGAIN_LATER, "try again later");
        poll_fn(|cx| {
            let _ = self.poll_close(cx, code, reason);
            Poll::Ready(())
        })
        .await;
    }

    /// Closes the connection with the code and the reason that SDKs act upon.
    async fn end(&self, disconnect: &Disconnect) {
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
        poll_fn(|cx| self.poll_close(cx, code, disconnect.reason())).await;
    }
}
