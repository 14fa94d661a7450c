//! Sending: from the caller through the outbox to whichever connection there is.

use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{Message, Outgoing};

use super::{Closing, Link, Phase};
use crate::reconnect::ended::{Ended, SendError, SendErrorKind, Why};
use crate::reconnect::outbox::Fate;
use crate::transport::is_exact;
use crate::websocket::WebSocket;

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Link<S> {
    /// Takes a message into the send queue or into the outbox, once there is room. If it `is_awaited`,
    /// [`Self::poll_sent`] tells what becomes of it.
    pub(in crate::reconnect) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
        is_awaited: bool,
    ) -> Poll<Result<(), SendError>> {
        let fed = ready!(self.poll_hand_over(cx, message));
        if is_awaited && fed.is_ok() {
            self.outbox.await_last();
        }
        Poll::Ready(fed)
    }

    fn poll_hand_over(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Poll<Result<(), SendError>> {
        let mut take = || message.take().map(Outgoing::into_message);
        loop {
            let writable = self.poll_writable(cx);
            if let Poll::Ready(Ok(())) = writable
                && !self.is_closing()
            {
                if self.is_backed_up() {
                    ready!(self.poll_flush_open(cx));
                    continue;
                }
                let Some(message) = take() else { return Poll::Ready(Ok(())) };
                return Poll::Ready(self.queue(message));
            }
            let Some(message) = take() else { return Poll::Ready(Ok(())) };
            return Poll::Ready(match writable {
                Poll::Ready(Err(ended)) => {
                    Err(SendError::new(SendErrorKind::Ended(ended), Some(message)))
                }
                Poll::Pending if !self.is_closing() => self.hold(message),
                _ => Err(SendError::new(SendErrorKind::Ended(self.closed()), Some(message))),
            });
        }
    }

    /// Ready once the transport has taken the message that was handed over last, or it is held for the next
    /// connection.
    pub(in crate::reconnect) fn poll_sent(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        loop {
            let (kind, message) = match self.outbox.fate() {
                Fate::Sent => return Poll::Ready(Ok(())),
                Fate::Unsent(message) => (SendErrorKind::Unsent, Some(message)),
                Fate::InDoubt(message) => (SendErrorKind::InDoubt, Some(message)),
                Fate::Waiting => match self.poll_writable(cx) {
                    Poll::Ready(Ok(())) => {
                        ready!(self.poll_flush_open(cx));
                        continue;
                    }
                    Poll::Pending if self.outbox.keeps() => return Poll::Ready(Ok(())),
                    Poll::Pending => return Poll::Pending,
                    // The end has settled it.
                    Poll::Ready(Err(ended)) => match self.outbox.fate() {
                        Fate::Sent => return Poll::Ready(Ok(())),
                        Fate::InDoubt(message) => (SendErrorKind::InDoubt, Some(message)),
                        Fate::Unsent(message) => (SendErrorKind::Ended(ended), Some(message)),
                        Fate::Waiting => (SendErrorKind::Ended(ended), self.outbox.take_awaited()),
                    },
                },
            };
            return Poll::Ready(Err(SendError::new(kind, message)));
        }
    }

    /// Ready once the transport has taken everything.
    pub(in crate::reconnect) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        loop {
            if self.outbox.has_returned() {
                return Poll::Ready(Err(SendError::new(SendErrorKind::Unsent, None)));
            }
            if self.outbox.take_doubt() {
                return Poll::Ready(Err(SendError::new(SendErrorKind::InDoubt, None)));
            }
            if self.outbox.is_done() {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_writable(cx)) {
                Ok(()) => ready!(self.poll_flush_open(cx)),
                // What was lost with the connection is seen to above.
                Err(_) if self.outbox.has_returned() || self.outbox.is_done() => {}
                Err(ended) => {
                    return Poll::Ready(Err(SendError::new(SendErrorKind::Ended(ended), None)));
                }
            }
        }
    }

    /// Writes what waits on the connection that is open. An error shows in what becomes of the messages.
    pub(super) fn poll_flush_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Phase::Open(open) = &mut self.phase else { return Poll::Ready(()) };
        let flushed = open.ws.driver_mut().poll_flush(cx);
        self.take_note_of_writes();
        if let Err(error) = ready!(flushed) {
            self.on_write_failed(error);
        }
        Poll::Ready(())
    }

    /// Hands held messages to the connection as far as there is room, and begins to close if that was
    /// asked for. Whether there is something to write now.
    pub(super) fn pump(&mut self) -> bool {
        let Phase::Open(open) = &mut self.phase else { return false };
        let mut pumped = false;
        while open.is_writable()
            && !open.ws.driver_mut().connection().is_above_high_water()
            && let Some(message) = self.outbox.first_held()
        {
            let Some(end) = queue(&mut open.ws, message) else { break };
            self.outbox.wrote_first_held(end);
            pumped = true;
        }
        if !self.outbox.is_backed_up()
            && let Closing::Asked(code, reason) = &open.closing
        {
            open.ws.driver_mut().begin_close(*code, reason);
            open.closing = Closing::Begun;
            return true;
        }
        pumped
    }

    /// Whether the next message has to wait until others have been written.
    fn is_backed_up(&mut self) -> bool {
        let Phase::Open(open) = &mut self.phase else { return false };
        self.outbox.is_backed_up()
            || !self.outbox.has_room_to_write()
            || open.ws.driver_mut().connection().is_above_high_water()
    }

    fn queue(&mut self, message: Message) -> Result<(), SendError> {
        if let Phase::Open(open) = &mut self.phase
            && let Some(end) = queue(&mut open.ws, &message)
        {
            self.outbox.wrote(message, end);
            return Ok(());
        }
        self.hold(message)
    }

    /// There is no connection to send this on.
    fn hold(&mut self, message: Message) -> Result<(), SendError> {
        if self.outbox.has_room() {
            self.outbox.hold(message);
            return Ok(());
        }
        let kind = if self.outbox.keeps() {
            SendErrorKind::QueueFull
        } else {
            SendErrorKind::NotConnected
        };
        Err(SendError::new(kind, Some(message)))
    }

    fn is_closing(&self) -> bool {
        matches!(&self.phase, Phase::Open(open) if open.is_closing())
    }

    fn closed(&self) -> Ended {
        Ended::new(Why::Closed, None, self.row.attempts)
    }

    pub(super) fn take_note_of_writes(&mut self) {
        if let Phase::Open(open) = &mut self.phase
            && open.failed.is_none()
        {
            let driver = open.ws.driver_mut();
            let position = driver.connection().transmitted_bytes();
            let is_flushed = !driver.is_unflushed() || is_exact(driver.stream());
            self.outbox.on_written(position, is_flushed);
        }
    }
}

/// Queues a message and gives where it ends, or nothing if the connection does not take it.
fn queue<S>(ws: &mut WebSocket<S>, message: &Message) -> Option<u64> {
    let driver = ws.driver_mut();
    driver.before_queue();
    driver.queue(message).ok()?;
    let connection = driver.connection();
    Some(connection.transmitted_bytes() + connection.transmit_bytes() as u64)
}
