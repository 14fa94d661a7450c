//! What /proc says about the measured server.

use std::fs;

#[derive(Clone, Copy, Default, Debug)]
pub struct Cpu {
    /// Run time of all live threads in ns (from schedstat).
    pub run_ns: u64,
    /// Time spent runnable but waiting for a CPU, in ns.
    pub wait_ns: u64,
    pub user_ticks: u64,
    pub sys_ticks: u64,
    pub ctx_vol: u64,
    pub ctx_invol: u64,
}

impl Cpu {
    /// What has been added since `before`. A thread that ended in between takes its time with it.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            run_ns: self.run_ns.saturating_sub(before.run_ns),
            wait_ns: self.wait_ns.saturating_sub(before.wait_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            sys_ticks: self.sys_ticks.saturating_sub(before.sys_ticks),
            ctx_vol: self.ctx_vol.saturating_sub(before.ctx_vol),
            ctx_invol: self.ctx_invol.saturating_sub(before.ctx_invol),
        }
    }
}

pub fn cpu(pid: u32) -> Cpu {
    let mut c = Cpu::default();
    if let Ok(dir) = fs::read_dir(format!("/proc/{pid}/task")) {
        for t in dir.flatten() {
            let p = t.path();
            if let Ok(s) = fs::read_to_string(p.join("schedstat")) {
                let f: Vec<u64> = s.split_whitespace().filter_map(|v| v.parse().ok()).collect();
                c.run_ns += f.first().copied().unwrap_or(0);
                c.wait_ns += f.get(1).copied().unwrap_or(0);
            }
            if let Ok(s) = fs::read_to_string(p.join("status")) {
                for l in s.lines() {
                    let num = || {
                        l.split_whitespace().nth(1).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0)
                    };
                    if l.starts_with("voluntary_ctxt") {
                        c.ctx_vol += num();
                    } else if l.starts_with("nonvoluntary_ctxt") {
                        c.ctx_invol += num();
                    }
                }
            }
        }
    }
    if let Ok(s) = fs::read_to_string(format!("/proc/{pid}/stat"))
        && let Some(rest) = s.rsplit(')').next()
    {
        let f: Vec<&str> = rest.split_whitespace().collect();
        c.user_ticks = f.get(11).and_then(|v| v.parse().ok()).unwrap_or(0);
        c.sys_ticks = f.get(12).and_then(|v| v.parse().ok()).unwrap_or(0);
    }
    c
}

/// (Rss, Pss) in bytes.
pub fn mem(pid: u32) -> (u64, u64) {
    let (mut rss, mut pss) = (0, 0);
    if let Ok(s) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        for l in s.lines() {
            let kb = || {
                l.split_whitespace().nth(1).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0) * 1024
            };
            if l.starts_with("Rss:") {
                rss = kb();
            } else if l.starts_with("Pss:") {
                pss = kb();
            }
        }
    }
    (rss, pss)
}

/// Bytes of socket buffers that the kernel has in use, system-wide.
pub fn tcp_mem() -> u64 {
    fs::read_to_string("/proc/net/sockstat")
        .ok()
        .and_then(|s| {
            let l = s.lines().find(|l| l.starts_with("TCP:"))?.to_string();
            let mut w = l.split_whitespace();
            while let Some(k) = w.next() {
                if k == "mem" {
                    return w.next()?.parse::<u64>().ok();
                }
            }
            None
        })
        .unwrap_or(0)
        * 4096
}
