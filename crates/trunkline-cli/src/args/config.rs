//! The flags of `trunkline config`.

use std::path::PathBuf;

/// Check a configuration, or show what can be configured
#[derive(clap::Args, Debug)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(clap::Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration, all at once, and what comes of it
    Check {
        /// The file, in TOML, YAML or JSON; without one, the environment alone
        file: Option<PathBuf>,
    },
    /// Print every setting with its default and its meaning
    Defaults,
}
