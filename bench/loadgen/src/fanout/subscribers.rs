//! The connections that are delivered to, and what each has seen.

use super::open::send_all;
use crate::frames::put_frame;
use crate::template::{contains, frames, message};
use crate::{Opts, sys};
use hdrhistogram::Histogram;
use std::os::fd::RawFd;

/// "@@", ten digits, "@", eighteen digits.
pub const MARK: usize = 31;

pub struct Sub {
    pub fd: RawFd,
    pub ch: usize,
    pub last: u64,
    pub ready: bool,
    pub gone: bool,
    pub rest: Vec<u8>,
}

#[derive(Default)]
pub struct Tally {
    pub deliveries: u64,
    pub bytes: u64,
    pub reads: u64,
    pub gaps: u64,
    pub doubles: u64,
    pub closed: u64,
    /// Deliveries asked for, and those that came or never will.
    pub asked: u64,
    pub settled: u64,
    /// By channel: publications, and subscribers that are left.
    pub sent: Vec<u64>,
    pub members: Vec<u64>,
    pub pubs: u64,
    pub late: u64,
}

pub struct Subscribers<'a> {
    pub o: &'a Opts,
    pub list: Vec<Sub>,
    pub t: Tally,
    pub hist: Histogram<u64>,
    pub measuring: bool,
    ready: Vec<u8>,
    /// From the beginning of one mark to where the next may be.
    skip: usize,
}

impl<'a> Subscribers<'a> {
    pub fn new(o: &'a Opts, list: Vec<Sub>, ready: Vec<u8>, skip: usize) -> Self {
        let mut members = vec![0; o.fan.channels];
        list.iter().for_each(|s| members[s.ch] += 1);
        let t = Tally { sent: vec![0; o.fan.channels], members, ..Tally::default() };
        let hist = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        Self { o, list, t, hist, measuring: false, ready, skip }
    }

    fn gone(&mut self, i: usize) {
        let s = &mut self.list[i];
        s.gone = true;
        sys::close(s.fd);
        self.t.closed += 1;
        self.t.members[s.ch] -= 1;
        self.t.settled += self.t.sent[s.ch] - s.last;
    }

    /// The whole frames in `b`; returns how many bytes they were.
    #[inline]
    pub fn take(&mut self, i: usize, b: &[u8], now: u64) -> usize {
        let (o, s, t, hist) = (self.o, &mut self.list[i], &mut self.t, &mut self.hist);
        let (measuring, skip, ready) = (self.measuring, self.skip, &self.ready[..]);
        let mut closing = false;
        let used = frames(b, |op, body| {
            if op == 8 {
                if t.closed == 0 {
                    eprintln!("subscriber {i}: closed: {}", String::from_utf8_lossy(body));
                }
                closing = true;
                return;
            }
            if op == 9 {
                let mut m = Vec::new();
                put_frame(&mut m, 10, false, body, [1, 2, 3, 4]);
                send_all(s.fd, &m);
                return;
            }
            if body.len() < MARK || !s.ready {
                s.ready |= contains(body, ready);
                if !o.fan.ping.is_empty() && body.trim_ascii_end() == o.fan.ping.as_bytes() {
                    send_all(s.fd, &message(o.raw, &o.fan.pong, |b| b));
                }
            }
            let mut p = 0;
            while let Some(k) = find(&body[p..], b'@') {
                p += k;
                if body.len() - p < MARK {
                    break;
                }
                if body[p + 1] != b'@' {
                    p += 1;
                    continue;
                }
                let (seq, at) = (number(&body[p + 2..p + 12]), number(&body[p + 13..p + MARK]));
                p = (p + skip).min(body.len());
                if seq <= s.last {
                    t.doubles += 1;
                    continue;
                }
                t.gaps += seq - s.last - 1;
                t.settled += seq - s.last;
                s.last = seq;
                t.deliveries += 1;
                if measuring {
                    let _ = hist.record(now.saturating_sub(at).max(1));
                }
            }
        });
        if closing && !self.list[i].gone {
            self.gone(i);
        }
        used
    }

    #[inline]
    pub fn readable(&mut self, i: usize, buf: &mut [u8]) -> u64 {
        if self.list[i].gone {
            return sys::now_ns();
        }
        let n = sys::recv(self.list[i].fd, buf);
        let now = sys::now_ns();
        if n <= 0 {
            if n == 0 || !sys::would_block() {
                self.gone(i);
            }
            return now;
        }
        let b = &buf[..n as usize];
        self.t.bytes += n as u64;
        self.t.reads += 1;
        if self.list[i].rest.is_empty() {
            let used = self.take(i, b, now);
            if used < b.len() {
                self.list[i].rest.extend_from_slice(&b[used..]);
            }
        } else {
            let mut all = std::mem::take(&mut self.list[i].rest);
            all.extend_from_slice(b);
            let used = self.take(i, &all, now);
            all.drain(..used);
            self.list[i].rest = all;
        }
        now
    }
}

#[inline]
fn number(b: &[u8]) -> u64 {
    b.iter().fold(0, |n, d| n * 10 + (d - b'0') as u64)
}

#[inline]
fn find(b: &[u8], c: u8) -> Option<usize> {
    // SAFETY: `b` is readable for the length given, and what is found lies in it.
    let p = unsafe { libc::memchr(b.as_ptr() as *const _, c as i32, b.len()) } as usize;
    (p != 0).then(|| p - b.as_ptr() as usize)
}
