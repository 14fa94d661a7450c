//! A server that speaks TLS: what it shows, when that changes, whom it lets in.

mod support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::{TlsConnector, client::TlsStream};
use trunkline::tls::rustls::pki_types::ServerName;
use trunkline::tls::rustls::{self, ClientConfig, RootCertStore};
use trunkline::tls::{ClientTls, InvalidTls, ServerTls};
use trunkline::{CloseCode, Connector, Drain, Limit, ServerHandle, WebSocket};

use support::certificates::{Authority, Identity};
use support::server::*;
use support::{assert_elapsed, secs};

fn localhost(authority: &Authority) -> Identity {
    authority.sign("localhost", |_| ())
}

fn server_tls(identity: &Identity) -> ServerTls {
    ServerTls::from_pem(&identity.pem, identity.key.serialize_pem()).unwrap()
}

/// An echo server that speaks TLS.
async fn serve_tls(tls: ServerTls) -> (ServerHandle, SocketAddr) {
    let (server, address) = bind().await;
    let (handle, _) = serve_echo(server.with_tls(tls));
    (handle, address)
}

fn connector(authority: &Authority) -> Connector {
    let tls = ClientTls::new().without_platform_roots().with_root_pem(authority.pem()).unwrap();
    Connector::new().with_tls(tls)
}

async fn connect_tls(connector: &Connector, address: SocketAddr) -> WebSocket {
    connector.connect(&format!("wss://localhost:{}/", address.port())).await.unwrap()
}

fn shown(ws: &WebSocket) -> &[u8] {
    &ws.stream().tls().unwrap().peer_certificates().unwrap()[0]
}

/// A client of rustls itself that offers these protocols.
fn client(authority: &Authority, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let pem = authority.pem();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    Arc::new(config)
}

async fn secure(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, tcp).await
}

#[tokio::test]
async fn messages_go_both_ways_under_tls_and_it_ends_in_order() {
    let authority = Authority::new();
    let (handle, address) = serve_tls(server_tls(&localhost(&authority))).await;
    let mut ws = connect_tls(&connector(&authority), address).await;
    for text in ["hello", &"x".repeat(300_000)] {
        assert_echo(&mut ws, text).await;
    }
    ws.close(CloseCode::NORMAL, "").await.unwrap();

    let mut ws = connect_tls(&connector(&authority), address).await;
    let draining = tokio::spawn(async move { handle.drain(Drain::new()).await });
    assert_eq!(closed_with(&mut ws).await.unwrap().0, 1001);
    assert_eq!(draining.await.unwrap().closed, 1);
}

#[tokio::test]
async fn alpn_is_http_1_1_and_nothing_else() {
    let authority = Authority::new();
    let (handle, address) = serve_tls(server_tls(&localhost(&authority))).await;
    for (offered, agreed) in
        [(&[b"h2".as_slice(), b"http/1.1"][..], Some(b"http/1.1".as_slice())), (&[], None)]
    {
        let tls = secure(&client(&authority, offered), address).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), agreed);
        trunkline::connect_over("ws://localhost/", tls).await.unwrap();
    }
    assert!(secure(&client(&authority, &[b"h2"]), address).await.is_err());
    until_counted(&handle, |counts| counts.not_accepted == 1).await;
}

