//! Every command and flag, its help and its default: a file for each command.

mod backend;
mod bench;
mod check;
mod config;
mod connect;
mod dial;
mod duration;
mod echo;
mod serve;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use backend::{Backend, History, Presence, Publish, Subscribe, Token};
pub(crate) use bench::Bench;
pub(crate) use check::Check;
pub(crate) use config::{Config, ConfigCommand};
pub(crate) use connect::{Binary, Connect, Input, Wait};
pub(crate) use dial::Dial;
pub(crate) use echo::Echo;
pub(crate) use serve::Serve;

/// WebSockets, from the wire to the crowd.
#[derive(Parser, Debug)]
#[command(name = "trunkline", version, arg_required_else_help = true, after_long_help = EXAMPLES)]
// The last of the same flag counts, so that what an alias says can be changed behind it.
#[command(args_override_self = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Start here:
  trunkline serve --demo                       the real-time server, with pages to play with
  trunkline echo --page                        a server to try things with
  trunkline connect ws://127.0.0.1:9001/       speak to it
  trunkline check ws://127.0.0.1:9001/         ask whether it keeps the rules
  trunkline bench ws://127.0.0.1:9001/         see how fast it is

`trunkline help COMMAND` explains each of them, with examples.";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Serve(Serve),
    Publish(Publish),
    Subscribe(Subscribe),
    Presence(Presence),
    History(History),
    Token(Token),
    Config(Config),
    Connect(Box<Connect>),
    Check(Box<Check>),
    Bench(Box<Bench>),
    Echo(Echo),
    Completions(Completions),
    Man(Man),
}

/// Print completions for a shell
///
/// What it prints completes commands, flags and their values. Load it where your shell looks for such things.
#[derive(clap::Args, Debug)]
#[command(after_long_help = COMPLETIONS)]
pub(crate) struct Completions {
    /// Shell to complete for
    pub(crate) shell: clap_complete::Shell,
}

const COMPLETIONS: &str = "\
Examples:
  trunkline completions bash > ~/.bash_completion.d/trunkline
  trunkline completions zsh > ~/.zfunc/_trunkline        (a folder of $fpath)
  trunkline completions fish > ~/.config/fish/completions/trunkline.fish
  source <(trunkline completions bash)                   for this shell only";

/// Print the manual page, or write the pages of all commands
///
/// Without --dir it prints the page of `trunkline` itself, or of the command that is named.
#[derive(clap::Args, Debug)]
#[command(after_long_help = MAN)]
pub(crate) struct Man {
    /// Command whose page to print
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub(crate) page: Option<String>,

    /// Write trunkline.1, trunkline-connect.1 and so on into this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

const MAN: &str = "\
Examples:
  trunkline man bench | man -l -
  trunkline man --dir ~/.local/share/man/man1";
