//! One connection, from its opening to its close.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::timeout;
use trunkline::{Batch, CloseCode, CloseInfo, Error, Reader, WebSocket, Writer};

use super::phase::Phase;
use super::plan::{Expects, Load};
use super::window::Window;
use super::worker::Worker;
use crate::dial;
use crate::exit::{Exit, Failure};

/// Messages after which others have their turn, though more could be sent: receiving, which would not hear of
/// what comes in, and the other connections of the thread.
const SENT_IN_A_ROW: u32 = 128;

/// What sending and receiving know of each other. Both are done by one task.
pub(super) struct Connection {
    pub(super) id: u32,
    pub(super) window: RefCell<Window>,
    /// The number of the next message.
    next: Cell<u64>,
    /// There may be something to send, or an end to see.
    pub(super) wake: Notify,
}

/// How receiving came to its end.
type Ended = Result<Option<CloseInfo>, Error>;

/// There is no connection any more.
struct Gone;

/// What to do now.
enum Next {
    /// A message that was due then.
    Send(Instant),
    Wait,
    Stop,
}

impl Connection {
    pub(super) fn new(id: u32, tracked_max: usize) -> Self {
        let window = RefCell::new(Window::new(tracked_max));
        Self { id, window, next: Cell::new(0), wake: Notify::new() }
    }

    /// Whether a message was sent on it.
    pub(super) fn has_sent(&self) -> bool {
        self.next.get() > 0
    }

    pub(super) async fn run(&self, worker: &Worker, ws: WebSocket) {
        let (reader, mut writer) = ws.split();
        let mut receiving = pin!(self.receive(worker, reader));
        // Both at once: a server that waits for us to read must not keep us from reading.
        tokio::select! {
            biased;
            ended = &mut receiving => self.on_early_end(worker, ended),
            () = self.send(worker, &mut writer) => {
                if self.drain(worker, &mut writer, &mut receiving).await.is_ok() {
                    // What was asked for is there: a server that closes badly is no failure now.
                    let _ = tokio::join!(writer.close(CloseCode::NORMAL, ""), receiving);
                }
            }
        }
    }

    async fn receive(&self, worker: &Worker, mut reader: Reader) -> Ended {
        let mut batch = Batch::new();
        while reader.recv_many(&mut batch).await? > 0 {
            worker.on_answers(self, &batch);
            self.wake.notify_one();
        }
        Ok(reader.close_info())
    }

    /// Sends until the time for it is over.
    async fn send(&self, worker: &Worker, writer: &mut Writer) {
        let mut in_a_row = 0;
        loop {
            let written = match self.next(worker) {
                Next::Stop => return,
                Next::Send(_) if in_a_row == SENT_IN_A_ROW => {
                    in_a_row = 0;
                    tokio::task::yield_now().await;
                    true
                }
                Next::Send(due) => {
                    in_a_row += 1;
                    let message = worker.plan.payload.message(self.id, self.next.get());
                    tokio::select! {
                        biased;
                        fed = writer.feed(message) => fed.map(|()| self.on_sent(worker, due)).is_ok(),
                        // It may be time to stop. If not, the message is made again.
                        () = self.wake.notified() => true,
                    }
                }
                Next::Wait => tokio::select! {
                    biased;
                    flushed = writer.flush() => {
                        if flushed.is_ok() {
                            self.wake.notified().await;
                        }
                        flushed.is_ok()
                    }
                    () = self.wake.notified() => true,
                },
            };
            if !written {
                // Receiving hears of it too, and says why.
                return pending().await;
            }
        }
    }

    fn next(&self, worker: &Worker) -> Next {
        let now = Instant::now();
        let scheduled = worker.due(self.id, self.next.get());
        let due = match (worker.phase(), worker.plan.load) {
            (Phase::First | Phase::Opening(_), _) => None,
            (Phase::Sending(_), Load::Nothing) => None,
            (Phase::Sending(_), Load::Rate(_)) => scheduled.filter(|due| *due <= now),
            (Phase::Sending(span), _) if now >= span.end => None,
            (Phase::Sending(_), Load::InFlight(max)) => {
                (self.window.borrow().waiting() < max).then_some(now)
            }
            (Phase::Sending(_), Load::AsFastAsPossible) => Some(now),
            (Phase::Overtime, _) if scheduled.is_some() => scheduled,
            (Phase::Overtime | Phase::Draining | Phase::Over, _) => return Next::Stop,
        };
        match due {
            Some(due) if self.window.borrow().has_room() => Next::Send(due),
            _ => Next::Wait,
        }
    }

    fn on_sent(&self, worker: &Worker, due: Instant) {
        self.next.set(self.next.get() + 1);
        if worker.plan.expects != Expects::Nothing {
            self.window.borrow_mut().push(due);
        }
        worker.on_sent(due);
    }

    /// Waits for the answers that are still out, and for what is still to be written; for as long as
    /// there is a connection.
    async fn drain(
        &self,
        worker: &Worker,
        writer: &mut Writer,
        receiving: &mut (impl Future<Output = Ended> + Unpin),
    ) -> Result<(), Gone> {
        let answered = async {
            // If that fails, so does receiving.
            let _ = writer.flush().await;
            while self.window.borrow().waiting() > 0 {
                self.wake.notified().await;
            }
        };
        tokio::select! {
            biased;
            ended = receiving => {
                // One that owes us nothing may go.
                if self.window.borrow().waiting() > 0 {
                    self.on_early_end(worker, ended);
                }
                Err(Gone)
            }
            _ = timeout(worker.plan.patience, answered) => {
                worker.give_up(self, Instant::now());
                Ok(())
            }
        }
    }

    /// The server ended it, or it broke.
    fn on_early_end(&self, worker: &Worker, ended: Ended) {
        let failure = match ended {
            Ok(Some(info)) => Failure::new(Exit::ClosedWithError, info.to_string()),
            Ok(None) => Failure::new(Exit::ClosedWithError, "closed by the peer"),
            Err(error) => dial::broken(&error),
        };
        worker.on_early_end(&failure);
        worker.give_up(self, Instant::now());
    }
}
