//! What whoever looks after a connection wants of it, see [`crate::tether`].

use std::task::Context;
#[cfg(feature = "server")]
use std::task::Poll;

use super::Driver;
#[cfg(feature = "server")]
use super::Phase;
#[cfg(feature = "server")]
use crate::error::Error;
#[cfg(feature = "server")]
use crate::tether::{Order, Tie};

#[cfg(feature = "server")]
impl<S> Driver<S> {
    /// Ties the connection to whoever may tell it to close.
    pub(crate) fn tie(&mut self, tie: Tie<S>) {
        self.tie = Some(tie);
    }

    /// Ends that, for whoever drops the connection.
    pub(super) fn untie(&mut self) -> Option<Tie<S>> {
        self.tie.take()
    }

    /// Does what has been ordered, if anything. Looked at in each poll, so that a peer who never
    /// pauses does not keep the order from being heard.
    #[inline]
    pub(super) fn obey(&mut self) {
        if let Some(tie) = &self.tie
            && let Some(order) = tie.orders().take()
        {
            self.on_order(order);
        }
    }

    /// The same for a task that is about to wait, and is woken by an order; `true` if there was one.
    pub(super) fn poll_order(&mut self, cx: &Context<'_>) -> bool {
        let Some(tie) = &self.tie else { return false };
        let Poll::Ready(order) = tie.orders().poll(cx) else { return false };
        self.on_order(order);
        true
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Close(code, reason) => self.begin_close(code, &reason),
            Order::Cut => {
                self.end(Err(Error::Disconnected));
                if let Phase::Ending(ending) = &mut self.phase {
                    ending.outcome = Err(Error::Disconnected);
                }
            }
        }
    }
}

/// Without servers there is nobody to give orders.
#[cfg(not(feature = "server"))]
#[expect(clippy::needless_pass_by_ref_mut, reason = "with servers they change it")]
impl<S> Driver<S> {
    pub(super) fn obey(&mut self) {}

    pub(super) fn poll_order(&mut self, _: &Context<'_>) -> bool {
        false
    }
}
