//! A connection from its first message to its end: both directions at once.

use std::cell::Cell;
use std::future::pending;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use trunkline::{
    CloseCode, CloseInfo, Error, Incoming, Initiator, Message, MessageKind, Reader, SendError,
    SendErrorKind, WebSocket, Writer,
};

use super::input::Typed;
use super::keyboard::{self, Action};
use super::outbox::Outbox;
use super::screen::{Gone, Screen};
use super::timing::{self, Timing};
use crate::args::{Connect, Wait};
use crate::dial;
use crate::exit::{Exit, Failure, chain};
use crate::output::time;
use crate::terminal::Colour;

/// How long `--timing` waits for the answer to its ping before it goes on without.
const PING_PATIENCE: Duration = Duration::from_secs(2);

type Interrupts = mpsc::UnboundedReceiver<()>;

/// What both directions know.
pub(super) struct Session<'a> {
    args: &'a Connect,
    screen: &'a Screen,
    timing: Timing,
    /// Somebody types.
    by_person: bool,
    /// Messages that came in.
    received: Cell<u64>,
    /// When the server was last heard.
    heard: Cell<Instant>,
    /// Pings that were asked for and have not been answered.
    pings: Cell<u64>,
}

/// How sending came to its end.
enum Sent {
    /// There is nothing more to send.
    Everything,
    /// The keyboard says so.
    Close(CloseCode, String),
    Failed(Failure),
    /// The connection is over: receiving tells why.
    Over,
}

/// How receiving came to its end.
enum Received {
    /// `--count` is reached.
    Enough,
    Closed(Option<CloseInfo>),
    Broken(Error),
    /// Nobody reads what is printed.
    Unread,
}

/// What to do about a connection that has served its purpose.
struct Closing {
    code: CloseCode,
    reason: String,
    /// What the command ends with if the server agrees.
    then: Result<Exit, Failure>,
}

impl Closing {
    fn normally(then: Result<Exit, Failure>) -> Self {
        Self { code: CloseCode::NORMAL, reason: String::new(), then }
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        args: &'a Connect,
        screen: &'a Screen,
        timing: Timing,
        by_person: bool,
    ) -> Self {
        Self {
            args,
            screen,
            timing,
            by_person,
            received: Cell::new(0),
            heard: Cell::new(Instant::now()),
            pings: Cell::new(0),
        }
    }

    pub(super) async fn run(
        &self,
        mut ws: WebSocket,
        outbox: Outbox,
        mut interrupts: Interrupts,
    ) -> Result<Exit, Failure> {
        if self.args.timing {
            self.measure(&mut ws).await;
        }
        let (reader, mut writer) = ws.split();
        let mut receiving = pin!(self.receive(reader));
        let ended = tokio::select! {
            received = &mut receiving => Err(received),
            closing = self.send_and_wait(&mut writer, outbox) => Ok(closing),
            // A keyboard says so only once it was pressed twice.
            _ = interrupts.recv() => match self.by_person {
                true => return Ok(Exit::Interrupted),
                false => Ok(Closing::normally(Ok(Exit::Interrupted))),
            },
        };
        let closed = async {
            match ended {
                Ok(closing) => self.close(&mut writer, closing, receiving).await,
                Err(received) => self.end(&mut writer, received).await,
            }
        };
        tokio::select! {
            ended = closed => ended,
            _ = interrupts.recv() => Ok(Exit::Interrupted),
        }
    }

    /// Tells how long the steps took, and one ping. Nothing else is sent meanwhile: it would take part
    /// of the time.
    async fn measure(&self, ws: &mut WebSocket) {
        for step in self.timing.steps() {
            self.screen.note(Colour::Dim, &step).await;
        }
        self.pings.set(1);
        let answered = async {
            // Should the connection end, the session will hear of it again.
            if ws.ping().await.is_err() {
                return;
            }
            while self.pings.get() > 0
                && let Ok(Some(incoming)) = ws.recv_incoming().await
                && self.on_incoming(incoming).await.is_ok()
            {}
        };
        if timeout(PING_PATIENCE, answered).await.is_err() {
            let text = format!("no answer to a ping in {}", time(PING_PATIENCE));
            self.screen.note(Colour::Dim, &text).await;
        }
    }

