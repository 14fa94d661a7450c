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

    /// One that is a WebSocket already.
    pub(crate) async fn upgraded(server: &Running) -> Self {
        let mut wire = Self::open(server).await;
        wire.write(&upgrade("")).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        wire
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

    /// All frames up to the close frame, behind which the server ends the connection.
    pub(crate) async fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        loop {
            let (first, payload) = self.frame().await;
            frames.push((first, payload));
            if first == 0x88 {
                // The server waits for our close, or for our end.
                self.0.shutdown().await.unwrap();
                assert_eq!(self.rest().await, b"", "nothing is behind a close");
                return frames;
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        soon(self.0.read_exact(&mut head)).await.expect("a frame before the end");
        let len = match head[1] {
            126 => usize::from(soon(self.0.read_u16()).await.unwrap()),
            127 => soon(self.0.read_u64()).await.unwrap() as usize,
            len => usize::from(len),
        };
        let mut payload = vec![0; len];
        soon(self.0.read_exact(&mut payload)).await.unwrap();
        (head[0], payload)
    }

    /// The code of the close frame, which is all that the server sends.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let frames = self.frames().await;
        assert_eq!(frames.len(), 1, "{frames:?}");
        code(&frames)
    }
}

/// The code of the close frame at the end.
pub(crate) fn code(frames: &[(u8, Vec<u8>)]) -> u16 {
    let (_, payload) = frames.last().expect("a close frame");
    u16::from_be_bytes([payload[0], payload[1]])
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

/// A frame of a client. Its mask is zero, which the server has no way to mind.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}
