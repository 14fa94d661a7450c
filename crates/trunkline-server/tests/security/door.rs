//! Broken requests and frames at the port of a server: an answer that says what was wrong, then the end.

use crate::support::Running;
use crate::wire::{Wire, frame, upgrade};

/// A request, and what is put in place of something in it.
fn with(what: &str, instead: &str) -> String {
    let good = upgrade("");
    assert!(good.contains(what), "{what}");
    good.replacen(what, instead, 1)
}

/// One row of each rule about heads: the server's port asks what the library asks.
#[tokio::test]
async fn sec_hs_01_bad_heads_get_their_status_at_the_port_of_a_server() {
    let server = Running::start(&[]).await;
    let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let many: String = (0..96).map(|i| format!("X-{i}: x\r\n")).collect();
    let cases = [
        (upgrade(&format!("X: {}\r\n", "x".repeat(100_000))), 431),
        (upgrade(&many), 431),
        (with("/connection", &format!("/{}", "x".repeat(8 << 10))), 414),
        (with("Host: server.example\r\n", ""), 400),
        (with("server.example", "a b[::"), 400),
        (upgrade("Host: server.example\r\n"), 400),
        (with(key, ""), 400),
        (upgrade(key), 400),
        (with("AAAA", "AAA"), 400),
        (with("Version: 13", "Version: 8"), 426),
        (with("Sec-WebSocket-Version: 13\r\n", ""), 400),
        (with("GET", "POST"), 405),
        (with("HTTP/1.1", "HTTP/1.0"), 505),
        (upgrade("Content-Length: 5\r\n") + "hello", 400),
        (upgrade("Transfer-Encoding: chunked\r\n"), 400),
        (upgrade("").replace("\r\n", "\n"), 400),
        (with("Upgrade:", "Upgrade :"), 400),
        (upgrade("X: a\0b\r\n"), 400),
        (upgrade("Origin: https://evil.example\r\n"), 403),
        (upgrade("Origin: null\r\n"), 403),
        (with("/connection/websocket", "/elsewhere"), 404),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03".into(), 400),
    ];
    for (request, status) in cases {
        for pieces in [request.len(), 100] {
            let mut wire = Wire::open(&server).await;
            for piece in request.as_bytes().chunks(pieces) {
                wire.write(piece).await;
            }
            // A second request behind it is never answered.
            wire.write("GET /dashboard/ HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let shown = &request[..request.len().min(400)];
            assert_eq!(wire.refused().await, status, "{shown}");
        }
    }
    Wire::upgraded(&server).await;
}

/// One row of each rule about frames: the close code is on the wire before the end.
#[tokio::test]
async fn sec_fr_01_bad_frames_get_their_code_at_the_port_of_a_server() {
    let server = Running::start(&[("websocket.compression", "true")]).await;
    let long = vec![b'x'; 65_537];
    let cases: [(Vec<u8>, u16); 22] = [
        (b"\x81\x02hi".to_vec(), 1002),
        (frame(0xc1, b"hi"), 1002),
        (frame(0x91, b"hi"), 1002),
        (frame(0x83, b""), 1002),
        (frame(0x8b, b""), 1002),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 1002),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(), 1002),
        (b"\x82\xfe\0\x05\0\0\0\0hello".to_vec(), 1002),
        (frame(0x82, &long), 1009),
        (b"\x82\xff\0\0\0\0\0\x01\0\x01\0\0\0\0".to_vec(), 1009),
        ([frame(0x02, &long[..40_000]), frame(0x80, &long[..40_000])].concat(), 1009),
        (frame(0x80, b"hi"), 1002),
        ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        ([frame(0x01, b"a"), frame(0x00, b"").repeat(65)].concat(), 1008),
        ([frame(0x01, b"a"), frame(0x00, b"b").repeat(1_024)].concat(), 1008),
        (frame(0x89, &long[..126]), 1002),
        (frame(0x09, b""), 1002),
        (frame(0x81, b"\xff"), 1007),
        (frame(0x88, b"\x03"), 1002),
        (frame(0x88, &1005_u16.to_be_bytes()), 1002),
        (frame(0x88, b"\x03\xe8\xff"), 1007),
        (frame(0x89, b"p").repeat(1_000), 0),
    ];
    for (bytes, code) in cases {
        for pieces in [bytes.len(), 1_000] {
            let mut wire = Wire::upgraded(&server).await;
            for piece in bytes.chunks(pieces) {
                wire.write(piece).await;
            }
            let shown = bytes[..bytes.len().min(40)].escape_ascii();
            if code == 0 {
                wire.write(frame(0x88, &1000_u16.to_be_bytes())).await;
                let frames = wire.frames().await;
                let pongs = &frames[..frames.len() - 1];
                assert!(pongs.iter().all(|it| *it == (0x8a, b"p".to_vec())), "{shown}");
                assert!(!pongs.is_empty() && crate::wire::code(&frames) == 1000, "{shown}");
            } else {
                assert_eq!(wire.close_code().await, code, "{shown}");
            }
        }
    }
}

/// 100 MB of zeros in 100 KB: the server inflates as much as a message may have.
#[tokio::test]
async fn sec_pd_01_a_bomb_stops_at_the_limit_of_a_server() {
    use trunkline::deflate::{Compressor, DeflateConfig, DeflateParams};

    let config = DeflateConfig::new().context_takeover(false);
    let mut bomb = Vec::new();
    Compressor::new(&config, DeflateParams::default(), trunkline::Role::Client)
        .compress(&vec![0; 40 << 20], &mut bomb);
    assert!(bomb.len() < 60_000, "{} bytes are no message by themselves", bomb.len());
    let server = Running::start(&[("websocket.compression", "true")]).await;
    let mut wire = Wire::open(&server).await;
    wire.write(upgrade("Sec-WebSocket-Extensions: permessage-deflate\r\n")).await;
    let head = wire.head().await.to_ascii_lowercase();
    assert!(head.contains("sec-websocket-extensions: permessage-deflate"), "{head}");
    wire.write(frame(0xc1, &bomb)).await;
    assert_eq!(wire.close_code().await, 1009);
}
