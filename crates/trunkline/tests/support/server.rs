//! Servers on real sockets, and clients for them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use trunkline::{
    Accepted, Drained, Error, Listener, Message, Server, ServerCounts, ServerHandle, Transport,
    WebSocket,
};

use super::REQUEST;

/// A listener of the tests' own, on a free port.
pub async fn listener() -> (Listener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

/// A server on a free port.
pub async fn bind() -> (Server, SocketAddr) {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    (server, address)
}

/// Has it echo until it is drained.
pub fn serve_echo(server: Server) -> (ServerHandle, JoinHandle<Drained>) {
    let handle = server.handle();
    (handle, tokio::spawn(server.serve(echo)))
}

pub async fn echo<S>(ws: WebSocket, _: S) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut ws = ws;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// A server that runs `handler`.
pub async fn serve<F, Fut>(handler: F) -> (ServerHandle, SocketAddr)
where
    F: Fn(WebSocket, Accepted) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: trunkline::Outcome> + Send + 'static,
{
    let (server, address) = bind().await;
    let handle = server.handle();
    tokio::spawn(server.serve(handler));
    (handle, address)
}

/// Connects, and sees that the server answers.
pub async fn connect(address: SocketAddr) -> WebSocket {
    trunkline::connect(&format!("ws://{address}/")).await.unwrap()
}

/// The same from another address of this machine.
pub async fn connect_from(from: &str, address: SocketAddr) -> WebSocket<Transport> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let tcp = Transport::from(socket.connect(address).await.unwrap());
    trunkline::connect_over("ws://localhost/", tcp).await.unwrap()
}

/// Says `text` and hears it again.
pub async fn assert_echo(ws: &mut WebSocket, text: &str) {
    ws.send(text).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text(text)));
}

/// Receives to the end, and gives code and reason of the close frame.
pub async fn closed_with(ws: &mut WebSocket) -> Result<(u16, String), Error> {
    while ws.recv().await?.is_some() {}
    let info = ws.close_info().expect("closed");
    Ok((info.code.expect("a code").get(), info.reason.to_string()))
}

/// A connection that has sent its request, as bytes.
pub async fn raw_request(address: SocketAddr) -> TcpStream {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(REQUEST).await.unwrap();
    tcp
}

/// What the server says up to the end.
pub async fn said(tcp: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = tcp.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

/// Lets the other tasks run until the server has counted what `is` looks for.
pub async fn until_counted(handle: &ServerHandle, is: impl Fn(&ServerCounts) -> bool) {
    let mut rounds = 0;
    while !is(&handle.counts()) {
        rounds += 1;
        assert!(rounds < 1_000_000, "{:?}", handle.counts());
        tokio::task::yield_now().await;
    }
}
