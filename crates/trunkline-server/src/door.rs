//! The first request of a socket decides what the socket is: a WebSocket of ours, or plain HTTP.
//!
//! One reader of heads looks at it, ours, which is strict. A WebSocket never comes near an HTTP server,
//! and keeps nothing of HTTP in memory; everything else goes to hyper with its bytes replayed. A
//! request for a WebSocket on a connection that hyper keeps alive is judged by the same rules.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use trunkline::handshake::{HeadLimits, Refusal, RequestHead, RequestParser};
use trunkline::upgrade::asks_for_websocket;
use trunkline::{AcceptError, Acceptor, Transport, WebSocket};

use crate::admission::Seat;
use crate::dialect::centrifugo::Encoding;
use crate::peer;
use crate::reception::Reception;
use crate::rewind::Rewind;
use crate::shard::Shard;

/// TLS and the first request have to be there by then.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What a WebSocket is made with.
type Socket = WebSocket<Transport>;

/// Serves one socket until it is gone.
pub(crate) async fn serve(
    shard: Rc<Shard>,
    reception: Arc<Reception>,
    tcp: TcpStream,
    from: SocketAddr,
    seat: Seat,
) {
    // On the heap, so that the task of a connection is not as large as its beginning was.
    let Ok(Some(ws)) = Box::pin(enter(&shard, &reception, tcp, from)).await else { return };
    let (ws, encoding) = ws;
    peer::run(shard, reception, ws, encoding).await;
    drop(seat);
}

async fn enter(
    shard: &Rc<Shard>,
    reception: &Arc<Reception>,
    tcp: TcpStream,
    from: SocketAddr,
) -> Result<Option<(Socket, Encoding)>, AcceptError> {
    tcp.set_nodelay(true)?;
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let mut stream = Transport::from(tcp);
    if let Some(tls) = reception.tls() {
        let secured = timeout_at(deadline, tls.accept(stream)).await;
        stream = secured.map_err(|_| AcceptError::Timeout)??;
    }
    let mut read = Vec::new();
    let Ok(head) = timeout_at(deadline, read_head(&mut stream, &mut read)).await else {
        stream.write_all(&Refusal::timeout().encode()).await?;
        return Err(AcceptError::Timeout);
    };
    match head? {
        Some(head) if !head.asks_for_websocket() => {
            serve_http(shard, reception, Rewind::new(read, stream), from).await;
            Ok(None)
        }
        // What is wrong with a head, the library says better than we could.
        _ => accept(reception, &reception.acceptor(), &read, stream).await.map(Some),
    }
}

/// Reads until the head is whole, or is known to be wrong.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> Result<Option<RequestHead>, AcceptError> {
    let mut parser = RequestParser::new(HeadLimits::default());
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

async fn accept(
    reception: &Reception,
    acceptor: &Acceptor,
    read: &[u8],
    stream: Transport,
) -> Result<(Socket, Encoding), AcceptError> {
    let upgrade = acceptor.read_request_after(read, stream).await?;
    if let Err(refusal) = reception.judge_path(upgrade.request().path()) {
        return Err(upgrade.refuse(refusal).await);
    }
    let query = upgrade.request().query().map(str::to_owned);
    let ws = upgrade.accept().await?;
    let encoding = Encoding::negotiate(ws.subprotocol(), query.as_deref().unwrap_or_default());
    Ok((ws, encoding))
}

/// Plain HTTP: the API, pages, and WebSockets on connections that were used for something else first.
async fn serve_http(
    shard: &Rc<Shard>,
    reception: &Arc<Reception>,
    stream: Rewind<Transport>,
    from: SocketAddr,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(axum::extract::ConnectInfo(from));
        let (shard, reception) = (Rc::clone(shard), Arc::clone(reception));
        async move { Ok::<_, Infallible>(respond(shard, reception, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(64 << 10)
        .max_headers(HeadLimits::default().headers.max())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // Whoever hung up, or sent what is no HTTP, has been told by hyper.
    let _ = served.await;
}

async fn respond(
    shard: Rc<Shard>,
    reception: Arc<Reception>,
    mut request: Request<Incoming>,
) -> Response<Body> {
    if !asks_for_websocket(&request) {
        let answered = reception.pages().oneshot(request.map(Body::new)).await;
        return answered.unwrap_or_else(|never| match never {});
    }
    if let Err(refusal) = reception.judge_path(request.uri().path()) {
        let status = http::StatusCode::from_u16(refusal.status()).unwrap_or_default();
        let body = refusal.body().to_vec();
        return trunkline::upgrade::Rejection::new(status, body).into_response();
    }
    let query = request.uri().query().map(str::to_owned);
    match reception.acceptor().upgrade(&mut request) {
        Err(rejection) => rejection.into_response(),
        Ok((response, upgrading)) => {
            tokio::task::spawn_local(async move {
                if let Ok(ws) = upgrading.over::<Rewind<Transport>>().await {
                    let encoding =
                        Encoding::negotiate(ws.subprotocol(), query.as_deref().unwrap_or_default());
                    peer::run(shard, reception, ws, encoding).await;
                }
            });
            response
        }
    }
}
