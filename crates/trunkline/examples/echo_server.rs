//! The smallest server: says back what it hears, to any number of clients.
//!
//! `cargo run --example echo_server`, then `cargo run --example echo_client`.

use std::error::Error;

use tokio::net::TcpListener;
use trunkline::Batch;

/// Serves for as long as there is somebody to wait for.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(async move {
            let _ = tcp.set_nodelay(true);
            let Ok(mut ws) = trunkline::accept(tcp).await else { return };
            let mut batch = Batch::new();
            while ws.recv_many(&mut batch).await.is_ok_and(|count| count > 0) {
                for message in &batch {
                    if ws.feed(message).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(TcpListener::bind("127.0.0.1:9001").await?).await
}
