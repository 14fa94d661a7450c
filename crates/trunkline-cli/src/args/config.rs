//! The flags of `trunkline config`.

use std::path::PathBuf;

/// Check a configuration, or show what can be configured
///
/// Settings come from a file, then from variables TRUNKLINE_*, then from flags of `trunkline serve`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:
  trunkline config check trunkline.toml
  trunkline config defaults")]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(clap::Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration, all at once
    Check {
        /// The file, in TOML, YAML or JSON; without one, the environment alone
        file: Option<PathBuf>,
    },
    /// Print every setting with its default and its meaning
    Defaults,
}
