//! The disk of `--data` is full: publications that would have to be kept are refused with words, everything else goes on,
//! and once there is room all is well, without a restart. What was acknowledged is there after `kill -9`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::client::{Client, source};
use crate::report::Report;
use crate::server::{Folder, Server};
use crate::{Failure, Options};

/// Channels, so that none keeps more than the 1 MiB that one may.
const CHANNELS: usize = 50;

/// As large as a client may publish, nearly.
const PAYLOAD_BYTES: usize = 32 << 10;

/// Far more than fits.
const ATTEMPTS: usize = 5_000;

/// Publications that are tried while the disk is full.
const REFUSALS: usize = 200;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(_: &Options) -> Result<Report, Failure> {
    let folder = Folder::new()?;
    let disk = Disk::new(folder.path())?;
    let data = format!("data.dir={}", folder.path().display());
    let mut server = Server::serve(&[&data, "data.fsync=always"]).await?;
    disk.limit(server.pid())?;
    let mut report = Report::new(format!(
        "`trunkline serve` with `data.fsync = \"always\"`, its data {}; publications of {} KiB, one after the other, until one is \
         refused, and {REFUSALS} more.",
        disk.describe(),
        PAYLOAD_BYTES >> 10
    ));
    let mut client = Client::connect(source(0), server.address()).await?;
    client.subscribe("live:talk", None).await?;

    let (mut kept, mut refused) = (Vec::new(), None);
    for n in 0..ATTEMPTS {
        match publish(&server, n).await {
            Ok(offset) => kept.push((offset, n)),
            Err(failure) => {
                refused = Some(failure.to_string());
                break;
            }
        }
    }
    report.note("publications until the disk was full", kept.len().to_string());
    let words = refused.clone().unwrap_or_else(|| "none".to_owned());
    report.check("the next one", "is refused", words, refused.is_some());
    let memory = server.usage()?.rss_mib();
    for n in 0..REFUSALS {
        // Whoever is told yes, is kept to: a little may still fit.
        if let Ok(offset) = publish(&server, ATTEMPTS + n).await {
            kept.push((offset, ATTEMPTS + n));
        }
    }
    report.at_most(
        "memory for those that were refused",
        server.usage()?.rss_mib() - memory,
        16.0,
        "MiB",
    );
    report.check("the server lives", "yes", "yes", server.is_alive());
    let (health, _) = server.ask("GET /health", "", "").await?;
    report.check("GET /health", "200", health.to_string(), health == 200);
    let heard = client.publish("live:talk", json!("still here")).await;
    let shown = heard.as_ref().map_or_else(ToString::to_string, |()| "accepted".to_owned());
    report.check("a publication that need not be kept", "accepted", shown, heard.is_ok());
    let history = history(&server).await?;
    kept_all(&mut report, "the history", &history, &kept);

    disk.make_room(server.pid())?;
    let started = Instant::now();
    let again = loop {
        match publish(&server, 2 * ATTEMPTS).await {
            Ok(offset) => break Some(offset),
            Err(_) if started.elapsed() < PATIENCE => sleep(Duration::from_millis(200)).await,
            Err(failure) => {
                eprintln!("soak: {failure}");
                break None;
            }
        }
    };
    kept.extend(again.map(|offset| (offset, 2 * ATTEMPTS)));
    let shown = again.map_or_else(
        || "refused".to_owned(),
        |_| format!("accepted after {:.1} s", started.elapsed().as_secs_f64()),
    );
    report.check(
        "a publication once there is room",
        "accepted within 30 s",
        shown,
        again.is_some(),
    );

    server.kill_and_start_again().await?;
    let history = self::history(&server).await?;
    kept_all(&mut report, "the history after `kill -9`", &history, &kept);
    Ok(report)
}

async fn publish(server: &Server, n: usize) -> Result<u64, Failure> {
    server.publish(&channel(n), json!({ "n": n, "text": "x".repeat(PAYLOAD_BYTES) })).await
}

fn channel(n: usize) -> String {
    format!("log:{}", n % CHANNELS)
}

/// Offsets and numbers of all that is kept. A channel has fewer than one answer may hold.
async fn history(server: &Server) -> Result<Vec<(u64, usize)>, Failure> {
    let mut all = Vec::new();
    for number in 0..CHANNELS {
        let params = json!({ "channel": channel(number), "limit": 300 });
        let result = server.api("history", &params).await?;
        for it in result["publications"].as_array().into_iter().flatten() {
            let (offset, n) = (it["offset"].as_u64(), it["data"]["n"].as_u64());
            let (Some(offset), Some(n)) = (offset, n) else {
                return Err(format!("no publication: {it}").into());
            };
            all.push((offset, n as usize));
        }
    }
    Ok(all)
}

/// What was refused may be in a history too: it means that nobody knows.
fn kept_all(report: &mut Report, what: &str, history: &[(u64, usize)], kept: &[(u64, usize)]) {
    let there = kept.iter().filter(|it| history.contains(it)).count();
    let (wanted, seen) =
        (format!("all {} that were accepted", kept.len()), format!("{there} of {}", history.len()));
    report.check(what, wanted, seen, there == kept.len());
}

/// A disk that is soon full.
enum Disk<'a> {
    /// A file system of its own, in memory.
    Small(&'a Path),
    /// A limit for the size of files, for whoever may not mount.
    Limited,
}

const DISK_MIB: u64 = 16;

impl<'a> Disk<'a> {
    fn new(folder: &'a Path) -> Result<Self, Failure> {
        let size = format!("size={DISK_MIB}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        Ok(if mounted.is_ok_and(|it| it.status.success()) {
            Self::Small(folder)
        } else {
            Self::Limited
        })
    }

    fn describe(&self) -> String {
        match self {
            Self::Small(_) => format!("on a disk of {DISK_MIB} MiB (tmpfs)"),
            Self::Limited => format!("in files of at most {DISK_MIB} MiB (`RLIMIT_FSIZE`)"),
        }
    }

    fn limit(&self, pid: u32) -> Result<(), Failure> {
        match self {
            Self::Small(_) => Ok(()),
            Self::Limited => run_command(
                "prlimit",
                &["--pid", &pid.to_string(), &format!("--fsize={}:", DISK_MIB << 20)],
            ),
        }
    }

    fn make_room(&self, pid: u32) -> Result<(), Failure> {
        match self {
            Self::Small(folder) => {
                run_command("mount", &["-o", "remount,size=256m", &folder.to_string_lossy()])
            }
            Self::Limited => {
                run_command("prlimit", &["--pid", &pid.to_string(), "--fsize=unlimited:"])
            }
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        if let Self::Small(folder) = self {
            // The server may still have it open.
            let _ = run_command("umount", &["--lazy", &folder.to_string_lossy()]);
        }
    }
}

fn run_command(name: &str, arguments: &[&str]) -> Result<(), Failure> {
    let output = Command::new(name).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
