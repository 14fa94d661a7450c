//! The peer "tokio-tungstenite": a server and a client. It has no compression.

use std::error::Error;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, connect_async};

type Failure = Box<dyn Error + Send + Sync>;

const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let name = format!("tokio-tungstenite {}", version());
    say(&["peer", &name, "bom,negotiated,fragments,ping,any-close,bare-close"]);
    match std::env::args().nth(1).as_deref() {
        Some("server") => serve().await,
        _ => connect_as_told().await,
    }
}

fn version() -> &'static str {
    let (_, rest) = include_str!("../Cargo.lock")
        .split_once("name = \"tokio-tungstenite\"\nversion = \"")
        .expect("it is a dependency");
    rest.split('"').next().unwrap_or_default()
}

/// Writes one line for the program that runs this one, see `../README.md`.
fn say(words: &[&str]) {
    println!("{}", words.join("\t"));
}

async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr()?);
    say(&["listening", "off", &url]);
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve_one(tcp).await {
                say(&["failed", "", &error.to_string()]);
            }
        });
    }
}

async fn serve_one(tcp: TcpStream) -> Result<(), Failure> {
    tcp.set_nodelay(true)?;
    let mut path = String::new();
    let mut subprotocol = None;
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let choose = |request: &Request, mut response: Response| {
        path = request.uri().path().to_owned();
        subprotocol = choose_subprotocol(request);
        if let Some(name) = &subprotocol {
            response.headers_mut().insert(SUBPROTOCOL, name.clone());
        }
        Ok(response)
    };
    let mut ws = accept_hdr_async(tcp, choose).await?;
    if path.starts_with("/early") {
        ws.send(Message::text("early")).await?;
    }
    let (code, reason) = obey(ws, subprotocol.as_ref()).await;
    say(&["closed", &path, &code.to_string(), &reason]);
    Ok(())
}

/// The library leaves the choice to the application.
fn choose_subprotocol(request: &Request) -> Option<HeaderValue> {
    let offered = request.headers().get(SUBPROTOCOL)?.to_str().ok()?;
    let known = offered.split(',').any(|name| name.trim() == "interop.v1");
    known.then(|| HeaderValue::from_static("interop.v1"))
}

/// Runs a client for each connection that is asked for on standard input, one after the other.
async fn connect_as_told() -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split('\t').collect();
        let url = words[1].parse()?;
        let mut request = ClientRequestBuilder::new(url);
        for subprotocol in words[2].split(',').filter(|it| !it.is_empty()) {
            request = request.with_sub_protocol(subprotocol);
        }
        let path = format!("/{}", words[1].splitn(4, '/').nth(3).unwrap_or_default());
        match connect_async(request).await {
            Ok((ws, response)) => {
                let (code, reason) = obey(ws, response.headers().get(SUBPROTOCOL)).await;
                say(&["closed", &path, &code.to_string(), &reason]);
            }
            Err(error) => say(&["failed", &path, &error.to_string()]),
        }
    }
    Ok(())
}

/// Does what comes on the connection until it ends, and tells how.
async fn obey<S>(mut ws: WebSocketStream<S>, subprotocol: Option<&HeaderValue>) -> (u16, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut closed = None;
    while let Some(message) = ws.next().await {
        let done = match message {
            Ok(Message::Close(frame)) => {
                closed = Some(frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.as_str().to_owned())
                }));
                // The answer is written by reading on.
                Ok(())
            }
            Ok(Message::Pong(_)) => ws.send(Message::text("pong")).await,
            Ok(Message::Text(text)) if text.starts_with('!') => {
                command(&mut ws, &text[1..], subprotocol).await
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => ws.send(message).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            return closed.unwrap_or((1006, error.to_string()));
        }
    }
    closed.unwrap_or((1006, String::new()))
}

async fn command<S>(
    ws: &mut WebSocketStream<S>,
    line: &str,
    subprotocol: Option<&HeaderValue>,
) -> Result<(), tokio_tungstenite::tungstenite::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    let number = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    match words[0] {
        "burst" => {
            for n in 0..number {
                ws.feed(Message::text(n.to_string())).await?;
            }
            ws.flush().await
        }
        "fragments" => {
            for n in 0..number {
                let opcode = if n == 0 { Data::Text } else { Data::Continue };
                let part = format!("{n:0100}").into_bytes();
                let last = n == number - 1;
                ws.feed(Message::Frame(Frame::message(part, OpCode::Data(opcode), last))).await?;
            }
            ws.flush().await
        }
        "ping" => ws.send(Message::Ping(Default::default())).await,
        "negotiated" => {
            let name = subprotocol.and_then(|name| name.to_str().ok()).unwrap_or_default();
            ws.send(Message::text(format!("{name}\n"))).await
        }
        "close" if number == 0 => ws.close(None).await,
        "close" => {
            let reason = words.get(2).copied().unwrap_or_default().to_owned().into();
            ws.close(Some(CloseFrame { code: CloseCode::from(number), reason })).await
        }
        _ => Ok(()),
    }
}
