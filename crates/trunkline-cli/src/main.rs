//! The command `trunkline`: parses, runs, and turns the result into an exit code.

mod args;
mod echo;
mod page;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Echo(args) => echo::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trunkline: {error}");
            ExitCode::FAILURE
        }
    }
}
