//! [`Link`]: one connection between our end and the peer, whichever of them is the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use trunkline::deflate::DeflateConfig;
use trunkline::handshake::{Refusal, Subprotocols};
use trunkline::limits::Settings;
use trunkline::{Acceptor, CloseCode, Connector, Initiator, Limit, Message, Role, WebSocket};

use crate::Failure;
use crate::peer::{Ended, Peer};
use crate::site::Site;
use crate::wire::{Counts, Early, Wire};

/// The longest message of the cases, and what both ends are told to take.
pub(crate) const MESSAGE_BYTES: usize = 16 << 20;

/// What our end agrees to about compression. The peer is told to compress wherever this is not `Off`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    Off,
    Stateless,
    Takeover,
}

impl Compression {
    fn config(self) -> Option<DeflateConfig> {
        match self {
            Self::Off => None,
            Self::Stateless => Some(DeflateConfig::new()),
            Self::Takeover => Some(DeflateConfig::new().context_takeover(true)),
        }
    }

    fn as_str(self) -> &'static str {
        if self == Self::Off { "off" } else { "on" }
    }
}

/// What a case asks of its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) compression: Compression,
    /// What the client offers. Of these a server of either kind knows "interop.v1" alone.
    pub(crate) subprotocols: &'static [&'static str],
    /// Whether the server's first message is to share a segment with its 101.
    pub(crate) early: bool,
    /// After how much silence our end sends a ping.
    pub(crate) keepalive: Option<Duration>,
    /// Whether the client's page is to be of another origin.
    pub(crate) foreign: bool,
}

/// Our end: who dials, and where.
#[derive(Debug)]
pub(crate) enum Ours {
    Client,
    /// A server, and the base of the URL by which the peer reaches it: its own, or that of a proxy
    /// in front of it.
    Server {
        site: Site,
        url: String,
        /// Whether that proxy speaks HTTP/2 with browsers, a stream for each connection.
        http2: bool,
    },
}

pub(crate) struct Link<'a> {
    pub(crate) ws: WebSocket<Wire<TcpStream>>,
    pub(crate) wire: Arc<Counts>,
    pub(crate) peer: &'a mut Peer,
    pub(crate) peer_is_server: bool,
    pub(crate) http2: bool,
    path: String,
}

impl Ours {
    /// Opens a connection to `path`.
    pub(crate) async fn open<'a>(
        &mut self,
        peer: &'a mut Peer,
        path: String,
        terms: &Terms,
    ) -> Result<Link<'a>, Failure> {
        let (ws, wire) = match self {
            Self::Client => dial(peer, &path, terms).await?,
            Self::Server { site, url, .. } => accept(site, url, peer, &path, terms).await?,
        };
        let peer_is_server = matches!(self, Self::Client);
        let http2 = matches!(self, Self::Server { http2: true, .. });
        Ok(Link { ws, wire, peer, peer_is_server, http2, path })
    }

    /// Has the peer ask for a connection that is refused, by the application with `status` or by the
    /// library, and gives what the peer makes of that.
    pub(crate) async fn refuse(
        &mut self,
        peer: &mut Peer,
        path: &str,
        terms: &Terms,
        status: Option<u16>,
    ) -> Result<Ended, Failure> {
        let Self::Server { site, url, .. } = self else {
            return Err("a client refuses nothing".into());
        };
        tell_to_connect(peer, url, path, terms).await?;
        let (read, tcp) = site.next().await?;
        let upgrade = acceptor(terms)?.read_request_after(&read, tcp).await;
        match (upgrade, status) {
            (Ok(upgrade), Some(status)) => {
                upgrade.refuse(Refusal::new(status, "not here\n")?).await;
            }
            (Ok(_), None) => return Err("our server has nothing against it".into()),
            (Err(_), _) => {}
        }
        peer.ended(path).await
    }
}

type Opened = (WebSocket<Wire<TcpStream>>, Arc<Counts>);

async fn dial(peer: &mut Peer, path: &str, terms: &Terms) -> Result<Opened, Failure> {
    let url = peer.listening(terms.compression.as_str()).await?;
    let address = url.strip_prefix("ws://").ok_or("the peer's URL has another scheme")?;
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let early = if terms.early { Early::Await } else { Early::AsItComes };
    let (wire, counts) = Wire::new(tcp, early);
    let mut connector = Connector::new()
        .with_settings(settings(Role::Client, terms))
        .with_subprotocols(Subprotocols::new(terms.subprotocols.iter().copied())?);
    if let Some(config) = terms.compression.config() {
        connector = connector.with_compression(config);
    }
    Ok((connector.connect_over(&format!("{url}{path}"), wire).await?, counts))
}

