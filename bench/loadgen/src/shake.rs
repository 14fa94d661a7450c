//! The opening handshake, and the `connect` mode that measures it.

use crate::link::Link;
use crate::{Opts, proc, sys};
use hdrhistogram::Histogram;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;

pub fn source(o: &Opts, i: usize) -> Option<Ipv4Addr> {
    (o.sources > 1).then(|| Ipv4Addr::from(0x7f00_0002 + (i as u32 % o.sources)))
}

pub fn request(o: &Opts) -> Vec<u8> {
    let ext = match (o.deflate, o.no_context) {
        (true, false) => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        (true, true) => {
            "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
        }
        _ => "",
    };
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{ext}\r\n",
        o.path, o.addr
    )
    .into_bytes()
}

/// The answer to the sample nonce of RFC 6455.
const ACCEPT: &str = "s3pplmbitxaq9kygzzhzrbk+xoo=";

pub fn check(o: &Opts, head: &[u8]) -> Result<(), String> {
    let s = String::from_utf8_lossy(head).to_ascii_lowercase();
    if !s.starts_with("http/1.1 101") || !s.contains(ACCEPT) {
        return Err(format!("bad handshake answer: {s}"));
    }
    if o.deflate && !s.contains("permessage-deflate") {
        return Err("the server did not agree to permessage-deflate".into());
    }
    if !o.deflate && s.contains("permessage-deflate") {
        return Err("permessage-deflate without an offer".into());
    }
    Ok(())
}

/// Connect and upgrade, blocking. Returns a socket that no longer blocks.
pub fn open(o: &Opts, i: usize, req: &[u8]) -> Result<(Link, String), String> {
    let fd = sys::connect(o.addr, source(o, i), false).map_err(|e| format!("connect {i}: {e}"))?;
    let mut link = Link::new(fd, o.tls)?;
    let mut head = String::new();
    if !o.raw {
        let mut off = 0;
        while off < req.len() {
            let n = link.send(&req[off..]);
            if n <= 0 {
                return Err(format!("send: {}", std::io::Error::last_os_error()));
            }
            off += n as usize;
        }
        let mut buf = [0u8; 4096];
        let mut have = 0;
        while !buf[..have].ends_with(b"\r\n\r\n") {
            let n = link.recv(&mut buf[have..]);
            if n <= 0 {
                return Err(format!("handshake {i}: closed"));
            }
            have += n as usize;
        }
        check(o, &buf[..have])?;
        head = String::from_utf8_lossy(&buf[..have]).into_owned();
    }
    sys::set_nonblocking(fd);
    Ok((link, head))
}

struct Slot {
    fd: RawFd,
    t0: u64,
    sent: bool,
    have: usize,
    buf: [u8; 1024],
}

impl Slot {
    fn start(o: &Opts, i: usize, nth: usize, ep: &sys::Epoll) -> Self {
        let t0 = sys::now_ns();
        let fd = sys::connect(o.addr, source(o, nth), true)
            .unwrap_or_else(|e| crate::die(&format!("connect: {e}")));
        ep.add(fd, i as u64, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET).unwrap();
        Slot { fd, t0, sent: false, have: 0, buf: [0; 1024] }
    }

    /// Sends the request, reads the answer; whether it was let in, once that is known.
    fn step(&mut self, events: u32, req: &[u8]) -> Option<bool> {
        if !self.sent && events & libc::EPOLLOUT as u32 != 0 {
            let n = sys::send(self.fd, req);
            if n == req.len() as isize {
                self.sent = true;
            } else if n < 0 && !sys::would_block() {
                return Some(false);
            }
        }
        if self.sent && events & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0 {
            let n = sys::recv(self.fd, &mut self.buf[self.have..]);
            if n > 0 {
                self.have += n as usize;
                if self.buf[..self.have].ends_with(b"\r\n\r\n") {
                    return Some(self.buf.starts_with(b"HTTP/1.1 101"));
                }
            } else if n == 0 || !sys::would_block() {
                return Some(false);
            }
        }
        None
    }
}

