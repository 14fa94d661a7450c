//! The flags of `trunkline check`.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::Dial;
use super::duration::duration;

/// Ask a server whether it keeps the rules
#[derive(clap::Args, Debug)]
#[command(long_about = ABOUT, after_long_help = EXAMPLES)]
pub(crate) struct Check {
    /// Server to ask: ws://host:port/path, wss://… or ws+unix:///path/of.sock:/path
    #[arg(required_unless_present = "list")]
    pub(crate) url: Option<String>,

    /// Ask only this rule, or all whose names begin so; can be repeated
    #[arg(long = "rule", value_name = "ID")]
    pub(crate) rules: Vec<String>,

    /// Print the rules instead of asking for them
    #[arg(long)]
    pub(crate) list: bool,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Print only deviations and violations
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Fail on deviations, too
    #[arg(long)]
    pub(crate) strict: bool,

    /// How long to wait for a reaction before it counts as none
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub(crate) patience: Duration,

    /// Questions to ask at the same time
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) parallel: NonZeroUsize,

    #[command(flatten)]
    pub(crate) dial: Dial,
}

// Set apart, as comments lose the lines of a table.
const ABOUT: &str = "\
Ask a server whether it keeps the rules

It makes a connection for each question, asks it as a strict client would (a wrong handshake, \
a frame without a mask, text that is not UTF-8, a close code that must not be sent) and judges \
what the server makes of it by RFC 6455 and RFC 7692:

  ok         the rule is kept, with the code that the RFC names
  deviation  the rule is kept in effect, or is only recommended: cut off without
             a close frame, closed with another code, no limit on what it takes
  violation  the rule is broken
  untested   the question could not be asked; the reason is given

Rules about messages need a server that echoes, such as `trunkline echo`; without that, those \
rules are untested and all others are not. Ask only servers that are yours: what it sends looks \
like an attack.";

const EXAMPLES: &str = "\
Examples:
  trunkline check ws://127.0.0.1:9001/
  trunkline check wss://example.com/feed -H 'Authorization: Bearer …' --quiet
  trunkline check ws://127.0.0.1:9001/ --rule close- --rule utf8-invalid
  trunkline check ws://127.0.0.1:9001/ --json |
    jq '.rules[] | select(.verdict == \"violation\")'
  trunkline check --list

Exit codes:
  0  no violation (with --strict: no deviation either)
  1  a rule is broken
  2  a flag or the URL is wrong
  3  and above: the server could not be asked; see `trunkline connect --help`";
