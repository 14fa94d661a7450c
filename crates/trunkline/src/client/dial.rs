//! From the name of a host to a TCP connection, by the fastest of its addresses ("happy eyeballs",
//! RFC 8305).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::error::{ConnectError, Fault, Stage, in_words};
use super::race::Race;
use super::resolve::{Lookup, SharedResolver, SystemResolver};
use super::timeouts::Budget;

/// How long an address may stay silent before the next one is tried beside it (RFC 8305 §5: 250 ms is
/// recommended, less than 10 ms forbidden).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
pub(super) const ATTEMPT_DELAY_MIN: Duration = Duration::from_millis(10);

/// Addresses that are tried before giving up: names have hardly more, and each is a socket and a packet
/// that whoever answers for the name can make a client spend.
const ADDRESSES_MAX: usize = 16;

/// How hosts are found and connected to.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    pub(super) resolver: SharedResolver,
    pub(super) attempt_delay: Duration,
    pub(super) addresses_max: usize,
}

impl Default for Dialer {
    fn default() -> Self {
        Self {
            resolver: SharedResolver(Arc::new(SystemResolver)),
            attempt_delay: ATTEMPT_DELAY,
            addresses_max: ADDRESSES_MAX,
        }
    }
}

impl Dialer {
    /// Connects to `host`, an IPv6 address without brackets.
    pub(super) async fn dial(
        &self,
        host: &str,
        port: u16,
        budget: &Budget,
    ) -> Result<TcpStream, ConnectError> {
        let mut race = self.race(host, port, budget).await?;
        let place =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        match budget.run(Stage::Tcp, race.run()).await {
            Ok(Some(tcp)) => Ok(tcp),
            Ok(None) => Err(unconnected(&place, &mut race)),
            Err(elapsed) => {
                let told = tell(&race);
                Err(ConnectError::elapsed(elapsed, format!("connecting to {place} ({told})")))
            }
        }
    }
    /// The addresses of `host`, which no connection is made to: at least one, the best first.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        budget: &Budget,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        Ok(self.race(host, port, budget).await?.into_addresses())
    }

    /// A race for which there is something to begin with.
    async fn race(
        &self,
        host: &str,
        port: u16,
        budget: &Budget,
    ) -> Result<Race<TcpStream>, ConnectError> {
        let lookup = match host.parse::<IpAddr>() {
            Ok(address) => Lookup::ready([SocketAddr::new(address, port)]),
            Err(_) => self.resolver.0.lookup(host, port),
        };
        let mut race = Race::new(lookup, self.attempt_delay, self.addresses_max, connect);
        let resolved = budget.run(Stage::Resolve, race.resolve()).await;
        let resolved = resolved
            .map_err(|elapsed| ConnectError::elapsed(elapsed, format!("looking up {host}")))?;
        match resolved {
            true => Ok(race),
            false => Err(unresolved(host, race.lookup_error.take())),
        }
    }
}

/// Connects to a Unix socket.
#[cfg(unix)]
pub(super) async fn dial_socket(
    path: &std::path::Path,
    budget: &Budget,
) -> Result<tokio::net::UnixStream, ConnectError> {
    let place = path.display();
    let connected = budget.run(Stage::Tcp, tokio::net::UnixStream::connect(path)).await;
    let connected = connected
        .map_err(|elapsed| ConnectError::elapsed(elapsed, format!("connecting to {place}")))?;
    connected.map_err(|error| {
        let words = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused: nobody listens on it".into(),
            io::ErrorKind::WouldBlock => "its queue of connections is full".into(),
            _ => in_words(&error),
        };
        let fault = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput => Fault::Caller,
            _ => Fault::Network,
        };
        ConnectError::new(Stage::Tcp, fault, format!("no connection to {place}: {words}"))
            .retryable(fault == Fault::Network)
            .caused_by(error)
    })
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    // Messages leave when they are sent; what can wait is put together before it is written.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

fn unresolved(host: &str, error: Option<io::Error>) -> ConnectError {
    let Some(error) = error else {
        return ConnectError::network(Stage::Resolve, format!("{host} has no address"));
    };
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let message =
        format!("no address of {host} is known ({text}): check the name and the name server");
    let timeout = error.kind() == io::ErrorKind::TimedOut;
    ConnectError::network(Stage::Resolve, message).timeout(timeout).caused_by(error)
}

/// No address could be connected to.
fn unconnected<T>(place: &str, race: &mut Race<T>) -> ConnectError {
    let message = format!("no connection to {place}: {}", tell(race));
    let all = |kind| race.failed.iter().all(|(_, error)| error.kind() == kind);
    // A sandbox or a firewall of this machine: it will say so again.
    let forbidden = all(io::ErrorKind::PermissionDenied);
    let fault = if forbidden { Fault::Caller } else { Fault::Network };
    let error = ConnectError::new(Stage::Tcp, fault, message)
        .retryable(!forbidden)
        .timeout(all(io::ErrorKind::TimedOut));
    match race.failed.is_empty() {
        true => error,
        false => error.caused_by(race.failed.swap_remove(0).1),
    }
}

/// What became of each address: those with the same fate are told together.
fn tell<T>(race: &Race<T>) -> String {
    let failed = race.failed.iter().map(|(address, error)| (*address, in_words(error)));
    let silent = race.in_flight().map(|address| (address, "no answer".into()));
    let mut told: Vec<(std::borrow::Cow<'_, str>, Vec<String>)> = Vec::new();
    for (address, words) in failed.chain(silent) {
        match told.iter_mut().find(|it| it.0 == words) {
            Some((_, addresses)) => addresses.push(address.to_string()),
            None => told.push((words, vec![address.to_string()])),
        }
    }
    let mut parts: Vec<_> =
        told.iter().map(|(words, addresses)| format!("{words} at {}", and(addresses))).collect();
    match race.untried() {
        0 => (),
        1 => parts.push("one more address was not tried".into()),
        more => parts.push(format!("{more} more addresses were not tried")),
    }
    parts.join(", ")
}

/// `a`, `a and b`, `a, b and c`.
fn and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
