//! The mode of the terminal: each key at once and unechoed while lines are edited, as it was before at
//! any other time.

use std::io;

/// While this lives, lines are edited here; when it is dropped, the terminal is as it was before.
pub(super) struct Mode {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Mode {
    /// Begins to edit.
    pub(super) fn edit() -> io::Result<Self> {
        let term = std::env::var_os("TERM").unwrap_or_default();
        if term.is_empty() || term == "dumb" {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "terminal cannot edit lines"));
        }
        let mode = Self { before: rustix::termios::tcgetattr(io::stdin())? };
        mode.enter()?;
        Ok(mode)
    }

    fn enter(&self) -> io::Result<()> {
        use rustix::termios::{OptionalActions, OutputModes, tcsetattr};
        let mut raw = self.before.clone();
        raw.make_raw();
        // A line break still goes to the beginning of the next line.
        raw.output_modes = self.before.output_modes | OutputModes::OPOST;
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        // Pastes are marked as such.
        write(b"\x1b[?2004h")
    }

    /// Wipes the line that is being edited, and leaves.
    fn leave(&self) -> io::Result<()> {
        use rustix::termios::{OptionalActions, tcsetattr};
        let written = write(b"\r\x1b[J\x1b[?2004l");
        tcsetattr(io::stdin(), OptionalActions::Drain, &self.before)?;
        written
    }

    /// Goes to sleep as Ctrl-Z asks for, until the shell wakes the process up.
    pub(super) fn suspend(&self) -> io::Result<()> {
        use rustix::process::{Signal, getpid, kill_process};
        self.leave()?;
        kill_process(getpid(), Signal::TSTP)?;
        self.enter()
    }
}

#[cfg(unix)]
impl Drop for Mode {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = self.leave();
    }
}

#[cfg(unix)]
fn write(bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let mut stdout = io::stdout();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Elsewhere the system's own editing of lines has to do, as with a terminal of type `dumb`.
#[cfg(not(unix))]
impl Mode {
    pub(super) fn edit() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn suspend(&self) -> io::Result<()> {
        Ok(())
    }
}
