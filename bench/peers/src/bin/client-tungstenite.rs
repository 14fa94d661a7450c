use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

fn main() {
    let a = peers::args();
    let (window, url, tuned) = (a.window, format!("ws://{}/", a.addr), a.tuned);
    let message = Message::binary(vec![7u8; a.size]);
    peers::connect(a, move |s| {
        let (url, message) = (url.clone(), message.clone());
        async move {
            let mut c = WebSocketConfig::default();
            if tuned {
                // The read buffer is zeroed before every read, so a small one is faster.
                c = c.read_buffer_size(8 << 10);
            }
            let opened = tokio_tungstenite::client_async_with_config(url, s, Some(c)).await;
            if let Ok((ws, _)) = opened {
                peers::converse(ws, window, message, |m| m.is_text() || m.is_binary()).await
            }
        }
    })
}
