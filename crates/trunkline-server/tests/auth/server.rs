//! An endpoint of keys on loopback that answers as it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Ends with its value.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    answer: watch::Sender<Vec<u8>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers every request with these bytes, and closes.
    pub(super) async fn new(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let requests = Arc::new(AtomicUsize::new(0));
        let (answer, answers) = watch::channel(answer.into());
        let count = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (count, answers) = (Arc::clone(&count), answers.clone());
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer = answers.borrow().clone();
                    serve(stream, &answer).await;
                });
            }
        });
        Self { address, requests, answer, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/keys?v=1", self.address)
    }

    pub(super) fn answer(&self, answer: impl Into<Vec<u8>>) {
        self.answer.send_replace(answer.into());
    }

    /// How many there were since the last call.
    pub(super) fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request and answers it. Nothing at all is an answer that never comes.
pub(super) async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"GET /keys?v=1 HTTP/1.1\r\n"), "{}", head.escape_ascii());
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    // The client may have read enough of it.
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

/// An answer with this body.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
