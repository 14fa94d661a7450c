//! One thread and its share of the connections.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use trunkline::{Batch, Connector, MessageKind, Received, WebSocket};

use super::connection::Connection;
use super::payload::Answer;
use super::phase::{Live, Phase};
use super::plan::{Expects, Load, Opening, Plan, Span};
use super::schedule::Schedule;
use super::tally::Tally;
use super::timer::Timer;
use super::window::Settled;
use crate::dial;
use crate::terminal::escape_bytes;

/// How often it is looked for messages whose patience is over: a tenth of it, within reason.
const SWEEP_MIN: Duration = Duration::from_millis(10);
const SWEEP_MAX: Duration = Duration::from_secs(1);

/// Messages that became due at once, after which connections have a turn to send them.
const DUE_IN_A_ROW: u32 = 64;

/// Bytes of a wrong answer that are shown: enough to know it by.
const EXAMPLE_BYTES: usize = 60;

/// What all threads share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) url: Arc<str>,
    pub(super) connector: Connector,
    pub(super) live: Arc<Live>,
    pub(super) phases: watch::Receiver<Phase>,
    /// For connections that are opened at the same time.
    pub(super) turns: Arc<Semaphore>,
}

pub(super) struct Worker {
    pub(super) plan: Arc<Plan>,
    shared: Shared,
    phase: Cell<Phase>,
    span: Cell<Option<Span>>,
    schedule: Cell<Option<Schedule>>,
    connections: Vec<Connection>,
    tally: RefCell<Tally>,
}

/// Runs the share of the thread of this number, and gives what it counted.
pub(super) fn run(shared: Shared, thread: usize) -> io::Result<Tally> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let worker = Rc::new(Worker::new(shared, thread));
    LocalSet::new().block_on(&runtime, Rc::clone(&worker).work())?;
    Ok(worker.tally.replace(Tally::new()))
}

