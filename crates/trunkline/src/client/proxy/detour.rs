//! [`Detour`]: the way to a server through a proxy.

use std::net::IpAddr;

use trunkline_proto::handshake::Url;

use super::Proxy;
use super::connect::HttpConnect;
use super::error::TunnelError;
use super::server::{ProxyServer, Scheme};
use super::socks5::{Socks5, Target};
use super::tunnel::{Tunnel, dig};
use crate::client::bare_host;
use crate::client::dial::Dialer;
use crate::client::error::{ConnectError, Stage};
#[cfg(feature = "rustls")]
use crate::client::secure::secure;
use crate::client::timeouts::Budget;
#[cfg(feature = "rustls")]
use crate::tls::ClientTls;
use crate::transport::Transport;

/// Addresses that a SOCKS5 proxy is asked for, one after the other: each takes a connection of its own. Four
/// are two of each family, as the families take turns.
const ADDRESSES_MAX: usize = 4;

/// From here over `server` to the host and port of `url`.
pub(in crate::client) struct Detour<'a> {
    server: &'a ProxyServer,
    url: &'a Url,
    dialer: &'a Dialer,
    budget: &'a Budget,
    #[cfg(feature = "rustls")]
    tls: &'a ClientTls,
}

impl<'a> Detour<'a> {
    /// By one of the servers of `proxy`.
    pub(in crate::client) fn new(
        #[cfg_attr(not(feature = "rustls"), expect(unused_variables, reason = "it has no TLS"))]
        proxy: &'a Proxy,
        server: &'a ProxyServer,
        url: &'a Url,
        dialer: &'a Dialer,
        budget: &'a Budget,
    ) -> Self {
        Self {
            server,
            url,
            dialer,
            budget,
            #[cfg(feature = "rustls")]
            tls: &proxy.0.tls,
        }
    }

    /// A stream to the server that nothing has been said on.
    pub(in crate::client) async fn take(&self) -> Result<Transport, ConnectError> {
        let host = bare_host(self.url);
        let tunnel = match (self.server.scheme, host.parse::<IpAddr>()) {
            (Scheme::Http | Scheme::Https, _) => self.connect().await?,
            (_, Ok(address)) => self.socks5(Target::Address(address)).await?,
            (Scheme::Socks5h, Err(_)) => self.socks5(Target::Name(host)).await?,
            (Scheme::Socks5, Err(_)) => self.socks5_by_address(host).await?,
        };
        tunnel.map_err(|error| error.at(self.server))
    }

    /// Asks with CONNECT. What is wrong on the way to the proxy is the outer error, here and below.
    async fn connect(&self) -> Result<Result<Transport, TunnelError>, ConnectError> {
        let credentials = self.server.credentials.as_ref();
        let connect = HttpConnect::new(self.url.host(), self.url.port(), credentials);
        self.dig(connect, self.dial().await?).await
    }

    async fn socks5(
        &self,
        target: Target<'_>,
    ) -> Result<Result<Transport, TunnelError>, ConnectError> {
        let credentials = self.server.credentials.as_ref();
        match Socks5::new(target, self.url.port(), credentials) {
            Ok(socks5) => self.dig(socks5, self.dial().await?).await,
            Err(error) => Ok(Err(error.into())),
        }
    }

    /// Looks the host up here, and asks for its addresses until one of them can be reached.
    async fn socks5_by_address(
        &self,
        host: &str,
    ) -> Result<Result<Transport, TunnelError>, ConnectError> {
        let addresses = self.dialer.resolve(host, self.url.port(), self.budget).await?;
        let mut addresses = addresses.iter().take(ADDRESSES_MAX).peekable();
        while let Some(address) = addresses.next() {
            match self.socks5(Target::Address(address.ip())).await? {
                Err(error) if error.is_about_the_address() && addresses.peek().is_some() => (),
                tunnel => return Ok(tunnel),
            }
        }
        Err(ConnectError::network(Stage::Resolve, format!("{host} has no address")))
    }

    /// A stream to the proxy.
    async fn dial(&self) -> Result<Transport, ConnectError> {
        if self.server.scheme == Scheme::Https && cfg!(not(feature = "rustls")) {
            let message = "https:// needs the feature `rustls` of trunkline";
            return Err(ConnectError::caller(Stage::Proxy, message).at_proxy(self.server));
        }
        let host = self.server.host.trim_start_matches('[').trim_end_matches(']');
        let tcp = self.dialer.dial(host, self.server.port, self.budget).await;
        let stream = Transport::from(tcp.map_err(|error| error.at_proxy(self.server))?);
        #[cfg(feature = "rustls")]
        if self.server.scheme == Scheme::Https {
            let secured = secure(self.tls, host, stream, self.budget).await;
            return secured.map_err(|error| error.at_proxy(self.server));
        }
        Ok(stream)
    }

    async fn dig(
        &self,
        tunnel: impl Tunnel,
        mut stream: Transport,
    ) -> Result<Result<Transport, TunnelError>, ConnectError> {
        let dug = self.budget.run(Stage::Proxy, dig(tunnel, &mut stream)).await;
        let dug = dug.map_err(|elapsed| {
            ConnectError::elapsed(elapsed, format!("asking proxy {} for a tunnel", self.server))
        })?;
        Ok(dug.map(|early| stream.into_tunnel(early)))
    }
}

#[cfg(all(test, not(feature = "rustls")))]
mod tests {
    use crate::{Connector, Fault, Proxy, Stage};

    #[tokio::test]
    async fn https_proxy_without_tls_is_refused_before_it_is_dialled() {
        let proxy = Proxy::parse("https://127.0.0.1:1").unwrap();
        let error = Connector::new().with_proxy(proxy).connect("ws://a/").await.unwrap_err();
        assert_eq!((error.stage(), error.fault()), (Stage::Proxy, Fault::Caller));
        let text = "proxy https://127.0.0.1:1: https:// needs the feature `rustls` of trunkline";
        assert_eq!(error.to_string(), text);
    }
}
