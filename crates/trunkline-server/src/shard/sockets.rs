//! [`Sockets`]: the TCP sockets of a shard, one beside the other.
//!
//! Not each with its connection: all that a write needs is a socket, and here lie a hundred to a page. A connection has
//! a [`Socket`], which says where its own is. Whoever knows as much can write to that past the connection.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use trunkline::Transport;

use crate::rewind::Rewind;

/// The TCP sockets of a shard.
#[derive(Debug, Default)]
pub(crate) struct Sockets(RefCell<Places>);

#[derive(Debug, Default)]
struct Places {
    all: Vec<Option<TcpStream>>,
    free: Vec<u32>,
}

/// Where a socket is among those of its shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u32);

impl Sockets {
    /// Takes a socket; its place is free again when what this gives is dropped.
    pub(crate) fn add(self: &Rc<Self>, tcp: TcpStream) -> Socket {
        let places = &mut *self.0.borrow_mut();
        let place = places.free.pop().unwrap_or_else(|| {
            places.all.push(None);
            u32::try_from(places.all.len() - 1).expect("fewer than 2^32 sockets")
        });
        if let Some(free) = places.all.get_mut(place as usize) {
            *free = Some(tcp);
        }
        Socket::Tcp(Listed { sockets: Rc::clone(self), place: Place(place) })
    }

    /// Writes what the socket takes at once of `bytes`. How many that are.
    ///
    /// # Errors
    /// If it takes none, or none any more.
    #[inline]
    pub(crate) fn try_write(&self, place: Place, bytes: &[u8]) -> io::Result<usize> {
        match self.0.borrow().all.get(place.0 as usize) {
            Some(Some(tcp)) => send(tcp, bytes),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn remove(&self, place: Place) -> Option<TcpStream> {
        let places = &mut *self.0.borrow_mut();
        let tcp = places.all.get_mut(place.0 as usize)?.take()?;
        places.free.push(place.0);
        Some(tcp)
    }
}

/// Without a look at what tokio knows of the socket, which lies elsewhere. That a socket takes no more, tokio learns
/// from the connection, which writes what was left.
#[cfg(target_os = "linux")]
#[inline]
fn send(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::SendFlags;
    Ok(rustix::net::send(tcp, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    tcp.try_write(bytes)
}

/// The stream of one connection.
#[derive(Debug)]
pub(crate) enum Socket {
    /// TCP, among the others.
    Tcp(Listed),
    /// Something over TCP.
    Over(Box<Transport>),
    /// Whatever plain HTTP was spoken on before.
    AfterHttp(Box<Rewind<Transport>>),
}

/// The only one that knows a place. Dropping it closes the socket there.
#[derive(Debug)]
pub(crate) struct Listed {
    sockets: Rc<Sockets>,
    place: Place,
}

impl Listed {
    fn poll<R>(&self, poll: impl FnOnce(Pin<&mut TcpStream>) -> R) -> R {
        let places = &mut *self.sockets.0.borrow_mut();
        let tcp = places.all.get_mut(self.place.0 as usize).and_then(Option::as_mut);
        poll(Pin::new(tcp.expect("a socket is there until who knows its place is dropped")))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let tcp = self.sockets.remove(self.place);
        drop(tcp);
    }
}

impl Socket {
    /// Where it is, if it is among the others.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::Tcp(listed) => Some(listed.place),
            Self::Over(_) | Self::AfterHttp(_) => None,
        }
    }
}

impl From<Transport> for Socket {
    fn from(transport: Transport) -> Self {
        Self::Over(Box::new(transport))
    }
}

/// Calls a method of whichever stream it is.
macro_rules! delegate {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket.get_mut() {
            Self::Tcp(listed) => listed.poll(|$stream| $call),
            Self::Over(over) => {
                let $stream = Pin::new(&mut **over);
                $call
            }
            Self::AfterHttp(rewind) => {
                let $stream = Pin::new(&mut **rewind);
                $call
            }
        }
    };
}

impl AsyncRead for Socket {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_read(cx, into))
    }
}

impl AsyncWrite for Socket {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::Over(over) => over.is_write_vectored(),
            Self::AfterHttp(rewind) => rewind.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}