impl Worker {
    fn new(shared: Shared, thread: usize) -> Self {
        let plan = Arc::clone(&shared.plan);
        let ids = (thread as u32..plan.connections).step_by(plan.threads);
        let connections = ids.map(|id| Connection::new(id, plan.tracked_max)).collect();
        Self {
            plan,
            shared,
            phase: Cell::new(Phase::First),
            span: Cell::new(None),
            schedule: Cell::new(None),
            connections,
            tally: RefCell::new(Tally::new()),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// When a message is due under a rate.
    pub(super) fn due(&self, connection: u32, sequence: u64) -> Option<Instant> {
        self.schedule.get()?.due(connection, sequence)
    }

    async fn work(self: Rc<Self>) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        for at in 0..self.connections.len() {
            let worker = Rc::clone(&self);
            tasks.spawn_local(async move { worker.connection(&worker.connections[at]).await });
        }
        let timer = Timer::new()?;
        let mut phases = self.shared.phases.clone();
        let all = async { while tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = all => Ok(()),
            _ = phases.wait_for(|phase| *phase == Phase::Over) => Ok(()),
            () = self.follow() => Ok(()),
            () = self.sweep() => Ok(()),
            () = self.watch_load() => Ok(()),
            Err(error) = self.pace(timer) => Err(error),
        }
    }

    /// Tells connections of each phase. Never ends.
    async fn follow(&self) {
        let mut phases = self.shared.phases.clone();
        loop {
            let phase = *phases.borrow_and_update();
            if let Phase::Sending(span) = phase {
                self.span.set(Some(span));
                if let Load::Rate(rate) = self.plan.load {
                    self.schedule.set(Some(Schedule::new(span, rate, self.plan.connections)));
                }
            }
            self.phase.set(phase);
            self.connections.iter().for_each(|it| it.wake.notify_one());
            if phases.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Waits until it is time to send; never gives if that time does not come.
    async fn sending(&self) -> Span {
        let mut phases = self.shared.phases.clone();
        let phase = phases.wait_for(|phase| matches!(phase, Phase::Sending(_))).await.map(|it| *it);
        match phase {
            Ok(Phase::Sending(span)) => span,
            _ => pending().await,
        }
    }

    /// Wakes connections when their messages are due: one timer for all of them. Ends only by failing.
    async fn pace(&self, mut timer: Timer) -> io::Result<()> {
        let Load::Rate(rate) = self.plan.load else { return pending().await };
        let schedule = Schedule::new(self.sending().await, rate, self.plan.connections);
        let mut in_a_row = 0;
        for sequence in 0.. {
            for connection in &self.connections {
                let Some(due) = schedule.due(connection.id, sequence) else {
                    return pending().await;
                };
                match Instant::now() < due {
                    true => {
                        in_a_row = 0;
                        timer.sleep_until(due).await?;
                    }
                    false => in_a_row += 1,
                }
                connection.wake.notify_one();
                if in_a_row == DUE_IN_A_ROW {
                    in_a_row = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(())
    }

    /// Gives up what has waited for too long. Never ends.
    async fn sweep(&self) {
        let patience = self.plan.patience;
        let mut ticks = interval((patience / 10).clamp(SWEEP_MIN, SWEEP_MAX));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(before) = Instant::now().checked_sub(patience) else { continue };
            for connection in &self.connections {
                if self.give_up(connection, before) > 0 {
                    connection.wake.notify_one();
                }
            }
        }
    }

    /// Finds out how busy the thread is in the measured time. Never ends.
    async fn watch_load(&self) {
        let span = self.sending().await;
        sleep_until(span.measured_from.into()).await;
        let (from, busy) = (Instant::now(), busy_time());
        let mut phases = self.shared.phases.clone();
        let _ = phases.wait_for(|phase| phase.is_ending()).await.map(drop);
        let share = (busy_time() - busy).as_secs_f64() / from.elapsed().as_secs_f64();
        self.tally.borrow_mut().busy = share.clamp(0.0, 1.0);
        pending().await
    }

    async fn connection(&self, connection: &Connection) {
        if let Some(ws) = self.open(connection.id).await {
            connection.run(self, ws).await;
            self.shared.live.on_ended();
        }
    }

    async fn open(&self, id: u32) -> Option<WebSocket> {
        let mut phases = self.shared.phases.clone();
        let opened = tokio::select! {
            opened = self.connect(id) => opened,
            _ = phases.wait_for(|phase| phase.is_ending()) => return None,
        };
        let mut tally = self.tally.borrow_mut();
        match opened {
            (since, Ok(ws)) => {
                tally.connect.record(since.elapsed());
                tally.connections.opened += 1;
                tally.connections.compressed += u64::from(ws.is_compressed());
                self.shared.live.on_opened();
                Some(ws)
            }
            (_, Err(error)) => {
                let failure = dial::failure(&error);
                tally.connections.failed += 1;
                tally.troubles.add(&failure);
                self.shared.live.on_failed(failure);
                None
            }
        }
    }

    /// Connects when it is time for it, and tells since when it was.
    async fn connect(&self, id: u32) -> (Instant, Result<WebSocket, trunkline::ConnectError>) {
        let mut phases = self.shared.phases.clone();
        let opening = |phase: &Phase| id == 0 || matches!(phase, Phase::Opening(_));
        let phase = phases.wait_for(opening).await.map(|it| *it);
        let began = match phase {
            Ok(Phase::Opening(began)) => began,
            _ => Instant::now(),
        };
        let mut _turn = None;
        let since = match self.plan.opening {
            Opening::PerSecond(rate) if id > 0 => {
                let due = began + Duration::from_secs_f64(f64::from(id) / rate);
                sleep_until(due.into()).await;
                due
            }
            _ => {
                _turn = self.shared.turns.acquire().await.ok();
                Instant::now()
            }
        };
        // Boxed, so that the room is given back once it is connected.
        (since, Box::pin(self.shared.connector.connect(&self.shared.url)).await)
    }

    fn is_measured(&self, at: Instant) -> bool {
        self.span.get().is_some_and(|span| span.is_measured(at))
    }

    pub(super) fn on_sent(&self, due: Instant) {
        if self.is_measured(due) {
            let mut tally = self.tally.borrow_mut();
            tally.measured.sent += 1;
            if self.schedule.get().is_some() {
                tally.lateness.record(due.elapsed());
            }
        }
    }

    pub(super) fn on_answers(&self, connection: &Connection, batch: &Batch) {
        let now = Instant::now();
        self.shared.live.on_received(batch.len());
        let is_measured = self.is_measured(now) && !self.phase().is_ending();
        let mut tally = self.tally.borrow_mut();
        for received in batch {
            if is_measured {
                tally.measured.received += 1;
                tally.measured.received_bytes += received.as_bytes().len() as u64;
            }
            if self.plan.expects != Expects::Nothing {
                self.on_answer(&mut tally, connection, &received, now);
            }
        }
    }

    fn on_answer(
        &self,
        tally: &mut Tally,
        connection: &Connection,
        received: &Received<'_>,
        now: Instant,
    ) {
        let kind = received.kind();
        let mut window = connection.window.borrow_mut();
        let since = match self.plan.payload.judge(connection.id, kind, received.as_bytes()) {
            Answer::To(sequence) => match window.settle(sequence) {
                Settled::InTime(since) => Some(since),
                Settled::Late(since) => {
                    tally.mistakes.lost -= 1;
                    tally.mistakes.late += 1;
                    Some(since)
                }
                Settled::Again => {
                    tally.mistakes.doubled += 1;
                    return;
                }
                Settled::Never => None,
            },
            Answer::Any => window.settle_oldest(),
            Answer::Wrong => {
                // It stands in the place of an answer.
                window.settle_oldest();
                None
            }
        };
        match since {
            Some(since) if self.is_measured(since) => {
                tally.measured.answered += 1;
                tally.latency.record(now - since);
            }
            Some(_) => {}
            None if !connection.has_sent() => tally.mistakes.unasked += 1,
            None => {
                tally.mistakes.wrong += 1;
                tally.example.get_or_insert_with(|| example(received));
            }
        }
    }

    /// Counts messages as lost that have waited since `before`. Gives how many.
    pub(super) fn give_up(&self, connection: &Connection, before: Instant) -> u64 {
        let lost = connection.window.borrow_mut().give_up(before);
        self.tally.borrow_mut().mistakes.lost += lost;
        lost
    }

    pub(super) fn on_early_end(&self, failure: &crate::exit::Failure) {
        let mut tally = self.tally.borrow_mut();
        tally.connections.ended_early += 1;
        tally.troubles.add(failure);
    }
}

/// For how long this thread has had something to do.
fn busy_time() -> Duration {
    #[cfg(target_has_atomic = "64")]
    return Handle::current().metrics().worker_total_busy_duration(0);
    #[cfg(not(target_has_atomic = "64"))]
    Duration::ZERO
}

/// What a wrong answer looks like.
fn example(received: &Received<'_>) -> String {
    let bytes = received.as_bytes();
    let shown = escape_bytes(&bytes[..bytes.len().min(EXAMPLE_BYTES)]);
    let kind = match received.kind() {
        MessageKind::Text => "text",
        MessageKind::Binary => "binary",
    };
    format!("{kind}, {} bytes: {shown}", bytes.len())
}
