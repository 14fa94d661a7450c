//! [`Plan`]: all cases with one peer in one role, and what came of each.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::Failure;
use crate::cases::{About, CASES, Case, FORGETS_AFTER};
use crate::link::Ours;
use crate::peer::{Ended, Peer};
use crate::proxy::{Kind, Place, Proxy};
use crate::site::Site;

/// For the slowest case, 16 MiB in an interpreter, on a machine that is busy with other things.
const CASE_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Server,
    Client,
    /// With a proxy in between, whose certificate is in that folder.
    ClientThrough(Kind, PathBuf),
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) role: Role,
    /// A line for each case is added to it.
    pub(crate) results: PathBuf,
    /// What starts the peer, without its role.
    pub(crate) command: Vec<String>,
}

enum Verdict {
    Passed,
    Failed(Failure),
    /// The peer says that it has no way to do that.
    Unable,
}

/// The ways to reach our end.
struct Ends {
    usual: Ours,
    /// The same through a proxy that soon forgets.
    forgetful: Option<Ours>,
    _proxies: Vec<Proxy>,
}

impl Plan {
    /// Gives whether all cases passed.
    pub(crate) async fn run(&self) -> Result<bool, Failure> {
        let started = Instant::now();
        let mut ends = self.ends().await?;
        let mut peer = None;
        let (mut passed, mut failed, mut unable) = (0, 0, 0);
        let mut name = String::new();
        for case in CASES {
            let mut running = match peer.take() {
                Some(running) => running,
                None => self.start().await?,
            };
            if !self.is_about(case, &running) {
                peer = Some(running);
                continue;
            }
            name.clone_from(&running.name);
            let verdict = ends.run(case, &mut running).await;
            self.record(&name, case, &verdict)?;
            match &verdict {
                Verdict::Passed => passed += 1,
                Verdict::Unable => unable += 1,
                Verdict::Failed(error) => {
                    failed += 1;
                    println!("FAILED {name}, {}: {}: {}", self.role, case.name, told(error));
                }
            }
            // Whatever state a failure has left it in, it does not spoil the next case.
            if matches!(verdict, Verdict::Failed(_)) {
                running.stop(self.role == Role::Server).await;
            } else {
                peer = Some(running);
            }
        }
        if let Some(peer) = peer {
            peer.stop(self.role == Role::Server).await;
        }
        let took = started.elapsed().as_secs_f32();
        println!(
            "{name}, {}: {passed} ok, {failed} failed, {unable} it cannot, {took:.1} s",
            self.role
        );
        Ok(failed == 0)
    }

    async fn start(&self) -> Result<Peer, Failure> {
        let role = if self.role == Role::Server { "server" } else { "client" };
        let mut command = self.command.clone();
        command.push(role.to_owned());
        Peer::start(&command).await
    }

    async fn ends(&self) -> Result<Ends, Failure> {
        let usual = match &self.role {
            Role::Server => Ours::Client,
            Role::Client => {
                let site = Site::open().await?;
                Ours::Server { url: format!("ws://{}", site.address), site, http2: false }
            }
            Role::ClientThrough(kind, dir) => {
                let (usual, proxy) = behind(*kind, dir.clone(), None).await?;
                let (forgetful, other) = behind(*kind, dir.clone(), Some(FORGETS_AFTER)).await?;
                return Ok(Ends {
                    usual,
                    forgetful: Some(forgetful),
                    _proxies: vec![proxy, other],
                });
            }
        };
        Ok(Ends { usual, forgetful: None, _proxies: Vec::new() })
    }

    fn is_about(&self, case: &Case, peer: &Peer) -> bool {
        match case.about {
            About::All => true,
            About::Forgetful => matches!(self.role, Role::ClientThrough(..)),
            About::Refusal(_) => self.role != Role::Server,
            About::Page | About::ForeignPage => peer.can("page"),
        }
    }

    fn record(&self, name: &str, case: &Case, verdict: &Verdict) -> Result<(), Failure> {
        let (verdict, why) = match verdict {
            Verdict::Passed => ("ok", String::new()),
            Verdict::Unable => ("unable", String::new()),
            Verdict::Failed(error) => ("FAILED", told(error)),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(&self.results)?;
        Ok(writeln!(file, "{name}\t{}\t{}\t{verdict}\t{why}", self.role, case.name)?)
    }
}

/// An error with all that lies behind it, on one line.
fn told(error: &Failure) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(behind) = source {
        told += &format!(": {behind}");
        source = behind.source();
    }
    told.replace(['\n', '\t'], " ")
}

/// Our server behind a proxy.
async fn behind(
    kind: Kind,
    dir: PathBuf,
    forgets_after: Option<Duration>,
) -> Result<(Ours, Proxy), Failure> {
    let site = Site::open().await?;
    let proxy = Proxy::start(kind, &Place { server: site.address, dir, forgets_after }).await?;
    let http2 = kind == Kind::HaProxy;
    Ok((Ours::Server { site, url: proxy.url("wss"), http2 }, proxy))
}

impl Ends {
    async fn run(&mut self, case: &Case, peer: &mut Peer) -> Verdict {
        if !case.needs.iter().all(|it| peer.can(it)) {
            return Verdict::Unable;
        }
        match timeout(CASE_TIMEOUT, self.run_unbounded(case, peer)).await {
            Ok(Ok(())) => Verdict::Passed,
            Ok(Err(error)) => Verdict::Failed(error),
            Err(_) => Verdict::Failed("took too long".into()),
        }
    }

    async fn run_unbounded(&mut self, case: &Case, peer: &mut Peer) -> Result<(), Failure> {
        let path = format!("/{}", case.name);
        let ours = match case.about {
            About::Forgetful => self.forgetful.as_mut().ok_or("there is no proxy")?,
            _ => &mut self.usual,
        };
        let refused_with = match case.about {
            About::Refusal(status) => Some(Some(status)),
            About::ForeignPage => Some(None),
            _ => None,
        };
        if let Some(status) = refused_with {
            return match ours.refuse(peer, &path, &case.terms, status).await? {
                Ended::Refused(_) => Ok(()),
                Ended::Closed { .. } => Err("the peer takes it for a connection".into()),
            };
        }
        let mut link = ours.open(peer, path, &case.terms).await?;
        (case.run)(&mut link).await
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::ClientThrough(Kind::Nginx, _) => "client through nginx",
            Self::ClientThrough(Kind::HaProxy, _) => "client through HAProxy",
        })
    }
}