async fn accept(
    site: &mut Site,
    url: &str,
    peer: &mut Peer,
    path: &str,
    terms: &Terms,
) -> Result<Opened, Failure> {
    tell_to_connect(peer, url, path, terms).await?;
    let (read, tcp) = site.next().await?;
    let early = if terms.early { Early::Hold } else { Early::AsItComes };
    let (wire, counts) = Wire::new(tcp, early);
    let upgrade = acceptor(terms)?.read_request_after(&read, wire).await?;
    let request = upgrade.request();
    if request.path() != path {
        return Err(format!("asked for {}", request.path()).into());
    }
    // Whoever is behind a proxy knows its clients by this header alone.
    if url.starts_with("wss:") && request.header("X-Forwarded-For") != Some(b"127.0.0.1") {
        return Err("the proxy does not say for whom it asks".into());
    }
    Ok((upgrade.accept().await?, counts))
}

async fn tell_to_connect(
    peer: &mut Peer,
    url: &str,
    path: &str,
    terms: &Terms,
) -> Result<(), Failure> {
    let page = url.replacen("ws", "http", 1) + "/";
    // The same place by another name, which makes it another origin.
    let page = if terms.foreign { page.replacen("127.0.0.1", "localhost", 1) } else { page };
    let (subprotocols, compression) = (terms.subprotocols, terms.compression.as_str());
    peer.connect(&format!("{url}{path}"), subprotocols, compression, &page).await
}

fn acceptor(terms: &Terms) -> Result<Acceptor, Failure> {
    let acceptor = Acceptor::new()
        .with_settings(settings(Role::Server, terms))
        .with_subprotocols(Subprotocols::new(["interop.v2", "interop.v1"])?);
    Ok(match terms.compression.config() {
        Some(config) => acceptor.with_compression(config),
        None => acceptor,
    })
}

fn settings(role: Role, terms: &Terms) -> Settings {
    let mut settings = Settings::for_role(role);
    settings.limits.message_bytes = Limit::at_most(MESSAGE_BYTES);
    settings.keepalive_interval = terms.keepalive;
    settings
}

impl Link<'_> {
    /// Sends a message that the peer is to echo, and checks the echo.
    pub(crate) async fn echo(&mut self, message: Message) -> Result<(), Failure> {
        self.ws.feed(message.clone()).await?;
        self.expect(&message).await
    }

    /// Gives the peer a command.
    pub(crate) async fn tell(&mut self, command: &str) -> Result<(), Failure> {
        Ok(self.ws.feed(format!("!{command}")).await?)
    }

    pub(crate) async fn next(&mut self) -> Result<Message, Failure> {
        let Some(message) = self.ws.recv().await? else {
            return Err(format!("closed by the peer: {:?}", self.ws.close_info()).into());
        };
        Ok(message)
    }

    pub(crate) async fn expect(&mut self, message: &Message) -> Result<(), Failure> {
        let got = self.next().await?;
        if got == *message {
            return Ok(());
        }
        Err(format!("sent {}, got {}", describe(message), describe(&got)).into())
    }

    pub(crate) async fn expect_text(&mut self, text: &str) -> Result<(), Failure> {
        self.expect(&Message::text(text.to_owned())).await
    }

    /// Closes, and checks that the peer has understood.
    pub(crate) async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Failure> {
        self.ws.close(code, reason).await?;
        self.closed_by(Initiator::Local, Some(code), reason).await
    }

    /// Checks how the connection was closed, as either end sees it.
    pub(crate) async fn closed_by(
        &mut self,
        initiator: Initiator,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<(), Failure> {
        let info = self.ws.close_info().ok_or("no closing handshake")?;
        if (info.initiator, info.code, info.reason.as_str()) != (initiator, code, reason) {
            return Err(format!("we see it {info:?}").into());
        }
        let code = code.map_or(1005, CloseCode::get);
        match self.peer.ended(&self.path).await? {
            Ended::Closed { code: seen, .. } if seen != code => {
                Err(format!("the peer sees it closed with {seen}, not {code}").into())
            }
            // A peer that began to close is told its own reason at most.
            Ended::Closed { reason: seen, .. }
                if initiator == Initiator::Local && seen != reason =>
            {
                Err(format!("the peer sees the reason {seen:?}, not {reason:?}").into())
            }
            Ended::Closed { .. } => Ok(()),
            Ended::Refused(why) => Err(format!("the peer says: {why}").into()),
        }
    }

    /// Waits for the end after the peer was told to close.
    pub(crate) async fn end(&mut self) -> Result<(), Failure> {
        match self.ws.recv().await? {
            None => Ok(()),
            Some(message) => Err(format!("got {} after all", describe(&message)).into()),
        }
    }

    /// Waits for the end of a connection that is cut, at most `within`.
    pub(crate) async fn is_cut(&mut self, within: Duration) -> bool {
        matches!(timeout(within, self.ws.recv()).await, Ok(Err(_)))
    }
}

/// A message as it fits on a line.
fn describe(message: &Message) -> String {
    let start: String = String::from_utf8_lossy(message.as_bytes()).chars().take(40).collect();
    format!("{} bytes of {:?} {start:?}", message.len(), message.kind())
}
