//! The connection through all its lives: one state after the other, driven by whoever is polled.
//!
//! All that an attempt or a connection needs is kept in here, and nothing in the futures that poll it. So
//! each of those can be dropped at any time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};
use trunkline_proto::{CloseCode, CloseInfo, Message, Outgoing};

use super::ended::{Ended, SendError, SendErrorKind, Why};
use super::failure::Failure;
use super::outbox::{Fate, Outbox};
use super::policy::{Policy, Row};
use super::state::{Change, State};
use crate::driver::{Progress, again};
use crate::error::Error;
use crate::transport::is_exact;
use crate::websocket::{WebSocket, poll_recv};

/// What lost connections had received is kept for a program that does not receive up to this size, and
/// then the oldest is dropped: what a connection that is not received from keeps itself.
const LEFT_BYTES: usize = 64 << 10;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Opening<S> = Pin<Box<dyn Future<Output = Result<WebSocket<S>, BoxError>> + Send>>;
type Hook<S> = Box<dyn FnMut(WebSocket<S>) -> Opening<S> + Send>;
type Observer = Box<dyn FnMut(&Change<'_>) + Send>;

pub(super) struct Link<S> {
    pub(super) policy: Policy,
    pub(super) outbox: Outbox,
    pub(super) hook: Option<Hook<S>>,
    pub(super) observer: Option<Observer>,
    connect: Box<dyn FnMut() -> Opening<S> + Send>,
    phase: Phase<S>,
    row: Row,
    /// Messages that lost connections had received.
    left: VecDeque<Message>,
    left_bytes: usize,
    connections: u64,
    last_failure: Option<Arc<Failure>>,
    close_info: Option<CloseInfo>,
    /// Whether `recv` has told of the end.
    told: bool,
    /// Counts changes of phase, for the half that did not make them.
    changes: u64,
}

enum Phase<S> {
    Idle,
    Opening(Attempt<S>),
    Open(Open<S>),
    Pausing(Pin<Box<Sleep>>),
    Ended(Ended),
}

struct Attempt<S> {
    opening: Opening<S>,
    is_in_hook: bool,
    deadline: Pin<Box<Sleep>>,
}

struct Open<S> {
    ws: WebSocket<S>,
    since: Instant,
    /// Nothing can be written any more; what has come in can still be read.
    write_failure: Option<Error>,
    closing: Closing,
}

/// How far this end is with closing for good.
enum Closing {
    No,
    /// Once the queue has been written.
    Asked(CloseCode, Box<str>),
    Begun,
}

impl<S> Open<S> {
    /// Whether messages can be sent.
    fn is_writable(&self) -> bool {
        self.write_failure.is_none() && self.ws.is_open()
    }

    fn is_closing(&self) -> bool {
        !matches!(self.closing, Closing::No)
    }
}

impl<S> Link<S> {
    pub(super) fn new(connect: Box<dyn FnMut() -> Opening<S> + Send>) -> Self {
        Self {
            policy: Policy::default(),
            outbox: Outbox::default(),
            hook: None,
            observer: None,
            connect,
            phase: Phase::Idle,
            row: Row::default(),
            left: VecDeque::new(),
            left_bytes: 0,
            connections: 0,
            last_failure: None,
            close_info: None,
            told: false,
            changes: 0,
        }
    }

    pub(super) fn state(&self) -> State {
        match &self.phase {
            Phase::Idle => State::Idle,
            Phase::Opening(_) => State::Connecting,
            Phase::Open(open) if open.is_writable() && !open.is_closing() => State::Open,
            Phase::Open(_) => State::Closing,
            Phase::Pausing(_) => State::Waiting,
            Phase::Ended(_) => State::Ended,
        }
    }

    pub(super) fn websocket(&self) -> Option<&WebSocket<S>> {
        match &self.phase {
            Phase::Open(open) => Some(&open.ws),
            _ => None,
        }
    }

    pub(super) fn attempts(&self) -> u32 {
        self.row.attempts
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections
    }

    pub(super) fn last_failure(&self) -> Option<Arc<Failure>> {
        self.last_failure.clone()
    }

    pub(super) fn close_info(&self) -> Option<&CloseInfo> {
        self.close_info.as_ref()
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    fn enter(&mut self, phase: Phase<S>) {
        self.phase = phase;
        self.changes += 1;
    }

    fn observe(&mut self, change: &Change<'_>) {
        if let Some(observer) = &mut self.observer {
            observer(change);
        }
    }

    fn begin_attempt(&mut self) {
        self.row.begin();
        self.observe(&Change::Connecting { attempt: self.row.attempts });
        let attempt = Attempt {
            opening: (self.connect)(),
            is_in_hook: false,
            deadline: Box::pin(sleep(self.policy.attempt_timeout)),
        };
        self.enter(Phase::Opening(attempt));
    }

    fn on_failed(&mut self, failure: Failure) {
        let failure = Arc::new(failure);
        self.last_failure = Some(Arc::clone(&failure));
        match self.policy.judge(&failure, &mut self.row) {
            Ok(retry_in) => {
                self.observe(&Change::Failed { failure: &failure, retry_in });
                self.enter(Phase::Pausing(Box::pin(sleep(retry_in))));
            }
            Err(ended) => self.end(ended),
        }
    }

    fn end(&mut self, ended: Ended) {
        self.observe(&Change::Ended(&ended));
        self.outbox.return_awaited();
        self.enter(Phase::Ended(ended));
    }

    /// The end that this side asked for.
    fn end_as_closed(&mut self) {
        let ended = Ended::new(Why::Closed, self.last_failure.clone(), self.row.attempts);
        self.end(ended);
    }

    fn keep(&mut self, message: Message) {
        self.left_bytes += message.len() + size_of::<Message>();
        self.left.push_back(message);
        while self.left_bytes > LEFT_BYTES && self.left.len() > 1 {
            self.pop_left();
        }
    }

    fn pop_left(&mut self) -> Option<Message> {
        let message = self.left.pop_front()?;
        self.left_bytes -= message.len() + size_of::<Message>();
        Some(message)
    }

    /// The end as `recv` tells it: once.
    fn tell(&mut self, ended: Ended) -> Result<Option<Message>, Ended> {
        if std::mem::replace(&mut self.told, true) || ended.is_closed() {
            Ok(None)
        } else {
            Err(ended)
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Link<S> {
    /// Ready once there is a connection, or never will be.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<&mut Open<S>, Ended>> {
        while !matches!(self.phase, Phase::Open(_)) {
            match &mut self.phase {
                Phase::Idle => self.begin_attempt(),
                Phase::Pausing(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.begin_attempt();
                }
                Phase::Opening(attempt) => {
                    let opened = ready!(attempt.poll(cx));
                    self.on_opened(opened);
                }
                Phase::Ended(ended) => return Poll::Ready(Err(ended.clone())),
                Phase::Open(_) => {}
            }
        }
        let Phase::Open(open) = &mut self.phase else { unreachable!("the loop ended") };
        Poll::Ready(Ok(open))
    }

    /// An attempt has come to its end, or to its hook.
    fn on_opened(&mut self, opened: Result<WebSocket<S>, Failure>) {
        let ws = match opened {
            Ok(ws) => ws,
            Err(failure) => return self.on_failed(failure),
        };
        if let Phase::Opening(attempt) = &mut self.phase
            && !attempt.is_in_hook
            && let Some(hook) = &mut self.hook
        {
            attempt.opening = hook(ws);
            attempt.is_in_hook = true;
            return;
        }
        self.connections += 1;
        let (since, write_failure, closing) = (Instant::now(), None, Closing::No);
        self.enter(Phase::Open(Open { ws, since, write_failure, closing }));
        self.observe(&Change::Connected { connections: self.connections });
    }

    /// Ready once there is a connection that messages can be sent on, or never will be. One that is about
    /// to end is driven to its end; what it still brings is kept for `recv`.
    pub(super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        loop {
            self.pump();
            let open = ready!(self.poll_open(cx))?;
            if open.is_writable() {
                return Poll::Ready(Ok(()));
            }
            let ended = ready!(open.ws.driver_mut().poll_ahead(cx));
            self.on_lost(ended);
        }
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Ended>> {
        loop {
            if let Some(message) = self.pop_left() {
                return Poll::Ready(Ok(Some(message)));
            }
            self.pump();
            let open = match ready!(self.poll_open(cx)) {
                Ok(open) => open,
                Err(ended) => return Poll::Ready(self.tell(ended)),
            };
            let received = poll_recv(open.ws.driver_mut(), cx);
            self.take_note_of_writes();
            match received {
                Poll::Ready(Ok(Some(message))) => return Poll::Ready(Ok(Some(message))),
                Poll::Ready(Ok(None)) => self.on_lost(Ok(Progress::Closed)),
                Poll::Ready(Err(error)) => self.on_lost(Err(error)),
                // What was written has made room for more.
                Poll::Pending if self.pump() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes a message into the send queue or into the outbox, once there is room. If it `is_awaited`,
    /// [`Self::poll_sent`] tells what becomes of it.
    pub(super) fn poll_feed(
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
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
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
                        Fate::Waiting => (SendErrorKind::Ended(ended), None),
                    },
                },
            };
            return Poll::Ready(Err(SendError::new(kind, message)));
        }
    }

    /// Ready once the transport has taken everything.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
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

    /// Closes for good, once what is queued has been written.
    pub(super) fn begin_close(&mut self, code: CloseCode, reason: &str) {
        match &mut self.phase {
            Phase::Open(open) if open.is_closing() => {}
            Phase::Open(open) => open.closing = Closing::Asked(code, reason.into()),
            Phase::Ended(_) => {}
            _ => self.end_as_closed(),
        }
        self.pump();
    }

    /// Ready once it has been closed, what came in until then having been thrown away.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
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
    pub(super) fn poll_close_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            self.pump();
            let Phase::Open(open) = &mut self.phase else { return Poll::Ready(Ok(())) };
            if !open.is_writable() {
                return open.ws.driver_mut().poll_flush(cx);
            }
            ready!(self.poll_flush_open(cx));
        }
    }

    /// Writes what waits on the connection that is open. An error shows in what becomes of the messages.
    fn poll_flush_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Phase::Open(open) = &mut self.phase else { return Poll::Ready(()) };
        let flushed = open.ws.driver_mut().poll_flush(cx);
        self.take_note_of_writes();
        let flushed = ready!(flushed);
        if let (Err(error), Phase::Open(open)) = (flushed, &mut self.phase) {
            open.write_failure = Some(error);
            self.give_up_writing();
        }
        Poll::Ready(())
    }

    /// Hands held messages to the connection as far as there is room, and begins to close if that was
    /// asked for. Whether there is something to write now.
    fn pump(&mut self) -> bool {
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

    fn take_note_of_writes(&mut self) {
        if let Phase::Open(open) = &mut self.phase
            && open.write_failure.is_none()
        {
            let driver = open.ws.driver_mut();
            let position = driver.connection().transmitted_bytes();
            self.outbox.on_written(position, !driver.is_unflushed());
        }
    }

    /// Nothing more can be written: what becomes of the messages is settled.
    fn give_up_writing(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            let driver = open.ws.driver_mut();
            let is_in_doubt = driver.has_write_failed() && !is_exact(driver.stream());
            self.outbox.on_lost(is_in_doubt);
        }
    }

    /// The connection is over.
    fn on_lost(&mut self, ended: Result<Progress, Error>) {
        self.take_note_of_writes();
        if matches!(&self.phase, Phase::Open(open) if open.write_failure.is_none()) {
            self.give_up_writing();
        }
        let Phase::Open(mut open) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        while let Some(message) = open.ws.driver_mut().pop_ahead() {
            self.keep(message);
        }
        self.close_info = open.ws.close_info().cloned();
        let failure = match (ended, self.close_info.clone(), open.write_failure) {
            (Ok(Progress::Closed), Some(info), _) => Failure::Closed(info),
            (_, _, Some(error)) | (Err(error), _, None) => Failure::Broken(error),
            (Ok(_), _, None) => Failure::Broken(Error::Disconnected),
        };
        if matches!(open.closing, Closing::No) {
            self.row.on_lost(open.since.elapsed(), &self.policy.backoff);
            self.on_failed(failure);
        } else {
            if let Failure::Broken(_) = failure {
                self.last_failure = Some(Arc::new(failure));
            }
            self.end_as_closed();
        }
    }
}

impl<S> Attempt<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<WebSocket<S>, Failure>> {
        let fail = if self.is_in_hook { Failure::Hook } else { Failure::Connect };
        if let Poll::Ready(opened) = self.opening.as_mut().poll(cx) {
            return Poll::Ready(opened.map_err(fail));
        }
        self.deadline.as_mut().poll(cx).map(|()| Err(Failure::Timeout))
    }
}

/// Queues a message and gives where it ends, or nothing if the connection does not take it.
fn queue<S>(ws: &mut WebSocket<S>, message: &Message) -> Option<u64> {
    let driver = ws.driver_mut();
    driver.before_queue();
    let connection = driver.connection_mut();
    connection.queue(message).ok()?;
    Some(connection.transmitted_bytes() + connection.transmit_bytes() as u64)
}
