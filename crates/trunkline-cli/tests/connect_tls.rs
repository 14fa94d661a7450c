//! `trunkline connect wss://…`: whom it trusts, what it shows, and what it says if that does not do.

mod support;

use std::io::Write;

use rustls::{ServerConnection, StreamOwned};
use support::certificates::Authority;
use support::*;
use trunkline::tls::rustls;

fn hello(mut tls: StreamOwned<ServerConnection, std::net::TcpStream>) {
    tls.write_all(&frame(TEXT, b"hello")).unwrap();
    while let Some((first, payload)) = read_frame(&mut tls) {
        if first == CLOSE {
            tls.write_all(&frame(CLOSE, &payload)).unwrap();
            return;
        }
    }
}

fn connect(url: &str, args: &[&str]) -> std::process::Output {
    run(&[&["connect", url, "--once", "-v"], args].concat(), b"")
}

#[test]
fn cacert_trusts_a_root_of_your_own() {
    let authority = Authority::new();
    let url = authority.websocket_server("localhost", false, hello);
    let output = connect(&url, &["--cacert", &authority.file("own-root.pem")]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "hello\n");
    assert!(stderr(&output).contains(", TLSv1_3"), "{}", stderr(&output));
}

#[test]
fn exit_4_unless_the_server_is_known() {
    let authority = Authority::new();
    let known = authority.file("known-root.pem");
    let url = authority.websocket_server("localhost", false, hello);
    let unknown = connect(&url, &["--cacert", &Authority::new().file("other-root.pem")]);
    assert_exit(&unknown, 4);
    assert!(stderr(&unknown).contains("--cacert"), "{}", stderr(&unknown));
    let url = authority.websocket_server("other.example", false, hello);
    assert_exit(&connect(&url, &["--cacert", &known]), 4);
    assert_exit(&connect(&url, &["--insecure"]), 0);
    let plain = server(|mut tcp| {
        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        drain(&mut tcp);
    });
    let plain = plain.replace("ws:", "wss:");
    let plain = connect(&plain, &["--insecure"]);
    assert_exit(&plain, 4);
    assert!(!stderr(&plain).contains("--cacert"), "{}", stderr(&plain));
}

#[test]
fn a_certificate_is_shown_to_servers_that_ask() {
    let authority = Authority::new();
    let url = authority.websocket_server("localhost", true, hello);
    let root = authority.file("asking-root.pem");
    let (cert, key) = authority.identity("client.example");
    let output = connect(&url, &["--cacert", &root, "--cert", &cert, "--key", &key]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "hello\n");
    let without = connect(&url, &["--cacert", &root]);
    assert_ne!(without.status.code(), Some(0));
    // A certificate and a key that do not go together are the user's fault.
    let (_, other) = authority.identity("other-client.example");
    assert_exit(&connect(&url, &["--cacert", &root, "--cert", &cert, "--key", &other]), 2);
}
