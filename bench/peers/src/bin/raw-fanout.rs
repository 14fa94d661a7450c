//! What a fan-out cannot cost less than on plain sockets: a finished frame is written to every
//! subscriber, once per publication, or with `--gather` once per up to 16 publications that are
//! already there. `--uring` hands the writes to the kernel by the thousand. `--pad` adds as many bytes to
//! each message, for frames as long as those of a protocol. No handshake; lines: "S channel" subscribes,
//! "P channel data" publishes.

use io_uring::{IoUring, opcode, types};
use std::collections::HashMap;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

#[derive(Default)]
struct Conn {
    line: Vec<u8>,
    left: Vec<u8>,
}

#[derive(Default)]
struct Topic {
    fds: Vec<RawFd>,
    pending: Vec<u8>,
    pubs: usize,
}

struct Server {
    ep: RawFd,
    conns: HashMap<RawFd, Conn>,
    topics: HashMap<Vec<u8>, Topic>,
    /// Publications that one write may hold.
    most: usize,
    /// Bytes behind the data of a message.
    pad: usize,
    ring: Option<IoUring>,
    /// Connections that did not take all of a write.
    stalled: usize,
}

fn send(fd: RawFd, b: &[u8]) -> isize {
    // SAFETY: `b` is readable for the length given.
    unsafe { libc::send(fd, b.as_ptr() as _, b.len(), libc::MSG_NOSIGNAL) }
}

impl Server {
    fn watch(&self, op: i32, fd: RawFd, events: i32) {
        let mut e = libc::epoll_event { events: events as u32, u64: fd as u64 };
        // SAFETY: `e` is live for the call, which copies it.
        unsafe { libc::epoll_ctl(self.ep, op, fd, &mut e) };
    }

