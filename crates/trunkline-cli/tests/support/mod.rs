//! What the tests share: the built command, an echo, and servers that do as they are told.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod bench;
pub mod certificates;
#[cfg(unix)]
pub mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use trunkline::handshake::{Acceptance, ServerConfig, ServerHandshake};

/// The built command.
pub fn trunkline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the command to its end with `input` on standard input.
pub fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = trunkline(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The command may end without reading all of it.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
pub fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stderr: {}", stderr(output));
}

/// `trunkline echo` on a free port, until it is dropped.
pub struct Echo {
    child: Child,
    pub url: String,
}

impl Echo {
    pub fn start(args: &[&str]) -> Self {
        let all = [&["echo", "--listen", "127.0.0.1:0"], args].concat();
        let mut child = trunkline(&all).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap();
        let url = format!("{url}/");
        Self { child, url }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that does `serve` with each connection, and its URL.
pub fn server<F>(serve: F) -> String
where
    F: Fn(TcpStream) + Send + Sync + 'static,
{
    server_on(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
}

/// The same on a listener of its own kind.
pub fn server_on<F>(listener: TcpListener, serve: F) -> String
where
    F: Fn(TcpStream) + Send + Sync + 'static,
{
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(tcp.unwrap()));
        }
    });
    url
}

/// A server that accepts, and then does `serve` with the frames.
pub fn websocket_server<F>(serve: F) -> String
where
    F: Fn(TcpStream) + Send + Sync + 'static,
{
    websocket_server_on(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
}

/// The same on a listener of its own kind.
pub fn websocket_server_on<F>(listener: TcpListener, serve: F) -> String
where
    F: Fn(TcpStream) + Send + Sync + 'static,
{
    server_on(listener, move |mut tcp| {
        let request = read_head(&mut tcp);
        tcp.write_all(&response_to(&request)).unwrap();
        serve(tcp);
    })
}

/// Reads up to the empty line, one byte at a time so as to take nothing behind it.
pub fn read_head(tcp: &mut impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && tcp.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    head
}

/// The 101 that goes with a request.
pub fn response_to(request: &[u8]) -> Vec<u8> {
    let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
    let request = handshake.handle_input(request).unwrap().done.expect("the head is whole");
    handshake.accept(&request, &Acceptance::new()).unwrap().0
}

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;

/// A frame of a server; `first` is FIN, RSV and opcode.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let mut frame = vec![first];
    match u8::try_from(len) {
        Ok(short @ 0..=125) => frame.push(short),
        _ => match u16::try_from(len) {
            Ok(len) => {
                frame.push(126);
                frame.extend(len.to_be_bytes());
            }
            Err(_) => {
                frame.push(127);
                frame.extend((len as u64).to_be_bytes());
            }
        },
    }
    frame.extend(payload);
    frame
}

pub fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Reads one frame of a client: its first byte and its payload. `None` at the end.
pub fn read_frame(tcp: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    tcp.read_exact(&mut head).ok()?;
    assert_eq!(head[1] & 0x80, 0x80, "a client masks");
    let len = match head[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            tcp.read_exact(&mut len).ok()?;
            usize::from(u16::from_be_bytes(len))
        }
        127 => {
            let mut len = [0; 8];
            tcp.read_exact(&mut len).ok()?;
            usize::try_from(u64::from_be_bytes(len)).unwrap()
        }
        len => usize::from(len),
    };
    let mut key = [0; 4];
    tcp.read_exact(&mut key).ok()?;
    let mut payload = vec![0; len];
    tcp.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Some((head[0], payload))
}

/// Reads up to the close frame of the client, and ends the connection as a server should.
pub fn until_close(tcp: &mut TcpStream) {
    while read_frame(tcp).is_some_and(|(first, _)| first != CLOSE) {}
}

/// Reads and throws away all that still comes.
pub fn drain(tcp: &mut TcpStream) {
    let _ = std::io::copy(tcp, &mut std::io::sink());
}
