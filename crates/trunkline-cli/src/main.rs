//! The command `trunkline`: parses, runs, and turns the result into an exit code.

mod args;
mod backend;
mod bench;
mod check;
mod config;
mod connect;
mod dial;
mod echo;
mod exit;
mod generate;
mod output;
mod page;
mod serve;
mod signals;
mod subscribe;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let ended = match Args::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Publish(args) => backend::publish(&args),
        Command::Subscribe(args) => subscribe::run(&args),
        Command::Presence(args) => backend::presence(&args),
        Command::History(args) => backend::history(&args),
        Command::Token(args) => backend::token(&args),
        Command::Config(args) => config::run(&args.command),
        Command::Connect(args) => connect::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Echo(args) => echo::run(&args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    };
    ended.unwrap_or_else(|failure| output::complain(&failure)).into()
}
