//! Connections that say more than the opening handshake.

use crate::{Opts, shake, sys};
use std::os::fd::RawFd;

pub fn send_all(fd: RawFd, b: &[u8]) {
    let mut off = 0;
    while off < b.len() {
        let n = sys::send(fd, &b[off..]);
        if n >= 0 {
            off += n as usize;
        } else if !sys::would_block() {
            return;
        }
    }
}

/// Connects and upgrades, blocking; what came after the answer is kept.
pub fn open(
    o: &Opts,
    i: usize,
    path: &str,
    protocol: Option<&str>,
) -> Result<(RawFd, Vec<u8>), String> {
    let fd = sys::connect(o.addr, shake::source(o, i), false)
        .map_err(|e| format!("connect {i}: {e}"))?;
    let mut rest = Vec::new();
    if !o.raw {
        let mut req = shake::request(&Opts { path: path.into(), ..o.clone() });
        if let Some(p) = protocol {
            req.truncate(req.len() - 2);
            req.extend_from_slice(format!("Sec-WebSocket-Protocol: {p}\r\n\r\n").as_bytes());
        }
        send_all(fd, &req);
        let mut buf = [0u8; 4096];
        let end = loop {
            if let Some(p) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
                break p + 4;
            }
            let n = sys::recv(fd, &mut buf);
            if n <= 0 {
                return Err(format!("handshake {i}: closed"));
            }
            rest.extend_from_slice(&buf[..n as usize]);
        };
        shake::check(o, &rest[..end])?;
        rest.drain(..end);
    }
    sys::set_nonblocking(fd);
    Ok((fd, rest))
}
