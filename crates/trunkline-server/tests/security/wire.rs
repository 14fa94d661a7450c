//! A peer that writes what it likes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Running;

/// A socket to the server, without a library on this end.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn open(server: &Running) -> Self {
        Self(TcpStream::connect(server.address()).await.unwrap())
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that has had enough may be gone before all is written.
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// The head of an answer.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(soon(self.0.read_u8()).await.unwrap().into());
        }
        head
    }

    /// Everything up to the end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // What came before a reset counts.
        let _ = soon(self.0.read_to_end(&mut rest)).await;
        rest
    }

    /// The status of an answer behind which the connection ends.
    pub(crate) async fn refused(&mut self) -> u16 {
        let rest = String::from_utf8_lossy(&self.rest().await).into_owned();
        assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "one answer: {rest}");
        rest.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
    }
}

/// Patience for a server that never ends a connection: long, as a busy machine may need it.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(30), future).await.expect("the server answers, or ends")
}

/// A good request, and further fields.
pub(crate) fn upgrade(fields: &str) -> String {
    format!(
        "GET /connection/websocket HTTP/1.1\r\nHost: server.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{fields}\r\n"
    )
}
