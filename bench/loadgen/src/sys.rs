//! Thin wrappers over the system calls the load generator needs. No WebSocket
//! library is involved anywhere in this crate.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::RawFd;

pub fn cvt(r: i32) -> io::Result<i32> {
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(r) }
}

fn sockaddr(a: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: a.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(a.ip().octets()) },
        sin_zero: [0; 8],
    }
}

fn set_opt<T>(fd: RawFd, level: i32, name: i32, val: &T) {
    // SAFETY: `val` is a live `T`, and the length given is its size.
    unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            val as *const T as *const _,
            std::mem::size_of::<T>() as u32,
        );
    }
}

/// A TCP socket connected (or, when `nonblocking`, connecting) to `dst` from `src`.
pub fn connect(dst: SocketAddrV4, src: Option<Ipv4Addr>, nonblocking: bool) -> io::Result<RawFd> {
    let flags = if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    // SAFETY: takes numbers only.
    let fd = unsafe {
        cvt(libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags, 0))?
    };
    set_opt(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1i32);
    let len = std::mem::size_of::<libc::sockaddr_in>() as u32;
    if let Some(src) = src {
        set_opt(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &1i32);
        let a = sockaddr(SocketAddrV4::new(src, 0));
        // SAFETY: `a` is a live sockaddr_in of `len` bytes.
        unsafe { cvt(libc::bind(fd, &a as *const _ as *const _, len))? };
    }
    let a = sockaddr(dst);
    // SAFETY: `a` is a live sockaddr_in of `len` bytes.
    let r = unsafe { libc::connect(fd, &a as *const _ as *const _, len) };
    if r < 0 {
        let e = io::Error::last_os_error();
        if e.raw_os_error() != Some(libc::EINPROGRESS) {
            close(fd);
            return Err(e);
        }
    }
    Ok(fd)
}

pub fn set_nonblocking(fd: RawFd) {
    // SAFETY: takes numbers only.
    unsafe {
        let f = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, f | libc::O_NONBLOCK);
    }
}

/// Close with a reset, so that no TIME_WAIT entries pile up.
pub fn close_reset(fd: RawFd) {
    set_opt(fd, libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 });
    close(fd);
}

pub fn close(fd: RawFd) {
    // SAFETY: takes a number; every caller owns `fd` and forgets it afterwards.
    unsafe { libc::close(fd) };
}

pub fn recv(fd: RawFd, buf: &mut [u8]) -> isize {
    // SAFETY: `buf` is writable for the length given.
    unsafe { libc::recv(fd, buf.as_mut_ptr() as *mut _, buf.len(), 0) }
}

pub fn send(fd: RawFd, buf: &[u8]) -> isize {
    // SAFETY: `buf` is readable for the length given.
    unsafe { libc::send(fd, buf.as_ptr() as *const _, buf.len(), libc::MSG_NOSIGNAL) }
}

pub fn would_block() -> bool {
    matches!(io::Error::last_os_error().raw_os_error(), Some(libc::EAGAIN) | Some(libc::EINTR))
}

pub struct Epoll(RawFd);

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes a number only.
        Ok(Self(unsafe { cvt(libc::epoll_create1(libc::EPOLL_CLOEXEC))? }))
    }
    pub fn add(&self, fd: RawFd, token: u64, events: i32) -> io::Result<()> {
        let mut ev = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `ev` is live for the call, which copies it.
        unsafe { cvt(libc::epoll_ctl(self.0, libc::EPOLL_CTL_ADD, fd, &mut ev))? };
        Ok(())
    }
    pub fn wait(&self, evs: &mut [libc::epoll_event], ms: i32) -> usize {
        // SAFETY: `evs` is writable for the number of entries given.
        let n = unsafe { libc::epoll_wait(self.0, evs.as_mut_ptr(), evs.len() as i32, ms) };
        n.max(0) as usize
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        close(self.0)
    }
}

pub fn now_ns() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

pub fn events(n: usize) -> Vec<libc::epoll_event> {
    vec![libc::epoll_event { events: 0, u64: 0 }; n]
}

/// A timer that becomes readable.
pub fn timer() -> RawFd {
    // SAFETY: takes numbers only.
    unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK) }
}

pub fn set_timer(fd: RawFd, at_ns: u64) {
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let at = libc::timespec {
        tv_sec: (at_ns / 1_000_000_000) as i64,
        tv_nsec: (at_ns % 1_000_000_000) as i64,
    };
    let spec = libc::itimerspec { it_interval: zero, it_value: at };
    // SAFETY: `spec` is live for the call; a null pointer means that the old value is not asked for.
    unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &spec, std::ptr::null_mut()) };
}

pub fn drain_timer(fd: RawFd) {
    let mut times = [0u8; 8];
    // SAFETY: `times` has the 8 bytes that are asked for.
    unsafe { libc::read(fd, times.as_mut_ptr() as *mut _, times.len()) };
}

/// A kernel counter on one thread, through perf_event_open.
pub struct Counter(RawFd);

impl Counter {
    fn open(kind: u32, config: u64, tid: i32) -> Option<Self> {
        // perf_event_attr, first published layout (64 bytes).
        let mut attr = [0u64; 8];
        attr[0] = kind as u64 | (64u64 << 32);
        attr[1] = config;
        // SAFETY: `attr` is as long as it says in its size field, 64 bytes.
        let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), tid, -1, -1, 8) };
        (fd >= 0).then_some(Counter(fd as RawFd))
    }
    pub fn read(&self) -> u64 {
        let mut v = 0u64;
        // SAFETY: `v` has the 8 bytes that are asked for.
        unsafe { libc::read(self.0, &mut v as *mut u64 as *mut _, 8) };
        v
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        close(self.0)
    }
}

fn threads(pid: u32) -> Vec<i32> {
    std::fs::read_dir(format!("/proc/{pid}/task"))
        .map(|d| d.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default()
}

/// Counts system calls of every thread of `pid` from now on.
pub fn count_syscalls(pid: u32) -> Vec<Counter> {
    let id = std::fs::read_to_string("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id")
        .ok()
        .and_then(|s| s.trim().parse::<u64>().ok());
    match id {
        Some(id) => threads(pid).into_iter().filter_map(|t| Counter::open(2, id, t)).collect(),
        None => Vec::new(),
    }
}

/// Counts instructions (user and kernel) of every thread of `pid` from now on.
pub fn count_instructions(pid: u32) -> Vec<Counter> {
    threads(pid).into_iter().filter_map(|t| Counter::open(0, 1, t)).collect()
}
