//! `trunkline check`: asks a server the questions of a strict client, rule by rule.
//!
//! ```text
//!   rules ──▶ one connection (or more) for each ──▶ probe ──▶ wire ──▶ finding ──▶ report
//! ```
//!
//! A rule is a name, a section of an RFC and a question. What the library would never send is put
//! together by hand in [`frame`] and [`probe`]; what comes back is read by the strict parser of
//! `trunkline-proto`, so that a server's own mistakes show in every rule.

mod frame;
mod probe;
mod report;
mod rule;
mod rules;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::args::Check;
use crate::exit::{Exit, Failure};
use crate::output;
use probe::Probe;
use report::{Report, Row};
use rule::{Finding, Rule, Verdict};

/// No rule takes as long: the longest opens a dozen connections, each of which may be waited for.
const RULE_TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) fn run(args: &Check) -> Result<Exit, Failure> {
    let chosen = choose(&args.rules)?;
    let Some(url) = args.url.as_ref().filter(|_| !args.list) else {
        output::print(&report::list(&chosen))?;
        return Ok(Exit::Clean);
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed("cannot start", error))?;
    runtime.block_on(async {
        let probe = Arc::new(Probe::new(url, args).await?);
        let mut report = Report::begin(args, url, &probe)?;
        ask_all(&probe, chosen, args.parallel.get(), &mut report).await?;
        report.end()
    })
}

/// The rules whose names begin as one of those that were asked for; all, if none were.
fn choose(prefixes: &[String]) -> Result<Vec<&'static Rule>, Failure> {
    for prefix in prefixes {
        if !rules::all().any(|rule| rule.id.starts_with(prefix)) {
            let text = format!("there is no rule {prefix}: see trunkline check --list");
            return Err(Failure::usage(text));
        }
    }
    let is_chosen =
        |id: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| id.starts_with(prefix));
    Ok(rules::all().filter(|rule| is_chosen(rule.id)).collect())
}

/// Asks several at a time, and reports in the order of the rules.
async fn ask_all(
    probe: &Arc<Probe>,
    rules: Vec<&'static Rule>,
    parallel: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let room = Arc::new(Semaphore::new(parallel));
    let mut asked = JoinSet::new();
    for (at, rule) in rules.iter().copied().enumerate() {
        let (probe, room) = (Arc::clone(probe), Arc::clone(&room));
        asked.spawn(async move {
            let _room = room.acquire_owned().await;
            (at, ask(&probe, rule).await)
        });
    }
    let mut rows: Vec<Option<Row>> = rules.iter().map(|_| None).collect();
    let mut next = 0;
    while let Some(answered) = asked.join_next().await {
        let (at, row) = answered.map_err(|error| Failure::failed("a question failed", error))?;
        rows[at] = Some(row);
        while let Some(row) = rows.get_mut(next).and_then(Option::take) {
            report.add(row)?;
            next += 1;
        }
    }
    Ok(())
}

async fn ask(probe: &Arc<Probe>, rule: &'static Rule) -> Row {
    let started = Instant::now();
    let finding = timeout(RULE_TIMEOUT, rule.ask(probe)).await;
    let finding = finding.unwrap_or_else(|_| {
        Finding::new(Verdict::Untested, format!("no end after {}", output::time(RULE_TIMEOUT)))
    });
    Row { rule, finding, took: started.elapsed() }
}
