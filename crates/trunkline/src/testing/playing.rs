//! A script as it is being played.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use trunkline_proto::frame::OpCode;
use trunkline_proto::handshake::{
    ClientConfig, ClientHandshake, OriginPolicy, Request, ServerConfig, ServerHandshake, Url,
};
use trunkline_proto::{Message, Role, Text};

use super::peer::{Answer, Expected, Handshake, Peer, Step};
use super::wire::{Frame, FrameReader, frame};
use crate::masks::random;

/// Plays the script of a [`Peer`] and gives what came of it. Nothing happens unless it is awaited, along
/// with the code under test, or spawned.
///
/// # Cancel safety
/// Dropping it hangs up. A reference to it can be awaited and dropped: it goes on where it was.
#[must_use = "the peer does nothing unless it is awaited"]
pub struct Playing {
    script: Pin<Box<dyn Future<Output = Result<(), Unmet>> + Send>>,
    /// Once it is over.
    outcome: Option<Result<(), Unmet>>,
}

/// A step of a script that went otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmet {
    /// From 1; 0 is the handshake.
    step: usize,
    expected: String,
    got: String,
}

impl Unmet {
    /// Which step it was, counted from 1. 0 is the opening handshake.
    pub fn step(&self) -> usize {
        self.step
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            0 => write!(f, "handshake: {}: got {}", self.expected, self.got),
            step => write!(f, "step {step}: {}: got {}", self.expected, self.got),
        }
    }
}

impl Error for Unmet {}

impl Playing {
    pub(super) fn new(script: impl Future<Output = Result<(), Unmet>> + Send + 'static) -> Self {
        Self { script: Box::pin(script), outcome: None }
    }

    /// The step that was not met, if one has not been already.
    pub(super) fn unmet(&self) -> Option<Unmet> {
        self.outcome.clone()?.err()
    }
}

impl Future for Playing {
    type Output = Result<(), Unmet>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = &self.outcome {
            return Poll::Ready(outcome.clone());
        }
        let outcome = std::task::ready!(self.script.as_mut().poll(cx));
        // The stream is in there: hanging up is part of the script.
        self.script = Box::pin(std::future::pending());
        self.outcome = Some(outcome.clone());
        Poll::Ready(outcome)
    }
}

impl fmt::Debug for Playing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playing").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// Plays all of a script.
pub(super) async fn play<S>(peer: Peer, role: Role, stream: S) -> Result<(), Unmet>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stage = Stage {
        role,
        stream,
        reader: FrameReader::default(),
        message: None,
        answers_pings: peer.answers_pings,
        has_closed: false,
    };
    let unmet = |step, expected: &dyn fmt::Display| {
        let expected = expected.to_string();
        move |got: String| Unmet { step, expected, got }
    };
    let nothing = |_| format!("nothing for {:?}", peer.within);
    timeout(peer.within, stage.open(&peer.handshake))
        .await
        .unwrap_or_else(|elapsed| Err(nothing(elapsed)))
        .map_err(unmet(0, &"opening"))?;
    for (index, step) in peer.steps.iter().enumerate() {
        match step {
            // However long the script wants it.
            Step::Wait(time) => sleep(*time).await,
            Step::GoSilent => stage.be_silent().await,
            Step::HangUp => break,
            _ => timeout(peer.within, stage.do_step(step))
                .await
                .unwrap_or_else(|elapsed| Err(nothing(elapsed)))
                .map_err(unmet(index + 1, step))?,
        }
    }
    Ok(())
}

/// Where a script is played.
struct Stage<S> {
    role: Role,
    stream: S,
    reader: FrameReader,
    /// The fragments so far of a message that comes in.
    message: Option<(OpCode, Vec<u8>)>,
    answers_pings: bool,
    has_closed: bool,
}

