//! A client that lives through outages, over TLS on sockets.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline::reconnect::{Backoff, Reconnecting, Unsent, Why};
use trunkline::tls::ClientTls;
use trunkline::{CloseCode, Connector, Stage};

use support::certificates::Authority;
use support::*;

fn client(port: u16, trusted: &Authority) -> Reconnecting {
    let tls = ClientTls::new().without_platform_roots().with_root_pem(trusted.pem()).unwrap();
    let url = format!("wss://localhost:{port}/");
    let backoff = Backoff::new().with_initial(Duration::from_millis(5)).with_factor(1.0);
    Reconnecting::new(Connector::new().with_tls(tls), url).with_backoff(backoff)
}

#[tokio::test]
async fn certificate_that_does_not_check_is_given_up_at_once() {
    let address = tls_echo(Authority::new().server("localhost")).await;
    let mut ws = client(address.port(), &Authority::new());
    let ended = ws.recv().await.unwrap_err();
    assert_eq!((ended.why(), ended.attempts()), (Why::NotRetryable, 1));
    assert_eq!(ended.failure().unwrap().connect_error().unwrap().stage(), Stage::Tls);
}

/// Whatever the sockets and TLS do with what they have been given when the server hangs up in the middle of
/// it: nothing is there twice, and all is in order.
#[tokio::test]
async fn nothing_is_sent_twice_over_tls() {
    const BATCHES: u32 = 100;
    const BATCH: u32 = 10;
    let authority = Authority::new();
    let received = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&received);
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server("localhost"));
    let address = serve(move |tcp| {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        async move {
            tcp.set_nodelay(true).unwrap();
            let tls = acceptor.accept(tcp).await.unwrap();
            let mut ws = trunkline::accept(tls).await.unwrap();
            ws.send("hello").await.unwrap();
            // Then it hangs up, with the rest of a batch unread: a reset.
            for _ in 0..37 {
                let Ok(Some(message)) = ws.recv().await else { return };
                seen.lock().unwrap().push(message.as_text().unwrap()[..8].to_owned());
                if ws.send(message).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let unsent = Unsent::Queue { bytes: 1 << 20, count: 1000 };
    let mut ws = client(address.port(), &authority).with_unsent(unsent);
    let mut hellos = 0;
    for batch in 0..BATCHES {
        for number in 0..BATCH {
            let message = format!("{:0>8}{}", batch * BATCH + number, ".".repeat(5000));
            ws.feed(message).await.unwrap();
        }
        let last = format!("{:0>8}", batch * BATCH + BATCH - 1);
        // An answer to the last, or another connection.
        loop {
            let answer = ws.recv().await.unwrap().unwrap();
            match answer.as_text().unwrap() {
                "hello" if hellos == 0 => hellos = 1,
                "hello" => {
                    hellos += 1;
                    break;
                }
                answer if answer.starts_with(&last) => break,
                _ => {}
            }
        }
    }
    let _ = ws.close(CloseCode::NORMAL, "").await;
    let received = received.lock().unwrap();
    assert!(received.is_sorted_by(|one, next| one < next), "in order, and none twice");
    assert!(hellos > 10, "{hellos} connections");
    assert!(received.len() > 500, "{} of 1000", received.len());
}
