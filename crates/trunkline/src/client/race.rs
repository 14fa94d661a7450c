//! [`Race`]: attempts to connect to several addresses, each a little later than the one before (RFC 8305).
//!
//! Addresses of both families take turns. The next one begins when the last has been silent for the
//! attempt delay, or when one fails; the first to connect wins, and dropping the race drops the others.
//! It spawns nothing: all attempts are polled by whoever waits.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::resolve::{Answer, Lookup};

/// How long addresses of IPv4 wait for those of IPv6 (RFC 8305 §3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Addresses of a family that are kept: far more than are tried, and a bound for whoever answers for the name.
const KEPT_MAX: usize = 128;

const IPV6: usize = 0;
const IPV4: usize = 1;

type Connecting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

pub(super) struct Race<T> {
    /// What is still being looked up.
    answers: Vec<Answer>,
    /// The first thing that went wrong with that.
    pub(super) lookup_error: Option<io::Error>,
    addresses: Addresses,
    connect: Box<dyn Fn(SocketAddr) -> Connecting<T> + Send + Sync>,
    attempts: Vec<(SocketAddr, Connecting<T>)>,
    /// The attempts that failed, in the order in which they did.
    pub(super) failed: Vec<(SocketAddr, io::Error)>,
    /// Attempts that may still begin.
    attempts_left: usize,
    delay: Duration,
    /// When the next attempt begins if nothing happens; none has begun without it.
    next: Option<Pin<Box<Sleep>>>,
}

impl<T> Race<T> {
    pub(super) fn new<F>(
        lookup: Lookup,
        delay: Duration,
        addresses_max: usize,
        connect: impl Fn(SocketAddr) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        // Answers of one family each are in no order but that of IPv6 first (§4).
        let turn = (lookup.answers.len() > 1).then_some(IPV6);
        Self {
            answers: lookup.answers,
            lookup_error: None,
            addresses: Addresses { turn, ..Addresses::default() },
            connect: Box::new(move |address| Box::pin(connect(address))),
            attempts: Vec::new(),
            failed: Vec::new(),
            attempts_left: addresses_max,
            delay,
            next: None,
        }
    }

    /// The addresses that are known, in the order in which they would be tried.
    pub(super) fn into_addresses(mut self) -> Vec<SocketAddr> {
        std::iter::from_fn(|| self.addresses.pop()).collect()
    }

    /// Waits until there is something to begin with: `false` if there will be nothing.
    pub(super) async fn resolve(&mut self) -> bool {
        let mut patience: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            self.poll_answers(cx);
            if self.answers.is_empty() || self.addresses.has_ipv6() {
                return Poll::Ready(!self.addresses.is_empty());
            }
            if self.addresses.is_empty() {
                return Poll::Pending;
            }
            let patience = patience
                .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + RESOLUTION_DELAY)));
            patience.as_mut().poll(cx).map(|()| true)
        })
        .await
    }

    /// Connects to whichever address is first; `None` if none can be.
    pub(super) async fn run(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_run(cx)).await
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            self.poll_answers(cx);
            let failed = self.failed.len();
            if let Some(connected) = self.poll_attempts(cx) {
                return Poll::Ready(Some(connected));
            }
            let has_next = self.attempts_left > 0 && !self.addresses.is_empty();
            if !has_next
                && self.attempts.is_empty()
                && (self.answers.is_empty() || self.attempts_left == 0)
            {
                return Poll::Ready(None);
            }
            let is_due =
                self.attempts.is_empty() || self.failed.len() > failed || self.poll_next(cx);
            if !(has_next && is_due) {
                return Poll::Pending;
            }
            self.begin();
        }
    }

    /// Takes the addresses that have been found meanwhile.
    fn poll_answers(&mut self, cx: &mut Context<'_>) {
        let Self { answers, addresses, lookup_error, .. } = self;
        answers.retain_mut(|answer| match answer.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(found)) => {
                addresses.extend(found);
                false
            }
            Poll::Ready(Err(error)) => {
                lookup_error.get_or_insert(error);
                false
            }
        });
    }

    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut index = 0;
        while let Some((address, attempt)) = self.attempts.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(connected)) => return Some(connected),
                Poll::Ready(Err(error)) => {
                    self.failed.push((*address, error));
                    drop(self.attempts.remove(index));
                }
            }
        }
        None
    }

    /// Whether the last attempt has been silent for long enough.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> bool {
        self.next.as_mut().is_none_or(|next| next.as_mut().poll(cx).is_ready())
    }

    fn begin(&mut self) {
        let Some(address) = self.addresses.pop() else { return };
        self.attempts_left -= 1;
        self.attempts.push((address, (self.connect)(address)));
        let next = Instant::now() + self.delay;
        match &mut self.next {
            Some(sleep) => sleep.as_mut().reset(next),
            None => self.next = Some(Box::pin(sleep_until(next))),
        }
    }

    /// The addresses that have not answered yet.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.attempts.iter().map(|(address, _)| *address)
    }

    /// Addresses that were found and not tried.
    pub(super) fn untried(&self) -> usize {
        self.addresses.queues.iter().map(VecDeque::len).sum()
    }
}

/// Addresses to try, those of both families in turn (§4): the family that its resolver put first begins.
#[derive(Default)]
struct Addresses {
    queues: [VecDeque<SocketAddr>; 2],
    /// The family whose turn it is.
    turn: Option<usize>,
}

impl Addresses {
    fn extend(&mut self, found: Vec<SocketAddr>) {
        for address in found {
            let family = if address.is_ipv4() { IPV4 } else { IPV6 };
            self.turn.get_or_insert(family);
            let queue = &mut self.queues[family];
            if queue.len() < KEPT_MAX && !queue.contains(&address) {
                queue.push_back(address);
            }
        }
    }

    fn pop(&mut self) -> Option<SocketAddr> {
        let order = if self.turn == Some(IPV4) { [IPV4, IPV6] } else { [IPV6, IPV4] };
        let family = order.into_iter().find(|&family| !self.queues[family].is_empty())?;
        self.turn = Some(IPV4 + IPV6 - family);
        self.queues[family].pop_front()
    }

    fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }

    fn has_ipv6(&self) -> bool {
        !self.queues[IPV6].is_empty()
    }
}

#[cfg(test)]
mod tests;
