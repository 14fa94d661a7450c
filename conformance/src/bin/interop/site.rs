//! [`Site`]: our server, with the page that a browser obeys from on the same port.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use trunkline::handshake::{HeadLimits, RequestHead, RequestParser};

use crate::Failure;

const PAGE: &str = include_str!("../../../interop/node/page.html");
const SCRIPT: &str = include_str!("../../../interop/node/obey.js");

/// For a peer to connect once it has been told to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection that asks for a WebSocket, and what was read from it.
pub(crate) type Asking = (Vec<u8>, TcpStream);

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    asking: mpsc::Receiver<Asking>,
    accepting: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn open() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, asking) = mpsc::channel(1);
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A browser opens connections that it may never use: none may hold up the next.
                tokio::spawn(serve(tcp, sender.clone()));
            }
        });
        Ok(Self { address, asking, accepting })
    }

    /// Waits for the next WebSocket.
    pub(crate) async fn next(&mut self) -> Result<Asking, Failure> {
        let next = timeout(CONNECT_TIMEOUT, self.asking.recv()).await;
        next.map_err(|_| "the peer did not connect")?.ok_or_else(|| "our server has ended".into())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers what asks for the page, and passes on what asks for a WebSocket.
async fn serve(mut tcp: TcpStream, asking: mpsc::Sender<Asking>) -> Result<(), Failure> {
    tcp.set_nodelay(true)?;
    loop {
        let mut read = Vec::new();
        let Some(head) = read_head(&mut tcp, &mut read).await? else { return Ok(()) };
        if head.asks_for_websocket() {
            return Ok(asking.send((read, tcp)).await?);
        }
        tcp.write_all(answer(head.target()).as_bytes()).await?;
    }
}

/// Reads one head; `None` at the end of the stream.
async fn read_head(
    tcp: &mut TcpStream,
    read: &mut Vec<u8>,
) -> Result<Option<RequestHead>, Failure> {
    let mut parser = RequestParser::new(HeadLimits::default());
    loop {
        let from = read.len();
        if tcp.read_buf(read).await? == 0 {
            return Ok(None);
        }
        if let Some(head) = parser.handle_input(&read[from..])?.done {
            return Ok(Some(head));
        }
    }
}

fn answer(target: &str) -> String {
    let (status, kind, body) = match target {
        "/" => ("200 OK", "text/html; charset=utf-8", PAGE),
        "/obey.js" => ("200 OK", "text/javascript; charset=utf-8", SCRIPT),
        // A browser that asks for an icon and is told that there is none does not complain.
        _ => ("204 No Content", "text/plain", ""),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