    fn flush(&mut self, name: &[u8]) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        topic.pubs = 0;
        let (fds, mut out) = (std::mem::take(&mut topic.fds), std::mem::take(&mut topic.pending));
        if self.stalled == 0 && self.ring.is_some() {
            self.submit(&fds, &out);
        } else {
            self.each(&fds, &out);
        }
        out.clear();
        let topic = self.topics.get_mut(name).expect("it was there above");
        topic.fds = fds;
        topic.pending = out;
    }

    fn keep(&mut self, fd: RawFd, rest: &[u8]) {
        if let Some(c) = self.conns.get_mut(&fd) {
            c.left.extend_from_slice(rest);
            self.stalled += 1;
            self.watch(libc::EPOLL_CTL_MOD, fd, libc::EPOLLIN | libc::EPOLLOUT);
        }
    }

    /// One entry of the ring for each subscriber, a thousand for each system call.
    fn submit(&mut self, fds: &[RawFd], out: &[u8]) {
        for part in fds.chunks(1024) {
            let ring = self.ring.as_mut().expect("asked by the caller");
            for &fd in part {
                let e = opcode::Send::new(types::Fd(fd), out.as_ptr(), out.len() as u32)
                    .flags(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
                    .build()
                    .user_data(fd as u64);
                // SAFETY: `out` outlives the entry, whose completion is waited for below.
                unsafe { ring.submission().push(&e).expect("the ring has room for a part") };
            }
            ring.submit_and_wait(part.len()).expect("io_uring_enter");
            let short: Vec<(RawFd, usize)> = ring
                .completion()
                .map(|c| (c.user_data() as RawFd, c.result().max(0) as usize))
                .filter(|c| c.1 < out.len())
                .collect();
            for (fd, taken) in short {
                self.keep(fd, &out[taken..]);
            }
        }
    }

    /// A write for each subscriber. A short one leaves a rest, which later ones queue behind.
    fn each(&mut self, fds: &[RawFd], out: &[u8]) {
        for &fd in fds {
            // The look-up is only paid once any connection has fallen behind.
            if self.stalled > 0
                && let Some(c) = self.conns.get_mut(&fd)
                && !c.left.is_empty()
            {
                c.left.extend_from_slice(out);
                continue;
            }
            let taken = send(fd, out).max(0) as usize;
            if taken < out.len() {
                self.keep(fd, &out[taken..]);
            }
        }
    }

    fn line(&mut self, fd: RawFd, l: &[u8], dirty: &mut Vec<Vec<u8>>) {
        if l.len() < 2 {
            return;
        }
        if l[0] == b'S' {
            self.topics.entry(l[2..].to_vec()).or_default().fds.push(fd);
            send(fd, b"\x81\x02ok");
            return;
        }
        let space = 2 + l[2..].iter().position(|&b| b == b' ').unwrap_or(0);
        let (name, data) = (&l[2..space], &l[space + 1..]);
        let Some(topic) = self.topics.get_mut(name) else { return };
        let len = data.len() + self.pad;
        topic.pending.push(0x81);
        if len < 126 {
            topic.pending.push(len as u8);
        } else {
            topic.pending.push(126);
            topic.pending.extend_from_slice(&(len as u16).to_be_bytes());
        }
        topic.pending.extend_from_slice(data);
        topic.pending.resize(topic.pending.len() + self.pad, b' ');
        topic.pubs += 1;
        if topic.pubs >= self.most {
            self.flush(name);
        } else if topic.pubs == 1 {
            dirty.push(name.to_vec());
        }
    }

    fn accept(&mut self, listener: &std::net::TcpListener) {
        let Ok((c, _)) = listener.accept() else { return };
        let _ = c.set_nodelay(true);
        let _ = c.set_nonblocking(true);
        let fd = c.into_raw_fd();
        self.conns.insert(fd, Conn::default());
        self.watch(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN);
    }

    fn writable(&mut self, fd: RawFd) {
        let Some(c) = self.conns.get_mut(&fd) else { return };
        let n = send(fd, &c.left);
        if n > 0 {
            c.left.drain(..n as usize);
        }
        if c.left.is_empty() {
            self.stalled -= 1;
            self.watch(libc::EPOLL_CTL_MOD, fd, libc::EPOLLIN);
        }
    }

    fn readable(&mut self, fd: RawFd, buf: &mut [u8], dirty: &mut Vec<Vec<u8>>) {
        // SAFETY: `buf` is writable for the length given.
        let n = unsafe { libc::recv(fd, buf.as_mut_ptr() as _, buf.len(), 0) };
        if n <= 0 {
            if n == 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
                self.gone(fd);
            }
            return;
        }
        let Some(c) = self.conns.get_mut(&fd) else { return };
        let mut got = std::mem::take(&mut c.line);
        got.extend_from_slice(&buf[..n as usize]);
        let mut at = 0;
        while let Some(k) = got[at..].iter().position(|&b| b == b'\n') {
            self.line(fd, &got[at..at + k], dirty);
            at += k + 1;
        }
        got.drain(..at);
        if let Some(c) = self.conns.get_mut(&fd) {
            c.line = got;
        }
    }

    fn gone(&mut self, fd: RawFd) {
        if self.conns.remove(&fd).is_some_and(|c| !c.left.is_empty()) {
            self.stalled -= 1;
        }
        for t in self.topics.values_mut() {
            t.fds.retain(|&f| f != fd);
        }
        // SAFETY: takes a number, which nobody has any more.
        unsafe { libc::close(fd) };
    }

    fn serve(&mut self, listener: &std::net::TcpListener) -> ! {
        self.watch(libc::EPOLL_CTL_ADD, listener.as_raw_fd(), libc::EPOLLIN);
        let mut evs = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
        let mut buf = vec![0u8; 256 << 10];
        let mut dirty = Vec::new();
        loop {
            // SAFETY: `evs` is writable for the number of entries given.
            let n = unsafe { libc::epoll_wait(self.ep, evs.as_mut_ptr(), 1024, -1) };
            for e in &evs[..n.max(0) as usize] {
                let (fd, ready) = (e.u64 as RawFd, e.events as i32);
                if fd == listener.as_raw_fd() {
                    self.accept(listener);
                    continue;
                }
                if ready & libc::EPOLLOUT != 0 {
                    self.writable(fd);
                }
                if ready & !libc::EPOLLOUT != 0 {
                    self.readable(fd, &mut buf, &mut dirty);
                }
            }
            for name in std::mem::take(&mut dirty) {
                self.flush(&name);
            }
        }
    }
}

fn main() {
    peers::raise_nofile();
    let (mut addr, mut most, mut pad, mut ring) = (String::from("127.0.0.1:9001"), 1, 0, None);
    let mut a = std::env::args().skip(1);
    while let Some(k) = a.next() {
        match k.as_str() {
            "--addr" => addr = a.next().unwrap(),
            "--gather" => most = 16,
            "--pad" => pad = a.next().unwrap().parse().unwrap(),
            "--uring" => ring = Some(IoUring::new(1024).unwrap()),
            k => panic!("unknown argument {k}"),
        }
    }
    let listener = std::net::TcpListener::bind(&addr).unwrap();
    // SAFETY: both take numbers only; a longer queue than std asks for.
    let ep = unsafe {
        libc::listen(listener.as_raw_fd(), 4096);
        libc::epoll_create1(libc::EPOLL_CLOEXEC)
    };
    let (conns, topics) = (HashMap::new(), HashMap::new());
    Server { ep, conns, topics, most, pad, ring, stalled: 0 }.serve(&listener)
}
