//! Open many connections, hold them, and read the server's memory.

use crate::{Opts, frames::Cycle, frames::Reader, proc, shake, sys};
use std::time::Duration;

pub fn run(o: &Opts) {
    let pid = o.server_pid.unwrap_or_else(|| crate::die("idle needs --server-pid"));
    let req = shake::request(o);
    let (rss0, pss0) = proc::mem(pid);
    let k0 = proc::tcp_mem();
    let t0 = sys::now_ns();
    let mut links = Vec::with_capacity(o.conns);
    for i in 0..o.conns {
        match shake::open(o, i, &req) {
            Ok((link, _)) => links.push(link),
            Err(e) => crate::die(&format!("stopped at {i}: {e}")),
        }
    }
    let open_s = (sys::now_ns() - t0) as f64 / 1e9;
    std::thread::sleep(Duration::from_secs_f64(o.hold));
    let (rss1, pss1) = proc::mem(pid);
    let k1 = proc::tcp_mem();
    let n = links.len().max(1) as f64;

    // Then let every connection carry some messages, and look again.
    let (mut rss2, mut pss2) = (rss1, pss1);
    if o.touch > 0 {
        let cyc = Cycle::build(o);
        let mut buf = vec![0u8; 1 << 18];
        for link in &mut links {
            let mut rd = Reader::default();
            for m in 0..o.touch {
                let k = m % cyc.len;
                let frame = &cyc.bytes[cyc.offs[k]..cyc.offs[k + 1]];
                let (mut off, mut got, mut done) = (0, 0, 0);
                while done == 0 {
                    if off < frame.len() {
                        let w = link.send(&frame[off..]);
                        off += w.max(0) as usize;
                    }
                    let r = link.recv(&mut buf);
                    if r > 0 {
                        got += r as usize;
                        done = if o.raw {
                            (got >= frame.len()) as u32
                        } else {
                            rd.feed::<false>(&buf[..r as usize], |_, _, _| {})
                                .unwrap_or_else(|_| crate::die("closed"))
                        };
                    } else if r == 0 || !sys::would_block() {
                        crate::die("a connection ended");
                    }
                }
            }
        }
        std::thread::sleep(Duration::from_secs_f64(o.hold));
        (rss2, pss2) = proc::mem(pid);
    }
    println!(
        "{{\"mode\":\"idle\",\"label\":\"{}\",\"conns\":{},\"open_per_s\":{:.0},\"rss0\":{},\"rss_per_conn\":{:.0},\"pss_per_conn\":{:.0},\"rss_per_conn_touched\":{:.0},\"pss_per_conn_touched\":{:.0},\"kernel_tcp_mem_per_conn\":{:.0}}}",
        o.label,
        links.len(),
        n / open_s,
        rss0,
        rss1.saturating_sub(rss0) as f64 / n,
        pss1.saturating_sub(pss0) as f64 / n,
        rss2.saturating_sub(rss0) as f64 / n,
        pss2.saturating_sub(pss0) as f64 / n,
        k1.saturating_sub(k0) as f64 / n
    );
    for link in links {
        sys::close_reset(link.fd);
    }
}
