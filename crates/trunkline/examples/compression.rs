//! What compression costs and brings with messages like yours: bytes on the wire, memory of a connection
//! while it is idle, time.
//!
//! `cargo run --release --example compression -- FILE`, with a message per line; without a file, with
//! quotes in JSON.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use trunkline::deflate::{DeflateConfig, Memory, WindowBits};
use trunkline::testing::{pair_over, pipe};
use trunkline::{Acceptor, Connector};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that a pipe may hold: a message and its answer.
const ROOM: usize = 4 << 20;

const ROUNDS: usize = 10;

/// What one way to compress comes to.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes of a message on the wire, on average, its header included.
    pub wire_bytes: f64,
    /// Bytes that one end of an idle connection has for compression, after it has sent and received.
    pub idle_bytes: i64,
    /// To send a message and to receive it: both ends, no network.
    pub time: Duration,
}

/// The ways that are compared.
pub fn ways() -> Vec<(&'static str, Option<DeflateConfig>)> {
    let bits = |bits| WindowBits::new(bits).expect("between 8 and 15");
    let config = || DeflateConfig::new().threshold(0);
    let takeover = |memory, window: u8| {
        let config = config().context_takeover(true).memory(memory);
        Some(config.window_bits(bits(window)).peer_window_bits(bits(window)))
    };
    vec![
        ("none", None),
        ("no takeover", Some(config())),
        ("takeover, hibernating, 12 bits", takeover(Memory::Hibernating, 12)),
        ("takeover, hibernating, 15 bits", takeover(Memory::Hibernating, 15)),
        ("takeover, dedicated, 12 bits", takeover(Memory::Dedicated, 12)),
        ("takeover, dedicated, 15 bits", takeover(Memory::Dedicated, 15)),
    ]
}

/// Sends each message there and back, over a connection in memory.
pub fn cost(config: Option<&DeflateConfig>, messages: &[String]) -> Result<Cost, Error> {
    // What a thread makes once and lends to its connections is there before it counts.
    there_and_back(config, messages)?;
    let plain = there_and_back(None, messages)?;
    let mut cost = there_and_back(config, messages)?;
    cost.idle_bytes = (cost.idle_bytes - plain.idle_bytes) / 2;
    Ok(cost)
}

/// The shortest time of some rounds: what makes one longer is not ours.
fn fastest(config: Option<&DeflateConfig>, messages: &[String]) -> Result<Cost, Error> {
    let mut best = cost(config, messages)?;
    for _ in 0..ROUNDS {
        best.time = best.time.min(there_and_back(config, messages)?.time);
    }
    Ok(best)
}

fn there_and_back(config: Option<&DeflateConfig>, messages: &[String]) -> Result<Cost, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = None;
    let allocated = measure(|| connection = Some(runtime.block_on(converse(config, messages))));
    let (kept, wire_bytes, time) = connection.expect("it has run")?;
    drop(kept);
    Ok(Cost { wire_bytes, idle_bytes: allocated.bytes_current, time })
}

/// Both ends of a connection, bytes per message, and time per message.
async fn converse(
    config: Option<&DeflateConfig>,
    messages: &[String],
) -> Result<(impl Sized, f64, Duration), Error> {
    let (mut connector, mut acceptor) = (Connector::new(), Acceptor::new());
    if let Some(config) = config {
        connector = connector.with_compression(config.clone());
        acceptor = acceptor.with_compression(config.clone());
    }
    let (ours, theirs) = pipe(ROOM);
    let control = theirs.control();
    let (mut client, mut server) = pair_over(&connector, &acceptor, ours, theirs).await?;
    let (before, start) = (control.written(), Instant::now());
    for message in messages {
        server.send(message).await?;
        let received = client.recv().await?.ok_or("closed")?;
        client.send(received).await?;
        server.recv().await?.ok_or("closed")?;
    }
    let time = start.elapsed() / 2;
    let count = u32::try_from(messages.len())?.max(1);
    let wire_bytes = (control.written() - before) as f64 / f64::from(count);
    control.discard();
    client.stream().control().discard();
    Ok(((client, server), wire_bytes, time / count))
}

/// Quotes in JSON, 220 bytes each.
pub fn quotes(count: u32) -> Vec<String> {
    let symbols = ["EURUSD", "GBPJPY", "AUDCAD", "USDCHF"];
    let quote = |n: u32| {
        let symbol = symbols[n as usize % symbols.len()];
        let cents = |salt: u32| n.wrapping_mul(2_654_435_761).wrapping_add(salt) >> 16;
        format!(
            r#"{{"type":"quote","symbol":"{symbol}","sequence":{:08},"bid":{{"price":"1.{:05}","size":{:06}}},"ask":{{"price":"1.{:05}","size":{:06}}},"time":"2026-11-28T13:07:{:02}.{:03}Z","venue":"primary","conditions":["regular","firm"]}}"#,
            n,
            cents(1),
            cents(7) * 10,
            cents(11),
            cents(13) * 10,
            n / 1000 % 60,
            n % 1000,
        )
    };
    (0..count).map(quote).collect()
}

fn main() -> Result<(), Error> {
    let messages = match std::env::args().nth(1) {
        Some(file) => std::fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
        None => quotes(1000),
    };
    let bytes: usize = messages.iter().map(String::len).sum();
    println!("{} messages of {} bytes on average", messages.len(), bytes / messages.len().max(1));
    println!("{:<32} {:>10} {:>12} {:>10}", "", "on wire", "idle, one end", "time");
    for (name, config) in ways() {
        let Cost { wire_bytes, idle_bytes, time } = fastest(config.as_ref(), &messages)?;
        println!("{name:<32} {wire_bytes:>8.0} B {idle_bytes:>11} B {time:>10.1?}");
    }
    Ok(())
}
