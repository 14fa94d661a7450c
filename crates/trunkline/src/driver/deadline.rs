//! The one deadline of a connection, whatever it is for.

use std::task::Context;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Phase, Sink};
impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Waits for the connection's deadline; `true` if one has been seen to, so that there may be
    /// something to write, or an end.
    #[inline]
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> bool {
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
