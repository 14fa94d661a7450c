//! What was wanted and what was seen.

use std::fmt;

#[derive(Default)]
pub(crate) struct Report {
    /// What was done, in sentences.
    story: String,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    wanted: String,
    seen: String,
    is_met: bool,
}

impl Report {
    pub(crate) fn new(story: impl Into<String>) -> Self {
        Self { story: story.into(), rows: Vec::new() }
    }

    pub(crate) fn check(
        &mut self,
        what: impl Into<String>,
        wanted: impl Into<String>,
        seen: impl Into<String>,
        is_met: bool,
    ) {
        let row = Row { what: what.into(), wanted: wanted.into(), seen: seen.into(), is_met };
        self.rows.push(row);
    }

    /// A figure without a bound.
    pub(crate) fn note(&mut self, what: impl Into<String>, seen: impl Into<String>) {
        self.check(what, "", seen, true);
    }

    pub(crate) fn none(&mut self, what: impl Into<String>, count: u64) {
        self.check(what, "0", count.to_string(), count == 0);
    }

    pub(crate) fn at_most(&mut self, what: impl Into<String>, seen: f64, most: f64, unit: &str) {
        self.check(
            what,
            format!("at most {most:.1} {unit}"),
            format!("{seen:.1} {unit}"),
            seen <= most,
        );
    }

    /// How many bounds were met, and how many were not.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let bounds = self.rows.iter().filter(|row| !row.wanted.is_empty());
        let (met, missed): (Vec<_>, Vec<_>) = bounds.partition(|row| row.is_met);
        (met.len(), missed.len())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n| what | wanted | seen | |\n|---|---|---|---|", self.story)?;
        for Row { what, wanted, seen, is_met } in &self.rows {
            let verdict = match (wanted.is_empty(), is_met) {
                (true, _) => "",
                (false, true) => "ok",
                (false, false) => "**no**",
            };
            writeln!(f, "| {what} | {wanted} | {seen} | {verdict} |")?;
        }
        Ok(())
    }
}
