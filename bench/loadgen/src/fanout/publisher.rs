//! The one connection that publishes.

use super::open::{open, send_all};
use crate::template::{answers, contains, frames, message, replace};
use crate::{Opts, sys};
use std::collections::VecDeque;
use std::os::fd::RawFd;

pub struct Publisher {
    pub fd: RawFd,
    pub out: VecDeque<Vec<u8>>,
    /// Sent bytes of the front of `out`.
    off: usize,
    inbox: Vec<u8>,
    pub ready: bool,
    /// A request awaits its answer (HTTP only).
    busy: bool,
    pub refused: u64,
}

impl Publisher {
    pub fn open(o: &Opts) -> Self {
        let f = &o.fan;
        let (fd, inbox) = if f.http.is_some() {
            let fd = sys::connect(o.addr, None, false)
                .unwrap_or_else(|e| crate::die(&format!("publisher: {e}")));
            sys::set_nonblocking(fd);
            (fd, Vec::new())
        } else {
            open(o, 0, f.pub_path.as_deref().unwrap_or(&o.path), None)
                .unwrap_or_else(|e| crate::die(&e))
        };
        if f.http.is_none() {
            for hello in &f.pub_hello {
                let fill = |b: Vec<u8>| replace(&b, b"{token}", f.token(o.conns));
                send_all(fd, &message(o.raw, hello, fill));
            }
        }
        let ready = f.pub_ready.is_empty() || f.http.is_some();
        Self { fd, out: VecDeque::new(), off: 0, inbox, ready, busy: false, refused: 0 }
    }

    pub fn flush(&mut self, http: bool) {
        while let Some(m) = self.out.front() {
            if http && self.busy && self.off == 0 {
                return;
            }
            let n = sys::send(self.fd, &m[self.off..]);
            if n < 0 {
                if sys::would_block() {
                    return;
                }
                crate::die("the publisher's connection ended");
            }
            self.busy = true;
            self.off += n as usize;
            if self.off == m.len() {
                self.off = 0;
                self.out.pop_front();
            }
        }
    }

    pub fn readable(&mut self, o: &Opts, buf: &mut [u8]) {
        let n = sys::recv(self.fd, buf);
        if n <= 0 {
            if n < 0 && sys::would_block() {
                return;
            }
            crate::die("the publisher's connection was closed");
        }
        self.inbox.extend_from_slice(&buf[..n as usize]);
        if o.fan.http.is_some() {
            let (came, refused) = answers(&mut self.inbox);
            self.refused += refused;
            self.busy &= came == 0;
            self.flush(true);
        } else if o.raw {
            self.inbox.clear();
        } else {
            self.replies(o);
        }
    }

    fn replies(&mut self, o: &Opts) {
        let (mut pongs, mut inbox) = (0, std::mem::take(&mut self.inbox));
        let used = frames(&inbox, |op, b| match op {
            8 => crate::die(&format!("publisher: closed: {}", String::from_utf8_lossy(b))),
            9 => {}
            _ => {
                self.ready |= contains(b, o.fan.pub_ready.as_bytes());
                pongs += (!o.fan.ping.is_empty() && b == o.fan.ping.as_bytes()) as usize;
                if contains(b, b"\"error\"") {
                    self.refused += 1;
                    if self.refused == 1 {
                        eprintln!("publisher: {}", String::from_utf8_lossy(b));
                    }
                }
            }
        });
        inbox.drain(..used);
        self.inbox = inbox;
        for _ in 0..pongs {
            self.out.push_back(message(false, &o.fan.pong, |b| b));
        }
    }
}
