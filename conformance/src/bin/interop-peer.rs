//! Ourselves as a peer: a server and a client that do as they are told. So the cases are known to be
//! right in either role, and our client passes proxies too.

use std::error::Error;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use trunkline::deflate::DeflateConfig;
use trunkline::handshake::Subprotocols;
use trunkline::{Acceptor, CloseCode, Connector, MessageKind, WebSocket};

/// The longest messages of the cases.
const MESSAGE_BYTES: usize = 16 << 20;

/// How long to wait before looking whether a pong has come.
const LOOK_AFTER: Duration = Duration::from_millis(10);

const CAN: &str =
    "bom,compression,deflates,takeover,negotiated,goes-without,fragments,ping,any-close";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    say(&["peer", concat!("trunkline ", env!("CARGO_PKG_VERSION")), CAN]);
    if std::env::args().nth(1).as_deref() == Some("server") {
        tokio::try_join!(serve(false), serve(true))?;
        return Ok(());
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let ["connect", url, subprotocols, compression, _] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            return Err(format!("malformed line: {line}").into());
        };
        let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap_or_default());
        match connect(url, subprotocols, compression == "on").await {
            Ok(ws) => say_closed(&path, obey(ws).await),
            Err(error) => say(&["failed", &path, &error.to_string()]),
        }
    }
    Ok(())
}

/// Writes one line for the program that runs this one, see `conformance/interop/README.md`.
fn say(words: &[&str]) {
    println!("{}", words.join("\t"));
}

fn say_closed(path: &str, ended: Result<(u16, String), Failure>) {
    let (code, reason) = ended.unwrap_or_else(|error| (1006, error.to_string()));
    say(&["closed", path, &code.to_string(), &reason]);
}

/// Takes contexts over as far as the other side does.
fn compression() -> DeflateConfig {
    DeflateConfig::new().context_takeover(true)
}

async fn serve(compressed: bool) -> Result<(), Failure> {
    let mut acceptor = Acceptor::new()
        .with_message_bytes(MESSAGE_BYTES)
        .with_subprotocols(Subprotocols::new(["interop.v2", "interop.v1"])?);
    if compressed {
        acceptor = acceptor.with_compression(compression());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr()?);
    say(&["listening", if compressed { "on" } else { "off" }, &url]);
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(serve_one(acceptor.clone(), tcp));
    }
}

async fn serve_one(acceptor: Acceptor, tcp: TcpStream) -> Result<(), Failure> {
    tcp.set_nodelay(true)?;
    let upgrade = acceptor.read_request(tcp).await?;
    let path = upgrade.request().path().to_owned();
    let mut ws = upgrade.accept().await?;
    if path.starts_with("/early") {
        ws.send("early").await?;
    }
    say_closed(&path, obey(ws).await);
    Ok(())
}

async fn connect(url: &str, subprotocols: &str, compressed: bool) -> Result<WebSocket, Failure> {
    let offered = subprotocols.split(',').filter(|name| !name.is_empty());
    let mut connector = Connector::new().with_subprotocols(Subprotocols::new(offered)?);
    if compressed {
        connector = connector.with_compression(compression());
    }
    Ok(connector.connect(url).await?)
}

/// Does what comes on the connection until it ends, and tells how.
async fn obey<S>(mut ws: WebSocket<S>) -> Result<(u16, String), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = ws.recv().await? {
        match message.as_text().and_then(|text| text.strip_prefix('!')) {
            Some(line) => command(&mut ws, line).await?,
            None => ws.feed(message).await?,
        }
    }
    let info = ws.close_info().ok_or("no closing handshake")?;
    Ok((info.code.map_or(1005, CloseCode::get), info.reason.as_str().to_owned()))
}

async fn command<S>(ws: &mut WebSocket<S>, line: &str) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    match words[..] {
        ["burst", count] => {
            for n in 0..count.parse()? {
                ws.feed(u32::to_string(&n)).await?;
            }
        }
        ["fragments", count] => {
            let mut writer = ws.send_streamed(MessageKind::Text)?;
            for n in 0..count.parse::<u32>()? {
                writer.write(format!("{n:0100}").as_bytes()).await?;
            }
            writer.finish().await?;
        }
        ["ping"] => {
            ws.ping().await?;
            // The answer is met while waiting for a message, and gives none itself.
            while ws.round_trip().is_none() {
                if let Ok(message) = timeout(LOOK_AFTER, ws.recv()).await {
                    return Err(format!("{message:?} instead of a pong").into());
                }
            }
            ws.feed("pong").await?;
        }
        ["negotiated"] => {
            ws.feed(format!("{}\n", ws.subprotocol().unwrap_or_default())).await?;
        }
        ["close", code, ref reason @ ..] => {
            let code = CloseCode::new(code.parse()?).ok_or("no such close code")?;
            ws.close(code, &reason.concat()).await?;
        }
        _ => return Err(format!("no such command: {line}").into()),
    }
    Ok(())
}
