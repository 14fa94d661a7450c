//! The log of `trunkline serve`: on standard error, as lines for people or as JSON for programs.

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use trunkline_server::config::{Config, LogFormat, LogLevel};

use crate::exit::Failure;

/// Begins to log as the configuration says.
pub(super) fn begin(config: &Config) -> Result<(), Failure> {
    let level = match config.log.level {
        LogLevel::None => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A line that cannot be written is lost: the disk is full, or whoever read has gone. To say so where it could not
    // be written either would panic, in whatever thread had something to tell.
    let log = log.log_internal_errors(false);
    let begun = match config.log.format {
        LogFormat::Json => log.json().try_init(),
        _ => log.with_target(false).try_init(),
    };
    begun.map_err(|error| Failure::failed("cannot begin to log", error))?;
    std::panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Panics are told where everything else is told. The text of one may hold what a client sent, unless all of it
/// stands in our source; the place says enough.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    match panic.payload().downcast_ref::<&'static str>() {
        Some(text) => tracing::error!(place, thread, text, "panicked: a mistake of ours"),
        None => tracing::error!(place, thread, "panicked: a mistake of ours"),
    }
}