/// A folder of a test's own, with a certificate and a key in it.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, identity: &Identity) -> Self {
        let folder = std::env::temp_dir().join(format!("trunkline-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.write(&identity.pem, &identity.key.serialize_pem());
        files
    }

    fn write(&self, chain: &str, key: &str) {
        std::fs::write(self.0.join("chain.pem"), chain).unwrap();
        std::fs::write(self.0.join("key.pem"), key).unwrap();
    }

    fn tls(&self) -> Result<ServerTls, InvalidTls> {
        ServerTls::from_files(self.0.join("chain.pem"), self.0.join("key.pem"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// SEC-TL-05: a new certificate is shown to whoever comes next, and those who are there notice nothing.
/// One that does not work changes nothing.
#[tokio::test]
async fn sec_tl_05_reload_shows_the_new_certificate_and_leaves_connections_alone() {
    let authority = Authority::new();
    let (old, new, newest) = (localhost(&authority), localhost(&authority), localhost(&authority));
    let files = Files::new("reload", &old);
    let tls = files.tls().unwrap();
    let (_handle, address) = serve_tls(tls.clone()).await;
    let connector = connector(&authority);
    let mut before = connect_tls(&connector, address).await;
    assert_eq!(shown(&before), &old.certificate[..]);

    // Written, and not yet read.
    files.write(&new.pem, &new.key.serialize_pem());
    assert_eq!(shown(&connect_tls(&connector, address).await), &old.certificate[..]);
    tls.reload().unwrap();
    let mut after = connect_tls(&connector, address).await;
    assert_eq!(shown(&after), &new.certificate[..]);

    // Half renewed: certificate and key do not go together.
    files.write(&newest.pem, &new.key.serialize_pem());
    assert!(matches!(tls.reload(), Err(InvalidTls::Identity(_))));
    files.write("", "");
    assert!(matches!(tls.reload(), Err(InvalidTls::Pem { .. })));
    std::fs::remove_file(files.0.join("key.pem")).unwrap();
    files.write(&newest.pem, "");
    std::fs::remove_file(files.0.join("chain.pem")).unwrap();
    let error = tls.reload().unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read ") && error.to_string().ends_with("chain.pem")
    );
    assert_eq!(shown(&connect_tls(&connector, address).await), &new.certificate[..]);

    tls.replace_pem(&newest.pem, newest.key.serialize_pem()).unwrap();
    assert_eq!(shown(&connect_tls(&connector, address).await), &newest.certificate[..]);
    assert_echo(&mut before, "still there").await;
    assert_echo(&mut after, "still there").await;
}

#[tokio::test]
async fn a_configuration_of_rustls_is_used_as_it_is() {
    let authority = Authority::new();
    let (first, second) = (localhost(&authority), localhost(&authority));
    let tls = ServerTls::from(first.server());
    let (_handle, address) = serve_tls(tls.clone()).await;
    let connector = connector(&authority);
    assert_eq!(shown(&connect_tls(&connector, address).await), &first.certificate[..]);
    tls.replace_config(second.server());
    assert_eq!(shown(&connect_tls(&connector, address).await), &second.certificate[..]);
    let fixed = tls.with_client_roots_pem(authority.pem()).unwrap_err();
    assert!(matches!(fixed, InvalidTls::ConfigIsFixed));
}

/// SEC-TL-07: without roots to check them by, client certificates are not silently left unchecked.
#[test]
fn sec_tl_07_what_cannot_be_used_is_refused_at_the_start() {
    let authority = Authority::new();
    let (one, other) = (localhost(&authority), localhost(&authority));
    let key = one.key.serialize_pem();
    let check = |result: Result<ServerTls, InvalidTls>, expected: &str| {
        let error = result.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(ServerTls::from_pem("", &key), "no certificate could be read");
    check(ServerTls::from_pem(&one.pem, &one.pem), "no private key could be read");
    check(
        ServerTls::from_pem(&other.pem, &key),
        "certificate and private key cannot be used together",
    );
    check(ServerTls::from_files("/nowhere.pem", "/nowhere.pem"), "cannot read /nowhere.pem");
    let tls = server_tls(&one);
    check(tls.clone().with_client_roots_pem(""), "no certificate could be read");
    check(tls.clone().with_optional_client_roots_pem(""), "no certificate could be read");
    assert_eq!(
        format!("{:?}", tls.with_client_roots_pem(authority.pem()).unwrap()),
        "ServerTls { client_certificates: \"required\", .. }"
    );
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_checked() {
    let (authority, staff, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let tls = server_tls(&localhost(&authority));
    let member = staff.sign("ada", |_| ());
    let stranger = strangers.sign("mallory", |_| ());
    for required in [true, false] {
        let tls = match required {
            true => tls.clone().with_client_roots_pem(staff.pem()).unwrap(),
            false => tls.clone().with_optional_client_roots_pem(staff.pem()).unwrap(),
        };
        let (server, address) = bind().await;
        tokio::spawn(server.with_tls(tls).serve(|mut ws: WebSocket, _| async move {
            let shown = ws
                .stream()
                .tls()
                .and_then(|tls| tls.peer_certificates())
                .map(|chain| chain[0].to_vec());
            ws.send(shown.unwrap_or_default()).await
        }));
        let check = async |identity: Option<&Identity>| {
            let mut tls =
                ClientTls::new().without_platform_roots().with_root_pem(authority.pem()).unwrap();
            if let Some(identity) = identity {
                let key = identity.key.serialize_pem();
                tls = tls.with_identity_pem(&identity.pem, key).unwrap();
            }
            let url = format!("wss://localhost:{}/", address.port());
            let mut ws = Connector::new().with_tls(tls).connect(&url).await.ok()?;
            Some(ws.recv().await.unwrap().unwrap().into_bytes().to_vec())
        };
        assert_eq!(check(Some(&member)).await.as_deref(), Some(&member.certificate[..]));
        assert_eq!(check(Some(&stranger)).await, None);
        assert_eq!(check(None).await.as_deref(), if required { None } else { Some(&[][..]) });
    }
}

/// SEC-RL-03: the handshake's one deadline covers TLS, whatever the progress.
#[tokio::test(start_paused = true)]
async fn sec_rl_03_a_slow_tls_handshake_is_cut_off_at_the_deadline() {
    let authority = Authority::new();
    let (handle, address) = serve_tls(server_tls(&localhost(&authority))).await;
    let start = Instant::now();
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(said(&mut silent).await, "");
    assert_elapsed(start, 10);

    // The first record says that 512 bytes follow; one comes each second.
    let start = Instant::now();
    let (mut from_server, mut to_server) = TcpStream::connect(address).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        to_server.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await.unwrap();
        while to_server.write_all(&[0]).await.is_ok() {
            sleep(secs(1)).await;
        }
    });
    let _ = from_server.read_to_end(&mut Vec::new()).await;
    assert_elapsed(start, 10);
    dripping.abort();

    // TLS in nine seconds leaves one for the request.
    let start = Instant::now();
    let tcp = TcpStream::connect(address).await.unwrap();
    sleep(secs(9)).await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = TlsConnector::from(client(&authority, &[])).connect(name, tcp).await.unwrap();
    let mut answer = String::new();
    let _ = tls.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_elapsed(start, 10);
    drop(tls);
    until_counted(&handle, |counts| counts.not_accepted == 3).await;
}

/// SEC-TL-04: what is no TLS ends its connection and nothing else.
#[tokio::test]
async fn sec_tl_04_garbage_ends_its_connection() {
    let authority = Authority::new();
    let (handle, address) = serve_tls(server_tls(&localhost(&authority))).await;
    let garbage: [&[u8]; 4] =
        [support::REQUEST, &[0; 100], &[0x16, 3, 1, 0xff, 0xff], &[0x15, 3, 3, 0, 2, 1, 0]];
    for bytes in garbage {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
        tcp.shutdown().await.unwrap();
        said(&mut tcp).await;
    }
    until_counted(&handle, |counts| counts.not_accepted == 4).await;
    assert_echo(&mut connect_tls(&connector(&authority), address).await, "hello").await;
}

/// Whom there is no room for costs no TLS handshake.
#[tokio::test]
async fn beyond_the_limit_tls_is_not_even_begun() {
    let authority = Authority::new();
    let (server, address) = bind().await;
    let server = server.with_tls(server_tls(&localhost(&authority)));
    let (handle, _serving) = serve_echo(server.with_connections(Limit::at_most(1)));
    let mut inside = connect_tls(&connector(&authority), address).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    assert_eq!(said(&mut tcp).await, "");
    assert_eq!(handle.counts().full, 1);
    assert_echo(&mut inside, "untouched").await;
}

/// A drain ends handshakes of TLS too, and does not wait for their deadline.
#[tokio::test(start_paused = true)]
async fn draining_ends_tls_handshakes() {
    let authority = Authority::new();
    let (handle, address) = serve_tls(server_tls(&localhost(&authority))).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    until_counted(&handle, |counts| counts.open == 1).await;
    let start = Instant::now();
    assert_eq!(handle.drain(Drain::new()).await.not_accepted, 1);
    assert_elapsed(start, 0);
    assert_eq!(said(&mut tcp).await, "");
}

/// SEC-TL-08: what a client sends before the handshake is done could be sent again by anybody who heard it: a server
/// takes none, and a ticket does not offer it.
#[tokio::test]
async fn sec_tl_08_early_data_is_not_taken() {
    let authority = Authority::new();
    let (_handle, address) = serve_tls(server_tls(&localhost(&authority))).await;
    let mut config = Arc::unwrap_or_clone(client(&authority, &[]));
    config.enable_early_data = true;
    let config = Arc::new(config);
    for resumed in [false, true] {
        let tls = secure(&config, address).await.unwrap();
        let kind = tls.get_ref().1.handshake_kind();
        assert_eq!(kind == Some(rustls::HandshakeKind::Resumed), resumed, "{kind:?}");
        let mut ws = trunkline::connect_over("ws://localhost/", tls).await.unwrap();
        ws.send("a ticket comes with the answer").await.unwrap();
        ws.recv().await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    }
    // A client with a ticket would be able to write by now, if the ticket said so.
    let name = ServerName::try_from("localhost").unwrap();
    let mut third = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
    assert!(third.early_data().is_none());
}
