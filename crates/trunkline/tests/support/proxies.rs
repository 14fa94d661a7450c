//! Proxies that do what a real one does, and others that say what they are told to.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::read_head;

/// Serves each connection at a port of its own.
pub async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve(tcp));
        }
    });
    address
}

/// A WebSocket server that sends everything back.
pub async fn echo() -> SocketAddr {
    listen(|tcp| async move {
        let Ok(mut ws) = trunkline::accept(tcp).await else { return };
        while let Ok(Some(message)) = ws.recv().await {
            if ws.send(message).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// What a proxy was asked for, in order.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    pub fn push(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// All of it, once.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An HTTP proxy on one connection: whatever host it is asked for, the tunnel leads to `upstream`. If it has
/// `credentials`, it wants to see them in `Proxy-Authorization`.
pub async fn http_proxy<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: S,
    upstream: SocketAddr,
    credentials: Option<&str>,
    asked: &Asked,
) {
    let head = String::from_utf8(read_head(&mut client).await).unwrap();
    asked.push(&head);
    assert!(head.starts_with("CONNECT "), "{head}");
    if credentials.is_some_and(|it| !head.contains(&format!("\r\nProxy-Authorization: {it}\r\n"))) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                       Proxy-Authenticate: Basic realm=\"tests\"\r\nContent-Length: 2\r\n\r\nno";
        let _ = client.write_all(refusal.as_bytes()).await;
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
        return;
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// The rules of a SOCKS5 proxy (RFC 1928).
#[derive(Clone, Default)]
pub struct SocksRules {
    pub upstream: Option<SocketAddr>,
    /// `user:password`, if it asks for them (RFC 1929).
    pub credentials: Option<&'static str>,
    /// The code for each target that it does not reach.
    pub refused: &'static [(&'static str, u8)],
}

/// A SOCKS5 proxy on one connection.
pub async fn socks5_proxy(mut client: TcpStream, rules: SocksRules, asked: Asked) {
    assert_eq!(client.read_u8().await.unwrap(), 5);
    let methods = read_counted(&mut client).await;
    let method = if rules.credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        let _ = client.write_all(&[5, 0xff]).await;
        return;
    }
    client.write_all(&[5, method]).await.unwrap();
    if let Some(credentials) = rules.credentials {
        assert_eq!(client.read_u8().await.unwrap(), 1);
        let (user, password) = (read_counted(&mut client).await, read_counted(&mut client).await);
        let is_right = [&user[..], b":", &password].concat() == credentials.as_bytes();
        client.write_all(&[1, u8::from(!is_right)]).await.unwrap();
        if !is_right {
            return;
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.unwrap();
    assert_eq!(request[..3], [5, 1, 0]);
    let host = match request[3] {
        1 => client.read_u32().await.map(std::net::Ipv4Addr::from).unwrap().to_string(),
        3 => String::from_utf8(read_counted(&mut client).await).unwrap(),
        4 => format!("[{}]", client.read_u128().await.map(std::net::Ipv6Addr::from).unwrap()),
        other => panic!("type of address {other}"),
    };
    let target = format!("{host}:{}", client.read_u16().await.unwrap());
    asked.push(&target);
    let refused = rules.refused.iter().find(|(it, _)| target.starts_with(it));
    if let Some((_, code)) = refused {
        let _ = client.write_all(&[5, *code, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        return;
    }
    let mut server = TcpStream::connect(rules.upstream.unwrap()).await.unwrap();
    // A bound address that is a name: rare, and read all the same.
    client.write_all(b"\x05\0\0\x03\x05bound\x12\x34").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

async fn read_counted(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; client.read_u8().await.unwrap().into()];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}
