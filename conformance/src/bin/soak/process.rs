//! What Linux says of a process.

use std::fs;

/// Of `/proc/PID`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Memory that is resident.
    pub(crate) rss_kib: u64,
    pub(crate) threads: u64,
    /// Open file descriptors.
    pub(crate) fds: usize,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> std::io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Ok(Self {
            rss_kib: field("VmRSS:").unwrap_or_default(),
            threads: field("Threads:").unwrap_or_default(),
            fds: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        })
    }

    pub(crate) fn rss_mib(self) -> f64 {
        self.rss_kib as f64 / 1024.0
    }
}

/// File descriptors that this process, and those it starts, may have.
pub(crate) fn fd_limit() -> std::io::Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    Ok(soft.and_then(|it| it.parse().ok()).unwrap_or(1024))
}
