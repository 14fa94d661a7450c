//! `trunkline serve`: the real-time server.

mod log;
mod secrets;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use trunkline_server::config::{Config, Loaded, Problems, Sources};
use trunkline_server::{Part, Server, StartError};

use crate::args::Serve;
use crate::exit::{Exit, Failure, chain};
use crate::{output, signals};

/// Where the demos keep their data, so that a restart loses nothing.
const DEMO_DIR: &str = "trunkline-data";

pub(crate) fn run(args: &Serve) -> Result<Exit, Failure> {
    run_with(args, Server::start)
}

/// The same with another way to start a server.
fn run_with(
    args: &Serve,
    start: impl AsyncFnOnce(Config) -> Result<Server, StartError>,
) -> Result<Exit, Failure> {
    let Loaded { mut config, warnings, .. } = load(args).map_err(|it| wrong(&it))?;
    log::begin(&config)?;
    let shown = secrets::see_to(&mut config)?;
    for warning in warnings.iter().filter(|it| shown.is_empty() || !secrets::cures(it)) {
        tracing::warn!("{warning}");
    }
    if args.demo {
        trunkline_server::demo::enable(&mut config);
    }
    let deadline = config.shutdown.timeout;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("cannot start threads", error))?;
    let ended =
        runtime.block_on(async { serve(args, start(config).await, deadline, &shown).await });
    // Whoever still reads a configuration is not waited for.
    runtime.shutdown_background();
    ended
}

async fn serve(
    args: &Serve,
    started: Result<Server, StartError>,
    deadline: Duration,
    shown: &str,
) -> Result<Exit, Failure> {
    let mut server = started.map_err(|error| match error {
        StartError::Insecure { .. } => Failure::usage(error.to_string()),
        error => failed(&error),
    })?;
    let (stop, mut stopped) = mpsc::unbounded_channel();
    signals::listen(&stop)?;
    let mut reload = signals::reloads()?;
    // Whoever has read this may send signals.
    output::print(&welcome(&server, args, shown))?;
    // Read beside the thread that accepts: a file may be large, or on a disk that does not answer.
    let mut reading: Option<JoinHandle<_>> = None;
    loop {
        tokio::select! {
            _ = stopped.recv() => break,
            part = server.broken() => return Err(broken(part)),
            () = reload.next(), if reading.is_none() => {
                let args = args.clone();
                reading = Some(spawn_blocking(move || load(&args)));
            }
            Some(read) = async { Some(reading.as_mut()?.await) } => {
                reading = None;
                // One that panicked has said so.
                let Ok(read) = read else { continue };
                if let Err(failure) = reload_with(args, &server, read).await {
                    tracing::error!("not reloaded: {}", failure.text);
                }
            }
        }
    }
    tracing::info!("stopping: clients are told to come back");
    tokio::select! {
        () = server.drain(deadline / 2, deadline) => Ok(Exit::Clean),
        // Who asks twice does not want to wait.
        _ = stopped.recv() => Ok(Exit::Interrupted),
    }
}

/// What a mistake of ours has left cannot be trusted: the process ends, and its supervisor starts another.
fn broken(part: Part) -> Failure {
    let text = format!(
        "a mistake of ours has broken {part}, so this process ends: start it again (a supervisor does), and please \
         report it with the lines above"
    );
    tracing::error!("{text}");
    Failure::new(Exit::Broken, text)
}

async fn reload_with(
    args: &Serve,
    server: &Server,
    read: Result<Loaded, Problems>,
) -> Result<(), Failure> {
    let Loaded { mut config, warnings, .. } = read.map_err(|it| wrong(&it))?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    server.keep_secrets(&mut config);
    if args.demo {
        trunkline_server::demo::enable(&mut config);
    }
    let reload = server.reload(config).await.map_err(|error| failed(&error))?;
    tracing::info!(changed = ?reload.changed, needs_restart = ?reload.needs_restart, "reloaded");
    Ok(())
}

fn load(args: &Serve) -> Result<Loaded, Problems> {
    sources(args).load()
}

fn sources(args: &Serve) -> Sources {
    let mut sources = Sources::new().process_env();
    if let Some(path) = &args.config {
        sources = sources.file(path);
    }
    if args.demo {
        sources = sources.set("data.dir", DEMO_DIR).set("data.fsync", "always");
    }
    for (key, value) in &args.set {
        sources = sources.set(key, value);
    }
    if let Some(dir) = &args.data {
        sources = sources.set("data.dir", dir.display().to_string());
    }
    if let Some(listen) = args.listen {
        sources = sources.set("http_server.address", listen.ip().to_string());
        sources = sources.set("http_server.port", listen.port().to_string());
    }
    sources
}

/// What to know of a server that has just started.
fn welcome(server: &Server, args: &Serve, shown: &str) -> String {
    let address = server.local_addr();
    let s = if server.speaks_tls() { "s" } else { "" };
    let mut text = format!("listening on  http{s}://{address}\n");
    text += &format!("WebSocket     ws{s}://{address}/connection/websocket\n");
    text += &format!("dashboard     http{s}://{address}/dashboard/\n");
    if args.demo {
        text += &format!("demos         http{s}://{address}/\n");
    }
    text + shown
}

fn wrong(problems: &Problems) -> Failure {
    Failure::usage(problems.to_string())
}

fn failed(error: &dyn Error) -> Failure {
    Failure::new(Exit::Failed, chain(error))
}
