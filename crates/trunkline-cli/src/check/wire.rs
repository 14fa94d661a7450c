//! One open connection, read strictly and written to without any restraint.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use trunkline::Transport;
use trunkline_proto::ProtocolError;
use trunkline_proto::Role;
use trunkline_proto::deflate::{Decompressor, DeflateConfig, DeflateParams};
use trunkline_proto::frame::{FrameHeader, OpCode};

use super::frame::{PING, frame};

/// Bytes of a payload that are kept; of longer ones the rest is read and thrown away.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// What asks whether somebody is still there.
const STILL_THERE: &[u8] = b"still there?";

/// How long to wait for things, known once the server has been met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until no reaction counts as none.
    pub(super) whole: Duration,
    /// Until a server that has shown no reaction is asked whether it is still there. Asked at once, it
    /// would have unread bytes when it closes, and its system might cut its last words off with a reset.
    pub(super) before_asking: Duration,
}

pub(super) struct Wire {
    stream: Transport,
    unread: Vec<u8>,
    patience: Patience,
    /// Until when an answer to what was sent last counts as one, however much else the server has to say.
    until: Instant,
    inflate: Option<Inflate>,
    /// The message that has begun.
    partial: Option<Partial>,
}

struct Inflate {
    decompressor: Decompressor,
    /// What the newest compressed message took on the wire.
    bytes: Option<usize>,
}

struct Partial {
    opcode: OpCode,
    compressed: bool,
    payload: Vec<u8>,
    /// It was too long to be kept: what it says cannot be judged.
    cut: bool,
}

/// What came from the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// A whole message, whether it is text, and its payload after inflation.
    Message(bool, Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(Option<u16>, Vec<u8>),
    /// The transport ended or was reset.
    End,
    /// Nothing came in time.
    Nothing,
    /// What came breaks the protocol.
    Broke(String),
}

/// What became of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// The server closed, with a code if it gave one, and with messages before that.
    Closed(Option<u16>, Vec<Heard>),
    Cut,
    /// It answers pings as before.
    WentOn,
    Silent,
    Broke(String),
}

impl Wire {
    pub(super) fn new(
        stream: Transport,
        unread: Vec<u8>,
        patience: Patience,
        deflate: Option<(DeflateConfig, DeflateParams)>,
    ) -> Self {
        let inflate = deflate.map(|(config, params)| Inflate {
            decompressor: Decompressor::new(&config, params, Role::Client),
            bytes: None,
        });
        let until = Instant::now() + patience.whole;
        Self { stream, unread, patience, until, inflate, partial: None }
    }

