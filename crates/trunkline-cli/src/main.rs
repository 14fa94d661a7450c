//! The command `trunkline`: parses, runs, and turns the result into an exit code.

mod args;
mod bench;
mod check;
mod connect;
mod dial;
mod echo;
mod exit;
mod generate;
mod output;
mod page;
mod serve;
mod signals;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let ended = match Args::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Echo(args) => echo::run(&args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    };
    ended.unwrap_or_else(|failure| output::complain(&failure)).into()
}
