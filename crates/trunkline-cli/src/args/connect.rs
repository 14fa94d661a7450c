//! The flags of `trunkline connect`.

use std::time::Duration;

use clap::ValueEnum;

use super::Dial;
use super::duration::duration;
use crate::exit::CODES;

/// Speak to a server, from a terminal or a pipe
///
/// At a terminal: type a line to send it as a text message, and see what comes in above it. Lines that
/// begin with / are commands: /ping, /close, /hex and others, which /help lists. Ctrl-D closes the
/// connection, Ctrl-C pressed twice drops it.
///
/// In a pipe: each line of standard input is sent as a text message, and each message that comes in is
/// printed as it is, with a line break behind it. Once the input ends, the connection stays until the
/// server has been silent for --wait.
///
/// What a server sends is never given to the terminal raw: control characters, which could move the
/// cursor, change the title or worse, are shown as \x1b and the like. Files and pipes get every byte.
#[derive(clap::Args, Debug)]
#[command(after_long_help = examples())]
pub(crate) struct Connect {
    /// Where to connect to: ws://host:port/path, wss://…, or ws+unix:///path/of.sock:/path
    pub(crate) url: String,

    /// Text to send first; can be repeated. Then standard input is read only if it is a terminal
    #[arg(long, value_name = "TEXT")]
    pub(crate) send: Vec<String>,

    /// What standard input is: lines of text, lines of hexadecimal digits that are sent as binary
    /// messages, or one binary message of any length
    #[arg(long, value_name = "KIND", default_value = "text")]
    pub(crate) input: Input,

    /// How to print binary messages; raw is for files and pipes, and adds no line break
    #[arg(long, value_name = "HOW", default_value = "hex")]
    pub(crate) binary: Binary,

    /// End after so many messages have come in
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after one message has come in: the same as --count 1
    #[arg(long, conflicts_with = "count")]
    pub(crate) once: bool,

    /// How long to wait for the next message once there is nothing more to send: a time, or `forever`
    /// [default: 1s; with --count 10s]
    #[arg(long, value_name = "TIME", value_parser = wait)]
    pub(crate) wait: Option<Wait>,

    /// Offer compression (permessage-deflate)
    #[arg(long)]
    pub(crate) compression: bool,

    /// Bytes that a message may have; a longer one ends the connection
    #[arg(long, value_name = "BYTES", default_value = "16777216", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_message: u64,

    /// Follow so many redirects; to another host go neither credentials nor cookies
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) redirects: u8,

    /// Print how long each step took: name, TCP, TLS, handshake, first message, ping
    #[arg(long)]
    pub(crate) timing: bool,

    /// Say more on standard error: the connection, pings and pongs, how it closed
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) dial: Dial,
}

impl Connect {
    /// Messages after which to end.
    pub(crate) fn count(&self) -> Option<u64> {
        if self.once { Some(1) } else { self.count }
    }

    /// How long the server may be silent once there is nothing more to send.
    pub(crate) fn wait(&self) -> Wait {
        let default = if self.count().is_some() { 10 } else { 1 };
        self.wait.unwrap_or_else(|| Wait::For(Duration::from_secs(default)))
    }
}

/// What standard input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Input {
    Text,
    Hex,
    Raw,
}

/// How binary messages are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Binary {
    Hex,
    Raw,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    For(Duration),
    Forever,
}

fn wait(text: &str) -> Result<Wait, String> {
    if text == "forever" {
        return Ok(Wait::Forever);
    }
    duration(text).map(Wait::For).map_err(|error| format!("{error}, or `forever`"))
}

fn examples() -> String {
    format!(
        "\
Examples:
  trunkline connect ws://127.0.0.1:9001/
  trunkline connect wss://example.com/chat --subprotocol chat.v2 \\
    -H 'Authorization: Bearer …'
  trunkline connect ws://127.0.0.1:9001/ --send hello --once
  echo '{{\"subscribe\": \"trades\"}}' |
    trunkline connect wss://example.com/feed --wait forever | jq .price
  trunkline connect ws://127.0.0.1:9001/ --once \\
    --input raw --binary raw < photo.jpg > echo.jpg
  trunkline connect wss://example.com/ --timing --send '' --once

Exit codes:
{CODES}"
    )
}
