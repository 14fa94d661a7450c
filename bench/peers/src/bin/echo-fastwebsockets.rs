use bytes::Bytes;
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use tokio::io::{AsyncRead, AsyncWrite};

async fn run<S: AsyncRead + AsyncWrite + Unpin>(ws: WebSocket<S>) {
    let mut ws = FragmentCollector::new(ws);
    while let Ok(f) = ws.read_frame().await {
        match f.opcode {
            OpCode::Close => break,
            OpCode::Text | OpCode::Binary => {
                let sent = ws.write_frame(f).await;
                if sent.is_err() {
                    break;
                }
            }
            _ => {}
        }
    }
}

async fn svc(mut req: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (resp, fut) = upgrade::upgrade(&mut req)?;
    tokio::spawn(tokio::task::unconstrained(async move {
        if let Ok(ws) = fut.await {
            run(ws).await
        }
    }));
    Ok(resp)
}

fn main() {
    let a = peers::args();
    let hyper_mode = a.hyper;
    peers::serve(a, move |mut s| async move {
        if hyper_mode {
            let io = hyper_util::rt::TokioIo::new(s);
            let _ =
                http1::Builder::new().serve_connection(io, service_fn(svc)).with_upgrades().await;
        } else if peers::upgrade(&mut s, None).await.is_ok() {
            run(WebSocket::after_handshake(s, Role::Server)).await
        }
    })
}
