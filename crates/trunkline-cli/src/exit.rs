//! How a command ends: for scripts a number, for people a sentence.

use std::fmt::Display;
use std::process::ExitCode;

/// The number that a command ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Exit {
    Clean = 0,
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    Tls = 4,
    Refused = 5,
    Protocol = 6,
    Timeout = 7,
    Lost = 8,
    ClosedWithError = 9,
    /// A server ended itself, for a mistake of ours has broken it; sysexits.h calls it `EX_SOFTWARE`.
    Broken = 70,
    Interrupted = 130,
}

/// The same for `--help`.
pub(crate) const CODES: &str =
    "    0  closed cleanly: 1000, 1001 or no code; or --count was reached
    1  anything else, such as standard input that cannot be read
    2  a flag or the URL is wrong
    3  the server or the proxy cannot be reached
    4  TLS failed: an unknown, expired or wrong certificate
    5  the server refused the handshake, or answered it wrongly
    6  the server broke the protocol, or sent more than --max-message
    7  a time ran out: --timeout, a ping without an answer, or --wait before
       --count was reached
    8  the connection ended without a closing handshake
    9  the server closed with a code that is an error, such as 1008 or 1011
  130  Ctrl-C, or SIGTERM";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// For standard error: what was wrong and what to do. May hold what a server said.
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    pub(crate) fn failed(what: &str, error: impl Display) -> Self {
        Self::new(Exit::Failed, format!("{what}: {error}"))
    }
}

/// An error with all that it came from.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        // Some errors repeat their source in their own text.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}
