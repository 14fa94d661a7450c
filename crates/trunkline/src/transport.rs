//! The stream under a [`WebSocket`](crate::WebSocket) that the library has dialled or accepted itself.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(any(feature = "client", feature = "server"))]
use tokio::net::TcpStream;
#[cfg(all(unix, any(feature = "client", feature = "server")))]
use tokio::net::UnixStream;
#[cfg(feature = "rustls")]
use tokio_rustls::TlsStream;

#[cfg(feature = "client")]
use crate::client::proxy::Early;
#[cfg(feature = "hyper")]
use crate::upgrade::Handed;

/// A stream that the library has dialled or accepted: TCP, and what may lie over it or in its place.
///
/// One type for all of them, so that a [`WebSocket`](crate::WebSocket) has one type however it came about.
///
/// ```
/// # #[cfg(feature = "rustls")]
/// # fn show(ws: &trunkline::WebSocket) -> std::io::Result<()> {
/// let transport = ws.stream();
/// if let Some(tcp) = transport.tcp() {
///     println!("to {}, from {}", tcp.peer_addr()?, tcp.local_addr()?);
/// }
/// if let Some(tls) = transport.tls() {
///     println!("{:?}, {:?}", tls.protocol_version(), tls.negotiated_cipher_suite());
/// }
/// # Ok(()) }
/// ```
pub struct Transport(Inner);

enum Inner {
    #[cfg(any(feature = "client", feature = "server"))]
    Tcp(TcpStream),
    #[cfg(all(unix, any(feature = "client", feature = "server")))]
    Unix(UnixStream),
    /// Over any of the others; over TLS itself when a proxy is reached by TLS.
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<Transport>>),
    /// A stream of a test.
    #[cfg(feature = "testing")]
    Boxed(Box<dyn Stream>),
    /// From an HTTP server that read from something other than TCP.
    #[cfg(feature = "hyper")]
    Handed(Box<Handed>),
    /// A tunnel through a proxy that is reached by TLS, or that bytes came out of before any went in.
    #[cfg(feature = "client")]
    Tunnel(Box<Early<Transport>>),
    /// Without either feature there is nothing that could make a transport.
    #[cfg(not(any(feature = "client", feature = "server")))]
    Never(std::convert::Infallible),
}

/// What can stand in for a socket.
#[cfg(feature = "testing")]
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    fn is_exact(&self) -> bool;
}

#[cfg(feature = "testing")]
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static> Stream for S {
    fn is_exact(&self) -> bool {
        is_exact(self)
    }
}

#[cfg(feature = "testing")]
impl Transport {
    pub(crate) fn boxed(stream: Box<dyn Stream>) -> Self {
        Self(Inner::Boxed(stream))
    }
}

impl Transport {
    /// The TCP stream at the bottom, under TLS too, to ask it about addresses. `None` for a Unix socket. With a
    /// proxy, it leads to the proxy.
    #[cfg(any(feature = "client", feature = "server"))]
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            Inner::Tcp(tcp) => Some(tcp),
            #[cfg(feature = "rustls")]
            Inner::Tls(tls) => tls.get_ref().0.tcp(),
            #[cfg(feature = "client")]
            Inner::Tunnel(tunnel) => tunnel.get_ref().tcp(),
            #[allow(unreachable_patterns, reason = "what else there is depends on the features")]
            _ => None,
        }
    }

    /// The session of TLS, to ask it about certificates and versions. `None` without TLS; that with a proxy
    /// does not count.
    #[cfg(feature = "rustls")]
    pub fn tls(&self) -> Option<&rustls::CommonState> {
        match &self.0 {
            Inner::Tls(tls) => Some(tls.get_ref().1),
            _ => None,
        }
    }
}

impl Inner {
    fn name(&self) -> &'static str {
        match *self {
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Tcp(_) => "Tcp",
            #[cfg(all(unix, any(feature = "client", feature = "server")))]
            Self::Unix(_) => "Unix",
            #[cfg(feature = "rustls")]
            Self::Tls(_) => "Tls",
            #[cfg(feature = "testing")]
            Self::Boxed(_) => "Boxed",
            #[cfg(feature = "hyper")]
            Self::Handed(_) => "Handed",
            #[cfg(feature = "client")]
            Self::Tunnel(_) => "Tunnel",
            #[cfg(not(any(feature = "client", feature = "server")))]
            Self::Never(never) => match never {},
        }
    }
}

