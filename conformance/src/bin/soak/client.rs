//! A client of the server, in JSON, that checks that it is sent each publication once and in order.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use trunkline::{CloseCode, WebSocket};

use crate::Failure;

/// How long an answer may take while the server has much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a client is in its channel.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) epoch: String,
    pub(crate) offset: u64,
}

pub(crate) struct Client {
    ws: WebSocket<TcpStream>,
    channel: String,
    position: Option<Position>,
    last_id: u32,
    /// Of a message that held more than one reply or push.
    lines: VecDeque<String>,
    /// What came between a command and its answer.
    early: Vec<Value>,
}

/// A promise that the server did not keep, in words.
#[derive(Debug)]
pub(crate) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Broken {}

/// A loopback address, for the server counts by address.
pub(crate) fn source(number: usize) -> Ipv4Addr {
    let [.., high, low] = (number as u32 + 2).to_be_bytes();
    Ipv4Addr::new(127, 0, high, low)
}

/// A TCP connection from this address; `buffer` is for what it receives, where that is not to be large.
pub(crate) async fn dial(
    from: Ipv4Addr,
    to: SocketAddr,
    buffer: Option<u32>,
) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind((from, 0).into())?;
    let tcp = timeout(PATIENCE, socket.connect(to)).await??;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

impl Client {
    /// Connected, and on no channel yet.
    pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr) -> Result<Self, Failure> {
        Self::connect_over(dial(from, to, None).await?, to).await
    }

    pub(crate) async fn connect_over(tcp: TcpStream, to: SocketAddr) -> Result<Self, Failure> {
        let url = format!("ws://{to}/connection/websocket");
        let ws = timeout(PATIENCE, trunkline::connect_over(&url, tcp)).await??;
        let mut client = Self {
            ws,
            channel: String::new(),
            position: None,
            last_id: 0,
            lines: VecDeque::new(),
            early: Vec::new(),
        };
        client.ask("connect", json!({})).await?;
        Ok(client)
    }

    /// Subscribes, and recovers what came after `since`. How many publications that were.
    ///
    /// # Errors
    ///
    /// Besides those of the connection: the server could not recover, or what it sent has a gap or a double.
    pub(crate) async fn subscribe(
        &mut self,
        channel: &str,
        since: Option<Position>,
    ) -> Result<usize, Failure> {
        let mut params = json!({ "channel": channel });
        if let Some(Position { epoch, offset }) = &since {
            params =
                json!({ "channel": channel, "recover": true, "epoch": epoch, "offset": offset });
        }
        let result = self.ask("subscribe", params).await?;
        self.channel = channel.to_owned();
        let epoch = result["epoch"].as_str().unwrap_or_default().to_owned();
        let offset = result["offset"].as_u64().unwrap_or_default();
        let Some(since) = since else {
            self.position = Some(Position { epoch, offset });
            return Ok(0);
        };
        if result["recovered"] != true || epoch != since.epoch {
            return Err(
                Broken(format!("{channel} is not recovered from {since:?}: {result}")).into()
            );
        }
        self.position = Some(since);
        let missed = result["publications"].as_array().map_or(&[][..], Vec::as_slice);
        for publication in missed {
            self.note(publication)?;
        }
        let missed = missed.len();
        for early in std::mem::take(&mut self.early) {
            self.note_push(&early)?;
        }
        Ok(missed)
    }

    pub(crate) async fn publish(&mut self, channel: &str, data: Value) -> Result<(), Failure> {
        self.ask("publish", json!({ "channel": channel, "data": data })).await?;
        for early in std::mem::take(&mut self.early) {
            self.note_push(&early)?;
        }
        Ok(())
    }

    /// The data of the next publication on its channel, which has to be the one after the last. Waits for as long as
    /// it takes; may be dropped.
    pub(crate) async fn hear(&mut self) -> Result<Value, Failure> {
        loop {
            let next = self.next().await?;
            if let Some(data) = self.note_push(&next)? {
                return Ok(data);
            }
        }
    }

    pub(crate) fn position(&self) -> Option<Position> {
        self.position.clone()
    }

    /// Says goodbye, as a page does that is left in order.
    pub(crate) async fn leave(mut self) -> Result<(), Failure> {
        Ok(timeout(PATIENCE, self.ws.close(CloseCode::NORMAL, "")).await??)
    }

    /// Is gone with a reset, as a machine is that loses its power.
    pub(crate) fn crash(self) -> Result<(), Failure> {
        Ok(self.ws.stream().set_zero_linger()?)
    }

    /// The code with which the server closes, after all that it still sends.
    pub(crate) async fn closed(&mut self) -> Result<u16, Failure> {
        loop {
            match timeout(PATIENCE, self.ws.recv()).await? {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    let code = self.ws.close_info().and_then(|info| info.code);
                    return code.map(CloseCode::get).ok_or_else(|| "no close frame".into());
                }
            }
        }
    }

    async fn ask(&mut self, command: &str, params: Value) -> Result<Value, Failure> {
        self.last_id += 1;
        let id = self.last_id;
        self.ws.send(json!({ "id": id, command: params }).to_string()).await?;
        let answer = async {
            loop {
                let mut answer = self.next().await?;
                if answer["id"] != id {
                    self.early.push(answer);
                } else if answer.get("error").is_some() {
                    return Err(format!("{command}: {answer}").into());
                } else {
                    return Ok(answer[command].take());
                }
            }
        };
        timeout(PATIENCE, answer).await?
    }

    /// The next reply or push; pings are answered on the way.
    async fn next(&mut self) -> Result<Value, Failure> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                if line == "{}" {
                    self.ws.send("{}").await?;
                    continue;
                }
                return Ok(serde_json::from_str(&line)?);
            }
            let message = self.ws.recv().await?.ok_or_else(|| self.farewell())?;
            let text = message.as_text().ok_or("a message that is not text")?;
            self.lines.extend(text.lines().map(str::to_owned));
        }
    }

    /// The data of a publication on its channel.
    fn note_push(&mut self, message: &Value) -> Result<Option<Value>, Failure> {
        let push = &message["push"];
        if let Some(end) = push.get("unsubscribe").or_else(|| push.get("disconnect")) {
            return Err(Broken(format!("{}: sent away: {end}", self.channel)).into());
        }
        match push.get("pub") {
            Some(publication) if push["channel"] == self.channel.as_str() => {
                self.note(publication)?;
                Ok(Some(publication["data"].clone()))
            }
            _ => Ok(None),
        }
    }

    /// A publication has to be the one after the last, where the channel counts them.
    fn note(&mut self, publication: &Value) -> Result<(), Failure> {
        let Some(offset) = publication["offset"].as_u64() else { return Ok(()) };
        let position = self.position.as_mut().ok_or("a publication before the subscription")?;
        if offset != position.offset + 1 {
            let wanted = position.offset + 1;
            let gap = format!("{}: {offset} in the place of {wanted}", self.channel);
            return Err(Broken(gap).into());
        }
        position.offset = offset;
        Ok(())
    }

    /// How the server closed.
    fn farewell(&self) -> Failure {
        let info = self.ws.close_info();
        format!("{}: closed: {info:?}", self.channel).into()
    }
}
