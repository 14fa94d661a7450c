//! The first request of a socket decides what the socket is: a WebSocket of ours, or plain HTTP.
//!
//! One reader of heads looks at it, ours, which is strict. A WebSocket never comes near an HTTP server,
//! and keeps nothing of HTTP in memory; everything else goes to hyper with its bytes replayed. A
//! request for a WebSocket on a connection that hyper keeps alive is judged by the same rules.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::header::{CONNECTION, HOST};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use trunkline::handshake::{Authority, HeadLimits, Refusal, RequestHead, RequestParser};
use trunkline::tls::ServerTls;
use trunkline::upgrade::{Rejection, asks_for_websocket};
use trunkline::{AcceptError, Transport, WebSocket};

use crate::admission::Seat;
use crate::body_deadline::BodyDeadline;
use crate::contained::unless_panicked;
use crate::dialect::centrifugo::Encoding;
use crate::metrics::NoHandshake;
use crate::node::Node;
use crate::peer::{self, Peer};
use crate::reception::Reception;
use crate::rewind::Rewind;
use crate::routes;
use crate::shard::{Shard, Socket};
use crate::stall::unless_stalled;

#[cfg(test)]
mod tests;

/// TLS and the first request have to be there by then.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A request over plain HTTP, and its answer, may take as long as bytes move; without any it is given up after this.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// What hyper may hold of one request that it has not handed on: more than a head may measure.
const HTTP_BUFFER_BYTES: usize = 64 << 10;

/// What every socket passes.
#[derive(Debug)]
pub(crate) struct Door {
    reception: Arc<Reception>,
    pages: Router,
}

impl Door {
    pub(crate) fn new(reception: Arc<Reception>, node: Node) -> Self {
        let pages = routes::router(&reception, node);
        Self { reception, pages }
    }

    pub(crate) fn reception(&self) -> &Reception {
        &self.reception
    }

    /// Serves one socket, as long as it is there.
    pub(crate) fn serve(
        self: Arc<Self>,
        shard: Rc<Shard>,
        tcp: std::net::TcpStream,
        from: SocketAddr,
        seat: Seat,
    ) -> impl Future<Output = ()> {
        peer::run(Box::pin(self.let_in(shard, tcp, from, seat)))
    }

    /// Gives the client that the socket is of, if it becomes a WebSocket.
    async fn let_in(
        self: Arc<Self>,
        shard: Rc<Shard>,
        tcp: std::net::TcpStream,
        from: SocketAddr,
        seat: Seat,
    ) -> Option<Peer> {
        let tcp = TcpStream::from_std(tcp).ok()?;
        let entered = unless_panicked(pin!(self.enter(&shard, tcp, from, seat))).await;
        let Some(entered) = entered else {
            self.reception.metrics().panicked();
            return None;
        };
        let (ws, encoding, seat) = entered.unwrap_or_else(|why| {
            self.reception.metrics().handshakes_refused.count(why);
            None
        })?;
        let reception = Arc::clone(&self.reception);
        Some(Peer::new(shard, reception, ws, encoding, Some(seat), from.ip()))
    }

    async fn enter(
        self: &Arc<Self>,
        shard: &Rc<Shard>,
        tcp: TcpStream,
        from: SocketAddr,
        seat: Seat,
    ) -> Result<Option<(WebSocket<Socket>, Encoding, Seat)>, NoHandshake> {
        tcp.set_nodelay(true).map_err(|_| NoHandshake::HungUp)?;
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let first = match self.reception.tls() {
            None => first_request(tcp, deadline, |tcp| shard.sockets().add(tcp)).await,
            // On the heap, as is plain HTTP: most sockets need neither, and both are larger than all else.
            Some(tls) => Box::pin(first_secured_request(tls, tcp, deadline)).await,
        };
        match first? {
            First::Http(stream) => {
                Box::pin(self.serve_http(shard, stream, from, seat)).await;
                Ok(None)
            }
            First::Other(read, socket) => {
                let accepted = self.accept(&read, socket).await;
                let (ws, encoding) = accepted.map_err(|error| reason(&error))?;
                Ok(Some((ws, encoding, seat)))
            }
        }
    }

    async fn accept(
        &self,
        read: &[u8],
        socket: Socket,
    ) -> Result<(WebSocket<Socket>, Encoding), AcceptError> {
        let acceptor = self.reception.acceptor();
        let upgrade = acceptor.read_request_after(read, socket).await?;
        if let Err(refusal) = self.reception.judge_path(upgrade.request().path()) {
            return Err(upgrade.refuse(refusal).await);
        }
        let query = upgrade.request().query().unwrap_or_default().to_owned();
        let ws = upgrade.accept().await?;
        let encoding = Encoding::negotiate(ws.subprotocol(), &query);
        Ok((ws, encoding))
    }

