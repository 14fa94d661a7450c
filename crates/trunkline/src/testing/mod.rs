//! Testing your code: connections in memory, peers that follow a script, streams that break on command.
//!
//! Add the feature to what your tests need, and tokio's own for tests beside it:
//!
//! ```toml
//! [dev-dependencies]
//! trunkline = { version = "0.1", features = ["testing"] }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! # Both ends
//! [`pair`] gives a client and a server that are connected in memory: no sockets, no ports, no waiting.
//! They are [`WebSocket`]s like any other, so the code under test takes them as they are.
//!
//! ```
//! use trunkline::{Error, WebSocket};
//!
//! async fn shout(ws: &mut WebSocket) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         let answer = message.as_text().unwrap_or("what?").to_uppercase();
//!         if ws.send(answer).await.is_err() {
//!             break;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! # async fn run() {
//! let (mut client, mut server) = trunkline::testing::pair().await;
//! let test = async {
//!     client.send("hello").await.unwrap();
//!     assert_eq!(client.recv().await.unwrap().unwrap().as_text(), Some("HELLO"));
//!     client.close(trunkline::CloseCode::NORMAL, "").await.unwrap();
//! };
//! let (shouted, ()) = tokio::join!(shout(&mut server), test);
//! shouted.unwrap();
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(run());
//! ```
//!
//! # A peer that follows a script
//! [`Peer`] is the other end where your code is only one: it expects and sends what it is told to, down to
//! frames that are against the rules, and tells which step was not met.
//!
//! ```
//! use trunkline::{Connector, Error, ProtocolError, testing::Peer};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let unmasked_and_reserved = Peer::script().send_frame(0x83, b"opcode 3").expect_close(1002);
//! let (mut ws, playing) = unmasked_and_reserved.client(&Connector::new()).await?;
//! let (received, played) = tokio::join!(ws.recv(), playing);
//! assert!(matches!(received, Err(Error::Protocol(ProtocolError::ReservedOpCode(3)))));
//! played?;
//! # Ok(()) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # Faults
//! [`faulty`] wraps any stream, [`pipe()`]'s or a socket. [`Faults`] then cut it at a byte, split and delay
//! what goes through it, fail it, or stall it. To find what your code does when a connection breaks,
//! break it at each byte of a conversation:
//!
//! ```
//! use trunkline::testing::{faulty, pair_over, pipe};
//! use trunkline::{Acceptor, Connector};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! for cut_at in 0..20 {
//!     let (ours, theirs) = pipe(1024);
//!     let (ours, faults) = faulty(ours, 0);
//!     let (mut client, mut server) =
//!         pair_over(&Connector::new(), &Acceptor::new(), ours, theirs).await?;
//!     faults.cut_after_writing(faults.bytes_written() + cut_at);
//!     let sent = client.send("thirteen bytes").await;
//!     drop(client);
//!     // What was not sent whole has not arrived.
//!     assert_eq!(sent.is_ok(), matches!(server.recv().await, Ok(Some(_))));
//! }
//! # Ok(()) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # Outages
//! A [`Reconnecting`](crate::Reconnecting) client takes any function that opens connections, so it can meet
//! one scripted peer after the other. With the time stopped and [`with_jitter`] told, its pauses are as
//! long as the test expects, and over at once:
//!
//! ```
//! use trunkline::testing::Peer;
//! use trunkline::{Connector, Reconnecting, handshake::Refusal};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let mut peers = [
//!     Peer::script().expect_text("subscribe").send_text("one"),
//!     Peer::script().refuse(Refusal::unavailable().with_header("Retry-After", "7")?),
//!     Peer::script().expect_text("subscribe").send_text("two"),
//! ]
//! .into_iter();
//! let mut ws = Reconnecting::from_fn(move || {
//!     let peer = peers.next();
//!     async move {
//!         let peer = peer.ok_or("no peer is left")?;
//!         let (ws, playing) = peer.client(&Connector::new()).await?;
//!         tokio::spawn(playing);
//!         Ok(ws)
//!     }
//! })
//! .with_hook(|mut ws| async move {
//!     ws.send("subscribe").await?;
//!     Ok(ws)
//! })
//! .with_jitter(|bound| bound);
//!
//! let start = tokio::time::Instant::now();
//! assert_eq!(ws.recv().await?.unwrap().as_text(), Some("one"));
//! assert_eq!(ws.recv().await?.unwrap().as_text(), Some("two"));
//! // A pause of a second, the seven that were asked for, and two more.
//! assert_eq!(start.elapsed().as_secs(), 10);
//! # Ok(()) }
//! # let mut runtime = tokio::runtime::Builder::new_current_thread();
//! # runtime.enable_all().start_paused(true).build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # Time
//! All deadlines of this crate run on tokio's clock, and a test can stop it: with
//! `#[tokio::test(start_paused = true)]` time moves only when every task waits for it, and then at once
//! to the next deadline. A silent peer is given up after 40 seconds; to see that costs none:
//!
//! ```
//! use trunkline::{Connector, Error, Timeout, testing::Peer};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let (mut ws, playing) = Peer::script().go_silent().client(&Connector::new()).await?;
//! let silent = tokio::spawn(playing);
//! let start = tokio::time::Instant::now();
//! let received = ws.recv().await;
//! assert!(matches!(received, Err(Error::Timeout(Timeout::Keepalive))));
//! assert_eq!(start.elapsed().as_secs(), 40);
//! # drop(ws);
//! # silent.await??;
//! # Ok(()) }
//! # let mut runtime = tokio::runtime::Builder::new_current_thread();
//! # runtime.enable_all().start_paused(true).build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! Keep real sockets out of such a test: while one is waited for, the clock runs ahead to the next
//! deadline, which then passes although the peer was about to answer.
//!
//! [`with_jitter`]: crate::Reconnecting::with_jitter

