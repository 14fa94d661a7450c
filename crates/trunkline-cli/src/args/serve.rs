//! The flags of `trunkline serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Start the real-time server
///
/// Clients connect with any SDK of Centrifugo's; servers publish by HTTP. Without a flag it listens on
/// 127.0.0.1:8000, keeps everything in memory, and makes up its secrets, which it shows once.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Settings to read: a file in TOML, YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,

    /// Keep history, offsets and epochs in this folder, so that they survive a restart
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Run the demos, which give a token to everybody who asks: a chat, notifications, a game, a market, a whiteboard
    #[arg(long)]
    pub(crate) demo: bool,

    /// Set one setting, as in the file: --set channel.without_namespace.presence=true
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it needs a key, `=` and a value")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

const EXAMPLES: &str = "\
Examples:
  trunkline serve
  trunkline serve --demo
  trunkline serve --config trunkline.toml --data /var/lib/trunkline
  trunkline serve --listen 0.0.0.0:8000 --config trunkline.toml
  trunkline serve --set http_api.key=$API_KEY

It ends with Ctrl-C or SIGTERM: clients are told to come back, at a pace.
SIGHUP reads the file again.
If a mistake of ours breaks it, it exits with 70: a supervisor starts it again.
--demo keeps its data and secrets in ./trunkline-data.";