    /// Plain HTTP: the API, pages, and WebSockets on connections that were used for something else
    /// first.
    async fn serve_http(
        self: &Arc<Self>,
        shard: &Rc<Shard>,
        stream: Box<Rewind<Transport>>,
        from: SocketAddr,
        seat: Seat,
    ) {
        // Goes along with the socket if that becomes a WebSocket.
        let seat = Rc::new(Cell::new(Some(seat)));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(axum::extract::ConnectInfo(from));
            let (door, shard, seat) = (Arc::clone(self), Rc::clone(shard), Rc::clone(&seat));
            async move { Ok::<_, Infallible>(door.respond(shard, request, &seat, from.ip()).await) }
        });
        let moved = stream.moved();
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .max_buf_size(HTTP_BUFFER_BYTES)
            .max_headers(HeadLimits::default().headers.max())
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // Whoever hung up, or sent what is no HTTP, has been told by hyper.
        let _ = unless_stalled(served, &moved, STALL_TIMEOUT).await;
    }

    async fn respond(
        self: Arc<Self>,
        shard: Rc<Shard>,
        mut request: Request<Incoming>,
        seat: &Cell<Option<Seat>>,
        from: IpAddr,
    ) -> Response<Body> {
        if !asks_for_websocket(&request) {
            if let Err(why) = judge_target(&request) {
                let end = [(CONNECTION, "close")];
                return (StatusCode::BAD_REQUEST, end, why).into_response();
            }
            return self.answer(request.map(BodyDeadline::new).map(Body::new)).await;
        }
        let refused = &self.reception.metrics().handshakes_refused;
        if let Err(refusal) = self.reception.judge_path(request.uri().path()) {
            refused.count(NoHandshake::of(refusal.status()));
            let status = StatusCode::from_u16(refusal.status()).unwrap_or_default();
            return Rejection::new(status, refusal.body()).into_response();
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        match self.reception.acceptor().upgrade(&mut request) {
            Err(rejection) => {
                let response: Response<Body> = rejection.into_response();
                refused.count(NoHandshake::of(response.status().as_u16()));
                response
            }
            Ok((response, upgrading)) => {
                let seat = seat.take();
                let entering = async move {
                    let ws = upgrading.over_with(Socket::AfterHttp).await.ok()?;
                    let encoding = Encoding::negotiate(ws.subprotocol(), &query);
                    let reception = Arc::clone(&self.reception);
                    Some(Peer::new(shard, reception, ws, encoding, seat, from))
                };
                tokio::task::spawn_local(peer::run(Box::pin(entering)));
                response
            }
        }
    }

    /// A request whose handler panics is told so, and no other.
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let answering = pin!(self.pages.clone().oneshot(request));
        match unless_panicked(answering).await {
            Some(answered) => answered.unwrap_or_else(|never| match never {}),
            None => {
                self.reception.metrics().panicked();
                (StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n").into_response()
            }
        }
    }
}

/// A request is for this server, and says once which host it is for, in `Host`, and a target that names one agrees
/// (RFC 9112 §3.2): whoever read the other one would take it for another request. HTTP/1.0 knows no `Host`, but may have
/// one. For WebSockets the handshake looks.
fn judge_target<T>(request: &Request<T>) -> Result<(), &'static str> {
    if request.method() == Method::CONNECT {
        // What follows could be meant for whoever the client takes us for.
        return Err("this is no proxy\n");
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        (None, _) if request.version() < Version::HTTP_11 => return Ok(()),
        _ => return Err("a request has one Host\n"),
    };
    let host = Authority::parse(host.as_bytes()).ok_or("Host is no host\n")?;
    match request.uri().authority() {
        Some(target) if Authority::parse(target.as_str().as_bytes()) != Some(host) => {
            Err("the target names another host than Host\n")
        }
        _ => Ok(()),
    }
}

/// Why there is no WebSocket.
fn reason(error: &AcceptError) -> NoHandshake {
    match error {
        AcceptError::Refused(refusal) => NoHandshake::of(refusal.status()),
        AcceptError::Timeout => NoHandshake::Timeout,
        AcceptError::Disconnected | AcceptError::Io(_) => NoHandshake::HungUp,
        _ => NoHandshake::Request,
    }
}

/// What the first request of a socket asks for.
enum First {
    /// Plain HTTP, of which some has been read.
    Http(Box<Rewind<Transport>>),
    /// A WebSocket, or it is wrong: what, the library says better than we could.
    Other(Vec<u8>, Socket),
}

async fn first_secured_request(
    tls: ServerTls,
    tcp: TcpStream,
    deadline: Instant,
) -> Result<First, NoHandshake> {
    let secured = timeout_at(deadline, tls.accept(Transport::from(tcp))).await;
    let secured = secured.map_err(|_| NoHandshake::Timeout)?.map_err(|_| NoHandshake::Tls)?;
    first_request(secured, deadline, Socket::from).await
}

/// Hears what the client wants; `socket` makes of its stream what a WebSocket is over.
async fn first_request<S>(
    mut stream: S,
    deadline: Instant,
    socket: impl FnOnce(S) -> Socket,
) -> Result<First, NoHandshake>
where
    S: AsyncRead + AsyncWrite + Unpin + Into<Transport>,
{
    let mut read = Vec::new();
    let Ok(head) = timeout_at(deadline, read_head(&mut stream, &mut read)).await else {
        // Who sent nothing may be gone.
        let _ = stream.write_all(&Refusal::timeout().encode()).await;
        return Err(NoHandshake::Timeout);
    };
    Ok(match head.map_err(|error| reason(&error))? {
        Some(head) if !head.asks_for_websocket() => {
            First::Http(Box::new(Rewind::new(read, stream.into())))
        }
        _ => First::Other(read, socket(stream)),
    })
}

/// Reads until the head is whole, or is known to be wrong.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> Result<Option<RequestHead>, AcceptError> {
    let mut parser = RequestParser::new(HeadLimits::default()).with_http_1_0();
    loop {
        let from = read.len();
        if stream.read_buf(read).await? == 0 {
            return Err(AcceptError::Disconnected);
        }
        match parser.handle_input(read.get(from..).unwrap_or_default()) {
            Ok(progress) if progress.done.is_none() => {}
            Ok(progress) => return Ok(progress.done),
            Err(_) => return Ok(None),
        }
    }
}
