use bytes::{Buf, BytesMut};
use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::stream::CompressedWebSocketStream;
use sockudo_ws::{Config, Message, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn is_data(m: &Message) -> bool {
    matches!(m, Message::Text(_) | Message::Binary(_))
}

/// Done when it returns true; its buffer is freed with it.
async fn handshake(s: &mut TcpStream, deflate: bool) -> bool {
    let mut buf = BytesMut::with_capacity(4096);
    loop {
        match s.read_buf(&mut buf).await {
            Ok(n) if n > 0 => {}
            _ => return false,
        }
        let Ok(parsed) = parse_request(&buf) else { return false };
        if let Some((req, used)) = parsed {
            let key = generate_accept_key(req.key);
            let ext = (deflate && req.extensions.is_some_and(|e| e.contains("permessage-deflate")))
                .then_some("permessage-deflate");
            let resp = build_response(&key, None, ext);
            if s.write_all(&resp).await.is_err() {
                return false;
            }
            buf.advance(used);
            return buf.is_empty();
        }
    }
}

fn main() {
    let a = peers::args();
    let (deflate, naive) = (a.deflate, a.naive);
    peers::serve(a, move |mut s| async move {
        if !Box::pin(handshake(&mut s, deflate)).await {
            return;
        }
        if deflate {
            let ws =
                CompressedWebSocketStream::server(s, Config::default(), DeflateConfig::default());
            peers::echo(ws, naive, is_data).await
        } else {
            peers::echo(WebSocketStream::server(s, Config::default()), naive, is_data).await
        }
    })
}
