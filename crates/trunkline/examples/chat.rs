//! One room for many: what one says, all hear.
//!
//! A message is encoded once, as a [`Prepared`], and shared by all who get it. Nobody waits for a slow
//! reader: each has a queue of a fixed length, and whoever falls behind it is let go.

use std::error::Error;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use trunkline::{CloseCode, Prepared, Writer};

/// How far behind the newest message a reader may be.
const BEHIND_MAX: usize = 64;

/// Serves one room for as long as there is somebody to wait for.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let room = broadcast::Sender::new(BEHIND_MAX);
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(join(tcp, room.clone()));
    }
}

async fn join(tcp: TcpStream, room: broadcast::Sender<Prepared>) {
    let _ = tcp.set_nodelay(true);
    let Ok(ws) = trunkline::accept(tcp).await else { return };
    let (mut reader, writer) = ws.split();
    let telling = tokio::spawn(tell(writer, room.subscribe()));
    while let Ok(Some(message)) = reader.recv().await {
        // Nobody in the room is no error: the next one may come any time.
        let _ = room.send(Prepared::new(message));
    }
    telling.abort();
}

/// Tells one member what is said, all that has gathered in one write.
async fn tell(mut writer: Writer<TcpStream>, mut said: broadcast::Receiver<Prepared>) {
    loop {
        match said.recv().await {
            Ok(message) => {
                let fed = writer.feed(&message).await;
                if fed.is_err() || (said.is_empty() && writer.flush().await.is_err()) {
                    return;
                }
            }
            Err(RecvError::Lagged(_)) => {
                let _ = writer.close(CloseCode::POLICY_VIOLATION, "too slow").await;
                return;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(TcpListener::bind("127.0.0.1:9002").await?).await
}
