//! The other way round: a server without any WebSocket library echoes, and what is measured is a
//! client, which is started as `--client PROGRAM ARGS...` once the server listens.

use crate::{Opts, proc, sys};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const LISTENER: u64 = u64::MAX;

struct Conn {
    fd: RawFd,
    open: bool,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Conn {
    /// Reads once, answers all that is whole, writes once; how many messages came.
    fn step(&mut self, o: &Opts, buf: &mut [u8]) -> u64 {
        let n = sys::recv(self.fd, buf);
        if n == 0 || (n < 0 && !sys::would_block()) {
            crate::die(&format!("{}: the client closed a connection", o.label));
        }
        self.input.extend_from_slice(&buf[..n.max(0) as usize]);
        if !self.open {
            self.shake_hands();
        }
        let came = match (self.open, o.raw) {
            (false, _) => 0,
            (true, true) => self.echo_bytes(o.size),
            (true, false) => self.echo_frames(),
        };
        self.flush();
        came
    }

    fn flush(&mut self) {
        if !self.output.is_empty() {
            let n = sys::send(self.fd, &self.output);
            self.output.drain(..n.max(0) as usize);
        }
    }

    fn shake_hands(&mut self) {
        let Some(end) = self.input.windows(4).position(|w| w == b"\r\n\r\n") else { return };
        let head = String::from_utf8_lossy(&self.input[..end]).into_owned();
        let key = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            .unwrap_or_else(|| crate::die("a request without a key"))
            .1;
        let hash = Sha1::new()
            .chain_update(key.trim())
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize();
        self.output.extend_from_slice(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                STANDARD.encode(hash)
            )
            .as_bytes(),
        );
        self.input.drain(..end + 4);
        self.open = true;
    }

    fn echo_bytes(&mut self, size: usize) -> u64 {
        let whole = self.input.len() / size;
        self.output.extend(self.input.drain(..whole * size));
        whole as u64
    }

    fn echo_frames(&mut self) -> u64 {
        let (mut at, mut came) = (0, 0);
        while let Some((start, key, len)) = header(&self.input[at..]) {
            let from = at + start;
            if self.input.len() < from + len {
                break;
            }
            let opcode = self.input[at] & 15;
            at = from + len;
            match opcode {
                1 | 2 => {}
                8 => crate::die("the client sent Close"),
                // No client here sends pings while it is busy, and a pong needs no answer.
                _ => continue,
            }
            self.output.push(0x80 | opcode);
            match len {
                n if n < 126 => self.output.push(n as u8),
                n if n < 65536 => {
                    self.output.push(126);
                    self.output.extend_from_slice(&(n as u16).to_be_bytes());
                }
                n => {
                    self.output.push(127);
                    self.output.extend_from_slice(&(n as u64).to_be_bytes());
                }
            }
            let payload = &self.input[from..at];
            let begin = self.output.len();
            self.output.extend_from_slice(payload);
            unmask(&mut self.output[begin..], key);
            came += 1;
        }
        self.input.drain(..at);
        came
    }
}

/// A masked header: its length, the key, the payload's length.
fn header(b: &[u8]) -> Option<(usize, [u8; 4], usize)> {
    let (start, len) = match b.get(1)? & 0x7f {
        126 => (4, u16::from_be_bytes(b.get(2..4)?.try_into().unwrap()) as usize),
        127 => (10, u64::from_be_bytes(b.get(2..10)?.try_into().unwrap()) as usize),
        n => (2, n as usize),
    };
    if b[1] & 0x80 == 0 {
        crate::die("the client sent a frame that is not masked");
    }
    Some((start + 4, b.get(start..start + 4)?.try_into().unwrap(), len))
}

fn unmask(b: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([key, key].concat().try_into().unwrap());
    let mut chunks = b.chunks_exact_mut(8);
    for c in &mut chunks {
        let word = u64::from_ne_bytes((&*c).try_into().unwrap()) ^ wide;
        c.copy_from_slice(&word.to_ne_bytes());
    }
    for (b, k) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *b ^= k;
    }
}

/// Starts the client. It ends when this process does, however that is.
fn start(o: &Opts) -> Child {
    let [program, args @ ..] = &o.client[..] else { crate::die("answer needs --client") };
    let mut command = Command::new(program);
    command.args(args).stdout(Stdio::null());
    // SAFETY: the closure makes one system call that takes numbers, which is allowed between fork and exec.
    unsafe {
        command.pre_exec(|| sys::cvt(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)).map(drop))
    };
    command.spawn().unwrap_or_else(|e| crate::die(&format!("{program}: {e}")))
}

pub fn run(o: &Opts) {
    let listener = TcpListener::bind(o.addr).unwrap_or_else(|e| crate::die(&e.to_string()));
    let mut client = start(o);
    let pid = client.id();
    let ep = sys::Epoll::new().unwrap();
    ep.add(listener.as_raw_fd(), LISTENER, libc::EPOLLIN).unwrap();
    let mut conns: Vec<Conn> = Vec::with_capacity(o.conns);
    let (mut evs, mut buf) = (sys::events(1024), vec![0u8; 256 << 10]);
    let snap = |done: u64| (sys::now_ns(), done, proc::cpu(pid), proc::cpu(std::process::id()));
    let secs = |s: f64| (s * 1e9) as u64;
    let begin = sys::now_ns();
    let (mut from, mut to) = (u64::MAX, u64::MAX);
    let (mut done, mut a) = (0, None);
    let b = loop {
        let n = ep.wait(&mut evs, 100);
        for ev in &evs[..n] {
            if ev.u64 == LISTENER {
                let (socket, _) = listener.accept().unwrap_or_else(|e| crate::die(&e.to_string()));
                let _ = socket.set_nodelay(true);
                let _ = socket.set_nonblocking(true);
                let fd = socket.into_raw_fd();
                ep.add(fd, conns.len() as u64, libc::EPOLLIN).unwrap();
                conns.push(Conn { fd, open: o.raw, input: Vec::new(), output: Vec::new() });
            } else {
                done += conns[ev.u64 as usize].step(o, &mut buf);
            }
        }
        conns.iter_mut().filter(|c| !c.output.is_empty()).for_each(Conn::flush);
        let now = sys::now_ns();
        if from == u64::MAX && conns.len() == o.conns && conns.iter().all(|c| c.open) {
            (from, to) = (now + secs(o.warmup), now + secs(o.warmup + o.secs));
        }
        if from == u64::MAX
            && (now > begin + secs(20.0) || client.try_wait().is_ok_and(|it| it.is_some()))
        {
            crate::die(&format!("{} of {} connections came", conns.len(), o.conns));
        }
        if a.is_none() && now >= from {
            a = Some(snap(done));
        }
        if now >= to {
            break snap(done);
        }
    };
    let a = a.unwrap_or(b);
    let (dt, done) = ((b.0 - a.0) as f64 / 1e9, (b.1 - a.1) as f64);
    let (theirs, own) = (b.2.since(&a.2), b.3.since(&a.3));
    let busy = |c: proc::Cpu| (c.run_ns + c.wait_ns) as f64 / dt / 1e9;
    println!(
        "{{\"mode\":\"answer\",\"label\":\"{}\",\"conns\":{},\"size\":{},\"window\":{},\"rate\":{:.0},\"srv_ns_per_msg\":{:.1},\"srv_busy\":{:.3},\"gen_busy\":{:.3}}}",
        o.label,
        o.conns,
        o.size,
        o.window,
        done / dt,
        theirs.run_ns as f64 / done.max(1.0),
        busy(theirs),
        busy(own)
    );
}
