//! `trunkline connect`: a WebSocket in the terminal, for people and pipes.

mod console;
mod input;
mod keyboard;
mod outbox;
mod screen;
mod session;
mod show;
mod timing;

use std::io::{self, IsTerminal};

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use trunkline::WebSocket;
use trunkline::deflate::DeflateConfig;

use crate::args::{Binary, Connect, Input};
use crate::dial;
use crate::exit::{Exit, Failure};
use crate::signals;
use crate::terminal::Colour;
use console::Console;
use outbox::Outbox;
use screen::Screen;
use session::Session;
use timing::Timing;

pub(crate) fn run(args: &Connect) -> Result<Exit, Failure> {
    if args.binary == Binary::Raw && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "--binary raw would let the server's bytes command the terminal: print to a file or a pipe",
        ));
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed("cannot start", error))?.block_on(connect(args))
}

async fn connect(args: &Connect) -> Result<Exit, Failure> {
    let (interrupt, mut interrupted) = mpsc::unbounded_channel();
    signals::listen(&interrupt)?;
    let compression = args.compression.then(DeflateConfig::default);
    let connector = dial::connector(&args.url, &args.dial, compression)?;
    let timing = Timing::start();
    let connector = connector
        .with_message_bytes(usize::try_from(args.max_message).unwrap_or(usize::MAX))
        .with_redirects(args.redirects.into())
        .with_progress(timing.listener());
    let ws = tokio::select! {
        ws = connector.connect(&args.url) => ws.map_err(|error| dial::failure(&error))?,
        _ = interrupted.recv() => return Ok(Exit::Interrupted),
    };
    let (outbox, screen) = open_ends(args, interrupt);
    greet(args, &ws, &screen, &outbox).await;
    let session = Session::new(args, &screen, timing, outbox.is_by_person());
    let ended = session.run(ws, outbox, interrupted).await;
    match screen.finish().await {
        // Whoever read the output has had enough, as in `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Clean),
        Err(error) => Err(Failure::failed("cannot write to standard output", error)),
        Ok(()) => ended,
    }
}

/// Where messages come from and go to. `interrupt` is for Ctrl-C where the keyboard is read key by key,
/// as no signal comes of it there.
fn open_ends(args: &Connect, interrupt: mpsc::UnboundedSender<()>) -> (Outbox, Screen) {
    let from_terminal = io::stdin().is_terminal();
    let by_person = from_terminal && args.input == Input::Text;
    // A terminal that cannot edit lines still has lines.
    if by_person
        && io::stdout().is_terminal()
        && args.count().is_none()
        && let Ok((lines, console)) = Console::open(interrupt)
    {
        let screen = Screen::open(args.binary, Some(console));
        return (Outbox::from_keyboard(&args.send, lines), screen);
    }
    let reads_input = args.send.is_empty() || (from_terminal && args.count().is_none());
    let input = reads_input.then(|| input::from_stdin(args.input));
    let outbox = Outbox::from_stdin(&args.send, input, by_person);
    (outbox, Screen::open(args.binary, None))
}

/// Tells a person, or whoever asked, what there is now.
async fn greet(args: &Connect, ws: &WebSocket, screen: &Screen, outbox: &Outbox) {
    if !args.verbose && !outbox.is_by_person() {
        return;
    }
    let mut text = format!("connected to {}", dial::without_credentials(&args.url));
    if let Some(version) = ws.stream().tls().and_then(|tls| tls.protocol_version()) {
        text.push_str(&format!(", {}", version.as_str().unwrap_or("TLS")));
    }
    if let Some(subprotocol) = ws.subprotocol() {
        text.push_str(&format!(", speaking {subprotocol}"));
    }
    if ws.is_compressed() {
        text.push_str(", compressed");
    }
    if outbox.is_by_person() {
        text.push_str(" (/help tells what there is, Ctrl-D closes)");
    }
    screen.note(Colour::Green, &text).await;
}