/// What comes in.
enum Heard {
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Vec<u8>),
    End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stage<S> {
    async fn open(&mut self, handshake: &Handshake) -> Result<(), String> {
        match self.role {
            Role::Client => self.ask(&handshake.url).await,
            Role::Server => {
                let mut machine = ServerHandshake::new(Arc::new(any_origin()));
                let request = self.read_request(&mut machine).await?;
                check(handshake, &request)?;
                let answer = match &handshake.answer {
                    Answer::Accept(acceptance) => {
                        machine.accept(&request, acceptance).map_err(told)?.0
                    }
                    Answer::Refuse(refusal) => refusal.encode(),
                    Answer::Raw(bytes) => bytes.to_vec(),
                };
                self.write(&answer).await
            }
        }
    }

    async fn read_request(&mut self, machine: &mut ServerHandshake) -> Result<Request, String> {
        let mut bytes = [0; 2048];
        loop {
            let read = self.stream.read(&mut bytes).await.map_err(told)?;
            let input = bytes.get(..read).filter(|it| !it.is_empty());
            let input = input.ok_or("the end of the stream inside the request")?;
            let progress = machine.handle_input(input).map_err(told)?;
            if let Some(request) = progress.done {
                self.reader = FrameReader::after(input.get(progress.taken..).unwrap_or_default());
                return Ok(request);
            }
        }
    }

    async fn ask(&mut self, url: &str) -> Result<(), String> {
        let url = Url::parse(url).map_err(told)?;
        let config = Arc::new(ClientConfig::default());
        let mut machine = ClientHandshake::new(&url, config, random()).map_err(told)?;
        let request = machine.request().to_vec();
        self.write(&request).await?;
        let mut bytes = [0; 2048];
        loop {
            let read = self.stream.read(&mut bytes).await.map_err(told)?;
            let input = bytes.get(..read).unwrap_or_default();
            if input.is_empty() {
                return Err(told(machine.handle_eof()));
            }
            let progress = machine.handle_input(input).map_err(told)?;
            if progress.done.is_some() {
                self.reader = FrameReader::after(input.get(progress.taken..).unwrap_or_default());
                return Ok(());
            }
        }
    }

    async fn do_step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Expect(expected) => self.expect(expected).await,
            Step::SendFrame(first, payload) => {
                self.has_closed |= first & 0x0f == OpCode::Close.bits();
                self.write(&frame(self.role, *first, payload)).await
            }
            Step::SendRaw(bytes) => self.write(bytes).await,
            Step::HalfClose => self.stream.shutdown().await.map_err(told),
            Step::Wait(_) | Step::HangUp | Step::GoSilent => Ok(()),
        }
    }

    async fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        loop {
            let heard = self.hear().await?;
            if let Heard::Ping(payload) = &heard
                && self.answers_pings
                && !self.has_closed
            {
                self.write(&frame(self.role, 0x8a, payload)).await?;
            }
            match (&heard, expected) {
                (Heard::Message(message), Expected::Message(wanted)) if message == wanted => break,
                (Heard::Message(_), Expected::AnyMessage)
                | (Heard::Ping(_), Expected::Ping)
                | (Heard::End, Expected::End) => break,
                (Heard::Pong(payload), Expected::Pong(wanted)) if payload == wanted => break,
                (Heard::Pong(_), Expected::Pong(_)) => return Err(heard.to_string()),
                (Heard::Close(payload), Expected::Close(wanted))
                    if close_code(payload) == *wanted =>
                {
                    if !std::mem::replace(&mut self.has_closed, true) {
                        self.write(&frame(self.role, 0x88, payload)).await?;
                    }
                    break;
                }
                (Heard::Ping(_) | Heard::Pong(_), _) => {}
                _ => return Err(heard.to_string()),
            }
        }
        Ok(())
    }

    /// The next whole message or control frame.
    async fn hear(&mut self) -> Result<Heard, String> {
        loop {
            let next = self.reader.next(self.role.peer(), &mut self.stream).await?;
            let Some(Frame { fin, opcode, payload }) = next else { return Ok(Heard::End) };
            match opcode {
                OpCode::Ping => return Ok(Heard::Ping(payload)),
                OpCode::Pong => return Ok(Heard::Pong(payload)),
                OpCode::Close => return Ok(Heard::Close(payload)),
                OpCode::Text | OpCode::Binary if self.message.is_none() => {
                    self.message = Some((opcode, payload));
                }
                OpCode::Continuation if self.message.is_some() => {
                    self.message.iter_mut().for_each(|(_, bytes)| bytes.extend(&payload));
                }
                _ => return Err(format!("{opcode:?} out of order")),
            }
            match self.message.take_if(|_| fin) {
                Some((OpCode::Text, bytes)) => {
                    let text = Text::from_utf8(bytes.into()).ok_or("text that is not UTF-8")?;
                    return Ok(Heard::Message(text.into()));
                }
                Some((_, bytes)) => return Ok(Heard::Message(bytes.into())),
                None => {}
            }
        }
    }

    async fn be_silent(&mut self) {
        // However it ends, it is over.
        let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written: io::Result<()> = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        }
        .await;
        written.map_err(told)
    }
}

/// A scripted server is asked by programs and by pages alike.
fn any_origin() -> ServerConfig {
    let mut config = ServerConfig::default();
    config.origin = OriginPolicy::Any;
    config
}

fn check(handshake: &Handshake, request: &Request) -> Result<(), String> {
    if let Some(path) = handshake.path.as_deref().filter(|path| *path != request.target()) {
        return Err(format!("a request for {:?} instead of {path:?}", request.target()));
    }
    for (name, wanted) in &handshake.headers {
        if !request.headers().values(name).any(|value| value == wanted) {
            return Err(format!("a request without {name}: {}", wanted.escape_ascii()));
        }
    }
    Ok(())
}

/// An error with its causes.
fn told(error: impl Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told.push_str(": ");
        told.push_str(&error.to_string());
        source = error.source();
    }
    told
}

fn close_code(payload: &[u8]) -> Option<u16> {
    payload.first_chunk().map(|code| u16::from_be_bytes(*code))
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => Expected::Message(message.clone()).fmt(f),
            Self::Ping(_) => Expected::Ping.fmt(f),
            Self::Pong(payload) => Expected::Pong(payload.clone()).fmt(f),
            Self::Close(payload) => Expected::Close(close_code(payload)).fmt(f),
            Self::End => Expected::End.fmt(f),
        }
    }
}
