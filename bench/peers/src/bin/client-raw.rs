//! What a client cannot cost less than: bytes there and back, no WebSocket.
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn main() {
    let a = peers::args();
    let first = vec![7u8; a.size * a.window];
    peers::connect(a, move |mut s| {
        let first = first.clone();
        async move {
            let mut buf = vec![0u8; 64 << 10];
            let mut ok = s.write_all(&first).await.is_ok();
            while ok {
                ok = match s.read(&mut buf).await {
                    Ok(n) if n > 0 => s.write_all(&buf[..n]).await.is_ok(),
                    _ => false,
                };
            }
        }
    })
}