    /// Sends what there is to send, gives the server time to answer, and says how to close; never if
    /// the connection ends by itself.
    async fn send_and_wait(&self, writer: &mut Writer, outbox: Outbox) -> Closing {
        match self.send(writer, outbox).await {
            Sent::Everything if self.by_person => Closing::normally(Ok(Exit::Clean)),
            Sent::Everything => {
                self.silence().await;
                Closing::normally(self.judge_count(Exit::Timeout, "the server fell silent"))
            }
            Sent::Close(code, reason) => Closing { code, reason, then: Ok(Exit::Clean) },
            Sent::Failed(failure) => Closing::normally(Err(failure)),
            Sent::Over => pending().await,
        }
    }

    async fn send(&self, writer: &mut Writer, mut outbox: Outbox) -> Sent {
        if let Err(error) = self.send_first(writer, &mut outbox).await {
            return sent(&error);
        }
        while let Some(typed) = outbox.next().await {
            let sent_or = match typed {
                Typed::Text(line) if self.by_person => match keyboard::parse(&line) {
                    Ok(Action::Close(code, reason)) => return Sent::Close(code, reason),
                    Ok(action) => self.act(writer, action).await,
                    Err(why) => {
                        self.screen.note(Colour::Red, &why).await;
                        Ok(())
                    }
                },
                Typed::Text(text) => writer.feed(&text).await,
                Typed::Binary(bytes) => writer.feed(&bytes[..]).await,
                Typed::Part(part) => return self.send_parts(writer, part, outbox).await,
                Typed::Failed(failure) => return Sent::Failed(failure),
            };
            let flushed = async {
                sent_or?;
                if outbox.is_waiting() { flush(writer).await } else { Ok(()) }
            };
            if let Err(error) = flushed.await {
                return sent(&error);
            }
        }
        Sent::Everything
    }

    /// The texts of `--send`.
    async fn send_first(&self, writer: &mut Writer, outbox: &mut Outbox) -> Result<(), SendError> {
        while let Some(text) = outbox.next_first() {
            writer.feed(&text).await?;
        }
        flush(writer).await
    }

    /// Sends all of the input as one message.
    async fn send_parts(&self, writer: &mut Writer, first: Vec<u8>, mut outbox: Outbox) -> Sent {
        let all = async {
            let mut message = writer.send_streamed(MessageKind::Binary)?;
            message.write(&first).await?;
            while let Some(typed) = outbox.next().await {
                match typed {
                    Typed::Part(part) => message.write(&part).await?,
                    // Dropped unfinished, the message closes the connection: half of it must not pass
                    // for all of it.
                    Typed::Failed(failure) => return Ok(Sent::Failed(failure)),
                    Typed::Text(_) | Typed::Binary(_) => {}
                }
            }
            message.finish().await?;
            Ok(Sent::Everything)
        };
        all.await.unwrap_or_else(|error| sent(&error))
    }

    async fn act(&self, writer: &mut Writer, action: Action) -> Result<(), SendError> {
        match action {
            Action::Text(text) => writer.feed(&text).await,
            Action::Binary(bytes) => writer.feed(&bytes[..]).await,
            Action::Ping => self.ping(writer).await,
            Action::Help => {
                for line in keyboard::HELP {
                    self.screen.note(Colour::Dim, line).await;
                }
                Ok(())
            }
            Action::Close(..) | Action::Nothing => Ok(()),
        }
    }

    async fn ping(&self, writer: &mut Writer) -> Result<(), SendError> {
        self.pings.set(self.pings.get() + 1);
        // If that fails, so does receiving, which says why.
        let _ = writer.ping().await;
        Ok(())
    }

