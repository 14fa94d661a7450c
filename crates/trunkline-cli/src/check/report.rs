//! What is printed: a table for people, an object for programs.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::probe::Probe;
use super::rule::{Finding, Rule, Verdict};
use crate::args::Check;
use crate::dial::without_credentials;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::terminal::{self, Colour, Colours, escape};

/// Columns of the table.
const VERDICT: usize = "violation".len();
const SECTION: usize = "RFC 7692 §7.1.2.1".len() - 1;
/// Of what is said below a rule.
const INDENT: usize = VERDICT + 2;

/// An answer to one question.
pub(super) struct Row {
    pub(super) rule: &'static Rule,
    pub(super) finding: Finding,
    pub(super) took: Duration,
}

pub(super) struct Report {
    url: String,
    json: bool,
    quiet: bool,
    strict: bool,
    colours: Colours,
    columns: Option<usize>,
    rows: Vec<Row>,
}

/// The rules themselves.
pub(super) fn list(rules: &[&Rule]) -> String {
    let width = widest(rules.iter().map(|rule| rule.id));
    let line =
        |rule: &&Rule| format!("{:width$}  {:SECTION$}  {}\n", rule.id, rule.section, rule.title);
    rules.iter().map(line).collect()
}

/// Of a line of rules whose names are so wide.
fn table_width(names: usize) -> usize {
    let titles = super::rules::all().map(|rule| rule.title.chars().count());
    names + 2 + SECTION + 2 + titles.max().unwrap_or(0)
}

fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or(0)
}

impl Report {
    pub(super) fn begin(args: &Check, url: &str, probe: &Probe) -> Result<Self, Failure> {
        let report = Self {
            url: without_credentials(url),
            json: args.json,
            quiet: args.quiet,
            strict: args.strict,
            colours: Colours::of(&io::stdout()),
            columns: terminal::columns(io::stdout()),
            rows: Vec::new(),
        };
        if !report.json && !report.quiet {
            let manner = match (probe.manner.echoes_text, probe.manner.echoes_binary) {
                (true, true) => "it echoes messages",
                (true, false) => "it echoes texts only",
                (false, true) => "it echoes binary messages only",
                (false, false) => "it does not echo: rules about messages are untested",
            };
            output::print(&format!("{}\n{manner}\n\n", escape(&report.url)))?;
        }
        Ok(report)
    }

    pub(super) fn add(&mut self, row: Row) -> Result<(), Failure> {
        let is_passed_over = self.quiet && row.finding.verdict < Verdict::Deviation;
        if !(self.json || is_passed_over) {
            output::print(&self.lines(&row))?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// The rule, and below it what there is to say.
    fn lines(&self, row: &Row) -> String {
        let (verdict, rule) = (row.finding.verdict, row.rule);
        let colour = match verdict {
            Verdict::Ok => Colour::Green,
            Verdict::Untested => Colour::Dim,
            Verdict::Deviation => Colour::Yellow,
            Verdict::Violation => Colour::Red,
        };
        let width = widest(super::rules::all().map(|rule| rule.id));
        let shown = self.colours.paint(colour, verdict.name());
        let pad = " ".repeat(VERDICT - verdict.name().len());
        // Where not all of it fits, what is asked says more than where it stands.
        let rest = match self.columns.is_some_and(|columns| columns < INDENT + table_width(width)) {
            true => format!("{:width$}  {}", rule.id, rule.title),
            false => format!("{:width$}  {:SECTION$}  {}", rule.id, rule.section, rule.title),
        };
        let mut line = format!("{shown}{pad}  {}\n", self.cut(rest, VERDICT + 2));
        if !row.finding.note.is_empty() {
            line.push_str(&format!("{:INDENT$}{}\n", "", escape(&row.finding.note)));
        }
        line
    }

    /// What fits on a line of the terminal, behind what is there already; files get all of it.
    fn cut(&self, text: String, behind: usize) -> String {
        let Some(room) = self.columns.map(|columns| columns.saturating_sub(behind)) else {
            return text;
        };
        match text.char_indices().nth(room) {
            Some(_) => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            None => text,
        }
    }

    pub(super) fn end(self) -> Result<Exit, Failure> {
        let count = |verdict| self.rows.iter().filter(|row| row.finding.verdict == verdict).count();
        let [ok, deviations, violations, untested] =
            [Verdict::Ok, Verdict::Deviation, Verdict::Violation, Verdict::Untested].map(count);
        if self.json {
            let rules: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
            let report = json!({
                "url": self.url,
                "rules": rules,
                "ok": ok,
                "deviations": deviations,
                "violations": violations,
                "untested": untested,
            });
            output::print(&format!("{report:#}\n"))?;
        } else {
            let has_rows = !self.quiet || deviations + violations > 0;
            let gap = if has_rows { "\n" } else { "" };
            output::print(&format!(
                "{gap}{ok} ok, {deviations} deviations, {violations} violations, {untested} untested\n"
            ))?;
        }
        match violations > 0 || (self.strict && deviations > 0) {
            true => Ok(Exit::Failed),
            false => Ok(Exit::Clean),
        }
    }
}

impl Row {
    fn to_json(&self) -> Value {
        json!({
            "id": self.rule.id,
            "section": self.rule.section,
            "rule": self.rule.title,
            "verdict": self.finding.verdict.name(),
            "note": self.finding.note,
            "seconds": self.took.as_secs_f64(),
        })
    }
}
