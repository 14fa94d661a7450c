//! What an idle session costs in memory, counted by the allocator over all threads. Its clients are bare
//! sockets, which allocate nothing.

mod support;

use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;

use cap::Cap;
use support::Running;
use trunkline_server::auth::NewToken;
use trunkline_server::config::Secret;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Tables grow by doubling: these many nearly fill theirs. Files are open at both ends.
const SESSIONS: usize = 440;

/// What it asks the allocator for, tables that have room for more included. The headers of six allocations come on
/// top, and gaps before what has to lie at a multiple of 128.
const SESSION_BYTES: usize = 1776;

/// What the library's features `tracing` and `metrics` add, which the server does not have: they are on where the
/// whole workspace is tested at once.
const OBSERVED_BYTES: usize = 256;

/// With a user shown by a token, and presence in its channel.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_with_identity_and_presence_costs_so_many_bytes() {
    let server = Running::start(&[
        ("node.shards", "1"),
        ("client.token.hmac_secret_key", SECRET),
        ("client.address_connection_burst", "1000"),
        ("channel.without_namespace.allow_subscribe_for_client", "true"),
        ("channel.without_namespace.presence", "true"),
    ])
    .await;
    let mut clients = Vec::with_capacity(SESSIONS + 1);
    // The first brings about what is there once.
    clients.push(subscriber(&server, 0));
    let before = ALLOCATOR.allocated();
    clients.extend((1..=SESSIONS).map(|number| subscriber(&server, number)));
    let each = (ALLOCATOR.allocated() - before) / SESSIONS;
    assert!((1000..SESSION_BYTES + OBSERVED_BYTES).contains(&each), "{each} bytes");
}

/// A client of a user of its own, as soon as it is subscribed. It blocks: the server has threads of its own.
fn subscriber(server: &Running, number: usize) -> TcpStream {
    let token = NewToken::for_user(format!("user-{number}")).sign(&Secret::new(SECRET));
    let mut tcp = TcpStream::connect(server.address()).unwrap();
    let request = format!(
        "GET /connection/websocket HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address()
    );
    tcp.write_all(request.as_bytes()).unwrap();
    read_until(&mut tcp, "\r\n\r\n");
    let commands = format!(
        "{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"news\"}}}}"
    );
    // A masked text (RFC 6455 §5.2), with a key that changes nothing.
    let length = u16::try_from(commands.len()).unwrap().to_be_bytes();
    let frame = [&[0x81, 0x80 | 126], &length[..], &[0; 4], commands.as_bytes()].concat();
    tcp.write_all(&frame).unwrap();
    read_until(&mut tcp, r#""id":2,"subscribe""#);
    tcp
}

fn read_until(tcp: &mut TcpStream, end: &str) {
    let (mut heard, mut piece) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&heard).contains(end) {
        let bytes = tcp.read(&mut piece).unwrap();
        assert!(bytes > 0, "hung up after {:?}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..bytes]);
    }
}
