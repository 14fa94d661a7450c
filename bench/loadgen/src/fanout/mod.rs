//! One publisher and many subscribers: what a delivery costs the server and how late it arrives.
//!
//! Each payload carries a number, counted per channel, and the time of sending, so that every
//! subscriber's stream is checked for gaps and doubles. With `--secs 0` nothing is published: then
//! what a subscribed session costs in memory is all there is.

mod open;
mod options;
mod publisher;
mod report;
mod subscribers;

pub use open::{open, send_all};
pub use options::Dialect;

use crate::template::{message, post, replace, unescape};
use crate::{Opts, proc, sys};
use publisher::Publisher;
use report::{Held, Measured, Snap};
use std::os::fd::RawFd;
use subscribers::{MARK, Sub, Subscribers};

const PUBLISHER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const HEAD: &[u8] = b"{\"m\":\"";
const TAIL: &[u8] = b"\"}";

struct Run<'a> {
    o: &'a Opts,
    names: Vec<String>,
    pad: Vec<u8>,
    subs: Subscribers<'a>,
    publ: Publisher,
    publishing: bool,
    next_due: u64,
    timer: RawFd,
    ep: sys::Epoll,
    buf: Vec<u8>,
}

impl<'a> Run<'a> {
    fn open(o: &'a Opts) -> Self {
        let (f, names, ep) = (&o.fan, o.fan.names(), sys::Epoll::new().unwrap());
        let mut list = Vec::with_capacity(o.conns);
        for i in 0..o.conns {
            let ch = i % f.channels;
            let (fd, rest) = open(o, i, &o.path.replace("{ch}", &names[ch]), f.protocol.as_deref())
                .unwrap_or_else(|e| crate::die(&e));
            let fill = |b: Vec<u8>| {
                let b = replace(&b, b"{ch}", names[ch].as_bytes());
                replace(&b, b"{token}", f.token(i))
            };
            let hello: Vec<u8> = f.hello.iter().flat_map(|h| message(o.raw, h, fill)).collect();
            send_all(fd, &hello);
            ep.add(fd, i as u64, libc::EPOLLIN).unwrap();
            list.push(Sub { fd, ch, last: 0, ready: f.ready.is_empty(), gone: false, rest });
        }
        let publ = Publisher::open(o);
        ep.add(publ.fd, PUBLISHER, libc::EPOLLIN).unwrap();
        let timer = sys::timer();
        ep.add(timer, TIMER, libc::EPOLLIN).unwrap();

        let room = HEAD.len() + MARK + 1 + TAIL.len();
        let mut pad = vec![b' '];
        pad.resize(1 + o.size.saturating_sub(room), b'x');
        let subs = Subscribers::new(o, list, unescape(&f.ready), MARK + pad.len());
        let buf = vec![0u8; 256 << 10];
        Self { o, names, pad, subs, publ, publishing: false, next_due: 0, timer, ep, buf }
    }

    /// Until everybody has been let in.
    fn await_ready(&mut self, t0: u64) {
        for i in 0..self.subs.list.len() {
            let rest = std::mem::take(&mut self.subs.list[i].rest);
            let used = self.subs.take(i, &rest, t0);
            self.subs.list[i].rest = rest[used..].to_vec();
        }
        let mut evs = sys::events(1024);
        while self.subs.list.iter().any(|s| !s.ready) || !self.publ.ready {
            if sys::now_ns() - t0 > 60_000_000_000 || self.subs.t.closed > 0 {
                let n = self.subs.list.iter().filter(|s| !s.ready).count();
                let (closed, ready) = (self.subs.t.closed, self.publ.ready);
                crate::die(&format!(
                    "{n} subscribers not ready, {closed} closed, publisher ready: {ready}"
                ));
            }
            let n = self.ep.wait(&mut evs, 100);
            for ev in &evs[..n] {
                match ev.u64 {
                    PUBLISHER => self.publ.readable(self.o, &mut self.buf),
                    TIMER => {}
                    i => drop(self.subs.readable(i as usize, &mut self.buf)),
                }
            }
        }
    }

    /// Send what is due, or what the window allows.
    #[inline]
    fn publish(&mut self, now: u64) {
        if !self.publishing {
            return;
        }
        let o = self.o;
        if o.fan.rate > 0.0 {
            if now < self.next_due {
                return;
            }
            while now >= self.next_due {
                // The time it should have gone out, so that a late publisher hides nothing.
                let due = self.next_due;
                self.subs.t.late = self.subs.t.late.max(now - due);
                self.one(due);
                self.next_due += (1e9 / o.fan.rate) as u64;
            }
            sys::set_timer(self.timer, self.next_due);
        } else {
            loop {
                let t = &self.subs.t;
                let members = t.members[t.pubs as usize % o.fan.channels];
                if members == 0 || t.asked + members > t.settled + o.window as u64 * members {
                    return;
                }
                self.one(now);
            }
        }
    }

