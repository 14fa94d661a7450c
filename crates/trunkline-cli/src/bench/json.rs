//! The outcome for programs: one object, whose names tell the units.

use serde_json::{Value, json};
use trunkline::MessageKind;

use super::outcome::{Ended, Outcome};
use super::plan::{Load, Opening};
use super::times::{QUANTILES, Times};
use crate::dial::step_name;
use crate::exit::Exit;

pub(super) fn of(outcome: &Outcome) -> Value {
    let (plan, tally) = (&outcome.plan, &outcome.tally);
    let (measured, mistakes) = (tally.measured, tally.mistakes);
    let steps = outcome.steps.iter().map(|(stage, times)| (step_name(*stage), of_times(times)));
    json!({
        "url": outcome.url,
        "ended": match outcome.ended {
            Ended::Completed => "completed",
            Ended::Deserted => "deserted",
            Ended::Interrupted => "interrupted",
        },
        "exit": outcome.exit() as u8,
        "settings": settings(outcome),
        "measured_seconds": outcome.measured().as_secs_f64(),
        "connections": {
            "asked": plan.connections,
            "opened": tally.connections.opened,
            "failed": tally.connections.failed,
            "ended_early": tally.connections.ended_early,
            "compressed": tally.connections.compressed,
        },
        "messages": {
            "sent": measured.sent,
            "answered": measured.answered,
            "unsent": outcome.unsent(),
            "received": measured.received,
            "sent_per_second": outcome.per_second(measured.sent),
            "received_per_second": outcome.per_second(measured.received),
        },
        "payload": {
            "sent_bytes": outcome.sent_bytes(),
            "received_bytes": measured.received_bytes,
            "sent_bytes_per_second": outcome.per_second(outcome.sent_bytes()),
            "received_bytes_per_second": outcome.per_second(measured.received_bytes),
        },
        "mistakes": {
            "lost": mistakes.lost,
            "late": mistakes.late,
            "doubled": mistakes.doubled,
            "wrong": mistakes.wrong,
            "unasked": mistakes.unasked,
            "example": tally.example,
        },
        "latency_seconds": of_times(&tally.latency),
        "latency_histogram": tally.latency.histogram().iter().map(|row| json!({
            "up_to_seconds": row.up_to.as_secs_f64(),
            "count": row.count,
        })).collect::<Value>(),
        "lateness_seconds": of_times(&tally.lateness),
        "connect_seconds": of_times(&tally.connect),
        "connect_steps_seconds": steps.map(|(name, times)| (name.to_owned(), times)).collect::<Value>(),
        "busy": tally.busy,
        "errors": tally.troubles.by_frequency().iter().map(|trouble| json!({
            "kind": kind(trouble.exit),
            "text": trouble.text,
            "count": trouble.count,
        })).collect::<Value>(),
        "errors_not_told_apart": tally.troubles.others(),
    })
}

fn settings(outcome: &Outcome) -> Value {
    let plan = &outcome.plan;
    let (rate, in_flight) = match plan.load {
        Load::Rate(rate) => (Some(rate), None),
        Load::Nothing => (Some(0.0), None),
        Load::InFlight(count) => (None, Some(count)),
        Load::AsFastAsPossible => (None, None),
    };
    let (ramp, parallel) = match plan.opening {
        Opening::PerSecond(ramp) => (Some(ramp), None),
        Opening::AtOnce(parallel) => (None, Some(parallel)),
    };
    json!({
        "connections": plan.connections,
        "threads": plan.threads,
        "rate_per_second": rate,
        "in_flight": in_flight,
        "expects_answers": plan.expects_answers(),
        "size_bytes": plan.payload.size(),
        "kind": match plan.payload.kind() {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        },
        "compression": plan.compression,
        "ramp_per_second": ramp,
        "parallel": parallel,
        "warm_up_seconds": plan.warm_up.as_secs_f64(),
        "duration_seconds": plan.duration.as_secs_f64(),
        "patience_seconds": plan.patience.as_secs_f64(),
    })
}

/// `null` if there are none.
fn of_times(times: &Times) -> Value {
    if times.is_empty() {
        return Value::Null;
    }
    let mut object = json!({
        "count": times.count(),
        "min": times.min().as_secs_f64(),
        "mean": times.mean().as_secs_f64(),
        "deviation": times.deviation().as_secs_f64(),
        "max": times.max().as_secs_f64(),
    });
    for (quantile, name) in QUANTILES {
        // A point in a name would have to be quoted in every query.
        object[name.replace('.', "_")] = times.quantile(quantile).as_secs_f64().into();
    }
    object
}

/// What an exit code stands for.
fn kind(exit: Exit) -> &'static str {
    match exit {
        Exit::Unreachable => "unreachable",
        Exit::Tls => "tls",
        Exit::Refused => "refused",
        Exit::Protocol => "protocol",
        Exit::Timeout => "timeout",
        Exit::Lost => "lost",
        Exit::ClosedWithError => "closed",
        Exit::Clean | Exit::Failed | Exit::Usage | Exit::Broken | Exit::Interrupted => "other",
    }
}
