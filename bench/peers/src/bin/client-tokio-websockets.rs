use tokio_websockets::{ClientBuilder, Message};

fn main() {
    let a = peers::args();
    let (window, url) = (a.window, format!("ws://{}/", a.addr));
    let message = Message::binary(vec![7u8; a.size]);
    peers::connect(a, move |s| {
        let (url, message) = (url.clone(), message.clone());
        async move {
            let builder = ClientBuilder::new().uri(&url).expect("a URL");
            if let Ok((ws, _)) = builder.connect_on(s).await {
                peers::converse(ws, window, message, |m| m.is_text() || m.is_binary()).await
            }
        }
    })
}
