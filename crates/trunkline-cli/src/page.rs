//! The page of `trunkline echo --page`, on the port of the echo itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use trunkline::handshake::{HeadLimits, Refusal, RequestHead, RequestParser};
use trunkline::{AcceptError, Acceptor, WebSocket};

const PAGE: &str = include_str!("echo.html");

/// A request must be whole by then, and its answer written.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers a browser that asks for the page, and leaves every other request to the library.
pub(crate) async fn serve_or_accept(
    acceptor: &Acceptor,
    mut tcp: TcpStream,
) -> Result<Option<WebSocket<TcpStream>>, AcceptError> {
    let mut read = Vec::new();
    let Ok(head) = timeout(REQUEST_TIMEOUT, read_head(&mut tcp, &mut read)).await else {
        answer(&mut tcp, &Refusal::timeout().encode()).await?;
        return Err(AcceptError::Timeout);
    };
    if let Some(head) = head?
        && head.method() == "GET"
        && !head.asks_for_websocket()
        && head.target() == "/"
    {
        answer(&mut tcp, &page()).await?;
        return Ok(None);
    }
    acceptor.read_request_after(&read, tcp).await?.accept().await.map(Some)
}

/// Reads until the head is whole, or is known to be wrong: what to say then, the library knows better.
async fn read_head(
    tcp: &mut TcpStream,
    read: &mut Vec<u8>,
) -> Result<Option<RequestHead>, AcceptError> {
    let mut parser = RequestParser::new(HeadLimits::default());
    loop {
        let from = read.len();
        if tcp.read_buf(read).await? == 0 {
            return Err(AcceptError::Disconnected);
        }
        match parser.handle_input(&read[from..]) {
            Ok(progress) if progress.done.is_none() => {}
            Ok(progress) => return Ok(progress.done),
            Err(_) => return Ok(None),
        }
    }
}

async fn answer(tcp: &mut TcpStream, answer: &[u8]) -> Result<(), AcceptError> {
    let written = async {
        tcp.write_all(answer).await?;
        tcp.shutdown().await
    };
    Ok(timeout(REQUEST_TIMEOUT, written).await.map_err(|_| AcceptError::Timeout)??)
}

fn page() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        PAGE.len()
    );
    [head.as_bytes(), PAGE.as_bytes()].concat()
}
