//! Byte echo on bare epoll, level-triggered, one thread, one shared buffer.
use std::collections::HashMap;
use std::os::fd::{AsRawFd, IntoRawFd};

fn main() {
    peers::raise_nofile();
    let l = std::net::TcpListener::bind(peers::args().addr).unwrap();
    // SAFETY: every pointer below is to a live buffer of at least the length given with it, and every descriptor is
    // one that this loop opened and has not closed.
    unsafe {
        libc::listen(l.as_raw_fd(), 4096);
        let ep = libc::epoll_create1(0);
        let ctl = |op: i32, fd: i32, events: i32| {
            let mut e = libc::epoll_event { events: events as u32, u64: fd as u64 };
            libc::epoll_ctl(ep, op, fd, &mut e);
        };
        ctl(libc::EPOLL_CTL_ADD, l.as_raw_fd(), libc::EPOLLIN);
        let mut evs = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
        let mut buf = vec![0u8; 256 << 10];
        let mut left: HashMap<i32, Vec<u8>> = HashMap::new();
        loop {
            let n = libc::epoll_wait(ep, evs.as_mut_ptr(), 1024, -1);
            for ev in &evs[..n.max(0) as usize] {
                let fd = ev.u64 as i32;
                if fd == l.as_raw_fd() {
                    if let Ok((s, _)) = l.accept() {
                        let _ = s.set_nodelay(true);
                        let _ = s.set_nonblocking(true);
                        ctl(libc::EPOLL_CTL_ADD, s.into_raw_fd(), libc::EPOLLIN);
                    }
                    continue;
                }
                if let Some(v) = left.get_mut(&fd) {
                    let w = libc::send(fd, v.as_ptr() as _, v.len(), libc::MSG_NOSIGNAL);
                    if w >= 0 {
                        v.drain(..w as usize);
                        if v.is_empty() {
                            left.remove(&fd);
                            ctl(libc::EPOLL_CTL_MOD, fd, libc::EPOLLIN);
                        }
                    } else if *libc::__errno_location() != libc::EAGAIN {
                        left.remove(&fd);
                        libc::close(fd);
                    }
                    continue;
                }
                let r = libc::recv(fd, buf.as_mut_ptr() as _, buf.len(), 0);
                if r > 0 {
                    let w = libc::send(fd, buf.as_ptr() as _, r as usize, libc::MSG_NOSIGNAL);
                    if w < 0 && *libc::__errno_location() != libc::EAGAIN {
                        libc::close(fd);
                    } else if w < r {
                        let w = w.max(0);
                        left.insert(fd, buf[w as usize..r as usize].to_vec());
                        ctl(libc::EPOLL_CTL_MOD, fd, libc::EPOLLOUT);
                    }
                } else {
                    libc::close(fd);
                }
            }
        }
    }
}
