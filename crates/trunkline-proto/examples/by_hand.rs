//! An echo server without a runtime: a thread for each connection, blocking reads and writes.
//!
//! ```text
//! cargo run -p trunkline-proto --example by_hand 127.0.0.1:9001
//! ```
//!
//! All that a driver has to do is here, on one page: bring bytes and the time, take events, write
//! what waits, and call again when the deadline has come.

use std::error::Error;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use trunkline_proto::handshake::{Acceptance, Refusal, ServerConfig, ServerHandshake};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Connection, Event, Input, Role};

/// How long a client may take for its handshake, and a socket to take what is written.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("echo on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || match serve(stream) {
            Ok(end) => println!("{end}"),
            Err(error) => println!("failed: {error}"),
        });
    }
    Ok(())
}

/// One connection from its first byte to its last; gives how it ended.
fn serve(mut stream: TcpStream) -> Result<String, Box<dyn Error>> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut unread = Vec::new();
    if !shake_hands(&mut stream, &mut unread)? {
        return Ok("refused".into());
    }
    let settings = Arc::new(Settings::for_role(Role::Server));
    let mut conn = Connection::server(settings, Instant::now());
    loop {
        let result = echo(&mut conn, &mut stream, &mut unread);
        write(&mut conn, &mut stream)?;
        // The peer is told which rule it broke, and only then do we leave.
        result?;
        if conn.is_finished() {
            stream.shutdown(Shutdown::Write)?;
            return Ok(conn.close_info().map_or_else(|| "closed".into(), ToString::to_string));
        }
        match read(&mut stream, &mut unread, conn.poll_timeout())? {
            Heard::Bytes => {}
            Heard::Nothing => {
                let result = conn.handle_timeout(Instant::now());
                write(&mut conn, &mut stream)?;
                result?;
            }
            Heard::End => return Ok("the peer went away without a close".into()),
        }
    }
}

/// Reads a request and answers it; gives whether there is a connection now. What was read beyond
/// the request stays in `unread`: the first frames.
fn shake_hands(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<bool, Box<dyn Error>> {
    let deadline = Instant::now() + PATIENCE;
    let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
    loop {
        let progress = match handshake.handle_input(unread) {
            Ok(progress) => progress,
            Err(refusal) => return refuse(stream, &refusal),
        };
        unread.drain(..progress.taken);
        if let Some(request) = progress.done {
            let (answer, _agreement) = handshake.accept(&request, &Acceptance::new())?;
            stream.write_all(&answer)?;
            return Ok(true);
        }
        match read(stream, unread, Some(deadline))? {
            Heard::Bytes => {}
            Heard::Nothing => return refuse(stream, &Refusal::timeout()),
            Heard::End => return Ok(false),
        }
    }
}

fn refuse(stream: &mut TcpStream, refusal: &Refusal) -> Result<bool, Box<dyn Error>> {
    stream.write_all(&refusal.encode())?;
    Ok(false)
}

/// Understands what is unread and queues each message back.
fn echo(
    conn: &mut Connection,
    stream: &mut TcpStream,
    unread: &mut Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    let mut input = Input::new(unread);
    while let Some(event) = conn.poll_event(&mut input, Instant::now())? {
        let Event::Message(received) = event else { continue };
        let message = received.into_message();
        // While we wait for the peer's close it may still talk, but is not answered.
        if conn.is_open() {
            conn.queue(message).map_err(|error| error.kind())?;
        }
        // Writing before going on is the backpressure: `queue` never finds the connection full.
        if conn.is_above_high_water() {
            write(conn, stream)?;
        }
    }
    // The beginning of a frame comes first next time.
    let left = input.len();
    unread.drain(..unread.len() - left);
    Ok(())
}

/// Writes all that waits.
fn write(conn: &mut Connection, stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = conn.poll_transmit(&mut slices);
        if filled == 0 {
            return Ok(());
        }
        let written = stream.write_vectored(&slices[..filled])?;
        conn.transmitted(written, Instant::now());
    }
}

enum Heard {
    Bytes,
    Nothing,
    End,
}

/// Waits for bytes until `deadline`.
fn read(
    stream: &mut TcpStream,
    unread: &mut Vec<u8>,
    deadline: Option<Instant>,
) -> io::Result<Heard> {
    let wait = deadline.map(|it| it.saturating_duration_since(Instant::now()));
    if wait == Some(Duration::ZERO) {
        return Ok(Heard::Nothing);
    }
    stream.set_read_timeout(wait)?;
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer) {
        Ok(0) => Ok(Heard::End),
        Ok(len) => {
            unread.extend_from_slice(&buffer[..len]);
            Ok(Heard::Bytes)
        }
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                Ok(Heard::Nothing)
            }
            _ => Err(error),
        },
    }
}
