//! One room for many: what one says, all hear.
//!
//! Nobody waits for a slow reader: each has an outbox of a fixed size, and whoever falls behind it is let
//! go. On ctrl-c everyone is told, and the server waits until they have taken note.

use trunkline::{Broadcast, CloseCode, Drain, Error, Server, SlowReceiver, WebSocket};

/// Serves one room until the server is drained.
pub async fn serve(server: Server) {
    let room = Broadcast::new();
    server.serve(move |ws, _| join(ws, room.clone())).await;
}

async fn join(mut ws: WebSocket, room: Broadcast) -> Result<(), Error> {
    let mut said = room.subscribe(SlowReceiver::Close(CloseCode::POLICY_VIOLATION));
    while let Some(message) = said.relay(&mut ws).await? {
        room.publish(message);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::bind("127.0.0.1:9002").await?;
    let handle = server.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.drain(Drain::new()).await;
        }
    });
    serve(server).await;
    Ok(())
}
