//! What a run says of itself.

use super::Run;
use super::subscribers::Tally;
use crate::{Opts, proc, sys};

/// All counters at one moment.
#[derive(Clone, Copy)]
pub struct Snap {
    pub at: u64,
    pub deliveries: u64,
    pub bytes: u64,
    pub pubs: u64,
    pub reads: u64,
    pub server: proc::Cpu,
    pub own: proc::Cpu,
}

impl Snap {
    pub fn now(t: &Tally, pid: Option<u32>) -> Self {
        Self {
            at: sys::now_ns(),
            deliveries: t.deliveries,
            bytes: t.bytes,
            pubs: t.pubs,
            reads: t.reads,
            server: pid.map(proc::cpu).unwrap_or_default(),
            own: proc::cpu(std::process::id()),
        }
    }
}

pub struct Measured {
    pub a: Snap,
    pub b: Snap,
    /// System calls per delivery; -1 where the kernel does not count them for this user.
    pub syscalls: f64,
}

/// What the subscribed sessions took, from before the first to after the last.
pub struct Held {
    pub open_s: f64,
    pub rss0: u64,
    pub rss: u64,
    pub pss: u64,
    pub kernel: u64,
}

/// Names and JSON values.
pub type Fields = Vec<(&'static str, String)>;

impl Held {
    pub fn fields(&self, o: &Opts) -> Fields {
        let n = o.conns.max(1) as f64;
        let per = |bytes: u64| format!("{:.0}", bytes as f64 / n);
        vec![
            ("conns", o.conns.to_string()),
            ("channels", o.fan.channels.to_string()),
            ("open_per_s", format!("{:.0}", n / self.open_s)),
            ("rss0", self.rss0.to_string()),
            ("rss_per_conn", per(self.rss)),
            ("pss_per_conn", per(self.pss)),
            ("kernel_tcp_mem_per_conn", per(self.kernel)),
        ]
    }
}

impl Measured {
    pub fn fields(&self, r: &Run<'_>) -> Fields {
        let (a, b, o, t) = (&self.a, &self.b, r.o, &r.subs.t);
        let dt = (b.at - a.at) as f64 / 1e9;
        let d = (b.deliveries - a.deliveries) as f64;
        let per = d.max(1.0);
        let us = |ns: u64| format!("{:.1}", ns as f64 / 1e3);
        let q = |q: f64| us(r.subs.hist.value_at_quantile(q));
        let share = |ns: u64| format!("{:.3}", ns as f64 / dt / 1e9);
        let (server, own) = (b.server.since(&a.server), b.own.since(&a.own));
        vec![
            ("size", o.size.to_string()),
            ("asked_rate", o.fan.rate.to_string()),
            ("window", o.window.to_string()),
            ("pub_rate", format!("{:.1}", (b.pubs - a.pubs) as f64 / dt)),
            ("rate", format!("{:.0}", d / dt)),
            ("rx_bytes_per_msg", format!("{:.1}", (b.bytes - a.bytes) as f64 / per)),
            ("msgs_per_read", format!("{:.2}", d / (b.reads - a.reads).max(1) as f64)),
            ("p50_us", q(0.5)),
            ("p99_us", q(0.99)),
            ("p999_us", q(0.999)),
            ("max_us", us(r.subs.hist.max())),
            ("late_us", us(t.late)),
            ("srv_ns_per_msg", format!("{:.1}", server.run_ns as f64 / per)),
            ("srv_cpu", share(server.run_ns)),
            ("srv_busy", share(server.run_ns + server.wait_ns)),
            ("gen_cpu", share(own.run_ns)),
            ("gen_busy", share(own.run_ns + own.wait_ns)),
            ("syscalls_per_msg", format!("{:.3}", self.syscalls)),
            ("gaps", t.gaps.to_string()),
            ("doubles", t.doubles.to_string()),
            ("missing", (t.asked - t.settled).to_string()),
            ("closed", t.closed.to_string()),
            ("refused", r.publ.refused.to_string()),
        ]
    }
}
