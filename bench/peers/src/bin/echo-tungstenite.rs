use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(s: S, naive: bool, tuned: bool) {
    let mut c = WebSocketConfig::default();
    if tuned {
        // The read buffer is zeroed before every read, so a small one is faster.
        c = c.read_buffer_size(8 << 10);
    }
    if let Ok(ws) = tokio_tungstenite::accept_async_with_config(s, Some(c)).await {
        peers::echo(ws, naive, |m: &Message| m.is_text() || m.is_binary()).await
    }
}

fn main() {
    let a = peers::args();
    let (naive, tuned) = (a.naive, a.tuned);
    if a.tls {
        peers::serve_tls(a, move |s| echo(s, naive, tuned))
    } else {
        peers::serve(a, move |s| echo(s, naive, tuned))
    }
}