mod faults;
mod peer;
mod pipe;
mod playing;
mod wire;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};

pub use faults::{Faults, Faulty, faulty};
pub use peer::Peer;
pub use pipe::{Pipe, PipeControl, pipe};
pub use playing::{Playing, Unmet};
pub use wire::frame;

use crate::client::Connector;
use crate::server::Acceptor;
use crate::transport::Transport;
use crate::websocket::WebSocket;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Room in each direction of the pipes that are made here: about what a socket has.
const ROOM: usize = 64 << 10;

/// A client and a server, connected in memory, both with their defaults.
///
/// # Cancel safety
/// Dropping the future drops both.
///
/// # Examples
/// See the [module](self).
pub async fn pair() -> (WebSocket, WebSocket) {
    let (client, server) = pipe(ROOM);
    pair_over(&Connector::new(), &Acceptor::new(), transport(client), transport(server))
        .await
        .expect("the defaults of both go together")
}

/// A client and a server, connected over these two ends of a stream.
///
/// # Errors
/// If they do not come to a connection: the server refuses the client, or the stream breaks.
///
/// # Cancel safety
/// Dropping the future drops both ends.
pub async fn pair_over<C, S>(
    connector: &Connector,
    acceptor: &Acceptor,
    client: C,
    server: S,
) -> Result<(WebSocket<C>, WebSocket<S>), Box<dyn std::error::Error + Send + Sync>>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut accepting = pin!(acceptor.accept(server));
    let connecting = connector.connect_over("ws://localhost/", client);
    let (connected, accepted) = both(connecting, accepting.as_mut()).await;
    let connected = connected?;
    let accepted = match accepted {
        Some(accepted) => accepted?,
        None => accepting.await?,
    };
    Ok((connected, accepted))
}

/// A [`Transport`] over any stream, for code that takes a [`WebSocket`] without a type parameter.
pub fn transport<S>(stream: S) -> Transport
where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    Transport::boxed(Box::new(stream))
}

/// Awaits `first`, and polls `second` along with it until then.
async fn both<F: Future, G: Future>(first: F, second: G) -> (F::Output, Option<G::Output>) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut done = None;
    let first = poll_fn(|cx| {
        let polled = first.as_mut().poll(cx);
        if polled.is_ready() || done.is_some() {
            return polled;
        }
        if let Poll::Ready(output) = second.as_mut().poll(cx) {
            done = Some(output);
        }
        // The second may have done what the first waits for, or given up.
        first.as_mut().poll(cx)
    })
    .await;
    (first, done)
}
