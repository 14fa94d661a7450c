//! Receiving while nobody asks for messages.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{Event, Message};

#[cfg(feature = "client")]
use super::Progress;
use super::decode::Decoded;
use super::turn::Turn;
use super::{Driver, Next, Sink};
#[cfg(feature = "client")]
use crate::error::Error;

/// Messages that are received while a `send` waits for the peer are kept up to this many bytes. After
/// that the socket is left alone, and the peer feels the backpressure.
const READ_AHEAD_BYTES: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Ahead {
    pub(super) messages: VecDeque<Message>,
    pub(super) bytes: usize,
}

impl Sink for Ahead {
    fn on_event(&mut self, event: Event<'_>) -> Next {
        if let Event::Message(received) = event {
            let message = received.into_message();
            self.bytes += message.len() + size_of::<Message>();
            self.messages.push_back(message);
        }
        if self.is_satisfied() { Next::Nothing } else { Next::Any }
    }

    fn is_satisfied(&self) -> bool {
        self.bytes >= READ_AHEAD_BYTES
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Receives while the transport takes nothing, as far as [`Ahead`] has room. The peer may be waiting
    /// for us to read: two ends that both send can then go on, and pings are answered.
    pub(super) fn read_ahead(&mut self, cx: &mut Context<'_>) {
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
}
