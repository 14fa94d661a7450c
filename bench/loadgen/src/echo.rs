//! Closed-loop echo: every connection keeps `window` messages outstanding.

use crate::frames::{Bad, Cycle, Reader};
use crate::link::Link;
use crate::{Opts, proc, shake, sys};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::*};
use std::time::Duration;

struct Conn {
    link: Link,
    /// Frames handed to the socket so far, within the cycle.
    next: usize,
    /// Unsent part of the current slice of the cycle's bytes.
    out: (usize, usize),
    /// Messages allowed to be sent but not yet put in `out`.
    credit: usize,
    rd: Reader,
    raw_got: usize,
    expect: usize,
    stamps: VecDeque<(u64, u32)>,
}

#[derive(Default)]
struct Shared {
    phase: AtomicU8,
    ready: AtomicU64,
    go: AtomicBool,
    msgs: Vec<AtomicU64>,
    bytes: Vec<AtomicU64>,
}

struct Worker<'a> {
    o: &'a Opts,
    cyc: &'a Cycle,
    hist: Histogram<u64>,
    sh: &'a Shared,
    id: usize,
    msgs: u64,
    bytes: u64,
    measuring: bool,
}

impl Worker<'_> {
    /// Push out what is allowed; stops at a full socket.
    #[inline]
    fn pump(&mut self, c: &mut Conn, now: u64) {
        loop {
            if c.out.0 == c.out.1 {
                if c.credit == 0 {
                    return;
                }
                let k = c.credit.min(self.o.window);
                c.out = (self.cyc.offs[c.next], self.cyc.offs[c.next + k]);
                c.next = (c.next + k) % self.cyc.len;
                c.credit -= k;
                c.stamps.push_back((now, k as u32));
            }
            let n = c.link.send(&self.cyc.bytes[c.out.0..c.out.1]);
            if n < 0 {
                if sys::would_block() {
                    return;
                }
                crate::die(&format!("send: {}", std::io::Error::last_os_error()));
            }
            c.out.0 += n as usize;
        }
    }

    #[inline]
    fn finished(&mut self, c: &mut Conn, mut k: u32, now: u64) {
        self.msgs += k as u64;
        c.credit += k as usize;
        while k > 0 {
            let f = c.stamps.front_mut().expect("more replies than requests");
            let t = f.1.min(k);
            if self.measuring {
                let _ = self.hist.record_n(now.saturating_sub(f.0).max(1), t as u64);
            }
            f.1 -= t;
            k -= t;
            if f.1 == 0 {
                c.stamps.pop_front();
            }
        }
    }

    fn readable(&mut self, c: &mut Conn, buf: &mut [u8]) {
        loop {
            let n = c.link.recv(buf);
            if n <= 0 {
                if n < 0 && sys::would_block() {
                    return;
                }
                crate::die(&format!("{}: the server closed a connection", self.o.label));
            }
            let b = &buf[..n as usize];
            self.bytes += n as u64;
            let k = if self.o.raw {
                c.raw_got += b.len();
                let mut k = 0;
                loop {
                    let flen = self.cyc.offs[c.expect + 1] - self.cyc.offs[c.expect];
                    if c.raw_got < flen {
                        break k;
                    }
                    c.raw_got -= flen;
                    c.expect = (c.expect + 1) % self.cyc.len;
                    k += 1;
                }
            } else if self.o.verify {
                let (cyc, expect) = (self.cyc, &mut c.expect);
                c.rd.feed::<true>(b, |piece, pos, end| {
                    if !self.o.deflate {
                        let want = &cyc.clear[*expect];
                        assert!(want[pos..pos + piece.len()] == *piece, "an echoed byte differs");
                        assert!(
                            !end || pos + piece.len() == want.len(),
                            "an echoed message is short"
                        );
                    }
                    if end {
                        *expect = (*expect + 1) % cyc.len;
                    }
                })
                .unwrap_or_else(bad)
            } else {
                c.rd.feed::<false>(b, |_, _, _| {}).unwrap_or_else(bad)
            };
            let now = sys::now_ns();
            if k > 0 {
                self.finished(c, k, now);
            }
            if c.credit > 0 {
                self.pump(c, now);
            }
            if (n as usize) < buf.len() && !c.link.is_tls() {
                return;
            }
        }
    }

    fn run(&mut self) {
        let o = self.o;
        let req = shake::request(o);
        let ep = sys::Epoll::new().unwrap();
        let mut conns = Vec::new();
        for i in (self.id..o.conns).step_by(o.threads) {
            let (link, head) = shake::open(o, i, &req).unwrap_or_else(|e| crate::die(&e));
            if i == 0 && o.verify {
                eprintln!("{head}");
            }
            conns.push(Conn {
                link,
                next: 0,
                out: (0, 0),
                credit: o.window,
                rd: Reader::default(),
                raw_got: 0,
                expect: 0,
                stamps: VecDeque::with_capacity(o.window + 1),
            });
        }
        for (t, c) in conns.iter().enumerate() {
            ep.add(c.link.fd, t as u64, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET).unwrap();
        }
        self.sh.ready.fetch_add(1, SeqCst);
        while !self.sh.go.load(Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut evs = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
        let mut buf = vec![0u8; 256 << 10];
        loop {
            let n = ep.wait(&mut evs, 100);
            match self.sh.phase.load(Relaxed) {
                1 => self.measuring = true,
                2 => break,
                3 => self.measuring = false,
                _ => {}
            }
            for ev in &evs[..n] {
                let c = &mut conns[ev.u64 as usize];
                if ev.events
                    & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP) as u32
                    != 0
                {
                    self.readable(c, &mut buf);
                }
                if c.out.0 < c.out.1 || c.credit > 0 {
                    self.pump(c, sys::now_ns());
                } else if c.link.wants_write() {
                    c.link.flush();
                }
            }
            self.sh.msgs[self.id].store(self.msgs, Relaxed);
            self.sh.bytes[self.id].store(self.bytes, Relaxed);
        }
        for c in &conns {
            sys::close_reset(c.link.fd);
        }
    }
}

