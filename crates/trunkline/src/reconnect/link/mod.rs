//! The connection through all its lives: one state after the other, driven by whoever is polled.
//!
//! All that an attempt or a connection needs is kept in here, and nothing in the futures that poll it. So
//! each of those can be dropped at any time.

mod closing;
mod sending;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};
use trunkline_proto::{CloseCode, CloseInfo, Message};

use super::ended::{Ended, Why};
use super::failure::Failure;
use super::outbox::Outbox;
use super::policy::{Policy, Row};
use super::state::{Change, State};
use crate::driver::Progress;
use crate::error::Error;
use crate::observe;
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
    /// Counts what the other half may have to hear of.
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
    /// Nothing can be written any more.
    failed: Option<WriteFailure>,
    closing: Closing,
}

/// What has come in can still be read, but not for ever: a peer that goes on talking does not know that
/// nobody answers.
struct WriteFailure {
    error: Error,
    /// As long as a closing handshake may take.
    deadline: Pin<Box<Sleep>>,
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
        self.failed.is_none() && self.ws.is_open()
    }

    fn is_closing(&self) -> bool {
        !matches!(self.closing, Closing::No)
    }

    /// Ready once it has been read from for long enough after a write failed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.failed {
            Some(failed) => failed.deadline.as_mut().poll(cx),
            None => Poll::Pending,
        }
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
        observe::attempt_begins(self.row.attempts);
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
                observe::no_connection(self.row.attempts, &failure, retry_in);
                self.observe(&Change::Failed { failure: &failure, retry_in });
                self.enter(Phase::Pausing(Box::pin(sleep(retry_in))));
            }
            Err(ended) => self.end(ended),
        }
    }

    fn end(&mut self, ended: Ended) {
        observe::gave_up(&ended);
        self.observe(&Change::Ended(&ended));
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
        let (since, failed, closing) = (Instant::now(), None, Closing::No);
        self.enter(Phase::Open(Open { ws, since, failed, closing }));
        observe::reconnected(self.connections);
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
            let ended = match open.ws.driver_mut().poll_ahead(cx) {
                Poll::Ready(ended) => ended,
                Poll::Pending => ready!(open.poll_deadline(cx).map(|()| Ok(Progress::Satisfied))),
            };
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
            if open.poll_deadline(cx).is_ready() {
                self.on_lost(Ok(Progress::Satisfied));
                continue;
            }
            let received = poll_recv(open.ws.driver_mut(), cx);
            if open.ws.driver_mut().has_write_failed() {
                // The driver passes over it, for the peer may have said why before it hung up.
                self.on_write_failed(Error::Disconnected);
            }
            self.take_note_of_writes();
            match received {
                Poll::Ready(Ok(Some(message))) => return Poll::Ready(Ok(Some(message))),
                Poll::Ready(Ok(None)) => self.on_lost(Ok(Progress::Closed)),
                Poll::Ready(Err(error)) => self.on_lost(Err(error)),
                // What was written has made room for more.
                Poll::Pending if self.pump() => {}
                Poll::Pending => ready!(self.poll_deadline(cx)),
            }
        }
    }

    /// Nothing more can be written.
    fn on_write_failed(&mut self, error: Error) {
        self.settle();
        if let Phase::Open(open) = &mut self.phase
            && open.failed.is_none()
        {
            let timeout = open.ws.driver_mut().connection().settings().close_timeout;
            open.failed = Some(WriteFailure { error, deadline: Box::pin(sleep(timeout)) });
            self.changes += 1;
        }
    }

    /// Settles what becomes of the messages that were being written, unless that has been done.
    fn settle(&mut self) {
        self.take_note_of_writes();
        if let Phase::Open(open) = &mut self.phase
            && open.failed.is_none()
        {
            let driver = open.ws.driver_mut();
            self.outbox.on_lost(driver.has_write_failed() && !is_exact(driver.stream()));
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.phase {
            Phase::Open(open) => open.poll_deadline(cx),
            _ => Poll::Pending,
        }
    }

    /// The connection is over.
    fn on_lost(&mut self, ended: Result<Progress, Error>) {
        self.settle();
        let Phase::Open(mut open) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        while let Some(message) = open.ws.driver_mut().pop_ahead() {
            self.keep(message);
        }
        self.close_info = open.ws.close_info().cloned();
        let write_error = open.failed.map_or(Error::Disconnected, |failed| failed.error);
        let failure = match (ended, self.close_info.clone()) {
            (Ok(Progress::Closed), Some(info)) => Failure::Closed(info),
            // What the write said is at least as much.
            (Err(Error::Disconnected) | Ok(_), _) => Failure::Broken(write_error),
            (Err(error), _) => Failure::Broken(error),
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
