//! What this process takes of the machine, as Linux tells it, and what the machine is called. Elsewhere
//! only the latter is told.

/// Bytes of memory that are resident.
pub(crate) fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes of memory that this process may have: the limit of its cgroup, or of one that this is in, or what the
/// machine has.
pub(crate) fn memory_limit_bytes() -> Option<usize> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|it| total_bytes(&it));
    [machine, cgroup_bytes()].into_iter().flatten().min()
}

fn total_bytes(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Of cgroups of version 2; one without a limit says `max`.
fn cgroup_bytes() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = std::path::Path::new("/sys/fs/cgroup").join(path);
    let limits = folder.ancestors().take_while(|it| it.starts_with("/sys/fs/cgroup"));
    let read = |folder: &std::path::Path| {
        std::fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok()
    };
    limits.filter_map(read).min()
}

/// Seconds of processors that were used so far, over all threads.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the command may have spaces and brackets in it; fields are counted from behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    // utime and stime are the 14th and the 15th of all, in hundredths of a second: the kernel's USER_HZ
    // is 100 on all machines that Rust knows.
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

/// The name of the machine: of the kernel on Linux, elsewhere what the environment says.
pub(crate) fn host_name() -> Option<String> {
    let of_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let of_environment =
        || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = of_kernel.or_else(of_environment)?.trim().to_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_machine_has_a_name() {
        let name = super::host_name().expect("each has one");
        assert!(!name.is_empty() && !name.contains(char::is_whitespace), "{name:?}");
    }

    #[test]
    fn linux_tells_what_the_process_may_have() {
        assert_eq!(super::total_bytes("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert!(super::memory_limit_bytes() > super::memory_bytes().map(|it| it as usize));
    }

    #[test]
    fn linux_tells_what_the_process_takes() {
        assert!(super::memory_bytes().is_some_and(|bytes| bytes > 100_000));
        let before = super::cpu_seconds().expect("it is told");
        let mut sum = 0_u64;
        while super::cpu_seconds().expect("it is told") <= before {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
