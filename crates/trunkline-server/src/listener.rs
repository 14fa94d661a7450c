//! Accepts sockets, and gives each to a shard. Nobody else accepts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use trunkline::handshake::Refusal;

use crate::admission::{Admission, NoSeat, Seat};
use crate::door::Door;
use crate::node::Node;
use crate::reception::Reception;
use crate::shard::now;
use crate::sparing::Sparing;

/// How long nothing is accepted after the system would not let us, mostly because there is no file
/// descriptor left.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts for as long as it is polled.
pub(crate) async fn listen(
    listener: TcpListener,
    node: Node,
    door: Arc<Door>,
    admission: Admission,
) {
    let mut next = 0;
    let lines = Sparing::default();
    loop {
        match listener.accept().await {
            Ok((tcp, from)) => match admission.take(from.ip(), now().instant) {
                Ok(seat) => {
                    next = (next + 1) % node.shards();
                    hand_over(&node, next, &door, tcp, from, seat);
                }
                Err(why) => turn_away(door.reception(), &tcp, why),
            },
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                if let Some(left_out) = lines.line(now().instant) {
                    tracing::warn!(%error, left_out, "cannot accept connections for the moment");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// From this thread's set of sockets into that of the shard.
fn hand_over(
    node: &Node,
    shard: u16,
    door: &Arc<Door>,
    tcp: TcpStream,
    from: SocketAddr,
    seat: Seat,
) {
    let Ok(tcp) = tcp.into_std() else { return };
    let door = Arc::clone(door);
    node.spawn_on(shard, move |shard| door.serve(shard, tcp, from, seat));
}

/// Says that there is no room, if that takes one write: whoever comes by TLS would need a handshake.
fn turn_away(reception: &Reception, tcp: &TcpStream, why: NoSeat) {
    reception.metrics().connections_refused.count(why.into());
    if reception.tls().is_none() {
        // A peer that is gone already, or takes no byte, hears nothing.
        let _ = tcp.try_write(&Refusal::unavailable().encode());
    }
}

/// Errors of a peer that was gone before it was accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
