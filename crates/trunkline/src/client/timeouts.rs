//! How long each stage of connecting may take, and all of them together.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use trunkline_proto::handshake::Url;

use super::error::Stage;
use super::progress::Progress;
use crate::observe::Dialing;

/// The C library asks a name server again after 5 seconds: there is time for the second answer.
const RESOLVE: Duration = Duration::from_secs(10);
/// A lost SYN is repeated after 1, 3 and 7 seconds: there is time for all three, and for every address, as
/// the last of sixteen is tried after 4.
const TCP: Duration = Duration::from_secs(10);
/// What a proxy does meanwhile: it looks up the host and connects to it, for which there are 20 seconds here too.
const PROXY: Duration = Duration::from_secs(20);
/// Two round trips, which take about a second by satellite, and a server that is busy computing.
const TLS: Duration = Duration::from_secs(10);
/// One round trip and what the server does to decide; it covers the body of a refusal too.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Less than the stages add up to: one may be slow, but hardly all, and people give up by then.
const TOTAL: Duration = Duration::from_secs(30);

/// What is as good as never, and can be added to any instant: 30 years.
const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);

#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) resolve: Duration,
    pub(super) tcp: Duration,
    pub(super) proxy: Duration,
    pub(super) tls: Duration,
    pub(super) handshake: Duration,
    pub(super) total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            resolve: RESOLVE,
            tcp: TCP,
            proxy: PROXY,
            tls: TLS,
            handshake: HANDSHAKE,
            total: TOTAL,
        }
    }
}

impl Timeouts {
    /// Starts the clock that all stages share, on the way to `url`. `progress` is told when one is through.
    pub(super) fn begin(self, url: &Url, progress: &Progress) -> Budget {
        let end = Instant::now() + self.total.min(NEVER);
        let (progress, dialing) = (progress.clone(), Dialing::begin(url));
        Budget { timeouts: self, end, progress, dialing }
    }

    /// What a stage may take, and the name of what sets it.
    fn of(&self, stage: Stage) -> (Duration, &'static str) {
        match stage {
            Stage::Resolve => (self.resolve, "resolve_timeout"),
            Stage::Proxy => (self.proxy, "proxy_timeout"),
            Stage::Tls => (self.tls, "tls_timeout"),
            Stage::Handshake => (self.handshake, "handshake_timeout"),
            _ => (self.tcp, "tcp_timeout"),
        }
    }
}

/// The time that one attempt to connect has.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    timeouts: Timeouts,
    end: Instant,
    progress: Progress,
    /// What is told of it.
    pub(super) dialing: Dialing,
}

impl Budget {
    /// Lets a stage run until its time is up, or that of all stages.
    pub(crate) async fn run<F: Future>(
        &self,
        stage: Stage,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let (limit, setting) = self.timeouts.of(stage);
        let start = Instant::now();
        let end = start + limit.min(NEVER);
        let elapsed = if end <= self.end {
            Elapsed { stage, limit, setting }
        } else {
            Elapsed { stage, limit: self.timeouts.total, setting: "total_timeout" }
        };
        let step = self.dialing.step(stage, timeout_at(end.min(self.end), future));
        let output = step.await.map_err(|_| elapsed)?;
        self.progress.tell(stage, start.elapsed());
        self.dialing.took(stage, start.elapsed());
        Ok(output)
    }
}

/// The time was up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed {
    pub(super) stage: Stage,
    limit: Duration,
    setting: &'static str,
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.setting, self.limit)
    }
}
