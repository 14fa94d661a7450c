//! What a person sees while it runs: a line that is written over again and again.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::phase::{Live, Phase};
use super::plan::Plan;
use crate::output::count;
use crate::terminal;

/// How often it is drawn: often enough to look alive, and seldom enough to cost nothing.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Over how long the speed that is shown is taken.
const SPEED_OVER: Duration = Duration::from_secs(1);

/// Columns of the bar.
const BAR: usize = 30;

/// Kept free at the end of the line. A terminal shows Ctrl-C as `^C` there: if that had to go to the next
/// line, this one would stay.
const MARGIN: usize = 3;

/// Of terminals that do not say how wide they are.
const COLUMNS: usize = 80;

/// Back to the first column, and nothing there.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Drawn on standard error, if that is a terminal that can write over itself; otherwise nothing is.
pub(super) struct Progress {
    can_draw: bool,
    has_drawn: bool,
    /// When the speed was taken, of which number, and what it was.
    speed: (Instant, u64, f64),
}

impl Progress {
    pub(super) fn new() -> Self {
        let can_draw = io::stderr().is_terminal() && !terminal::is_dumb();
        Self { can_draw, has_drawn: false, speed: (Instant::now(), 0, 0.0) }
    }

    pub(super) fn show(&mut self, plan: &Plan, live: &Live, phase: Phase) {
        if !self.can_draw {
            return;
        }
        let columns = terminal::columns(io::stderr()).unwrap_or(COLUMNS).saturating_sub(MARGIN);
        let line: String = self.line(plan, live, phase).chars().take(columns).collect();
        // Should nobody be there to see it, there is still the outcome.
        let _ = write!(io::stderr(), "{CLEAR_LINE}{line}");
        self.has_drawn = true;
    }

    /// Leaves no trace on the terminal.
    pub(super) fn finish(&mut self) {
        if std::mem::take(&mut self.has_drawn) {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }

    fn line(&mut self, plan: &Plan, live: &Live, phase: Phase) -> String {
        let open = count(live.open());
        match phase {
            Phase::First | Phase::Opening(_) => {
                let tried = live.opened() + live.failed();
                let bar = bar(tried as f64 / f64::from(plan.connections));
                let all = count(plan.connections.into());
                format!("opening     {bar}  {open} of {all} open, {} failed", count(live.failed()))
            }
            Phase::Sending(span) => {
                let now = Instant::now();
                let (what, from, to) = match now < span.measured_from {
                    true => ("warming up", span.begin, span.measured_from),
                    false => ("measuring ", span.measured_from, span.end),
                };
                let left = to.saturating_duration_since(now).as_secs_f64();
                let bar = bar(1.0 - left / (to - from).as_secs_f64());
                let speed = count(self.speed(live.received()) as u64);
                format!("{what}  {bar}  {:.0} s left, {speed} in/s, {open} open", left.ceil())
            }
            Phase::Overtime | Phase::Draining | Phase::Over => {
                format!("ending      {}  {open} open", bar(1.0))
            }
        }
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
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar(share: f64) -> String {
    let done = (share.clamp(0.0, 1.0) * BAR as f64) as usize;
    "█".repeat(done) + &"░".repeat(BAR - done)
}
