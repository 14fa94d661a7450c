//! From a URL to an open connection, against servers on real sockets.

mod support;

use tokio::net::TcpListener;
use trunkline::tls::ClientTls;
use trunkline::{Connector, Fault, Stage, WebSocket};

use support::certificates::Authority;
use support::tls_echo;

#[tokio::test]
async fn a_url_is_all_that_it_takes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut ws = trunkline::accept(tcp).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
        ws.recv().await.unwrap()
    });
    let mut ws: WebSocket = trunkline::connect(&format!("ws://{address}/chat")).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    ws.close(trunkline::CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap(), None);
}

#[tokio::test]
async fn wss_is_encrypted_and_the_certificate_checked() {
    let authority = Authority::new();
    let address = tls_echo(authority.server("localhost")).await;
    let url = format!("wss://localhost:{}/chat", address.port());
    let trusting = ClientTls::new().with_root_pem(authority.pem()).unwrap();
    let mut ws: WebSocket = Connector::new().with_tls(trusting).connect(&url).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    assert!(format!("{:?}", ws.stream()).contains("Tls"));
    ws.close(trunkline::CloseCode::NORMAL, "").await.unwrap();

    let stranger = ClientTls::new().with_root_pem(Authority::new().pem()).unwrap();
    for distrusting in [stranger.clone(), stranger.without_platform_roots()] {
        let connector = Connector::new().with_tls(distrusting);
        assert!(connector.connect(&url).await.is_err());
    }
}

#[tokio::test]
async fn wss_over_a_stream_is_refused_unless_it_is_said_to_be_secured() {
    let (client, server) = tokio::io::duplex(4096);
    let refused = trunkline::connect_over("wss://localhost/", client).await;
    let error = refused.unwrap_err();
    assert_eq!((error.stage(), error.fault()), (Stage::Url, Fault::Caller));
    assert!(error.to_string().contains("connect_over_secured"), "{error}");
    drop(server);

    let (client, server) = tokio::io::duplex(4096);
    let connector = Connector::new();
    let (ws, accepted) = tokio::join!(
        connector.connect_over_secured("wss://localhost/", client),
        trunkline::accept(server)
    );
    assert!(ws.is_ok() && accepted.is_ok());
}
