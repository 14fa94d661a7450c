//! What the server that accepted a connection wants of it, see [`crate::tether`].

use std::task::Context;
#[cfg(feature = "server")]
use std::task::Poll;

use super::Driver;
#[cfg(feature = "server")]
use super::Phase;
#[cfg(feature = "server")]
use crate::error::Error;
#[cfg(feature = "server")]
use crate::tether::{ConnectionEnd, Order};

#[cfg(feature = "server")]
impl<S> Driver<S> {
    /// Ties the connection to the server that accepted it.
    pub(crate) fn tie(&mut self, tether: ConnectionEnd<S>) {
        self.tether = Some(tether);
    }

    /// Ends that, for whoever is to give the connection back.
    pub(super) fn untie(&mut self) -> Option<ConnectionEnd<S>> {
        self.tether.take()
    }

    /// Does what the server has ordered, if anything. Looked at in each poll, so that a peer who never
    /// pauses does not keep the order from being heard.
    #[inline]
    pub(super) fn obey(&mut self) {
        if let Some(tether) = &self.tether
            && let Some(order) = tether.take_order()
        {
            self.on_order(order);
        }
    }

    /// The same for a task that is about to wait, and is woken by an order; `true` if there was one.
    pub(super) fn poll_order(&mut self, cx: &Context<'_>) -> bool {
        let Some(tether) = &self.tether else { return false };
        let Poll::Ready(order) = tether.poll_order(cx) else { return false };
        self.on_order(order);
        true
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Close(code, reason) => self.begin_close(code, &reason),
            Order::Cut => {
                self.end(Err(Error::Disconnected));
                if let Phase::Ending { outcome, .. } = &mut self.phase {
                    *outcome = Err(Error::Disconnected);
                }
            }
        }
    }
}

/// Without servers there is nobody to give orders.
#[cfg(not(feature = "server"))]
impl<S> Driver<S> {
    pub(super) fn obey(&mut self) {}

    pub(super) fn poll_order(&mut self, _: &Context<'_>) -> bool {
        false
    }
}
