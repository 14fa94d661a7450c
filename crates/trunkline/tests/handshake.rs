//! The opening handshake (RFC 6455 §4) over pipes: accepted, refused, and what comes right behind it.

mod support;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use trunkline::handshake::{Acceptance, Refusal, Subprotocols};
use trunkline::{AcceptError, Acceptor, Connector, Fault, Message, Role, Stage};

use support::*;

/// SEC-HS-18: one answer, then the end; what stood behind the request is nobody's.
#[tokio::test]
async fn sec_hs_18_nothing_behind_a_refused_upgrade_is_answered() {
    let refused =
        String::from_utf8(REQUEST.to_vec()).unwrap().replace("Version: 13", "Version: 12");
    for behind in [0, 1, 1000] {
        // All of it is under way before the server looks.
        let (server, mut raw) = duplex(100_000);
        let next = b"GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n";
        raw.write_all(&[refused.as_bytes(), &next.repeat(behind)].concat()).await.unwrap();
        let accepting = async {
            let accepted = trunkline::accept(server).await;
            assert!(matches!(accepted, Err(AcceptError::Refused(it)) if it.status() == 426));
        };
        let client = async {
            let mut answer = String::new();
            raw.read_to_string(&mut answer).await.unwrap();
            drop(raw);
            answer
        };
        let ((), answer) = tokio::join!(accepting, client);
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("Connection: close\r\n"));
    }
}

/// SEC-HS-05: a head that never ends is cut off early.
#[tokio::test]
async fn sec_hs_05_endless_head_is_refused_with_431() {
    let (server, raw) = duplex(4096);
    let (mut from_server, mut to_server) = tokio::io::split(raw);
    let flood = async {
        let mut written = 0;
        to_server.write_all(&REQUEST[..REQUEST.len() - 2]).await.unwrap();
        while written < 1 << 30 && to_server.write_all(&[b'x'; 1024]).await.is_ok() {
            written += 1024;
        }
        written
    };
    let accepting = async {
        let accepted = trunkline::accept(server).await;
        assert!(matches!(accepted, Err(AcceptError::Refused(it)) if it.status() == 431));
    };
    let answered = async {
        let mut answer = Vec::new();
        from_server.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 431 "));
    };
    let (written, (), ()) = tokio::join!(flood, accepting, answered);
    assert!(written < 256 << 10, "{written} bytes were read");
}

#[tokio::test]
async fn frames_in_the_same_segment_as_the_request_are_delivered() {
    let (server, mut raw) = duplex(4096);
    let early = [
        REQUEST,
        &frame(Role::Client, TEXT, b"early"),
        &frame(Role::Client, PING, b"?"),
        &frame(Role::Client, TEXT, b"bird")[..3],
    ];
    raw.write_all(&early.concat()).await.unwrap();
    let mut server = trunkline::accept(server).await.unwrap();
    read_head(&mut raw).await;
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("early")));
    raw.write_all(&frame(Role::Client, TEXT, b"bird")[3..]).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("bird")));
    assert_eq!(read_frame(Role::Server, &mut raw).await, Some((PONG, b"?".to_vec())));
}

#[tokio::test]
async fn frames_in_the_same_segment_as_the_answer_are_delivered() {
    let (client, mut raw) = duplex(4096);
    let server = async {
        let response = response_to(&read_head(&mut raw).await);
        let early = frame(Role::Server, TEXT, b"early");
        raw.write_all(&[&response[..], &early, &early[..2]].concat()).await.unwrap();
        raw.write_all(&early[2..]).await.unwrap();
    };
    let (client, ()) = tokio::join!(trunkline::connect_over("ws://localhost/", client), server);
    let mut client = client.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("early")));
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("early")));
}

#[tokio::test]
async fn bytes_read_before_are_part_of_the_request() {
    let whole = [REQUEST, &frame(Role::Client, TEXT, b"early")].concat();
    for cut in 0..=whole.len() {
        let (server, mut raw) = duplex(4096);
        raw.write_all(&whole[cut..]).await.unwrap();
        let upgrade = Acceptor::new().read_request_after(&whole[..cut], server).await.unwrap();
        assert_eq!(
            (upgrade.request().path(), upgrade.request().query()),
            ("/chat", Some("room=1"))
        );
        let mut server = upgrade.accept().await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(Message::text("early")));
    }
}

