//! The opening handshake of a server.

use std::hint::black_box;
use std::sync::Arc;

use trunkline_proto::handshake::{Acceptance, ServerConfig, ServerHandshake};

use crate::{Kernel, Round};

pub(crate) const ALL: &[Kernel] = &[("accept-key", 16, accept_key), ("handshake", 16, handshake)];

/// What Chromium sends, about.
pub(crate) const REQUEST: &[u8] =
    b"GET /connection/websocket HTTP/1.1\r\nHost: app.example.com\r\n\
    Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-GB,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn accept_key() -> Round {
    let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
    let request = handshake.handle_input(REQUEST).ok().and_then(|it| it.done);
    let request = request.expect("a good request");
    Box::new(move || {
        for _ in 0..16 {
            black_box(black_box(&request).accept_key());
        }
    })
}

fn handshake() -> Round {
    let config = Arc::new(ServerConfig::default());
    Box::new(move || {
        for _ in 0..16 {
            let mut handshake = ServerHandshake::new(Arc::clone(&config));
            let progress = handshake.handle_input(black_box(REQUEST)).expect("a good request");
            let request = progress.done.expect("all of it was there");
            black_box(handshake.accept(&request, &Acceptance::new()).expect("accepted"));
        }
    })
}
