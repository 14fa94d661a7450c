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