#[tokio::test]
async fn application_refuses_and_the_client_reads_why() {
    let (client, server) = duplex(4096);
    let serving = async {
        let upgrade = Acceptor::new().read_request(server).await.unwrap();
        assert_eq!(upgrade.request().header("Authorization"), Some(&b"Bearer wrong"[..]));
        let refusal = Refusal::unauthorized("log in first");
        let refusal = refusal.with_header("WWW-Authenticate", "Bearer").unwrap();
        assert!(
            matches!(upgrade.refuse(refusal).await, AcceptError::Refused(it) if it.status() == 401)
        );
    };
    let connector = Connector::new().with_header("Authorization", "Bearer wrong").unwrap();
    let (connected, ()) = tokio::join!(connector.connect_over("ws://localhost/", client), serving);
    let error = connected.unwrap_err();
    let response = error.response().expect("it was refused");
    assert_eq!(response.status(), 401);
    assert_eq!(response.header("WWW-Authenticate"), Some(&b"Bearer"[..]));
    assert_eq!(response.body(), b"log in first");
}

#[tokio::test]
async fn answer_has_the_headers_that_the_application_adds() {
    let (server, mut raw) = duplex(4096);
    raw.write_all(REQUEST).await.unwrap();
    let upgrade = Acceptor::new().read_request(server).await.unwrap();
    let acceptance = Acceptance::new().with_header("Set-Cookie", "id=1").unwrap();
    let _server = upgrade.accept_with(&acceptance).await.unwrap();
    let head = String::from_utf8(read_head(&mut raw).await).unwrap();
    assert!(head.contains("\r\nSet-Cookie: id=1\r\n"), "{head}");
}

#[tokio::test]
async fn both_sides_know_the_subprotocol() {
    let protocols = |names: &[&'static str]| Subprotocols::new(names.iter().copied()).unwrap();
    for (offered, spoken, expect) in [
        (&["a", "b"][..], &["b", "a"][..], Some("b")),
        (&["a"], &["b"], None),
        (&["a"], &[], None),
        (&[], &["a"], None),
    ] {
        let (client, server) = duplex(4096);
        let connector = Connector::new().with_subprotocols(protocols(offered));
        let acceptor = Acceptor::new().with_subprotocols(protocols(spoken));
        let (client, server) = connect(&connector, &acceptor, client, server).await;
        assert_eq!((client.subprotocol(), server.subprotocol()), (expect, expect));
        let (reader, writer) = client.split();
        assert_eq!((reader.subprotocol(), writer.subprotocol()), (expect, expect));
    }
}

#[tokio::test]
async fn acceptance_that_cannot_be_sent_is_answered_with_500() {
    let (server, mut raw) = duplex(4096);
    raw.write_all(REQUEST).await.unwrap();
    raw.shutdown().await.unwrap();
    let upgrade = Acceptor::new().read_request(server).await.unwrap();
    let accepted = upgrade.accept_with(&Acceptance::new().with_subprotocol("not offered")).await;
    assert!(matches!(accepted, Err(AcceptError::Acceptance(_))));
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 500 "));
}

#[tokio::test]
async fn peer_that_hangs_up_in_the_handshake_is_told_as_that() {
    for cut in [0, 1, 50, REQUEST.len() - 1] {
        let (server, mut raw) = duplex(4096);
        raw.write_all(&REQUEST[..cut]).await.unwrap();
        drop(raw);
        assert!(matches!(trunkline::accept(server).await, Err(AcceptError::Disconnected)));
    }
    let (client, mut raw) = duplex(4096);
    let server = async {
        let response = response_to(&read_head(&mut raw).await);
        raw.write_all(&response[..response.len() - 1]).await.unwrap();
        drop(raw);
    };
    let (connected, ()) = tokio::join!(trunkline::connect_over("ws://localhost/", client), server);
    let error = connected.unwrap_err();
    assert_eq!(error.to_string(), "localhost closed the connection before its answer was whole");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn address_that_is_none_is_refused_before_a_byte_is_sent() {
    let (client, mut raw) = duplex(4096);
    let connected = trunkline::connect_over("http://localhost/", client).await;
    let error = connected.unwrap_err();
    assert_eq!((error.stage(), error.fault()), (Stage::Url, Fault::Caller));
    assert_eq!(error.to_string(), "the URL does not begin with ws:// or wss://");
    assert_eq!(raw.read(&mut [0]).await.unwrap(), 0);
}
