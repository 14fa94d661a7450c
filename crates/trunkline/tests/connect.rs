//! From a URL to an open connection, against servers on real sockets.

use tokio::net::TcpListener;
use trunkline::WebSocket;

#[tokio::test]
async fn a_url_is_all_that_it_takes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut ws = trunkline::accept(tcp).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
        ws.recv().await.unwrap()
    });
    let mut ws: WebSocket = trunkline::connect(&format!("ws://{address}/chat")).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    ws.close(trunkline::CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap(), None);
}
