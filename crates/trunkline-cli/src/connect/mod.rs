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
    let mut interrupts = on_signals()?;
    let compression = args.compression.then(DeflateConfig::default);
    let connector = dial::connector(&args.url, &args.dial, compression)?;
    let connector =
        connector.with_message_bytes(usize::try_from(args.max_message).unwrap_or(usize::MAX));
    let mut timing = Timing::start();
    let ws = tokio::select! {
        ws = dial::connect(&connector, &args.url, &args.dial) => ws?,
        _ = interrupts.recv() => return Ok(Exit::Interrupted),
    };
    timing.connected();
    let Ends { outbox, keyboard, screen } = open_ends(args);
    if let Some(keyboard) = keyboard {
        interrupts = keyboard;
    }
    greet(args, &ws, &screen, &outbox).await;
    let session = Session::new(args, &screen, timing, outbox.is_by_person());
    let ended = session.run(ws, outbox, interrupts).await;
    match screen.finish().await {
        // Whoever read the output has had enough, as in `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Clean),
        Err(error) => Err(Failure::failed("cannot write to standard output", error)),
        Ok(()) => ended,
    }
}

/// Where messages come from and go to.
struct Ends {
    outbox: Outbox,
    /// Ctrl-C, where the keyboard is read key by key and no signal comes of it.
    keyboard: Option<mpsc::UnboundedReceiver<()>>,
    screen: Screen,
}

fn open_ends(args: &Connect) -> Ends {
    let from_terminal = io::stdin().is_terminal();
    if from_terminal
        && io::stdout().is_terminal()
        && args.input == Input::Text
        && args.count().is_none()
    {
        // A terminal that cannot edit lines still has lines.
        if let Ok((keyboard, console)) = Console::open() {
            return Ends {
                outbox: Outbox::from_keyboard(&args.send, keyboard.lines),
                keyboard: Some(keyboard.interrupts),
                screen: Screen::open(args.binary, Some(console)),
            };
        }
    }
    let reads_input = args.send.is_empty() || (from_terminal && args.count().is_none());
    let input = reads_input.then(|| input::from_stdin(args.input));
    Ends {
        outbox: Outbox::from_stdin(&args.send, input, from_terminal && args.input == Input::Text),
        keyboard: None,
        screen: Screen::open(args.binary, None),
    }
}

/// Tells a person, or whoever asked, what there is now.
async fn greet(args: &Connect, ws: &WebSocket, screen: &Screen, outbox: &Outbox) {
    if !args.verbose && !outbox.is_by_person() {
        return;
    }
    let mut text = format!("connected to {}", args.url);
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

/// Ctrl-C, and what else asks a process to end.
fn on_signals() -> Result<mpsc::UnboundedReceiver<()>, Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())
            .map_err(|error| Failure::failed("cannot hear signals", error))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while terminated.recv().await.is_some() && sender.send(()).is_ok() {}
        });
    }
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).is_ok() {}
    });
    Ok(receiver)
}
