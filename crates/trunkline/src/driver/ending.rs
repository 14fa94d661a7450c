//! The end of a connection: what waits is written, and the transport is ended so that the peer learns
//! why (RFC 6455 §7.1.1).

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use trunkline_proto::Role;

use super::decode::Discard;
use super::{Driver, Ending, Phase, Progress};
use crate::error::Error;
use crate::scratch;

/// After a peer broke a rule, this much of what it still sends is read and thrown away, so that
/// closing the socket does not take our close frame down with it.
const DRAIN_BYTES: usize = 1 << 20;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Writes what waits, ends the transport in the order that RFC 6455 §7.1.1 asks for, and tells
    /// how it went: a server hangs up first, a client waits for that.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<Progress, Error>> {
        loop {
            let transport_ended = ready!(self.poll_transport_end(cx));
            match std::mem::replace(&mut self.phase, Phase::Ended) {
                Phase::Ended => return Poll::Ready(Ok(Progress::Closed)),
                Phase::Ending(ending) if transport_ended => {
                    let Ending { outcome, shut_down, .. } = *ending;
                    self.life.ended(self.conn.close_info(), outcome.as_ref().copied());
                    if outcome.is_ok() && !shut_down {
                        // A client's turn. Its user may keep the connection, and a server that waits
                        // for this would have to give up on it. Tried once: nobody is waiting here.
                        let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
                    }
                    return Poll::Ready(outcome.map(|()| Progress::Closed));
                }
                phase => self.phase = phase,
            }
        }
    }

    fn poll_transport_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Phase::Ending(ending) = &self.phase else { return Poll::Ready(true) };
        let Ending { outcome, shut_down, .. } = &**ending;
        // Without a peer there is nobody left to say anything to.
        if matches!(outcome, Err(Error::Disconnected | Error::Io(_))) {
            return Poll::Ready(true);
        }
        let gave_up = matches!(outcome, Err(Error::Timeout(_)));
        let server_hangs_up = self.conn.role() == Role::Server || outcome.is_err();
        let shut_down = *shut_down;
        match self.poll_write(cx) {
            Poll::Pending if gave_up => return Poll::Ready(true),
            Poll::Pending => {
                // The peer may read only once it is rid of what it says itself.
                let _ = self.poll_drain(cx);
                return self.poll_deadline_of_end(cx);
            }
            Poll::Ready(Err(_)) => return Poll::Ready(true),
            Poll::Ready(Ok(())) => {}
        }
        if server_hangs_up && !shut_down {
            match Pin::new(&mut self.stream).poll_shutdown(cx) {
                Poll::Pending if gave_up => return Poll::Ready(true),
                Poll::Pending => return self.poll_deadline_of_end(cx),
                Poll::Ready(Err(_)) => return Poll::Ready(true),
                Poll::Ready(Ok(())) => {}
            }
            if let Phase::Ending(ending) = &mut self.phase {
                ending.shut_down = true;
            }
        }
        // Nothing unread may be left when the socket closes, or the peer's kernel forgets our close
        // frame. After a clean close the peer has nothing more to say; a server need not wait for it.
        match self.poll_drain(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if gave_up || (server_hangs_up && self.conn.close_info().is_some()) => {
                Poll::Ready(true)
            }
            Poll::Pending => self.poll_deadline_of_end(cx),
        }
    }

    /// Reads and throws away what the peer still sends, until it hangs up.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        scratch::with_read(|scratch| {
            loop {
                if matches!(&self.phase, Phase::Ending(it) if it.drained >= DRAIN_BYTES) {
                    return Poll::Ready(());
                }
                scratch.clear();
                match pin!(self.stream.read_buf(scratch)).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(bytes @ 1..)) => {
                        if let Phase::Ending(ending) = &mut self.phase {
                            ending.drained += bytes;
                        }
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                }
            }
        })
    }

    fn poll_deadline_of_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(deadline) = self.conn.poll_timeout() else { return Poll::Pending };
        ready!(self.timer.poll(cx, deadline));
        Poll::Ready(true)
    }

    /// Receives what has come in and throws it away. How it ends shows in the next call.
    pub(crate) fn discard_input(&mut self, cx: &mut Context<'_>) {
        if self.is_running() {
            let _ = self.poll_events(cx, &mut Discard);
        }
    }

    /// Receives and throws away what still comes until both sides have closed.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ahead = None;
        self.poll_events(cx, &mut Discard).map_ok(|_| ())
    }
}
