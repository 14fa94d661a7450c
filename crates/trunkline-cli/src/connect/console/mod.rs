//! A terminal on both sides: lines are edited below what comes in.
//!
//! One thread owns the screen. It is told what to print and which bytes the keyboard sent, in one order,
//! so that nothing is printed into the line that is being edited. Another thread reads the keyboard.

mod keys;
mod line;
mod mode;

use std::io::{self, Read, Stdout, Write};
use std::thread;

use tokio::sync::mpsc;

use super::input::Typed;
use super::screen::Printed;
use crate::terminal;
use keys::{Key, Keys};
use line::{Line, Outcome};
use mode::Mode;

/// If a terminal does not say how wide it is.
const COLUMNS: usize = 80;

/// Reads the keyboard until the process ends.
pub(super) fn read_keyboard(pressed: mpsc::Sender<Printed>) {
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        let mut stdin = io::stdin().lock();
        loop {
            let printed = match stdin.read(&mut bytes) {
                Ok(read @ 1..) => Printed::Pressed(bytes[..read].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The terminal is gone.
                Ok(_) | Err(_) => Printed::KeyboardGone,
            };
            let gone = matches!(printed, Printed::KeyboardGone);
            if pressed.blocking_send(printed).is_err() || gone {
                return;
            }
        }
    });
}

/// The screen with the line that is being edited.
pub(super) struct Console {
    mode: Mode,
    screen: Stdout,
    keys: Keys,
    line: Line,
    /// Until the keyboard says that there will be no more of them.
    lines: Option<mpsc::UnboundedSender<Typed>>,
    interrupts: mpsc::UnboundedSender<()>,
    /// The last key was Ctrl-C.
    interrupted: bool,
}

impl Console {
    /// Takes the terminal over, and gives the lines that will be typed; `interrupts` hears of Ctrl-C that
    /// is pressed twice in a row.
    ///
    /// # Errors
    /// If it is of a kind that cannot edit lines, such as `dumb`.
    pub(super) fn open(
        interrupts: mpsc::UnboundedSender<()>,
    ) -> io::Result<(mpsc::UnboundedReceiver<Typed>, Self)> {
        let mode = Mode::edit()?;
        // Not bounded: nobody types faster than a connection takes.
        let (sender, lines) = mpsc::unbounded_channel();
        let console = Self {
            mode,
            screen: io::stdout(),
            keys: Keys::default(),
            line: Line::default(),
            lines: Some(sender),
            interrupts,
            interrupted: false,
        };
        Ok((lines, console))
    }

    /// Prints whole lines above the one that is being edited.
    pub(super) fn print(&mut self, lines: &str) -> io::Result<()> {
        let painted = self.line.paint(terminal::columns(io::stdout()).unwrap_or(COLUMNS));
        write!(self.screen, "\r\x1b[J{lines}{painted}")?;
        self.screen.flush()
    }

    /// Takes what the keyboard sent.
    pub(super) fn on_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            if let Some(key) = self.keys.on_byte(*byte) {
                let interrupted = std::mem::replace(&mut self.interrupted, key == Key::CtrlC);
                if let Some(outcome) = self.line.on_key(key) {
                    self.act(outcome, interrupted)?;
                }
            }
        }
        self.print("")
    }

    pub(super) fn on_keyboard_gone(&mut self) {
        self.lines = None;
    }

    fn act(&mut self, outcome: Outcome, interrupted: bool) -> io::Result<()> {
        match outcome {
            Outcome::Line(text) => {
                self.screen.write_all(Line::finished(&text).as_bytes())?;
                if let Some(lines) = &self.lines {
                    // If nobody listens, the connection is about to end.
                    let _ = lines.send(Typed::Text(text));
                }
            }
            Outcome::End => self.lines = None,
            Outcome::CtrlC if interrupted => drop(self.interrupts.send(())),
            Outcome::CtrlC => {
                self.print("Ctrl-C again drops the connection, Ctrl-D closes it\n")?
            }
            Outcome::ClearScreen => self.screen.write_all(b"\x1b[H\x1b[2J")?,
            Outcome::Suspend => self.mode.suspend()?,
        }
        Ok(())
    }
}
