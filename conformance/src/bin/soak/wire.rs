//! Bytes on a socket, right or wrong, and how the other side ends it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use crate::Failure;

/// A masked frame whose key is zero, so that the payload is on the wire as it is.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ ..126 => frame.push(0x80 | len as u8),
        len @ ..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const PING: u8 = 0x89;

/// Asks for a WebSocket, with compression, and waits for the 101.
pub(crate) async fn upgrade(tcp: &mut TcpStream, path: &str) -> Result<(), Failure> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    tcp.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err(format!("no upgrade: {}", String::from_utf8_lossy(&head)).into());
    }
    Ok(())
}

/// How the other side ended a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ending {
    /// Of an HTTP answer.
    pub(crate) status: Option<u16>,
    /// Of a close frame.
    pub(crate) code: Option<u16>,
    /// Whether it was over before patience was.
    pub(crate) is_over: bool,
    /// When the word came, if any did.
    pub(crate) said_after: Duration,
    pub(crate) over_after: Duration,
}

impl Ending {
    pub(crate) fn show(&self) -> String {
        let end = self.over_after.as_secs_f64();
        let end =
            if self.is_over { format!("the end after {end:.1} s") } else { "no end".to_owned() };
        match self.word() {
            Some(word) => format!("{word} after {:.1} s, {end}", self.said_after.as_secs_f64()),
            None => end,
        }
    }

    /// Status or code.
    pub(crate) fn word(&self) -> Option<u16> {
        self.status.or(self.code)
    }
}

/// Reads, and answers nothing, until the other side ends the connection or patience does.
pub(crate) async fn ending(tcp: &mut (impl AsyncReadExt + Unpin), patience: Duration) -> Ending {
    let started = Instant::now();
    let mut read = Vec::new();
    let mut ending = Ending::default();
    loop {
        match timeout_at((started + patience).into(), tcp.read_buf(&mut read)).await {
            Err(_) => break,
            Ok(Ok(0) | Err(_)) => {
                ending.is_over = true;
                break;
            }
            Ok(Ok(_)) => {}
        }
        if let Some(status) = read.strip_prefix(b"HTTP/1.1 ") {
            ending.status = std::str::from_utf8(status.get(..3).unwrap_or_default())
                .ok()
                .and_then(|it| it.parse().ok());
        } else {
            take_frames(&mut read, &mut ending);
        }
        if ending.word().is_some() && ending.said_after.is_zero() {
            ending.said_after = started.elapsed();
        }
    }
    ending.over_after = started.elapsed();
    ending
}

/// Reads up to the first text; how many frames came before it.
pub(crate) async fn frames_before_text(tcp: &mut TcpStream) -> Result<usize, Failure> {
    let (mut read, mut frames) = (Vec::new(), 0);
    loop {
        let mut at = 0;
        while let Some((first, len, header)) = header(&read[at..])
            && read.len() >= at + header + len
        {
            if first == TEXT {
                return Ok(frames);
            }
            frames += 1;
            at += header + len;
        }
        read.drain(..at);
        if tcp.read_buf(&mut read).await? == 0 {
            return Err("the connection ended in the place of an answer".into());
        }
    }
}

/// Passes by all whole frames of a server; a close frame is remembered.
fn take_frames(read: &mut Vec<u8>, ending: &mut Ending) {
    let mut at = 0;
    while let Some((first, len, header)) = header(&read[at..])
        && let Some(payload) = read.get(at + header..at + header + len)
    {
        if first & 0x0f == 8 {
            let code = payload.first_chunk().map_or(1005, |it| u16::from_be_bytes(*it));
            ending.code = Some(code);
        }
        at += header + len;
    }
    read.drain(..at);
}

/// The first byte, the length of the payload and that of the header.
fn header(input: &[u8]) -> Option<(u8, usize, usize)> {
    match input {
        [first, 126, rest @ ..] => {
            Some((*first, u16::from_be_bytes(*rest.first_chunk()?).into(), 4))
        }
        [first, 127, rest @ ..] => {
            Some((*first, u64::from_be_bytes(*rest.first_chunk()?) as usize, 10))
        }
        [first, len, ..] => Some((*first, (*len).into(), 2)),
        _ => None,
    }
}
