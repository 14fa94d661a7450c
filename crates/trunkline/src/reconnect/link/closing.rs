//! Closing for good.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::CloseCode;

use super::{Closing, Link, Phase};
use crate::driver::{Progress, again};
use crate::error::Error;

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Link<S> {
    /// Closes for good, once what is queued has been written.
    pub(in crate::reconnect) fn begin_close(&mut self, code: CloseCode, reason: &str) {
        match &mut self.phase {
            Phase::Open(open) if open.is_closing() => {}
            Phase::Open(open) => open.closing = Closing::Asked(code, reason.into()),
            Phase::Ended(_) => {}
            _ => self.end_as_closed(),
        }
        self.pump();
    }

    /// Ready once it has been closed, what came in until then having been thrown away.
    pub(in crate::reconnect) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        (self.left, self.left_bytes) = (VecDeque::new(), 0);
        loop {
            self.pump();
            let Phase::Open(open) = &mut self.phase else { return Poll::Ready(Ok(())) };
            if open.is_writable() {
                ready!(self.poll_flush_open(cx));
                continue;
            }
            let closed = ready!(open.ws.driver_mut().poll_close(cx));
            let told = closed.as_ref().map(|()| Progress::Closed).map_err(again);
            self.on_lost(told);
            return Poll::Ready(closed);
        }
    }

    /// Ready once all is written that was asked to be before the close, and the close frame itself.
    pub(in crate::reconnect) fn poll_close_written(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            self.pump();
            let Phase::Open(open) = &mut self.phase else { return Poll::Ready(Ok(())) };
            if !open.is_writable() {
                return open.ws.driver_mut().poll_flush(cx);
            }
            ready!(self.poll_flush_open(cx));
        }
    }
}
