//! From the name of a host to its addresses.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// Looks up the addresses of hosts: [`Connector::with_resolver`](crate::Connector::with_resolver) takes one.
///
/// Closures are resolvers too. Addresses that stand in a URL are not looked up.
///
/// # Examples
/// A name that leads somewhere else than the DNS says, as in a test:
/// ```
/// use trunkline::{Connector, Lookup};
///
/// let connector = Connector::new().with_resolver(|_host: &str, port: u16| {
///     Lookup::ready([([127, 0, 0, 1], port).into()])
/// });
/// ```
pub trait Resolver: Send + Sync {
    /// Begins to look up `host`, a name as it stands in the URL. The addresses are connected to as they
    /// are, so each has a port: mostly `port`, the one of the URL.
    fn lookup(&self, host: &str, port: u16) -> Lookup;
}

impl<F: Fn(&str, u16) -> Lookup + Send + Sync> Resolver for F {
    fn lookup(&self, host: &str, port: u16) -> Lookup {
        self(host, port)
    }
}

/// The system's own resolver, which knows `/etc/hosts` and the like. It is asked on a thread for
/// blocking work, as tokio does it, and gives the addresses of both families at once, sorted by RFC 6724.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup(&self, host: &str, port: u16) -> Lookup {
        let host = host.to_owned();
        Lookup::new(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

pub(crate) type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Addresses that are being looked up.
pub struct Lookup {
    /// One for both families, or that for IPv6 and that for IPv4.
    pub(super) answers: Vec<Answer>,
}

impl Lookup {
    /// Addresses of both families in one answer, the best first.
    pub fn new(answer: impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static) -> Self {
        Self { answers: vec![Box::pin(answer)] }
    }

    /// An answer for each family, as a resolver that sends AAAA and A queries itself has them. Whichever
    /// comes first begins; that for IPv6 is waited for 50 ms longer (RFC 8305 §3).
    pub fn by_family(
        ipv6: impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
        ipv4: impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    ) -> Self {
        Self { answers: vec![Box::pin(ipv6), Box::pin(ipv4)] }
    }

    /// Addresses that are known already, the best first.
    pub fn ready(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let addresses = addresses.into_iter().collect();
        Self::new(std::future::ready(Ok(addresses)))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("answers", &self.answers.len()).finish()
    }
}

#[derive(Clone)]
pub(super) struct SharedResolver(pub(super) Arc<dyn Resolver>);

impl fmt::Debug for SharedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
