//! The outcome for people.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use trunkline::MessageKind;

use super::outcome::{Ended, Outcome};
use super::plan::Load;
use super::times::{Row, Times};
use crate::dial::step_name;
use crate::output::{bytes, count, plural, time};
use crate::terminal::{Colour, Colours, escape};

/// Of what stands in front of each line.
const NAME: usize = "connections".len() + 2;

/// Of a time: `12.3 µs` and two spaces.
const TIME: usize = 9;

/// What is told of times, all on a line of 80.
const COLUMNS: [&str; 7] = ["mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// Of the longest bar.
const BAR: usize = 40;

/// A thread that is busier than this may have held things up.
const BUSY_MAX: f64 = 0.9;

pub(super) fn of(outcome: &Outcome) -> String {
    let table = Table { outcome, colours: Colours::of(&io::stdout()), out: String::new() };
    table.fill()
}

struct Table<'a> {
    outcome: &'a Outcome,
    colours: Colours,
    out: String,
}

impl Table<'_> {
    fn fill(mut self) -> String {
        self.head();
        self.connections();
        if self.outcome.plan.load != Load::Nothing {
            self.sent();
        }
        self.throughput();
        self.answers();
        self.times();
        self.histogram();
        self.errors();
        self.notes();
        self.out
    }

    fn head(&mut self) {
        let plan = &self.outcome.plan;
        let kind = match plan.payload.kind() {
            MessageKind::Text => "texts",
            MessageKind::Binary => "binary messages",
        };
        let what = format!("{kind} of {}", plural(plan.payload.size() as u64, "byte"));
        let load = match plan.load {
            Load::Rate(rate) => format!(", {rate} messages/s, {what}"),
            Load::InFlight(max) => {
                format!(" with {} in flight each, {what}", plural(max as u64, "message"))
            }
            Load::AsFastAsPossible => format!(", as many messages as they take, {what}"),
            Load::Nothing => ", no messages".into(),
        };
        let _ = writeln!(
            self.out,
            "{}\n{}{load}; {}\n",
            escape(&self.outcome.url),
            plural(plan.connections.into(), "connection"),
            plural(plan.threads as u64, "thread"),
        );
    }

    fn line(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.out, "{name:NAME$}{text}");
    }

    fn connections(&mut self) {
        let connections = self.outcome.tally.connections;
        let mut text = format!("{} opened", count(connections.opened));
        if self.outcome.plan.compression {
            let _ = write!(text, ", {} compressed", count(connections.compressed));
        }
        for (number, what) in
            [(connections.failed, "failed"), (connections.ended_early, "ended early")]
        {
            if number > 0 {
                let said = format!("{} {what}", count(number));
                let _ = write!(text, ", {}", self.colours.paint(Colour::Red, &said));
            }
        }
        self.line("connections", &text);
    }

    fn sent(&mut self) {
        let (outcome, measured) = (self.outcome, self.outcome.tally.measured);
        let mut text = format!("{} sent", count(measured.sent));
        if outcome.plan.expects_answers() {
            let _ = write!(text, ", {} answered", count(measured.answered));
        }
        if outcome.unsent() > 0 {
            let unsent = format!("{} due and not sent", count(outcome.unsent()));
            let _ = write!(text, ", {}", self.colours.paint(Colour::Red, &unsent));
        }
        self.line("messages", &text);
    }

    fn throughput(&mut self) {
        let (outcome, measured) = (self.outcome, self.outcome.tally.measured);
        let per_second = |messages, payload| {
            let (messages, payload) = (outcome.per_second(messages), outcome.per_second(payload));
            format!("{} messages/s, {}/s", count(messages.round() as u64), bytes(payload))
        };
        if outcome.plan.load != Load::Nothing {
            self.line("out", &per_second(measured.sent, outcome.sent_bytes()));
        }
        self.line("in", &per_second(measured.received, measured.received_bytes));
        let warm_up = match outcome.plan.warm_up {
            Duration::ZERO => String::new(),
            warm_up => format!(", after {} of warm-up", time(warm_up)),
        };
        let cut = match outcome.ended {
            Ended::Completed => "",
            Ended::Deserted => ", when no connection was left",
            Ended::Interrupted => ", when it was interrupted",
        };
        self.line("measured", &format!("{}{warm_up}{cut}", time(outcome.measured())));
    }

    fn answers(&mut self) {
        let outcome = self.outcome;
        let (mistakes, measured) = (outcome.tally.mistakes, outcome.tally.measured);
        if !outcome.plan.expects_answers() {
            return;
        }
        let mut said = Vec::new();
        for (number, what, colour) in [
            (mistakes.lost, "lost", Colour::Red),
            (mistakes.doubled, "doubled", Colour::Red),
            (mistakes.wrong, "wrong", Colour::Red),
            (mistakes.late, "late", Colour::Yellow),
            (mistakes.unasked, "unasked", Colour::Yellow),
        ] {
            if number > 0 {
                let text = format!("{} {what}", count(number));
                said.push(self.colours.paint(colour, &text).into_owned());
            }
        }
        match said.is_empty() {
            true if measured.answered == 0 => {}
            true => self.line("answers", "one for each message, and the right one"),
            false => self.line("answers", &said.join(", ")),
        }
        if let Some(example) = &outcome.tally.example {
            self.line("", &format!("such as {example}"));
        }
    }

    fn times(&mut self) {
        let tally = &self.outcome.tally;
        let heads: String = COLUMNS.iter().map(|column| format!("{column:>TIME$}")).collect();
        let heads = self.colours.paint(Colour::Dim, &heads).into_owned();
        self.out.push('\n');
        self.line("", &heads);
        for (name, times) in [
            ("latency", &tally.latency),
            ("lateness", &tally.lateness),
            ("connect", &tally.connect),
        ] {
            self.time_line(name, times);
        }
        for (stage, times) in &self.outcome.steps {
            self.time_line(&format!("  {}", step_name(*stage)), times);
        }
    }

    fn time_line(&mut self, name: &str, times: &Times) {
        if times.is_empty() {
            return;
        }
        let quantiles = [0.5, 0.9, 0.99, 0.999, 0.9999].map(|it| times.quantile(it));
        let all = [times.mean()].into_iter().chain(quantiles).chain([times.max()]);
        let text: String = all.map(|it| format!("{:>TIME$}", time(it))).collect();
        self.line(name, &text);
    }

    fn histogram(&mut self) {
        let rows = self.outcome.tally.latency.histogram();
        let Some(most) = rows.iter().map(|row| row.count).max() else { return };
        let widest = count(most).len();
        let title = self.colours.paint(Colour::Dim, "latency up to").into_owned();
        let _ = writeln!(self.out, "\n{title}");
        for row in rows {
            let bar = bar(row, most);
            let (up_to, number) = (time(row.up_to), count(row.count));
            let _ = writeln!(self.out, "{up_to:>NAME$}  {number:>widest$}{bar}");
        }
    }

    fn errors(&mut self) {
        let troubles = &self.outcome.tally.troubles;
        let kinds = troubles.by_frequency();
        if kinds.is_empty() {
            return;
        }
        let title = self.colours.paint(Colour::Red, "errors").into_owned();
        let _ = writeln!(self.out, "\n{title}");
        for trouble in kinds {
            let _ =
                writeln!(self.out, "{:>NAME$}  {}", count(trouble.count), escape(&trouble.text));
        }
        if troubles.others() > 0 {
            let _ = writeln!(self.out, "{:>NAME$}  of other kinds", count(troubles.others()));
        }
    }

    /// What may be wrong with these numbers.
    fn notes(&mut self) {
        let (plan, tally) = (&self.outcome.plan, &self.outcome.tally);
        let mut notes = Vec::new();
        if tally.busy > BUSY_MAX {
            notes.push(format!(
                "a thread of ours was {:.0} % busy: the limit may be this machine's (--threads)",
                tally.busy * 100.0
            ));
        }
        if !tally.latency.is_empty()
            && tally.lateness.quantile(0.99) * 2 > tally.latency.quantile(0.99)
        {
            notes.push("messages left us late: see lateness, which is part of the latency".into());
        }
        if tally.mistakes.lost > 0 {
            notes.push(
                "messages that were lost have no latency: it would be longer than these".into(),
            );
        }
        if plan.compression && tally.connections.compressed < tally.connections.opened {
            notes.push("the server declined compression".into());
        }
        if !notes.is_empty() {
            self.out.push('\n');
        }
        for note in notes {
            let mark = self.colours.paint(Colour::Yellow, "note:");
            let _ = writeln!(self.out, "{mark} {note}");
        }
    }
}

/// As long as the row is frequent; of what there is at all, something is seen.
fn bar(row: Row, most: u64) -> String {
    /// From one eighth to eight.
    const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    if row.count == 0 {
        return String::new();
    }
    let eighths = (row.count as f64 / most as f64 * (BAR * 8) as f64).round().max(1.0) as usize;
    let mut bar = String::from("  ");
    bar.extend(std::iter::repeat_n('█', eighths / 8));
    bar.extend((eighths % 8).checked_sub(1).map(|at| EIGHTHS[at]));
    bar
}
