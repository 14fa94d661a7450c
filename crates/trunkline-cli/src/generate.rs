//! `trunkline completions` and `trunkline man`: what can be made of the definitions of the flags.

use std::fs;

use clap::CommandFactory;

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
    let unwritten = |error| Failure::failed("cannot write pages", error);
    match &args.dir {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command()).render(&mut page).map_err(unwritten)?;
            output::print(&String::from_utf8_lossy(&page))?;
        }
        Some(dir) => {
            let written = fs::create_dir_all(dir)
                .and_then(|()| clap_mangen::generate_to(Args::command(), dir));
            written.map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot write to {}: {error}", dir.display()))
            })?;
        }
    }
    Ok(Exit::Clean)
}
