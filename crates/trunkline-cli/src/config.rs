//! `trunkline config`: what can be configured, and whether a configuration is in order.

use std::path::Path;

use trunkline_server::config::{Config, Loaded, Place, Sources};

use crate::args::ConfigCommand;
use crate::exit::{Exit, Failure};
use crate::output;

pub(crate) fn run(command: &ConfigCommand) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check { file } => check(file.as_deref()),
        ConfigCommand::Defaults => defaults(),
    }
}

fn check(file: Option<&Path>) -> Result<Exit, Failure> {
    let mut sources = Sources::new().process_env();
    if let Some(file) = file {
        sources = sources.file(file);
    }
    let Loaded { config, warnings, .. } =
        sources.load().map_err(|problems| Failure::new(Exit::Failed, problems.to_string()))?;
    let mut text = String::new();
    for warning in &warnings {
        text += &format!("warning: {warning}\n");
    }
    for setting in config.describe() {
        if setting.place != Place::Default {
            text += &format!("{} = {}  ({})\n", setting.key, setting.value, setting.place);
        }
    }
    output::print(&format!("{text}the configuration is in order\n"))?;
    Ok(Exit::Clean)
}

fn defaults() -> Result<Exit, Failure> {
    let mut text = String::new();
    for setting in Config::default().describe() {
        text += &format!("{} = {}\n    {}\n", setting.key, setting.default, setting.meaning);
    }
    output::print(&text)?;
    Ok(Exit::Clean)
}
