//! `trunkline bench`: loads a server with messages, and measures its answers.
//!
//! ```text
//!            first ─▶ opening ─▶ sending ─▶ overtime ─▶ draining        phases, decided here
//!                                   │
//!   plan ──▶ worker (a thread) ─▶ connection ─▶ payload ──▶ server
//!              │ schedule, timer      │ window ◀─ payload ◀─── its answers
//!              ▼                      ▼
//!            tally ◀── latencies, mistakes, troubles
//!              └─▶ outcome ─▶ table, json
//! ```
//!
//! Each thread has a runtime of its own and a fixed share of the connections, so that nothing is shared
//! while messages go to and fro.

mod connection;
mod json;
mod outcome;
mod payload;
mod phase;
mod plan;
mod progress;
mod schedule;
mod steps;
mod table;
mod tally;
mod timer;
mod times;
mod trouble;
mod window;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use trunkline::deflate::DeflateConfig;

pub(crate) use payload::STAMP_BYTES;

use crate::args::Bench;
use crate::dial;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::signals;
use outcome::{Ended, Outcome};
use phase::{Live, Phase};
use plan::{Load, Opening, Plan, Span};
use progress::Progress;
use steps::Steps;
use tally::Tally;
use worker::Shared;

pub(crate) fn run(args: &Bench) -> Result<Exit, Failure> {
    let plan = Arc::new(Plan::new(args)?);
    let steps = Steps::default();
    let compression = args.compression.then(DeflateConfig::default);
    let connector = dial::connector(&args.url, &args.dial, compression)?;
    let (phases, _) = watch::channel(Phase::First);
    let shared = Shared {
        url: args.url.as_str().into(),
        connector: connector.with_progress(steps.listener()),
        live: Arc::default(),
        phases: phases.subscribe(),
        turns: Arc::new(Semaphore::new(match plan.opening {
            Opening::AtOnce(turns) => turns.get().min(Semaphore::MAX_PERMITS),
            // The first one takes a turn, too.
            Opening::PerSecond(_) => 1,
        })),
        plan: Arc::clone(&plan),
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed("cannot start", error))?;
    let (ended, sent_in, tally) = runtime.block_on(async {
        let mut conductor = Conductor::start(shared, phases)?;
        let (ended, sent_in) = conductor.conduct().await?;
        Ok::<_, Failure>((ended, sent_in, conductor.end().await?))
    })?;
    let url = dial::without_credentials(&args.url);
    let outcome = Outcome { url, plan, tally, steps: steps.take(), ended, sent_in };
    match args.json {
        true => output::print(&format!("{:#}\n", json::of(&outcome)))?,
        false => output::print(&table::of(&outcome))?,
    }
    Ok(outcome.exit())
}

/// Leads the threads from phase to phase.
struct Conductor {
    shared: Shared,
    phases: watch::Sender<Phase>,
    tallies: mpsc::UnboundedReceiver<io::Result<Tally>>,
    /// What came of threads that have ended.
    done: Vec<io::Result<Tally>>,
    interrupts: mpsc::UnboundedReceiver<()>,
    progress: Progress,
}

/// Somebody wants it to end, or a thread has failed.
struct Stop;

impl Conductor {
    fn start(shared: Shared, phases: watch::Sender<Phase>) -> Result<Self, Failure> {
        let (interrupt, interrupts) = mpsc::unbounded_channel();
        signals::listen(&interrupt)?;
        let (done, tallies) = mpsc::unbounded_channel();
        for number in 0..shared.plan.threads {
            let (shared, done) = (shared.clone(), done.clone());
            let builder = thread::Builder::new().name(format!("bench-{number}"));
            let started = builder.spawn(move || drop(done.send(worker::run(shared, number))));
            started.map_err(|error| Failure::failed("cannot start a thread", error))?;
        }
        let progress = Progress::new();
        Ok(Self { shared, phases, tallies, done: Vec::new(), interrupts, progress })
    }

    /// From the first connection to the last answer.
    async fn conduct(&mut self) -> Result<(Ended, Option<(Span, Instant)>), Failure> {
        if self.open().await?.is_err() {
            return Ok((Ended::Interrupted, None));
        }
        let span = self.shared.plan.span(Instant::now());
        self.enter(Phase::Sending(span));
        let sent = self.until(|live| live.open() == 0, Some(span.end)).await;
        let until = Instant::now();
        let ended = match sent {
            Err(Stop) => Ended::Interrupted,
            Ok(()) if until < span.end => Ended::Deserted,
            Ok(()) => Ended::Completed,
        };
        if ended == Ended::Completed && matches!(self.shared.plan.load, Load::Rate(_)) {
            self.enter(Phase::Overtime);
            let patience = Instant::now() + self.shared.plan.patience;
            if self.until(|live| live.open() == 0, Some(patience)).await.is_err() {
                return Ok((Ended::Interrupted, Some((span, until))));
            }
        }
        Ok((ended, Some((span, until))))
    }

    /// Opens the first connection, and then the others.
    async fn open(&mut self) -> Result<Result<(), Stop>, Failure> {
        if self.until(|live| live.opened() + live.failed() > 0, None).await.is_err() {
            return Ok(Err(Stop));
        }
        if self.shared.live.opened() == 0
            && let Some(failure) = self.shared.live.take_first_failure()
        {
            self.end().await?;
            return Err(failure);
        }
        self.enter(Phase::Opening(Instant::now()));
        let all = u64::from(self.shared.plan.connections);
        Ok(self.until(|live| live.opened() + live.failed() >= all, None).await)
    }

    fn enter(&self, phase: Phase) {
        self.phases.send_replace(phase);
    }

    /// Waits until something is so, or until a time if one is given.
    async fn until(
        &mut self,
        is_so: impl Fn(&Live) -> bool,
        time: Option<Instant>,
    ) -> Result<(), Stop> {
        let mut ticks = interval(progress::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let late = async {
            match time {
                Some(time) => sleep_until(time.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(late);
        while !is_so(&self.shared.live) {
            tokio::select! {
                () = self.shared.live.changed.notified() => {}
                () = &mut late => return Ok(()),
                _ = self.interrupts.recv() => return Err(Stop),
                Some(tally) = self.tallies.recv() => {
                    let has_failed = tally.is_err();
                    self.done.push(tally);
                    if has_failed {
                        return Err(Stop);
                    }
                }
                _ = ticks.tick() => {
                    let phase = *self.phases.borrow();
                    self.progress.show(&self.shared.plan, &self.shared.live, phase);
                }
            }
        }
        Ok(())
    }

    /// Waits for the last answers, and adds up what the threads counted.
    async fn end(&mut self) -> Result<Tally, Failure> {
        self.enter(Phase::Draining);
        if self.until(|live| live.open() == 0, None).await.is_err() {
            self.enter(Phase::Over);
        }
        self.progress.finish();
        let mut sum = Tally::new();
        while let Some(tally) = self.tallies.recv().await {
            self.done.push(tally);
        }
        for tally in self.done.drain(..) {
            sum.merge(&tally.map_err(|error| Failure::failed("a thread failed", error))?);
        }
        Ok(sum)
    }
}
