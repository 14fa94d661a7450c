//! `trunkline serve`: the real-time server.

use std::error::Error;

use tokio::runtime::Builder;
use trunkline_server::Server;
use trunkline_server::auth::generate_secret;
use trunkline_server::config::{Config, Loaded, Sources};

use crate::args::Serve;
use crate::exit::{Exit, Failure, chain};
use crate::output;

pub(crate) fn run(args: &Serve) -> Result<Exit, Failure> {
    let Loaded { mut config, warnings, .. } =
        sources(args).load().map_err(|problems| Failure::usage(problems.to_string()))?;
    for warning in warnings {
        eprintln!("trunkline: {warning}");
    }
    let made_up = make_up_secrets(&mut config)?;
    if args.demo {
        trunkline_server::demo::enable(&mut config);
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("cannot start threads", error))?;
    runtime.block_on(async {
        let (spread, deadline) = (config.shutdown.timeout / 2, config.shutdown.timeout);
        let server = Server::start(config).await.map_err(|error| failed(&error))?;
        output::print(&format!("listening on http://{}\n{made_up}", server.local_addr()))?;
        stopped().await.map_err(|error| Failure::failed("cannot hear signals", error))?;
        server.drain(spread, deadline).await;
        Ok(Exit::Clean)
    })
}

fn sources(args: &Serve) -> Sources {
    let mut sources = Sources::new().process_env();
    if let Some(path) = &args.config {
        sources = sources.file(path);
    }
    for (key, value) in &args.set {
        sources = sources.set(key, value);
    }
    if let Some(listen) = args.listen {
        sources = sources.set("http_server.address", listen.ip().to_string());
        sources = sources.set("http_server.port", listen.port().to_string());
    }
    sources
}

/// A server on this machine alone may make up what it needs; others have to be told. What to show of it.
fn make_up_secrets(config: &mut Config) -> Result<String, Failure> {
    let mut shown = String::new();
    let needs_key = !config.client.insecure && !config.client.token.has_key();
    let needs_api_key = !config.http_api.disabled
        && !config.http_api.insecure
        && config.http_api.key.is_empty()
        && config.http_api.keys.is_empty();
    if (needs_key || needs_api_key) && !config.http_server.listen().ip().is_loopback() {
        return Err(Failure::usage(
            "others can reach this address: set client.token.hmac_secret_key and http_api.key to secrets of your own",
        ));
    }
    let generate =
        || generate_secret().map_err(|error| Failure::failed("no random numbers", error));
    if needs_key {
        config.client.token.hmac_secret_key = generate()?;
        let secret = config.client.token.hmac_secret_key.reveal();
        shown +=
            &format!("token secret  {secret}  (client.token.hmac_secret_key, until this ends)\n");
    }
    if needs_api_key {
        config.http_api.key = generate()?;
        let key = config.http_api.key.reveal();
        shown += &format!("API key       {key}  (http_api.key, until this ends)\n");
    }
    Ok(shown)
}

fn failed(error: &dyn Error) -> Failure {
    Failure::new(Exit::Failed, chain(error))
}

async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = term.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
