//! The flags of `trunkline bench`.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::Dial;
use super::duration::duration;

/// Load a server with messages, and see how long it takes to answer
#[derive(clap::Args, Debug)]
#[command(long_about = ABOUT, after_long_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Server to load: ws://host:port/path, wss://… or ws+unix:///path/of.sock:/path
    pub(crate) url: String,

    /// Connections to open
    #[arg(short, long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    pub(crate) connections: u32,

    /// How long to measure
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// How long to send before that, so that caches, pools and clocks of processors are warm
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) warm_up: Duration,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Threads to send from [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX))]
    pub(crate) threads: Option<u16>,

    /// Messages per second, on all connections together; 0 for none
    #[arg(short, long, value_name = "N", value_parser = rate, conflicts_with = "in_flight", help_heading = LOAD)]
    pub(crate) rate: Option<f64>,

    /// Messages that each connection has on the way, without --rate [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX), help_heading = LOAD)]
    pub(crate) in_flight: Option<u32>,

    /// Bytes of a message, 16 at the least: they hold its number [default: 64]
    #[arg(short, long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(SIZE_MIN..=SIZE_MAX), help_heading = LOAD)]
    pub(crate) size: Option<u32>,

    /// Send binary messages, of digits that compress little, instead of texts that look like JSON
    #[arg(long, help_heading = LOAD)]
    pub(crate) binary: bool,

    /// Send this instead of numbered messages, to servers that answer one message with one, whatever
    /// it is: nothing can be checked, and each answer counts for the oldest message that has none
    #[arg(long, value_name = "TEXT", conflicts_with = "size", help_heading = LOAD)]
    pub(crate) message: Option<String>,

    /// Expect no answers, and count what comes in; without --rate it sends as fast as it can
    #[arg(long, conflicts_with = "in_flight", help_heading = LOAD)]
    pub(crate) no_answers: bool,

    /// How long to wait for an answer before its message counts as lost
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = LOAD)]
    pub(crate) patience: Duration,

    /// Connections to open per second, whether or not those before have been answered
    #[arg(long, value_name = "N", value_parser = ramp, conflicts_with = "parallel", help_heading = CONNECTING)]
    pub(crate) ramp: Option<f64>,

    /// Connections to be opening at the same time, without --ramp
    #[arg(long, value_name = "N", default_value = "64", help_heading = CONNECTING)]
    pub(crate) parallel: NonZeroUsize,

    /// Offer compression (permessage-deflate)
    #[arg(long, help_heading = CONNECTING)]
    pub(crate) compression: bool,

    #[command(flatten)]
    pub(crate) dial: Dial,
}

const LOAD: &str = "Load";
const CONNECTING: &str = "Connecting";

/// A million: what one machine can hold with addresses to spare, and far below what fits the number in a message.
const CONNECTIONS_MAX: i64 = 1_000_000;

/// More than any machine has processors, and few enough to start.
const THREADS_MAX: i64 = 1024;

/// As many messages as one connection keeps track of.
const IN_FLIGHT_MAX: i64 = 65_536;

/// What holds the number of a message.
const SIZE_MIN: i64 = crate::bench::STAMP_BYTES as i64;

/// What a client of ours takes in one message.
const SIZE_MAX: i64 = 16 << 20;

/// Beyond what a machine sends in a second, and far from where sums of times lose their precision.
const RATE_MAX: f64 = 100e6;

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=RATE_MAX).contains(&rate) => Ok(rate),
        _ => Err("write a number from 0 to 100000000".into()),
    }
}

fn ramp(text: &str) -> Result<f64, String> {
    match rate(text) {
        // One in twenty minutes.
        Ok(rate) if rate >= 0.001 => Ok(rate),
        _ => Err("write a number from 0.001 to 100000000".into()),
    }
}

// Set apart, as comments lose the lines of a table.
const ABOUT: &str = "\
Load a server with messages, and see how long it takes to answer

It opens connections, sends messages to a server that echoes, such as `trunkline echo`, and \
measures the time to each answer. Every answer is checked: each message is numbered, and must \
come back once, whole, and on its own connection.

How fast to send is yours to say:

  --in-flight N  Each connection sends as soon as it has fewer than N messages
                 on the way; this is the default, with N = 1. Finds out how
                 much a server can do.
  --rate N       So many messages per second on all connections together, come
                 what may. Finds out how long answers take under a given load.
                 A latency counts from when its message was due, so a server
                 cannot hide a stall by holding up the sender.
  --rate 0       None: opens connections and holds them.

Sending begins once all connections are open, or have failed; one that fails is not opened \
again, and its share of the rate stays unsent. Then come --warm-up, of which only mistakes are \
counted, --duration, which is measured, and at most --patience for the answers that are still out.

Load only servers that are yours.";

const EXAMPLES: &str = "\
Examples:
  trunkline bench ws://127.0.0.1:9001/           one at a time on 50 connections
  trunkline bench ws://127.0.0.1:9001/ --in-flight 64 --size 1024
  trunkline bench ws://127.0.0.1:9001/ --rate 20000
  trunkline bench ws://127.0.0.1:9001/ --rate 5000 --compression --size 4096
  trunkline bench wss://example.com/ -c 10000 --ramp 500 --rate 0 -d 5m
  trunkline bench wss://example.com/rpc --message '{\"method\": \"ping\"}' \\
    -H 'Authorization: Bearer …'
  trunkline bench ws://127.0.0.1:9001/ --json | jq .latency_seconds.p99

How to read the table:
  latency   from when a message was sent, or was due with --rate, to its answer
  lateness  from when a message was due to when it left us. If that is not far
            below the latency, or a thread is near 100 % busy, the load needs
            more --threads or another machine
  connect   from the name to the open connection; with --ramp from when it was
            due
  lost      without an answer after --patience, and in no percentile
  late      answered after --patience; in the percentiles
  doubled   answered a second time
  wrong     answered with something else
  unasked   came before anything was sent, such as a greeting

Ctrl-C ends it early and prints what there is; a second one waits for nothing.

Exit codes:
    0  every connection opened and lasted, every message was sent and answered
    1  messages were lost, doubled, answered wrongly or not sent in time; or
       anything else
    2  a flag or the URL is wrong
  3-9  connections failed or ended early: the code of most of them; see
       `trunkline connect --help`
  130  Ctrl-C, or SIGTERM";
