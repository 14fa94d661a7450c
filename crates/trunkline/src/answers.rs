//! Answering messages where they lie.

use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::message::InPlace;
use trunkline_proto::{Event, Message, Outgoing, QueueErrorKind, Received, Sending};

use crate::driver::{Driver, MESSAGES_IN_A_ROW, Next, Progress, Sink};
use crate::error::SendError;
use crate::observe::{Life, Size};
use crate::scratch;
use crate::websocket::owned;

/// Takes the answers to one message, see [`WebSocket::answer`](crate::WebSocket::answer).
pub struct Answers<'a> {
    sending: Sending<'a>,
    life: &'a mut Life,
    /// Whether nothing was said to this message yet.
    is_first: bool,
}

impl<'a> Answers<'a> {
    #[inline]
    pub(crate) fn new(sending: Sending<'a>, life: &'a mut Life) -> Self {
        Self { sending, life, is_first: true }
    }

    /// Queues an answer. There is always room for the first.
    ///
    /// # Errors
    /// Why it was not queued, with the message: closing has begun on this side, or
    /// [`Limits::send_high_water_bytes`](trunkline_proto::limits::Limits::send_high_water_bytes) wait already,
    /// as they may after the first answer.
    #[inline(always)]
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let message = message.into();
        if self.feed_plain(&message) { Ok(()) } else { self.feed_any(message) }
    }

    /// Nearly always: the first answer to a small message. A function of its own, so that what calls it can become
    /// part of what takes the messages.
    #[inline(never)]
    fn feed_plain(&mut self, message: &Outgoing<'_>) -> bool {
        if !self.is_first {
            return false;
        }
        self.before_queue();
        let is_queued = self.sending.queue_plain(message);
        if is_queued {
            self.is_first = false;
            self.life.sent(Size::of(message));
        }
        is_queued
    }

    /// Queues any answer that [`feed_plain`](Self::feed_plain) has not, and does what has to be done for it.
    #[inline(never)]
    fn feed_any(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        // For the first there is room, and a buffer has been lent. A pong may have taken the room for others since.
        if !std::mem::take(&mut self.is_first) {
            if !self.has_room() {
                return Err(SendError::refused(QueueErrorKind::Full, owned(message)));
            }
            self.before_queue();
        }
        let size = Size::of(&message);
        match self.sending.queue_promised(message) {
            Ok(()) => {
                self.life.sent(size);
                Ok(())
            }
            Err(error) => Err(SendError::refused(error.kind(), owned(error.into_outgoing()))),
        }
    }

    /// As [`Driver::before_queue`].
    #[inline(always)]
    fn before_queue(&mut self) {
        if !self.sending.wants_transmit() {
            self.sending.lend_buffer(scratch::take_write());
        }
    }

    /// Whether there is room for another answer.
    #[inline]
    pub fn has_room(&self) -> bool {
        !self.sending.is_above_high_water()
    }
}

impl std::fmt::Debug for Answers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answers").field(&self.sending).finish()
    }
}

/// Answers what comes in, as long as that goes well and is written.
struct Answering<'f, F> {
    answer: &'f mut F,
    messages: usize,
    stop: Option<Stop>,
}

/// Why no further message is answered for now.
enum Stop {
    /// It is the turn of other tasks.
    Row,
    /// There is no room for an answer.
    Full,
    /// It went wrong.
    Failed(SendError),
}

impl<F> Answering<'_, F>
where
    F: FnMut(Received<'_>, &mut Answers<'_>) -> Result<(), SendError>,
{
    /// Gives whether another message may be answered at once.
    #[inline(always)]
    fn answer(&mut self, message: Received<'_>, mut answers: Answers<'_>) -> bool {
        self.messages += 1;
        let answered = (self.answer)(message, &mut answers);
        if answered.is_ok() && answers.has_room() {
            if self.messages == MESSAGES_IN_A_ROW {
                self.stop = Some(Stop::Row);
            }
            return true;
        }
        self.stop = Some(answered.err().map_or(Stop::Full, Stop::Failed));
        false
    }

    /// The same for a message that was put together: apart, so that what answers can become part of
    /// [`on_in_place`](Sink::on_in_place).
    #[inline(never)]
    fn answer_whole(&mut self, message: Message, answers: Answers<'_>) {
        self.answer(Received::Whole(message), answers);
    }
}

impl<F> Sink for Answering<'_, F>
where
    F: FnMut(Received<'_>, &mut Answers<'_>) -> Result<(), SendError>,
{
    fn on_event(&mut self, _event: Event<'_>) -> Next {
        Next::Any
    }

    /// A row ends here, for few bytes can be many such messages: they may have been compressed.
    fn on_message(&mut self, message: Message, answers: Answers<'_>) -> Next {
        self.answer_whole(message, answers);
        if self.is_satisfied() { Next::Nothing } else { Next::Any }
    }

    /// What came in the same read is still answered, whatever row that makes.
    #[inline(always)]
    fn on_in_place(&mut self, message: InPlace<'_>, answers: Answers<'_>) -> Next {
        if self.answer(message.unmask(), answers) { Next::Messages } else { Next::Nothing }
    }

    #[inline]
    fn is_satisfied(&self) -> bool {
        self.stop.is_some()
    }
}

pub(crate) fn poll_answers<S, F>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
    answer: &mut F,
) -> Poll<Result<(), SendError>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnMut(Received<'_>, &mut Answers<'_>) -> Result<(), SendError>,
{
    loop {
        ready!(driver.poll_turn(cx));
        ready!(driver.poll_room(cx))?;
        if let Some(message) = driver.pop_ahead() {
            driver.handed_out(1);
            answer(Received::Whole(message), &mut driver.answers())?;
            continue;
        }
        let mut answering = Answering { answer, messages: 0, stop: None };
        let progress = ready!(driver.poll_events(cx, &mut answering))?;
        let Answering { messages, stop, .. } = answering;
        driver.handed_out(messages);
        match stop {
            Some(Stop::Failed(error)) => return Poll::Ready(Err(error)),
            None if progress == Progress::Closed => return Poll::Ready(Ok(())),
            Some(Stop::Row | Stop::Full) | None => {}
        }
    }
}
