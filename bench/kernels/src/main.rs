//! The parts that every message passes, each alone, to count the instructions that it takes.
//!
//! ```text
//! kernels                  the names, and how many operations a round has
//! kernels NAME ROUNDS      prepares, then does as many rounds and nothing else
//! ```
//!
//! Whoever counts runs it twice, with different numbers of rounds: the difference is free of what
//! preparing cost. Those called `naive` do the same work the plain way, to compare with.

mod deflate;
mod dialect;
mod echo;
mod fanout;
mod frames;
mod handshake;
mod naive;

use std::process::ExitCode;

/// Does one round.
type Round = Box<dyn FnMut()>;

/// One part, how many operations a round of it has, and what prepares it.
type Kernel = (&'static str, u32, fn() -> Round);

fn main() -> ExitCode {
    let kernels: Vec<Kernel> =
        [frames::ALL, echo::ALL, handshake::ALL, deflate::ALL, dialect::ALL, fanout::ALL].concat();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [] => kernels.iter().for_each(|(name, operations, _)| println!("{name} {operations}")),
        [name, rounds] => {
            let kernel = kernels.iter().find(|it| it.0 == name);
            let (Some((_, _, prepare)), Ok(rounds)) = (kernel, rounds.parse::<u32>()) else {
                eprintln!("kernels: there is no {name}, or {rounds} is no number");
                return ExitCode::FAILURE;
            };
            let mut round = prepare();
            // The first makes what a thread keeps: tables, zlib states.
            round();
            (0..rounds).for_each(|_| round());
        }
        _ => {
            eprintln!("usage: kernels [NAME ROUNDS]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