    /// Sends bytes as they are. That the server has hung up shows in what is read.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let _ = timeout_at(Instant::now() + self.patience.whole, sent).await;
        self.until = Instant::now() + self.patience.whole;
    }

    /// Sends bytes one at a time, each on its own way.
    pub(super) async fn send_slowly(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// The next thing that comes.
    pub(super) async fn hear(&mut self) -> Heard {
        self.hear_until(self.until).await
    }

    async fn hear_until(&mut self, until: Instant) -> Heard {
        while Instant::now() < until {
            let (header, payload) = match self.read_frame(until).await {
                Ok(frame) => frame,
                Err(heard) => return heard,
            };
            match self.on_frame(header, payload) {
                Ok(Some(heard)) => return heard,
                Ok(None) => {}
                Err(broke) => return Heard::Broke(broke),
            }
        }
        Heard::Nothing
    }

    /// What becomes of the connection after these bytes.
    pub(super) async fn fate_after(&mut self, bytes: &[u8]) -> Fate {
        self.send(bytes).await;
        self.fate().await
    }

    pub(super) async fn fate(&mut self) -> Fate {
        let mut before = Vec::new();
        let mut asked = false;
        let mut until = Instant::now() + self.patience.before_asking;
        loop {
            match self.hear_until(until).await {
                Heard::Close(code, _) => return Fate::Closed(code, before),
                Heard::End => return Fate::Cut,
                Heard::Broke(error) => return Fate::Broke(error),
                Heard::Pong(payload) if payload == STILL_THERE => return Fate::WentOn,
                Heard::Nothing if asked => return Fate::Silent,
                Heard::Nothing => {
                    asked = true;
                    self.send(&frame(PING, STILL_THERE)).await;
                    until = Instant::now() + self.patience.whole;
                }
                // As many as one read brings are proof enough.
                heard if before.len() < 64 => before.push(heard),
                _ => {}
            }
        }
    }

    /// What the newest message took on the wire, if one was compressed.
    pub(super) fn compressed_bytes(&self) -> Option<usize> {
        self.inflate.as_ref().and_then(|inflate| inflate.bytes)
    }

    /// Whether the server ends the transport.
    pub(super) async fn ends(&mut self) -> bool {
        self.until = Instant::now() + self.patience.whole;
        loop {
            match self.hear().await {
                Heard::End => return true,
                Heard::Nothing | Heard::Broke(_) => return false,
                _ => {}
            }
        }
    }

    async fn read_frame(&mut self, until: Instant) -> Result<(FrameHeader, Vec<u8>), Heard> {
        let broke = |error: ProtocolError| Heard::Broke(error.to_string());
        let (header, taken) = loop {
            match FrameHeader::parse(&self.unread).map_err(broke)? {
                Some(parsed) => break parsed,
                None => self.read_more(until).await?,
            }
        };
        if header.mask.is_some() {
            return Err(broke(ProtocolError::MaskedFrame));
        }
        // A payload that is not all there is left unread, so that what is heard later begins with it.
        let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let kept = len.min(PAYLOAD_BYTES_MAX);
        while self.unread.len() - taken < kept {
            self.read_more(until).await?;
        }
        let payload = self.unread[taken..taken + kept].to_vec();
        self.unread.drain(..taken + kept);
        self.skip(len - kept, until).await?;
        Ok((header, payload))
    }

    async fn skip(&mut self, mut bytes: usize, until: Instant) -> Result<(), Heard> {
        while bytes > 0 {
            if self.unread.is_empty() {
                self.read_more(until).await?;
            }
            let skipped = bytes.min(self.unread.len());
            self.unread.drain(..skipped);
            bytes -= skipped;
        }
        Ok(())
    }

    async fn read_more(&mut self, until: Instant) -> Result<(), Heard> {
        // Whoever sends without end would never be waited for.
        if Instant::now() >= until {
            return Err(Heard::Nothing);
        }
        let mut bytes = [0; 16 << 10];
        match timeout_at(until, self.stream.read(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => Err(Heard::End),
            Ok(Ok(read)) => {
                self.unread.extend_from_slice(&bytes[..read]);
                Ok(())
            }
            Err(_) => Err(Heard::Nothing),
        }
    }

    /// Makes messages of frames, as strictly as a client should.
    fn on_frame(&mut self, header: FrameHeader, payload: Vec<u8>) -> Result<Option<Heard>, String> {
        let broke = |error: ProtocolError| Err(error.to_string());
        if header.rsv1 && (self.inflate.is_none() || !begins(header.opcode)) {
            return broke(ProtocolError::ReservedBits);
        }
        let is_cut = header.payload_len > payload.len() as u64;
        match (header.opcode, self.partial.take()) {
            (OpCode::Ping, partial) => {
                self.partial = partial;
                Ok(Some(Heard::Ping))
            }
            (OpCode::Pong, partial) => {
                self.partial = partial;
                Ok(Some(Heard::Pong(payload)))
            }
            (OpCode::Close, _) => on_close(&payload).map(Some),
            (OpCode::Continuation, None) => broke(ProtocolError::UnexpectedContinuation),
            (OpCode::Continuation, Some(mut partial)) => {
                partial.cut |= is_cut || partial.payload.len() + payload.len() > PAYLOAD_BYTES_MAX;
                if !partial.cut {
                    partial.payload.extend(payload);
                }
                self.on_part(partial, header.fin)
            }
            (_, Some(_)) => broke(ProtocolError::ExpectedContinuation),
            (opcode, None) => {
                let partial = Partial { opcode, compressed: header.rsv1, payload, cut: is_cut };
                self.on_part(partial, header.fin)
            }
        }
    }

    fn on_part(&mut self, partial: Partial, last: bool) -> Result<Option<Heard>, String> {
        if !last {
            self.partial = Some(partial);
            return Ok(None);
        }
        let is_text = partial.opcode == OpCode::Text;
        if partial.cut {
            return Ok(Some(Heard::Message(is_text, partial.payload)));
        }
        let payload = match &mut self.inflate {
            Some(inflate) if partial.compressed => inflate.message(&partial.payload)?,
            _ => partial.payload,
        };
        if is_text && std::str::from_utf8(&payload).is_err() {
            return Err(ProtocolError::InvalidUtf8.to_string());
        }
        Ok(Some(Heard::Message(is_text, payload)))
    }
}

impl Inflate {
    fn message(&mut self, mut compressed: &[u8]) -> Result<Vec<u8>, String> {
        self.bytes = Some(compressed.len());
        let mut out = Vec::new();
        let inflated = self.decompressor.decompress(&mut compressed, &mut out, PAYLOAD_BYTES_MAX);
        inflated.map_err(|error| error.to_string())?;
        // A message that stands for more than that is cut there: no rule expects one.
        if out.len() < PAYLOAD_BYTES_MAX {
            let ended = self.decompressor.finish(&mut out, PAYLOAD_BYTES_MAX);
            ended.map_err(|error| error.to_string())?;
        }
        Ok(out)
    }
}

const fn begins(opcode: OpCode) -> bool {
    matches!(opcode, OpCode::Text | OpCode::Binary)
}

fn on_close(payload: &[u8]) -> Result<Heard, String> {
    match payload {
        [] => Ok(Heard::Close(None, Vec::new())),
        [_] => Err(ProtocolError::CloseFrameLength.to_string()),
        [high, low, reason @ ..] => {
            if std::str::from_utf8(reason).is_err() {
                return Err(ProtocolError::InvalidCloseReason.to_string());
            }
            Ok(Heard::Close(Some(u16::from_be_bytes([*high, *low])), reason.to_vec()))
        }
    }
}