fn bad(e: Bad) -> u32 {
    crate::die(match e {
        Bad::Close => "the server sent Close",
        Bad::Masked => "the server sent a masked frame",
    })
}

pub fn run(o: &Opts) {
    let cyc = Cycle::build(o);
    let mut sh = Shared::default();
    for _ in 0..o.threads {
        sh.msgs.push(AtomicU64::new(0));
        sh.bytes.push(AtomicU64::new(0));
    }
    let sh = Arc::new(sh);
    let (mut hist, mut line) =
        (Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap(), String::new());
    std::thread::scope(|s| {
        let hs: Vec<_> = (0..o.threads)
            .map(|id| {
                let (sh, cyc) = (&*sh, &cyc);
                s.spawn(move || {
                    let hist = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
                    let mut w =
                        Worker { o, cyc, hist, sh, id, msgs: 0, bytes: 0, measuring: false };
                    w.run();
                    w.hist
                })
            })
            .collect();
        while sh.ready.load(SeqCst) < o.threads as u64 {
            if hs.iter().any(|h| h.is_finished()) {
                crate::die("a worker ended early");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        sh.go.store(true, Release);
        std::thread::sleep(Duration::from_secs_f64(o.warmup));
        let sum = |v: &Vec<AtomicU64>| v.iter().map(|a| a.load(Relaxed)).sum::<u64>();
        let me = std::process::id();
        let snap = || {
            (
                sys::now_ns(),
                sum(&sh.msgs),
                sum(&sh.bytes),
                o.server_pid.map(proc::cpu).unwrap_or_default(),
                proc::cpu(me),
            )
        };
        let a = snap();
        sh.phase.store(1, Relaxed);
        std::thread::sleep(Duration::from_secs_f64(o.secs));
        let b = snap();
        sh.phase.store(3, Relaxed);
        // A short extra phase under kernel counters, outside the timed one.
        let (mut sysc, mut instr) = (-1.0, -1.0);
        if let Some(pid) = o.server_pid {
            let (c, i) = (sys::count_syscalls(pid), sys::count_instructions(pid));
            let m0 = sum(&sh.msgs);
            let (c0, i0) =
                (c.iter().map(|c| c.read()).sum::<u64>(), i.iter().map(|c| c.read()).sum::<u64>());
            std::thread::sleep(Duration::from_secs_f64(0.15));
            let m = (sum(&sh.msgs) - m0).max(1) as f64;
            if !c.is_empty() {
                sysc = (c.iter().map(|c| c.read()).sum::<u64>() - c0) as f64 / m;
            }
            if !i.is_empty() {
                instr = (i.iter().map(|c| c.read()).sum::<u64>() - i0) as f64 / m;
            }
        }
        sh.phase.store(2, Relaxed);
        for h in hs {
            hist.add(h.join().unwrap()).unwrap();
        }
        let t = (b.0 - a.0) as f64 / 1e9;
        let m = (b.1 - a.1) as f64;
        let srv = (b.3.run_ns - a.3.run_ns) as f64;
        let us = |q: f64| hist.value_at_quantile(q) as f64 / 1e3;
        line = format!(
            "{{\"mode\":\"echo\",\"label\":\"{}\",\"conns\":{},\"size\":{},\"window\":{},\"deflate\":{},\"rate\":{:.0},\"mib_s\":{:.1},\"rx_bytes_per_msg\":{:.1},\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.1},\"srv_ns_per_msg\":{:.1},\"srv_cpu\":{:.3},\"srv_busy\":{:.3},\"gen_busy\":{:.3},\"srv_user\":{:.3},\"srv_sys\":{:.3},\"srv_ctxsw_per_msg\":{:.4},\"srv_invol\":{},\"gen_cpu\":{:.3},\"syscalls_per_msg\":{:.3},\"instr_per_msg\":{:.0}}}",
            o.label,
            o.conns,
            o.size,
            o.window,
            o.deflate,
            m / t,
            (b.2 - a.2) as f64 / t / 1048576.0,
            (b.2 - a.2) as f64 / m.max(1.0),
            us(0.5),
            us(0.99),
            us(0.999),
            hist.max() as f64 / 1e3,
            srv / m.max(1.0),
            srv / t / 1e9,
            (srv + (b.3.wait_ns - a.3.wait_ns) as f64) / t / 1e9,
            (b.4.run_ns - a.4.run_ns + b.4.wait_ns - a.4.wait_ns) as f64 / t / 1e9,
            (b.3.user_ticks - a.3.user_ticks) as f64 / 100.0 / t,
            (b.3.sys_ticks - a.3.sys_ticks) as f64 / 100.0 / t,
            (b.3.ctx_vol - a.3.ctx_vol) as f64 / m.max(1.0),
            b.3.ctx_invol - a.3.ctx_invol,
            (b.4.run_ns - a.4.run_ns) as f64 / t / 1e9,
            sysc,
            instr
        );
    });
    println!("{line}");
}
