use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use yawc::{CompressionLevel, Frame, OpCode, Options, Role, WebSocket};

fn options(a: &peers::Args) -> Options {
    let mut o = Options::default().with_limits(64 << 20, 128 << 20).with_utf8();
    if a.tuned {
        o = o.with_read_buffer_capacity(128 << 10).with_backpressure_boundary(64 << 10);
    }
    if a.deflate {
        o = o.with_compression_level(CompressionLevel::new(6));
    }
    o
}

fn is_data(f: &Frame) -> bool {
    matches!(f.opcode(), OpCode::Text | OpCode::Binary)
}

/// yawc's Stream yields frames, not results.
fn wrap<S>(ws: S) -> Wrap<S> {
    Wrap(ws)
}
struct Wrap<S>(S);
impl<S: futures_util::Stream<Item = Frame> + Unpin> futures_util::Stream for Wrap<S> {
    type Item = Result<Frame, ()>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::pin::Pin::new(&mut self.0).poll_next(cx).map(|o| o.map(Ok))
    }
}
impl<S: futures_util::Sink<Frame> + Unpin> futures_util::Sink<Frame> for Wrap<S> {
    type Error = S::Error;
    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        std::pin::Pin::new(&mut self.0).poll_ready(cx)
    }
    fn start_send(mut self: std::pin::Pin<&mut Self>, f: Frame) -> Result<(), S::Error> {
        std::pin::Pin::new(&mut self.0).start_send(f)
    }
    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        std::pin::Pin::new(&mut self.0).poll_close(cx)
    }
}

fn main() {
    let a = peers::args();
    peers::serve(a.clone(), move |mut s| {
        let a = a.clone();
        async move {
            if a.hyper {
                let io = hyper_util::rt::TokioIo::new(s);
                let svc = service_fn(move |mut req: Request<Incoming>| {
                    let a = a.clone();
                    async move {
                        let (resp, fut) = WebSocket::upgrade_with_options(&mut req, options(&a))?;
                        tokio::spawn(tokio::task::unconstrained(async move {
                            if let Ok(ws) = fut.await {
                                peers::echo(wrap(ws), a.naive, is_data).await
                            }
                        }));
                        Ok::<Response<Empty<Bytes>>, yawc::WebSocketError>(resp)
                    }
                });
                let _ = http1::Builder::new().serve_connection(io, svc).with_upgrades().await;
            } else if peers::upgrade(&mut s, None).await.is_ok() {
                let ws = WebSocket::from_stream(s, Role::Server, options(&a)).unwrap();
                peers::echo(wrap(ws), a.naive, is_data).await
            }
        }
    })
}
