//! What a person sees while it runs.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::phase::{Live, Phase};
use super::plan::Plan;
use crate::output::{count, time};

/// How often it is drawn: often enough to look alive, and seldom enough to cost nothing.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Over how long the speed that is shown is taken.
const SPEED_OVER: Duration = Duration::from_secs(1);

/// A bar on standard error, if that is a terminal; otherwise nothing.
pub(super) struct Progress {
    bar: ProgressBar,
    /// When the speed was taken, of which number, and what it was.
    speed: (Instant, u64, f64),
}

impl Progress {
    pub(super) fn new() -> Self {
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style = ProgressStyle::with_template("{prefix:12} {bar:30} {msg}");
        bar.set_style(style.expect("the template is valid"));
        Self { bar, speed: (Instant::now(), 0, 0.0) }
    }

    pub(super) fn show(&mut self, plan: &Plan, live: &Live, phase: Phase) {
        if self.bar.is_hidden() {
            return;
        }
        match phase {
            Phase::First | Phase::Opening(_) => self.show_opening(plan, live),
            Phase::Sending(span) => {
                let now = Instant::now();
                let (what, from, to) = match now < span.measured_from {
                    true => ("warming up", span.begin, span.measured_from),
                    false => ("measuring", span.measured_from, span.end),
                };
                self.bar.set_prefix(what);
                self.bar.set_length(to.saturating_duration_since(from).as_millis() as u64);
                self.bar.set_position(now.saturating_duration_since(from).as_millis() as u64);
                let left = time(Duration::from_secs(
                    to.saturating_duration_since(now).as_secs_f64().ceil() as u64,
                ));
                let speed = self.speed(live.received());
                self.bar.set_message(format!(
                    "{left} left, {} in/s, {} open",
                    count(speed as u64),
                    count(live.open())
                ));
            }
            Phase::Overtime | Phase::Draining | Phase::Over => {
                self.bar.set_prefix("ending");
                self.bar.set_message(format!("{} still open", count(live.open())));
            }
        }
        self.bar.tick();
    }

    fn show_opening(&self, plan: &Plan, live: &Live) {
        self.bar.set_prefix("opening");
        self.bar.set_length(plan.connections.into());
        self.bar.set_position(live.opened() + live.failed());
        self.bar.set_message(format!(
            "{} of {} open, {} failed",
            count(live.open()),
            count(plan.connections.into()),
            count(live.failed())
        ));
    }

    fn speed(&mut self, received: u64) -> f64 {
        let (since, before, _) = self.speed;
        let over = since.elapsed();
        if over >= SPEED_OVER {
            let speed = (received - before) as f64 / over.as_secs_f64();
            self.speed = (Instant::now(), received, speed);
        }
        self.speed.2
    }

    /// Leaves no trace on the terminal.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
