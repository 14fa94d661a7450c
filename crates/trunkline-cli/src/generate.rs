//! `trunkline completions` and `trunkline man`: what can be made of the definitions of the flags.

use std::fs;
use std::io;

use clap::CommandFactory;
use clap::builder::StyledStr;
use clap_mangen::roff::{Roff, roman};

use crate::args::{Args, Completions, Man};
use crate::exit::{Exit, Failure};
use crate::output;

pub(crate) fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "trunkline", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}

pub(crate) fn man(args: &Man) -> Result<Exit, Failure> {
    let mut trunkline = Args::command().disable_help_subcommand(true);
    trunkline.build();
    if let Some(dir) = &args.dir {
        let commands = trunkline.get_subcommands().chain([&trunkline]);
        let written = fs::create_dir_all(dir).and_then(|()| {
            commands.into_iter().try_for_each(|command| {
                fs::write(dir.join(format!("{}.1", name(command))), page(command)?)
            })
        });
        let cannot = |error| format!("cannot write to {}: {error}", dir.display());
        written.map_err(|error| Failure::new(Exit::Failed, cannot(error)))?;
        return Ok(Exit::Clean);
    }
    let command = match &args.page {
        None => &trunkline,
        Some(page) => trunkline.find_subcommand(page).ok_or_else(|| {
            Failure::usage(format!("there is no command {page}: see trunkline --help"))
        })?,
    };
    let page = page(command).map_err(|error| Failure::failed("cannot write the page", error))?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Clean)
}

/// `trunkline-bench`: what the page is called.
fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone())
        .source(concat!("trunkline ", env!("CARGO_PKG_VERSION")))
        .manual("Trunkline");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let mut about = Roff::new();
    about.control("SH", ["DESCRIPTION"]);
    prose(&mut about, command.get_long_about().or_else(|| command.get_about()));
    about.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut more = Roff::new();
    prose(&mut more, command.get_after_long_help());
    more.to_writer(&mut page)?;
    Ok(page)
}

/// Text as `--help` shows it. Indented lines are examples and tables, and stay as they are; a line
/// with a colon right above such is the heading of a section.
fn prose(roff: &mut Roff, text: Option<&StyledStr>) {
    let text = text.map(ToString::to_string).unwrap_or_default();
    let mut lines = text.lines().peekable();
    let mut is_table = false;
    while let Some(line) = lines.next() {
        let is_indented = line.starts_with(' ');
        let is_above_table = lines.peek().is_some_and(|next| next.starts_with(' '));
        if is_table != is_indented {
            roff.control(if is_indented { "nf" } else { "fi" }, []);
            is_table = is_indented;
        }
        match line.strip_suffix(':') {
            Some(heading) if !is_indented && is_above_table => {
                roff.control("SH", [&*heading.to_uppercase()]);
            }
            _ if line.is_empty() => {
                roff.control("PP", []);
            }
            _ => {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
        }
    }
    if is_table {
        roff.control("fi", []);
    }
}