    fn one(&mut self, stamp: u64) {
        let (o, t) = (self.o, &mut self.subs.t);
        let ch = t.pubs as usize % o.fan.channels;
        t.pubs += 1;
        t.sent[ch] += 1;
        t.asked += t.members[ch];
        let mut data = Vec::with_capacity(o.size + 64);
        data.extend_from_slice(HEAD);
        data.extend_from_slice(format!("@@{:010}@{:018}", t.sent[ch], stamp).as_bytes());
        data.extend_from_slice(&self.pad);
        data.extend_from_slice(TAIL);
        let (id, len) = ((t.pubs + 9).to_string(), data.len().to_string());
        let fill = |b: Vec<u8>| {
            let b = replace(&b, b"{ch}", self.names[ch].as_bytes());
            let b = replace(&replace(&b, b"{id}", id.as_bytes()), b"{len}", len.as_bytes());
            replace(&b, b"{data}", &data)
        };
        self.publ.out.push_back(if let Some(path) = &o.fan.http {
            let body = fill(unescape(&o.fan.publish));
            let path = path.replace("{ch}", &self.names[ch]);
            post(&o.addr.to_string(), &path, &o.fan.http_headers, &body)
        } else {
            message(o.raw, &o.fan.publish, fill)
        });
        self.publ.flush(o.fan.http.is_some());
    }

    /// One wait, and all that it brings.
    fn turn(&mut self, evs: &mut [libc::epoll_event]) -> u64 {
        let n = self.ep.wait(evs, if self.publ.out.is_empty() { 20 } else { 1 });
        let mut now = sys::now_ns();
        for ev in &evs[..n] {
            match ev.u64 {
                PUBLISHER => self.publ.readable(self.o, &mut self.buf),
                TIMER => sys::drain_timer(self.timer),
                i => now = self.subs.readable(i as usize, &mut self.buf),
            }
            self.publish(now);
        }
        self.publish(now);
        self.publ.flush(self.o.fan.http.is_some());
        now
    }

    /// Warms up, measures, counts system calls, drains.
    fn measure(&mut self) -> Measured {
        let o = self.o;
        let pid = o.server_pid;
        let secs = |s: f64| (s * 1e9) as u64;
        let start = sys::now_ns();
        let ends = [o.warmup, o.warmup + o.secs, o.warmup + o.secs + 0.4].map(|s| start + secs(s));
        let first = Snap::now(&self.subs.t, pid);
        let mut m = Measured { a: first, b: first, syscalls: -1.0 };
        let (mut counters, mut counted) = (Vec::new(), (0, 0));
        let (mut phase, mut moved, mut moved_at) = (0, 0, start);
        let mut evs = sys::events(1024);
        let total =
            |counters: &[sys::Counter]| counters.iter().map(sys::Counter::read).sum::<u64>();
        self.publishing = true;
        self.next_due = start;
        self.publish(start);
        loop {
            let now = self.turn(&mut evs);
            let t = &mut self.subs.t;
            if t.settled != moved {
                (moved, moved_at) = (t.settled, now);
            }
            if phase < 3 && now >= ends[phase] {
                phase += 1;
                match phase {
                    1 => {
                        m.a = Snap::now(t, pid);
                        t.late = 0;
                        self.subs.measuring = true;
                    }
                    2 => {
                        m.b = Snap::now(t, pid);
                        counters = pid.map(sys::count_syscalls).unwrap_or_default();
                        counted = (total(&counters), t.deliveries);
                        self.subs.measuring = false;
                    }
                    _ => {
                        if !counters.is_empty() {
                            let d = (t.deliveries - counted.1).max(1) as f64;
                            m.syscalls = (total(&counters) - counted.0) as f64 / d;
                        }
                        self.publishing = false;
                    }
                }
            }
            let left = self.subs.t.asked - self.subs.t.settled;
            if phase == 3 && (left == 0 || now > ends[2] + secs(5.0)) {
                return m;
            }
            if left > 0 && now > moved_at + secs(5.0) {
                eprintln!("nothing moved for 5 s with {left} deliveries outstanding");
                if phase < 2 {
                    std::process::exit(3);
                }
                return m;
            }
        }
    }
}

pub fn run(o: &Opts) {
    let mem = || o.server_pid.map(proc::mem).unwrap_or_default();
    let ((rss0, pss0), kernel0) = (mem(), proc::tcp_mem());
    let t0 = sys::now_ns();
    let mut r = Run::open(o);
    r.await_ready(t0);
    let open_s = (sys::now_ns() - t0) as f64 / 1e9;
    std::thread::sleep(std::time::Duration::from_secs_f64(o.hold));
    let (rss1, pss1) = mem();
    let held = Held {
        open_s,
        rss0,
        rss: rss1.saturating_sub(rss0),
        pss: pss1.saturating_sub(pss0),
        kernel: proc::tcp_mem().saturating_sub(kernel0),
    };
    let idle = o.secs == 0.0;
    let mut fields = vec![
        ("mode", format!("\"{}\"", if idle { "sessions" } else { "fanout" })),
        ("label", format!("\"{}\"", o.label)),
    ];
    fields.extend(held.fields(o));
    if !idle {
        let m = r.measure();
        fields.extend(m.fields(&r));
    }
    let body: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
    println!("{{{}}}", body.join(","));
    for s in r.subs.list.iter().filter(|s| !s.gone) {
        sys::close_reset(s.fd);
    }
    sys::close_reset(r.publ.fd);
}
