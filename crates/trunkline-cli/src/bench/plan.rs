//! What the flags ask for, made sure that it can be had.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use trunkline::MessageKind;

use super::payload::Payload;
use crate::args::Bench;
use crate::exit::Failure;

/// Bytes of a message unless --size says otherwise: what chats and tickers send.
const SIZE: usize = 64;

/// Messages without an answer that all connections together keep track of, at 16 bytes each: 128 MiB
/// at the most. Only a server that answers nothing needs them.
const TRACKED_MAX: usize = 8 << 20;

/// The same for one connection: a second of the most that one can carry on loopback, nearly.
const TRACKED_PER_CONNECTION_MAX: usize = 64 << 10;

/// The least for one connection, however many there are.
const TRACKED_PER_CONNECTION_MIN: usize = 64;

/// Bytes that messages may take that wait to be sent, one on each connection.
const WAITING_BYTES_MAX: u64 = 4 << 30;

/// Descriptors that are needed beside those of connections: the standard ones, and a few for each thread.
#[cfg(unix)]
const DESCRIPTORS_BESIDE: u64 = 64;

pub(super) struct Plan {
    pub(super) connections: u32,
    pub(super) threads: usize,
    pub(super) load: Load,
    pub(super) expects: Expects,
    pub(super) payload: Payload,
    pub(super) opening: Opening,
    /// It is offered.
    pub(super) compression: bool,
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
    pub(super) patience: Duration,
    /// Messages without an answer that a connection keeps track of.
    pub(super) tracked_max: usize,
}

/// When to send.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Load {
    /// So many messages per second on all connections together.
    Rate(f64),
    /// When there are fewer on the way than that.
    InFlight(usize),
    /// Whenever the connection takes one.
    AsFastAsPossible,
    Nothing,
}

/// What to make of messages that come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expects {
    /// Each is the echo of one of ours.
    Echo,
    /// Each answers the oldest of ours.
    OneForOne,
    /// They are counted.
    Nothing,
}

/// When connections are opened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Opening {
    /// So many in a second.
    PerSecond(f64),
    /// So many at the same time.
    AtOnce(NonZeroUsize),
}

/// The time in which messages are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) begin: Instant,
    /// Warm-up ends, measuring begins.
    pub(super) measured_from: Instant,
    pub(super) end: Instant,
}

impl Span {
    pub(super) fn is_measured(&self, at: Instant) -> bool {
        (self.measured_from..self.end).contains(&at)
    }
}

impl Plan {
    pub(super) fn new(args: &Bench) -> Result<Self, Failure> {
        let kind = if args.binary { MessageKind::Binary } else { MessageKind::Text };
        let payload = match &args.message {
            Some(text) => Payload::fixed(kind, text),
            None => Payload::numbered(kind, args.size.map_or(SIZE, |size| size as usize)),
        };
        let connections = args.connections as usize;
        let tracked_max = (TRACKED_MAX / connections)
            .clamp(TRACKED_PER_CONNECTION_MIN, TRACKED_PER_CONNECTION_MAX);
        let plan = Self {
            connections: args.connections,
            threads: threads(args).min(connections),
            load: load(args),
            expects: match (args.no_answers, &args.message) {
                (true, _) => Expects::Nothing,
                (false, Some(_)) => Expects::OneForOne,
                (false, None) => Expects::Echo,
            },
            payload,
            opening: match args.ramp {
                Some(per_second) => Opening::PerSecond(per_second),
                None => Opening::AtOnce(args.parallel),
            },
            compression: args.compression,
            warm_up: args.warm_up,
            duration: args.duration,
            patience: args.patience,
            tracked_max,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.duration.is_zero() {
            return Err(Failure::usage("--duration 0 leaves nothing to measure"));
        }
        if let Load::InFlight(count) = self.load
            && count > self.tracked_max
        {
            return Err(Failure::usage(format!(
                "--in-flight {count} on {} connections are more messages than are kept track of: at most {} each",
                self.connections, self.tracked_max
            )));
        }
        if self.payload.size() as u64 * u64::from(self.connections) > WAITING_BYTES_MAX {
            return Err(Failure::usage(format!(
                "{} connections with {} bytes each could take more than 4 GiB: fewer, or a smaller --size",
                self.connections,
                self.payload.size()
            )));
        }
        check_descriptors(u64::from(self.connections))
    }

    pub(super) fn expects_answers(&self) -> bool {
        self.expects != Expects::Nothing && self.load != Load::Nothing
    }

    pub(super) fn span(&self, begin: Instant) -> Span {
        let measured_from = begin + self.warm_up;
        Span { begin, measured_from, end: measured_from + self.duration }
    }
}

fn load(args: &Bench) -> Load {
    match args.rate {
        Some(0.0) => Load::Nothing,
        Some(rate) => Load::Rate(rate),
        None if args.no_answers => Load::AsFastAsPossible,
        None => Load::InFlight(args.in_flight.unwrap_or(1) as usize),
    }
}

fn threads(args: &Bench) -> usize {
    match args.threads {
        Some(threads) => threads.into(),
        None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    }
}

/// Raises the limit of open files as far as the system lets us, and says so if that is not far enough.
#[cfg(unix)]
fn check_descriptors(connections: u64) -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = connections + DESCRIPTORS_BESIDE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(limit.maximum.unwrap_or(needed)), ..limit };
    // macOS takes no more than it opens for one process, whatever the limit is said to be.
    let exact = Rlimit { current: Some(needed), ..limit };
    match limit.maximum.is_none_or(|maximum| maximum >= needed)
        && (setrlimit(Resource::Nofile, raised).is_ok()
            || setrlimit(Resource::Nofile, exact).is_ok())
    {
        true => Ok(()),
        false => Err(Failure::usage(format!(
            "{connections} connections need {needed} open files, and {} are allowed: see `ulimit -n`",
            limit.maximum.or(limit.current).unwrap_or_default()
        ))),
    }
}

#[cfg(not(unix))]
fn check_descriptors(_: u64) -> Result<(), Failure> {
    Ok(())
}
