//! `trunkline-sim --seeds 100000` runs many seeds, `--seed N` replays one with a trace.

use std::process::ExitCode;

use trunkline_sim::{Figures, run};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|it| it == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    match (number("--seed"), number("--seeds")) {
        (Some(seed), _) => replay(seed),
        (None, Some(seeds)) => many(number("--from").unwrap_or(0), seeds),
        (None, None) => {
            eprintln!("usage: trunkline-sim --seeds COUNT [--from FIRST] | --seed SEED");
            ExitCode::from(2)
        }
    }
}

fn replay(seed: u64) -> ExitCode {
    report(run(seed, Some(&mut |line| println!("{line}"))).map(|figures| println!("{figures:?}")))
}

fn many(first: u64, seeds: u64) -> ExitCode {
    let mut figures = Figures::default();
    for seed in first..first + seeds {
        match run(seed, None) {
            Ok(of_one) => figures.add(&of_one),
            Err(failure) => return report(Err(failure)),
        }
    }
    println!("{seeds} seeds from {first}: {figures:?}");
    ExitCode::SUCCESS
}

fn report(result: Result<(), trunkline_sim::Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("seed {} after {} ms: {}", failure.seed, failure.at_ms, failure.broken);
            ExitCode::FAILURE
        }
    }
}
