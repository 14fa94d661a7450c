//! How many publications a server takes: every connection keeps `window` of them unanswered, and
//! nobody is subscribed. Over WebSocket, or with `--http PATH` as a POST each.

use crate::fanout::{open, send_all};
use crate::template::{answers, contains, frames, message, post, replace, unescape};
use crate::{Opts, proc, sys};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::os::fd::RawFd;

struct Conn {
    fd: RawFd,
    ch: usize,
    out: Vec<u8>,
    inbox: Vec<u8>,
    /// When each publication was sent that has no answer yet.
    sent: VecDeque<u64>,
    ready: bool,
}

struct Run<'a> {
    o: &'a Opts,
    names: Vec<String>,
    data: Vec<u8>,
    id: u64,
    done: u64,
    refused: u64,
    hist: Histogram<u64>,
}

impl Run<'_> {
    fn connect(&self, i: usize) -> Conn {
        let (o, f) = (self.o, &self.o.fan);
        let (fd, inbox) = if f.http.is_some() {
            let fd = sys::connect(o.addr, None, false)
                .unwrap_or_else(|e| crate::die(&format!("publisher {i}: {e}")));
            sys::set_nonblocking(fd);
            (fd, Vec::new())
        } else {
            open(o, i, f.pub_path.as_deref().unwrap_or(&o.path), None)
                .unwrap_or_else(|e| crate::die(&e))
        };
        if f.http.is_none() {
            f.pub_hello.iter().for_each(|hello| send_all(fd, &message(o.raw, hello, |b| b)));
        }
        let ready = f.http.is_some() || f.pub_ready.is_empty();
        Conn { fd, ch: i % f.channels, out: Vec::new(), inbox, sent: VecDeque::new(), ready }
    }

    fn publication(&mut self, ch: usize) -> Vec<u8> {
        let (f, name) = (&self.o.fan, self.names[ch].as_bytes());
        self.id += 1;
        let (id, data) = ((self.id + 9).to_string(), &self.data);
        let len = data.len().to_string();
        let fill = |b: Vec<u8>| {
            let b = replace(&replace(&b, b"{ch}", name), b"{id}", id.as_bytes());
            replace(&replace(&b, b"{len}", len.as_bytes()), b"{data}", data)
        };
        match &f.http {
            Some(path) => {
                let body = fill(unescape(&f.publish));
                let path = path.replace("{ch}", &self.names[ch]);
                post(&self.o.addr.to_string(), &path, &f.http_headers, &body)
            }
            None => message(self.o.raw, &f.publish, fill),
        }
    }

    /// As many as the window allows, in one write.
    fn pump(&mut self, c: &mut Conn, now: u64) {
        while c.ready && c.sent.len() < self.o.window {
            let m = self.publication(c.ch);
            c.out.extend_from_slice(&m);
            c.sent.push_back(now);
        }
        if !c.out.is_empty() {
            let n = sys::send(c.fd, &c.out);
            if n > 0 {
                c.out.drain(..n as usize);
            } else if !sys::would_block() {
                crate::die("a publisher's connection ended");
            }
        }
    }

    fn readable(&mut self, c: &mut Conn, buf: &mut [u8], measuring: bool) {
        let n = sys::recv(c.fd, buf);
        if n <= 0 {
            if n < 0 && sys::would_block() {
                return;
            }
            crate::die("a publisher's connection was closed");
        }
        c.inbox.extend_from_slice(&buf[..n as usize]);
        let came = if self.o.fan.http.is_some() {
            let (came, refused) = answers(&mut c.inbox);
            self.refused += refused;
            came
        } else {
            self.replies(c)
        };
        let now = sys::now_ns();
        for _ in 0..came {
            let sent =
                c.sent.pop_front().unwrap_or_else(|| crate::die("more answers than questions"));
            self.done += 1;
            if measuring {
                let _ = self.hist.record(now.saturating_sub(sent).max(1));
            }
        }
    }

    /// Replies have an `id`; several may share a frame.
    fn replies(&mut self, c: &mut Conn) -> u64 {
        let f = &self.o.fan;
        let (mut came, mut pongs, mut refused) = (0, 0, 0);
        let used = frames(&c.inbox, |op, b| match op {
            8 => crate::die(&format!("closed: {}", String::from_utf8_lossy(b))),
            9 => {}
            _ if !f.ping.is_empty() && b == f.ping.as_bytes() => pongs += 1,
            _ if !c.ready => c.ready = contains(b, f.pub_ready.as_bytes()),
            _ => {
                came += b.windows(5).filter(|w| w == b"\"id\":").count() as u64;
                refused += contains(b, b"\"error\"") as u64;
            }
        });
        c.inbox.drain(..used);
        self.refused += refused;
        (0..pongs).for_each(|_| c.out.extend(message(false, &f.pong, |b| b)));
        came
    }
}

pub fn run(o: &Opts) {
    let mut data = b"{\"m\":\"".to_vec();
    data.resize(o.size.saturating_sub(2).max(data.len()), b'x');
    data.extend_from_slice(b"\"}");
    let hist = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let mut r = Run { o, names: o.fan.names(), data, id: 0, done: 0, refused: 0, hist };
    let mut conns: Vec<Conn> = (0..o.conns).map(|i| r.connect(i)).collect();
    let ep = sys::Epoll::new().unwrap();
    for (i, c) in conns.iter().enumerate() {
        ep.add(c.fd, i as u64, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET).unwrap();
    }
    let snap = |done: u64| {
        let server = o.server_pid.map(proc::cpu).unwrap_or_default();
        (sys::now_ns(), done, server, proc::cpu(std::process::id()))
    };
    let secs = |s: f64| (s * 1e9) as u64;
    let start = sys::now_ns();
    let (from, to) = (start + secs(o.warmup), start + secs(o.warmup + o.secs));
    let (mut a, mut measuring) = (snap(0), false);
    let (mut evs, mut buf) = (sys::events(1024), vec![0u8; 256 << 10]);
    let b = loop {
        let n = ep.wait(&mut evs, 20);
        let now = sys::now_ns();
        for ev in &evs[..n] {
            let c = &mut conns[ev.u64 as usize];
            if ev.events & libc::EPOLLIN as u32 != 0 {
                r.readable(c, &mut buf, measuring);
            }
            r.pump(c, now);
        }
        if !measuring && now >= from {
            (a, measuring) = (snap(r.done), true);
        }
        if now >= to {
            break snap(r.done);
        }
    };
    let (dt, done) = ((b.0 - a.0) as f64 / 1e9, (b.1 - a.1) as f64);
    let (server, own) = (b.2.since(&a.2), b.3.since(&a.3));
    let us = |q: f64| r.hist.value_at_quantile(q) as f64 / 1e3;
    let busy = |c: proc::Cpu| (c.run_ns + c.wait_ns) as f64 / dt / 1e9;
    println!(
        "{{\"mode\":\"publish\",\"label\":\"{}\",\"conns\":{},\"size\":{},\"window\":{},\"rate\":{:.0},\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.1},\"srv_ns_per_msg\":{:.1},\"srv_busy\":{:.3},\"gen_busy\":{:.3},\"refused\":{}}}",
        o.label,
        o.conns,
        o.size,
        o.window,
        done / dt,
        us(0.5),
        us(0.99),
        us(0.999),
        r.hist.max() as f64 / 1e3,
        server.run_ns as f64 / done.max(1.0),
        busy(server),
        busy(own),
        r.refused
    );
    conns.iter().for_each(|c| sys::close_reset(c.fd));
}
