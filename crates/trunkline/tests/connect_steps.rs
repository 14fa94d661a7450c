//! The steps of connecting: told one by one, and left before the last.

mod support;

use std::sync::{Arc, Mutex};

use trunkline::tls::ClientTls;
use trunkline::{Connector, Message, Stage};

use support::certificates::Authority;
use support::*;

/// A connector that keeps the steps it is told of.
fn told() -> (Connector, Arc<Mutex<Vec<Stage>>>) {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&steps);
    let connector =
        Connector::new().with_progress(move |stage, _| kept.lock().unwrap().push(stage));
    (connector, steps)
}

#[tokio::test]
async fn each_step_is_told_in_its_order() {
    let (connector, steps) = told();
    let url = format!("ws://localhost:{}/", echo().await.port());
    connector.connect(&url).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [Stage::Resolve, Stage::Tcp, Stage::Handshake]);

    let (connector, steps) = told();
    let authority = Authority::new();
    let url = format!("wss://localhost:{}/", tls_echo(authority.server("localhost")).await.port());
    let trusting = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    connector.with_tls(trusting).connect(&url).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [Stage::Resolve, Stage::Tcp, Stage::Tls, Stage::Handshake]);
}

/// A server that does not speak TLS is found out in that step, and no later one is told.
#[tokio::test]
async fn a_step_that_fails_is_the_last() {
    let (connector, steps) = told();
    let url = format!("wss://localhost:{}/", echo().await.port());
    let error = connector.connect(&url).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Tls);
    assert_eq!(steps.lock().unwrap().last(), Some(&Stage::Tls));
}

/// What is dialled has been secured, and nothing has been said on it: a whole handshake fits on it.
#[tokio::test]
async fn dial_goes_all_the_way_and_says_nothing() {
    let authority = Authority::new();
    let plain = format!("ws://localhost:{}/", echo().await.port());
    let secure =
        format!("wss://localhost:{}/", tls_echo(authority.server("localhost")).await.port());
    let trusting = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    let connector = Connector::new().with_tls(trusting);
    for url in [plain, secure] {
        let stream = connector.dial(&url).await.unwrap();
        assert_eq!(stream.tls().is_some(), url.starts_with("wss"));
        let mut ws = connector.connect_over_secured(&url, stream).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    }
}