    /// Until the server has been silent for `--wait`.
    async fn silence(&self) {
        let Wait::For(wait) = self.args.wait() else { return pending().await };
        self.heard.set(Instant::now());
        loop {
            let until = self.heard.get() + wait;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    async fn receive(&self, mut reader: Reader) -> Received {
        while !self.count_is_reached() {
            let incoming = match reader.recv_incoming().await {
                Ok(Some(incoming)) => incoming,
                Ok(None) => return Received::Closed(reader.close_info()),
                Err(error) => return Received::Broken(error),
            };
            self.heard.set(Instant::now());
            if self.on_incoming(incoming).await.is_err() {
                return Received::Unread;
            }
        }
        Received::Enough
    }

    async fn on_incoming(&self, incoming: Incoming) -> Result<(), Gone> {
        match incoming {
            Incoming::Message(message) => self.on_message(&message).await?,
            Incoming::Ping(payload) if self.args.verbose => {
                let text = format!("ping from the server, {} bytes", payload.len());
                self.screen.note(Colour::Dim, &text).await;
            }
            Incoming::Pong(round_trip) => self.on_pong(round_trip).await,
            _ => {}
        }
        Ok(())
    }

    async fn on_message(&self, message: &Message) -> Result<(), Gone> {
        if self.args.timing && self.received.get() == 0 {
            self.screen.note(Colour::Dim, &self.timing.first_message()).await;
        }
        self.received.set(self.received.get() + 1);
        self.screen.message(message).await
    }

    async fn on_pong(&self, round_trip: Option<Duration>) {
        match round_trip {
            Some(round_trip) if self.pings.get() > 0 => {
                self.pings.set(self.pings.get() - 1);
                let text = timing::line("there and back", round_trip);
                self.screen.note(Colour::Dim, &text).await;
            }
            Some(_) => {}
            None if self.args.verbose => self.screen.note(Colour::Dim, "pong unasked for").await,
            None => {}
        }
    }

    fn count_is_reached(&self) -> bool {
        self.args.count().is_some_and(|count| self.received.get() >= count)
    }

    /// Clean, unless messages that were waited for did not come.
    fn judge_count(&self, otherwise: Exit, why: &str) -> Result<Exit, Failure> {
        match self.args.count() {
            Some(count) if !self.count_is_reached() => Err(Failure::new(
                otherwise,
                format!("{why} after {} of {count} messages", self.received.get()),
            )),
            _ => Ok(Exit::Clean),
        }
    }

    /// Closes, and prints what still comes in.
    async fn close(
        &self,
        writer: &mut Writer,
        closing: Closing,
        receiving: Pin<&mut impl Future<Output = Received>>,
    ) -> Result<Exit, Failure> {
        let (_, received) = tokio::join!(writer.close(closing.code, &closing.reason), receiving);
        match received {
            Received::Enough | Received::Unread => return closing.then,
            received => self.judge(received).await?,
        };
        closing.then
    }

    /// What it means that receiving has ended.
    async fn end(&self, writer: &mut Writer, received: Received) -> Result<Exit, Failure> {
        match received {
            Received::Enough | Received::Unread => {
                // What was asked for is there: a server that closes badly is no failure now.
                let _ = writer.close(CloseCode::NORMAL, "").await;
                Ok(Exit::Clean)
            }
            received => self.judge(received).await,
        }
    }

    async fn judge(&self, received: Received) -> Result<Exit, Failure> {
        match received {
            Received::Closed(info) => self.judge_close(info).await,
            Received::Broken(error) => Err(dial::broken(&error)),
            Received::Enough | Received::Unread => Ok(Exit::Clean),
        }
    }

    async fn judge_close(&self, info: Option<CloseInfo>) -> Result<Exit, Failure> {
        let Some(info) = info else { return Ok(Exit::Clean) };
        let said = info.to_string();
        let is_error = info.initiator == Initiator::Peer
            && !matches!(info.code, None | Some(CloseCode::NORMAL | CloseCode::GOING_AWAY));
        if is_error {
            return Err(Failure::new(Exit::ClosedWithError, said));
        }
        if self.by_person || self.args.verbose {
            self.screen.note(Colour::Green, &said).await;
        }
        match info.initiator {
            Initiator::Peer => self.judge_count(Exit::Failed, "the server closed"),
            Initiator::Local => Ok(Exit::Clean),
        }
    }
}

async fn flush(writer: &mut Writer) -> Result<(), SendError> {
    // A failure to write shows in receiving, with its reason.
    let _ = writer.flush().await;
    Ok(())
}

fn sent(error: &SendError) -> Sent {
    match error.kind() {
        SendErrorKind::Broken(_) => Sent::Over,
        _ if error.is_closed() => Sent::Over,
        _ => Sent::Failed(Failure::new(Exit::Failed, chain(error))),
    }
}
