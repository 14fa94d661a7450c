//! Everything that is printed while a connection lasts, in one order, by a thread of its own: a reader
//! that stops (a pager, say) must not stop the answers to pings.

use std::io::{self, IsTerminal, Write};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;
use trunkline::Message;

use super::console::{Console, read_keyboard};
use super::show;
use crate::args::Binary;
use crate::terminal::{Colour, Colours, escape};

/// Messages that wait to be printed. More are not received: the server feels it.
const WAITING: usize = 4;

/// Bytes that are gathered for one write, as long as more follow at once.
const GATHERED_BYTES: usize = 64 << 10;

/// The writing end.
pub(super) struct Screen {
    style: Style,
    sender: mpsc::Sender<Printed>,
    thread: JoinHandle<io::Result<()>>,
}

/// Where messages go.
#[derive(Clone, Copy, Debug)]
enum Style {
    Terminal { messages: Colours, notes: Colours },
    Pipe { binary: Binary, notes: Colours },
}

/// What the thread is told.
pub(super) enum Printed {
    /// What the server sent, ready to be written.
    Message(Vec<u8>),
    /// What we have to say about it.
    Note(String),
    /// What the keyboard sent, where lines are edited.
    Pressed(Vec<u8>),
    KeyboardGone,
    /// There will be nothing more.
    End,
}

/// Nobody reads what is printed any more.
#[derive(Debug)]
pub(super) struct Gone;

impl Screen {
    /// Prints above the line that is edited, or else to standard output, and notes to standard error.
    pub(super) fn open(binary: Binary, console: Option<Console>) -> Self {
        let notes = Colours::of(&io::stderr());
        let style = if io::stdout().is_terminal() {
            Style::Terminal { messages: Colours::of(&io::stdout()), notes }
        } else {
            Style::Pipe { binary, notes }
        };
        let (sender, receiver) = mpsc::channel(WAITING);
        if console.is_some() {
            read_keyboard(sender.clone());
        }
        let thread = thread::spawn(move || match console {
            Some(console) => print_above(receiver, console),
            None => print_on(receiver, io::stdout().lock()),
        });
        Self { style, sender, thread }
    }

    pub(super) async fn message(&self, message: &Message) -> Result<(), Gone> {
        let shown = match self.style {
            Style::Terminal { messages, .. } => show::for_terminal(message, messages).into_bytes(),
            Style::Pipe { binary, .. } => {
                let mut out = Vec::with_capacity(message.len() + 1);
                show::for_pipe(message, binary, &mut out);
                out
            }
        };
        self.sender.send(Printed::Message(shown)).await.map_err(|_| Gone)
    }

    /// Says something about the connection, of which a server may have written a part.
    pub(super) async fn note(&self, colour: Colour, text: &str) {
        let (Style::Terminal { notes, .. } | Style::Pipe { notes, .. }) = self.style;
        let note = notes.paint(colour, &escape(text)).into_owned();
        // Should the reader be gone, the next message finds out.
        let _ = self.sender.send(Printed::Note(note)).await;
    }

    /// Waits until everything is printed, and gives the terminal back.
    pub(super) async fn finish(self) -> io::Result<()> {
        // If nobody hears it, the thread has ended before.
        let _ = self.sender.send(Printed::End).await;
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn print_on(mut receiver: mpsc::Receiver<Printed>, mut out: impl Write) -> io::Result<()> {
    let mut gathered = Vec::new();
    while let Some(printed) = receiver.blocking_recv() {
        match printed {
            Printed::Message(bytes) => gathered.extend_from_slice(&bytes),
            Printed::Note(text) => {
                out.write_all(&gathered)?;
                gathered.clear();
                // A standard error that is closed is a wish to hear nothing.
                let _ = writeln!(io::stderr(), "{text}");
            }
            Printed::Pressed(_) | Printed::KeyboardGone => {}
            Printed::End => break,
        }
        if receiver.is_empty() || gathered.len() >= GATHERED_BYTES {
            out.write_all(&gathered)?;
            out.flush()?;
            gathered = Vec::new();
        }
    }
    out.write_all(&gathered)?;
    out.flush()
}

/// Gives the terminal back when it returns, as the console is dropped then.
fn print_above(mut receiver: mpsc::Receiver<Printed>, mut console: Console) -> io::Result<()> {
    console.print("")?;
    while let Some(printed) = receiver.blocking_recv() {
        match printed {
            Printed::Message(bytes) => console.print(&String::from_utf8_lossy(&bytes))?,
            Printed::Note(text) => console.print(&format!("{text}\n"))?,
            Printed::Pressed(bytes) => console.on_bytes(&bytes)?,
            Printed::KeyboardGone => console.on_keyboard_gone(),
            Printed::End => break,
        }
    }
    Ok(())
}
