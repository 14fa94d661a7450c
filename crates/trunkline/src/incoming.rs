//! Messages and what is said between them, for tools that show both.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{Event, Message};

use crate::driver::{Driver, Next, Sink};
use crate::error::Error;

/// What came in: see [`WebSocket::recv_incoming`](crate::WebSocket::recv_incoming).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// A ping with its payload. Its pong is on the way: there is nothing to do.
    Ping(Bytes),
    /// A pong, with the time since the ping that it answers if that was the newest of ours, be it
    /// asked for or sent to keep the connection alive.
    Pong(Option<Duration>),
}

/// Takes the first of them.
struct OneIncoming(Option<Incoming>);

impl Sink for OneIncoming {
    fn on_event(&mut self, event: Event<'_>) -> Next {
        self.0 = Some(match event {
            Event::Message(received) => Incoming::Message(received.into_message()),
            Event::Ping(payload) => Incoming::Ping(Bytes::copy_from_slice(payload)),
            Event::Pong(round_trip) => Incoming::Pong(round_trip),
            _ => return Next::Any,
        });
        Next::Nothing
    }

    fn is_satisfied(&self) -> bool {
        self.0.is_some()
    }
}

pub(crate) fn poll_recv_incoming<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Incoming>, Error>> {
    if let Some(message) = driver.pop_ahead() {
        return Poll::Ready(Ok(Some(Incoming::Message(message))));
    }
    let mut one = OneIncoming(None);
    driver.poll_events(cx, &mut one).map_ok(|_| one.0)
}
