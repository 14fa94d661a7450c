//! What every echo server here shares: arguments, runtime, accept loop, a
//! small HTTP upgrade for the libraries that bring none, and the batching
//! echo for those with a `Stream` + `Sink`.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{Sink, Stream, ready};
use sha1::{Digest, Sha1};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

#[derive(Clone, Debug)]
pub struct Args {
    pub addr: SocketAddr,
    pub threads: usize,
    /// Flush after every message instead of once per batch of ready messages.
    pub naive: bool,
    pub deflate: bool,
    /// Use the library's HTTP integration (hyper) for the upgrade.
    pub hyper: bool,
    /// Settings the library's authors use in their own benchmark.
    pub tuned: bool,
    pub tls: bool,
    /// Clients: how many connections, and messages of how many bytes in flight on each.
    pub conns: usize,
    pub size: usize,
    pub window: usize,
}

pub fn args() -> Args {
    let mut o = Args {
        addr: "127.0.0.1:9001".parse().unwrap(),
        threads: 1,
        naive: false,
        deflate: false,
        hyper: false,
        tuned: false,
        tls: false,
        conns: 64,
        size: 32,
        window: 1,
    };
    let mut a = std::env::args().skip(1);
    while let Some(k) = a.next() {
        match k.as_str() {
            "--addr" => o.addr = a.next().unwrap().parse().unwrap(),
            "--threads" => o.threads = a.next().unwrap().parse().unwrap(),
            "--naive" => o.naive = true,
            "--deflate" => o.deflate = true,
            "--hyper" => o.hyper = true,
            "--tuned" => o.tuned = true,
            "--tls" => o.tls = true,
            "--conns" => o.conns = a.next().unwrap().parse().unwrap(),
            "--size" => o.size = a.next().unwrap().parse().unwrap(),
            "--window" => o.window = a.next().unwrap().parse().unwrap(),
            k => panic!("unknown argument {k}"),
        }
    }
    o
}

pub fn raise_nofile() {
    // SAFETY: `r` is a live rlimit for both calls.
    unsafe {
        let mut r = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut r);
        r.rlim_cur = r.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &r);
    }
}

/// Accept for ever; one task per connection, outside tokio's coop budget.
pub fn serve<F, Fut>(args: Args, f: F)
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    raise_nofile();
    let rt = if args.threads <= 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(args.threads)
            .enable_all()
            .build()
            .unwrap()
    };
    rt.block_on(async move {
        let l = listen(args.addr);
        loop {
            if let Ok((s, _)) = l.accept().await {
                let _ = s.set_nodelay(true);
                tokio::spawn(tokio::task::unconstrained(f(s)));
            }
        }
    })
}

/// The same over TLS, with a certificate made up for the occasion.
pub fn serve_tls<F, Fut>(args: Args, f: F)
where
    F: Fn(TlsStream<TcpStream>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(args, move |tcp| {
        let (acceptor, f) = (acceptor.clone(), f.clone());
        async move {
            // Boxed, as the upgrade is: it leaves no room behind.
            if let Ok(s) = Box::pin(async move { acceptor.accept(tcp).await }).await {
                f(s).await
            }
        }
    })
}

pub fn listen(addr: SocketAddr) -> TcpListener {
    let s = tokio::net::TcpSocket::new_v4().unwrap();
    s.set_reuseaddr(true).unwrap();
    s.bind(addr).unwrap();
    s.listen(4096).unwrap()
}

/// `--conns` connections to `--addr`, a task for each, until the process is ended.
pub fn connect<F, Fut>(args: Args, f: F)
where
    F: Fn(TcpStream) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    raise_nofile();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async move {
        for _ in 0..args.conns {
            let s = TcpStream::connect(args.addr).await.unwrap();
            let _ = s.set_nodelay(true);
            tokio::spawn(tokio::task::unconstrained(f(s)));
        }
        std::future::pending::<()>().await
    })
}

/// Sends `window` messages and from then on sends back what comes.
pub async fn converse<S, T, E>(mut ws: S, window: usize, message: T, is_data: fn(&T) -> bool)
where
    S: Stream<Item = Result<T, E>> + Sink<T> + Unpin,
    T: Clone,
{
    use futures_util::SinkExt;
    for _ in 0..window {
        if ws.feed(message.clone()).await.is_err() {
            return;
        }
    }
    if ws.flush().await.is_ok() {
        echo(ws, false, is_data).await
    }
}

pub fn accept_key(key: &str) -> String {
    let mut h = Sha1::new();
    h.update(key.as_bytes());
    h.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(h.finalize())
}

/// Read one upgrade request and answer it, for libraries that take over after
/// the handshake. `ext` goes out as Sec-WebSocket-Extensions if it was offered.
///
/// The future is boxed so that its buffer is gone once the handshake is over.
pub fn upgrade<'a>(
    s: &'a mut TcpStream,
    ext: Option<&'a str>,
) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + 'a>> {
    Box::pin(upgrade_inner(s, ext))
}

async fn upgrade_inner(s: &mut TcpStream, ext: Option<&str>) -> io::Result<bool> {
    let mut buf = [0u8; 4096];
    let mut n = 0;
    while !buf[..n].ends_with(b"\r\n\r\n") {
        let k = s.read(&mut buf[n..]).await?;
        if k == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        n += k;
    }
    let head = std::str::from_utf8(&buf[..n]).map_err(|_| io::ErrorKind::InvalidData)?;
    let (mut key, mut offered) = (None, false);
    for l in head.split("\r\n") {
        if let Some((k, v)) = l.split_once(':') {
            if k.eq_ignore_ascii_case("sec-websocket-key") {
                key = Some(v.trim());
            } else if k.eq_ignore_ascii_case("sec-websocket-extensions") {
                offered |= v.contains("permessage-deflate");
            }
        }
    }
    let key = key.ok_or(io::ErrorKind::InvalidData)?;
    let ext = ext.filter(|_| offered);
    let mut r = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        accept_key(key)
    );
    if let Some(e) = ext {
        r.push_str(&format!("Sec-WebSocket-Extensions: {e}\r\n"));
    }
    r.push_str("\r\n");
    s.write_all(r.as_bytes()).await?;
    Ok(ext.is_some())
}

/// Echo whatever `is_data` accepts. All messages that are ready are fed before
/// one flush (or each is flushed on its own, if `naive`).
pub async fn echo<S, T, E>(mut ws: S, naive: bool, is_data: fn(&T) -> bool)
where
    S: Stream<Item = Result<T, E>> + Sink<T> + Unpin,
{
    if naive {
        use futures_util::{SinkExt, StreamExt};
        while let Some(Ok(m)) = ws.next().await {
            if is_data(&m) && ws.send(m).await.is_err() {
                return;
            }
        }
        return;
    }
    let mut item: Option<T> = None;
    let mut dirty = false;
    poll_fn(move |cx| {
        loop {
            let mut ws = Pin::new(&mut ws);
            if item.is_some() {
                if ready!(ws.as_mut().poll_ready(cx)).is_err() {
                    return Poll::Ready(());
                }
                if ws.as_mut().start_send(item.take().unwrap()).is_err() {
                    return Poll::Ready(());
                }
                dirty = true;
            }
            match ws.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(m))) => {
                    if is_data(&m) {
                        item = Some(m);
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    if dirty {
                        if ready!(ws.as_mut().poll_flush(cx)).is_err() {
                            return Poll::Ready(());
                        }
                        dirty = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}
