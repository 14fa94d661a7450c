//! A terminal for the command to run in, and what it shows.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::trunkline;

pub struct Terminal {
    child: Child,
    /// The side of the person.
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    shown: Vec<u8>,
    /// The side of the command. Keeps what was shown until it is read.
    terminal: Option<OwnedFd>,
}

/// Nothing takes as long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

impl Terminal {
    /// Runs the command in a terminal of 100 columns.
    pub fn run(args: &[&str], env: &[(&str, &str)]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&terminal, size).unwrap();
        let end = || terminal.try_clone().unwrap();
        let child = trunkline(args)
            .env("TERM", "xterm-256color")
            .envs(env.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let screen = read_all(keyboard.try_clone().unwrap());
        Self { child, keyboard, screen, shown: Vec::new(), terminal: Some(terminal) }
    }

    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Asks the command to end, as `kill` does.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Reads on until `text` has been shown.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        while !self.shown().contains(text) {
            if !self.read() {
                panic!("{text:?} was not shown, but {:?}", self.shown());
            }
        }
    }

    /// The mode, as far as a program changes it: what is done with input, output and keys.
    pub fn mode(&self) -> String {
        let mode = tcgetattr(self.terminal.as_ref().expect("not ended")).unwrap();
        format!("{:?} {:?} {:?}", mode.input_modes, mode.output_modes, mode.local_modes)
    }

    /// The mode that the command leaves behind.
    pub fn mode_at_end(&mut self) -> String {
        self.child.wait().unwrap();
        self.mode()
    }

    /// Reads all that is still shown, and gives the exit code.
    pub fn end(mut self) -> (i32, String) {
        self.terminal = None;
        while self.read() {}
        let code = self.child.wait().unwrap().code().unwrap();
        (code, self.shown().into_owned())
    }

    /// Everything that was shown so far, escape sequences included.
    pub fn shown(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.shown)
    }

    /// Whether more was shown.
    #[track_caller]
    fn read(&mut self) -> bool {
        match self.screen.recv_timeout(PATIENCE) {
            Ok(bytes) => {
                self.shown.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill().unwrap();
                panic!("it hangs after {:?}", self.shown());
            }
        }
    }
}

/// Reads until nobody is left who could write; some systems give an error then.
fn read_all(mut screen: File) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = screen.read(&mut bytes) {
            if sender.send(bytes[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
