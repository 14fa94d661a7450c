use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, WebSocket};

fn main() {
    peers::serve(peers::args(), |mut s| async move {
        if peers::upgrade(&mut s, None).await.is_err() {
            return;
        }
        // The crate reads field by field, so its examples put a BufReader in front.
        let mut ws = WebSocket::server(BufReader::new(s));
        while let Ok(Event::Data { ty: DataType::Complete(t), data }) = ws.recv().await {
            let r = match t {
                // SAFETY: the load generator sends valid text only; the crate does not check it.
                MessageType::Text => ws.send(unsafe { std::str::from_utf8_unchecked(&data) }).await,
                MessageType::Binary => ws.send(&*data).await,
            };
            if r.is_err() {
                return;
            }
        }
    })
}
