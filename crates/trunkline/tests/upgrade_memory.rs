//! What a server of hyper's keeps of a connection that it has handed over: nothing.

#![cfg(feature = "hyper")]

#[path = "support/http.rs"]
mod http_support;
mod support;

use std::sync::{Arc, Mutex};

use allocation_counter::measure;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use trunkline::{Acceptor, Message, Role, Transport, WebSocket};

use http_support::{Answer, serve_connection};
use support::*;

async fn accept(tcp: TcpStream) -> WebSocket {
    Acceptor::new().accept(Transport::from(tcp)).await.unwrap()
}

async fn upgrade(tcp: TcpStream) -> WebSocket {
    let upgrading = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&upgrading);
    serve_connection(tcp, move |mut request| {
        let (response, it): (Answer, _) = Acceptor::new().upgrade(&mut request).unwrap();
        *slot.lock().unwrap() = Some(it);
        async { response }
    })
    .await;
    let upgrading = upgrading.lock().unwrap().take().unwrap();
    upgrading.await.unwrap()
}

/// Bytes that a connection owns, its sockets included, once it has received an early message and waits
/// for the next.
fn idle<Fut: Future<Output = WebSocket>>(open: impl Fn(TcpStream) -> Fut) -> i64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut bytes = 0;
    // The first has the buffers of the thread and those of the runtime made.
    for _ in 0..2 {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let mut kept = None;
        let opening = async {
            let mut client = TcpStream::connect(address).await.unwrap();
            let early = frame(Role::Client, TEXT, b"early");
            client.write_all(&[REQUEST, &early].concat()).await.unwrap();
            let (tcp, _) = listener.accept().await.unwrap();
            let mut ws = Box::pin(open(tcp)).await;
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("early")));
            assert!(poll_up_to(1, ws.recv()).is_none());
            kept = Some((client, ws));
        };
        let mut opening = Some(opening);
        bytes = measure(|| runtime.block_on(opening.take().unwrap())).bytes_current;
    }
    bytes
}

#[test]
fn upgraded_connection_owns_no_more_than_one_of_our_own_server() {
    let (own, upgraded) = (idle(accept), idle(upgrade));
    assert!((100..=4096).contains(&own), "{own} bytes");
    assert!(upgraded <= own, "{upgraded} bytes instead of {own}");
}
