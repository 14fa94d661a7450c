//! What waits for one receiver.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use trunkline_proto::{CloseCode, Prepared};

use super::{ReceiverLimits, SlowReceiver};

/// Places that an outbox keeps while nothing waits in it: 128 bytes. More are given back.
const PLACES_KEPT: usize = 16;

pub(super) struct Outbox {
    limits: ReceiverLimits,
    messages: VecDeque<Prepared>,
    /// Their payload.
    bytes: usize,
    dropped: u64,
    /// With which code the connection is to be closed, once the receiver has been too slow.
    cut_off: Option<CloseCode>,
    /// Who waits for the outbox to have something in it.
    waker: Option<Waker>,
}

/// What became of a publication.
#[derive(Default)]
pub(super) struct Offered {
    /// Who is to be woken.
    pub(super) waker: Option<Waker>,
    /// How many publications were dropped, this one or others.
    pub(super) dropped: u64,
    /// The receiver was cut off.
    pub(super) cut_off: bool,
}

impl Outbox {
    pub(super) fn new(limits: ReceiverLimits) -> Self {
        let messages = VecDeque::new();
        Self { limits, messages, bytes: 0, dropped: 0, cut_off: None, waker: None }
    }

    /// Takes a publication, or does what the limits say instead.
    pub(super) fn offer(&mut self, message: &Prepared) -> Offered {
        if self.cut_off.is_some() {
            return Offered::default();
        }
        let was_empty = self.messages.is_empty();
        let mut offered = Offered::default();
        match self.limits.slow {
            SlowReceiver::Latest => offered.dropped = self.clear(),
            _ if self.has_room_for(message) => {}
            SlowReceiver::DropNewest => {
                self.dropped += 1;
                return Offered { dropped: 1, ..offered };
            }
            SlowReceiver::DropOldest => {
                while !self.has_room_for(message) && self.pop().is_some() {
                    offered.dropped += 1;
                }
            }
            SlowReceiver::Close(code) => {
                offered.dropped = self.clear() + 1;
                self.messages = VecDeque::new();
                self.cut_off = Some(code);
            }
        }
        self.dropped += offered.dropped;
        offered.cut_off = self.cut_off.is_some();
        if !offered.cut_off {
            self.bytes += message.message().len();
            self.messages.push_back(message.clone());
        }
        if was_empty || offered.cut_off {
            offered.waker = self.waker.take();
        }
        offered
    }

    fn has_room_for(&self, message: &Prepared) -> bool {
        // One always fits, or it could never be received.
        self.messages.is_empty()
            || (self.limits.messages.allows(self.messages.len() + 1)
                && self.limits.bytes.allows(self.bytes.saturating_add(message.message().len())))
    }

    /// Takes the next publication.
    pub(super) fn pop(&mut self) -> Option<Prepared> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.message().len();
        if self.messages.is_empty() && self.messages.capacity() > PLACES_KEPT {
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    /// Takes the next publication if there is one; the code if the receiver was cut off.
    pub(super) fn try_pop(&mut self) -> Result<Option<Prepared>, CloseCode> {
        match (self.pop(), self.cut_off) {
            (None, Some(code)) => Err(code),
            (message, _) => Ok(message),
        }
    }

    /// Puts back what has just been taken.
    pub(super) fn unpop(&mut self, message: Prepared) {
        self.bytes += message.message().len();
        self.messages.push_front(message);
    }

    /// Ready when there is something to take, or with the code if the receiver was cut off. Else the
    /// task is woken once that changes.
    pub(super) fn poll_some(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseCode>> {
        if self.messages.is_empty() { self.poll_cut_off(cx).map(Err) } else { Poll::Ready(Ok(())) }
    }

    /// Ready with the code if the receiver was cut off. Else the task is woken once it is, or once
    /// something comes into the empty outbox.
    pub(super) fn poll_cut_off(&mut self, cx: &Context<'_>) -> Poll<CloseCode> {
        if let Some(code) = self.cut_off {
            return Poll::Ready(code);
        }
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn clear(&mut self) -> u64 {
        let cleared = self.messages.len() as u64;
        self.messages.clear();
        self.bytes = 0;
        cleared
    }
}