/// `conns` connections that stay, as many as `window` of them on the way at a time: how long until
/// all are open.
pub fn storm(o: &Opts) {
    let (req, ep) = (request(o), sys::Epoll::new().unwrap());
    let before = o.server_pid.map(proc::cpu).unwrap_or_default();
    let mut hist = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let mut evs = sys::events(512);
    let (mut slots, mut open, mut failed) = (Vec::with_capacity(o.conns), 0usize, 0u64);
    let begin = sys::now_ns();
    while open + (failed as usize) < o.conns {
        while slots.len() < o.conns && slots.len() - open - (failed as usize) < o.window {
            slots.push(Slot::start(o, slots.len(), slots.len(), &ep));
        }
        let n = ep.wait(&mut evs, 1000);
        if n == 0 && sys::now_ns() - begin > 60_000_000_000 {
            crate::die(&format!("{open} of {} are open after a minute", o.conns));
        }
        for ev in &evs[..n] {
            let s = &mut slots[ev.u64 as usize];
            if s.have > 0 && s.buf[..s.have].ends_with(b"\r\n\r\n") {
                continue;
            }
            match s.step(ev.events, &req) {
                Some(true) => {
                    open += 1;
                    let _ = hist.record(sys::now_ns() - s.t0);
                }
                Some(false) => {
                    failed += 1;
                    sys::close(s.fd);
                    s.fd = -1;
                }
                None => {}
            }
        }
    }
    let seconds = (sys::now_ns() - begin) as f64 / 1e9;
    let server = o.server_pid.map(proc::cpu).unwrap_or_default().since(&before);
    println!(
        "{{\"mode\":\"storm\",\"label\":\"{}\",\"conns\":{},\"seconds\":{seconds:.3},\"failed\":{failed},\"p50_us\":{:.1},\"p99_us\":{:.1},\"max_us\":{:.1},\"srv_ns_per_msg\":{:.0},\"srv_busy\":{:.3}}}",
        o.label,
        o.conns,
        hist.value_at_quantile(0.5) as f64 / 1e3,
        hist.value_at_quantile(0.99) as f64 / 1e3,
        hist.max() as f64 / 1e3,
        server.run_ns as f64 / open.max(1) as f64,
        (server.run_ns + server.wait_ns) as f64 / seconds / 1e9
    );
    slots.iter().filter(|s| s.fd >= 0).for_each(|s| sys::close_reset(s.fd));
}

/// `conns` slots, each connecting, upgrading and closing over and over.
pub fn run(o: &Opts) {
    let req = request(o);
    let ep = sys::Epoll::new().unwrap();
    let mut made = 0usize;
    let mut start_slot = |i: usize| {
        made += 1;
        Slot::start(o, i, made - 1, &ep)
    };
    let mut slots: Vec<Slot> = (0..o.conns).map(&mut start_slot).collect();
    let mut evs = vec![libc::epoll_event { events: 0, u64: 0 }; 512];
    let begin = sys::now_ns();
    let warm_end = begin + (o.warmup * 1e9) as u64;
    let mut end = u64::MAX;
    let mut measuring = false;
    let (mut done, mut failed) = (0u64, 0u64);
    let mut hist = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    let mut cpu0 = proc::Cpu::default();
    let me = std::process::id();
    let mut mine0 = proc::Cpu::default();
    let mut t_start = 0;
    loop {
        let now = sys::now_ns();
        if !measuring && now >= warm_end {
            measuring = true;
            done = 0;
            hist.reset();
            cpu0 = o.server_pid.map(proc::cpu).unwrap_or_default();
            mine0 = proc::cpu(me);
            t_start = now;
            end = now + (o.secs * 1e9) as u64;
        }
        if now >= end {
            break;
        }
        let n = ep.wait(&mut evs, 100);
        for ev in &evs[..n] {
            let i = ev.u64 as usize;
            let s = &mut slots[i];
            if let Some(ok) = s.step(ev.events, &req) {
                if ok {
                    done += 1;
                    let _ = hist.record(sys::now_ns() - s.t0);
                } else {
                    failed += 1;
                }
                sys::close_reset(s.fd);
                *s = start_slot(i);
            }
        }
    }
    let t = (sys::now_ns() - t_start) as f64 / 1e9;
    let cpu1 = o.server_pid.map(proc::cpu).unwrap_or_default();
    let mine1 = proc::cpu(me);
    let srv = (cpu1.run_ns - cpu0.run_ns) as f64;
    println!(
        "{{\"mode\":\"connect\",\"label\":\"{}\",\"conns\":{},\"rate\":{:.0},\"failed\":{},\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.1},\"srv_ns_per_msg\":{:.0},\"srv_cpu\":{:.3},\"srv_busy\":{:.3},\"gen_busy\":{:.3},\"gen_cpu\":{:.3}}}",
        o.label,
        o.conns,
        done as f64 / t,
        failed,
        hist.value_at_quantile(0.5) as f64 / 1e3,
        hist.value_at_quantile(0.99) as f64 / 1e3,
        hist.value_at_quantile(0.999) as f64 / 1e3,
        hist.max() as f64 / 1e3,
        srv / done.max(1) as f64,
        srv / t / 1e9,
        (srv + (cpu1.wait_ns - cpu0.wait_ns) as f64) / t / 1e9,
        (mine1.run_ns - mine0.run_ns + mine1.wait_ns - mine0.wait_ns) as f64 / t / 1e9,
        (mine1.run_ns - mine0.run_ns) as f64 / t / 1e9
    );
    for s in slots {
        sys::close_reset(s.fd);
    }
}
