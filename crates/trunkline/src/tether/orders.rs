//! What a connection is told by whoever looks after it, and how it hears of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use trunkline_proto::CloseCode;

/// What a connection is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Close, and say why.
    Close(CloseCode, Arc<str>),
    /// Stop at once: there is no time left.
    Cut,
}

/// Who passes an order on to a connection.
pub(crate) trait TakesOrders {
    /// Gives an order, which takes the place of an earlier one that was not heard yet.
    fn order(&self, order: Order);
}

/// The order to one connection that was not heard yet.
#[derive(Default)]
pub(crate) struct Orders {
    /// Whether there is one: can be seen without the lock.
    ordered: AtomicBool,
    next: Mutex<Next>,
}

#[derive(Default)]
struct Next {
    order: Option<Order>,
    /// The task that waits for the connection, to wake for an order.
    waker: Option<Waker>,
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An order that was not heard yet.
    #[inline]
    pub(crate) fn take(&self) -> Option<Order> {
        if !self.ordered.load(Ordering::Acquire) {
            return None;
        }
        let mut next = self.lock();
        self.ordered.store(false, Ordering::Release);
        next.order.take()
    }

    /// Ready with an order that was not heard yet; wakes the task when one is given.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Order> {
        let mut next = self.lock();
        if let Some(order) = next.order.take() {
            self.ordered.store(false, Ordering::Release);
            return Poll::Ready(order);
        }
        match &mut next.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl TakesOrders for Orders {
    fn order(&self, order: Order) {
        let waker = {
            let mut next = self.lock();
            next.order = Some(order);
            self.ordered.store(true, Ordering::Release);
            next.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