/// Whether a write that fails has certainly taken nothing. So it is where a write is one call to the
/// system, or to memory. A stream that encrypts may have sent a part of what it was given before it failed
/// with the rest; of one that is not known the same has to be feared.
#[cfg(feature = "client")]
pub(crate) fn is_exact<S: 'static>(stream: &S) -> bool {
    let stream: &dyn std::any::Any = stream;
    if let Some(transport) = stream.downcast_ref::<Transport>() {
        return match &transport.0 {
            Inner::Tcp(_) => true,
            #[cfg(unix)]
            Inner::Unix(_) => true,
            #[cfg(feature = "testing")]
            Inner::Boxed(stream) => (**stream).is_exact(),
            #[cfg(feature = "rustls")]
            Inner::Tls(_) => false,
            #[cfg(feature = "hyper")]
            Inner::Handed(_) => false,
            Inner::Tunnel(_) => false,
        };
    }
    #[cfg(feature = "testing")]
    if stream.is::<crate::testing::Pipe>()
        || stream.is::<crate::testing::Faulty<crate::testing::Pipe>>()
    {
        return true;
    }
    stream.is::<TcpStream>() || stream.is::<tokio::io::DuplexStream>()
}

/// Calls a method of whichever stream it is.
macro_rules! delegate {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport {
            #[cfg(any(feature = "client", feature = "server"))]
            Inner::Tcp($stream) => $call,
            #[cfg(all(unix, any(feature = "client", feature = "server")))]
            Inner::Unix($stream) => $call,
            #[cfg(feature = "rustls")]
            Inner::Tls($stream) => $call,
            #[cfg(feature = "testing")]
            Inner::Boxed($stream) => $call,
            #[cfg(feature = "hyper")]
            Inner::Handed($stream) => $call,
            #[cfg(feature = "client")]
            Inner::Tunnel($stream) => $call,
            #[cfg(not(any(feature = "client", feature = "server")))]
            Inner::Never(never) => match *never {},
        }
    };
}

#[cfg(any(feature = "client", feature = "server"))]
impl From<TcpStream> for Transport {
    fn from(tcp: TcpStream) -> Self {
        Self(Inner::Tcp(tcp))
    }
}

#[cfg(all(unix, any(feature = "client", feature = "server")))]
impl From<UnixStream> for Transport {
    fn from(unix: UnixStream) -> Self {
        Self(Inner::Unix(unix))
    }
}

#[cfg(feature = "rustls")]
impl From<TlsStream<Self>> for Transport {
    fn from(tls: TlsStream<Self>) -> Self {
        Self(Inner::Tls(Box::new(tls)))
    }
}

#[cfg(feature = "hyper")]
impl From<Handed> for Transport {
    fn from(handed: Handed) -> Self {
        Self(Inner::Handed(Box::new(handed)))
    }
}

#[cfg(feature = "client")]
impl Transport {
    /// A tunnel through the proxy that this leads to; `early` has come out of it already.
    pub(crate) fn into_tunnel(self, early: Vec<u8>) -> Self {
        #[cfg(feature = "rustls")]
        let is_tls = matches!(self.0, Inner::Tls(_));
        #[cfg(not(feature = "rustls"))]
        let is_tls = false;
        // Nobody should take the proxy's certificate for the server's.
        match early.is_empty() && !is_tls {
            true => self,
            false => Self(Inner::Tunnel(Box::new(Early::new(early, self)))),
        }
    }
}

impl AsyncRead for Transport {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(&mut self.get_mut().0, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(&mut self.get_mut().0, stream => Pin::new(stream).poll_write(cx, buf))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(&mut self.get_mut().0, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        delegate!(&self.0, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(&mut self.get_mut().0, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(&mut self.get_mut().0, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transport").field(&self.0.name()).finish()
    }
}
