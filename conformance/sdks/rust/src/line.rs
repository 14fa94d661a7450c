//! A TCP connection for each client, in the middle, so that a test can cut it.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub struct Line {
    port: u16,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Line {
    /// Leads to the server on this port, whenever there is one.
    pub async fn open(onward: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let joined = connections.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                joined.lock().expect("no panic").spawn(carry(tcp, onward));
            }
        });
        Self { port, connections }
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/connection/websocket", self.port)
    }

    pub fn cut(&self) {
        self.connections.lock().expect("no panic").abort_all();
    }
}

/// Until one side ends, or the line is cut: either way both are closed.
async fn carry(mut tcp: TcpStream, onward: u16) {
    if let Ok(mut away) = TcpStream::connect(("127.0.0.1", onward)).await {
        let _ = copy_bidirectional(&mut tcp, &mut away).await;
    }
}
