//! Long and rough runs of `trunkline serve` and `trunkline echo` on real sockets: `../../../soak.sh` starts them.
//!
//! One scenario a file. Each drives a server in a process of its own, checks every message that its clients get
//! against what was published, and ends with a table of what was wanted and what was seen.

mod churn;
mod client;
mod disk;
mod hostile;
mod process;
mod report;
mod server;
mod storm;
mod stuck;
mod wire;

use std::error::Error;
use std::path::PathBuf;

use report::Report;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const USAGE: &str = "soak churn|storm|stuck|hostile|disk [--secs N]\n\
    TRUNKLINE names the command to run, SOAK_CONFIG the settings of its server, SOAK_REPORT a file for the table";

/// What a scenario may be told.
pub(crate) struct Options {
    /// How long its main part takes.
    pub(crate) secs: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let scenario = arguments.next().ok_or(USAGE)?;
    let mut options = Options { secs: None };
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match flag.as_str() {
            "--secs" => options.secs = Some(value.parse()?),
            _ => return Err(USAGE.into()),
        }
    }
    let report = match scenario.as_str() {
        "churn" => churn::run(&options).await?,
        "storm" => storm::run(&options).await?,
        "disk" => disk::run(&options).await?,
        "hostile" => hostile::run(&options).await?,
        "stuck" => stuck::run(&options).await?,
        _ => return Err(USAGE.into()),
    };
    finish(&report)
}

fn finish(report: &Report) -> Result<(), Failure> {
    print!("{report}");
    if let Some(path) = std::env::var_os("SOAK_REPORT").map(PathBuf::from) {
        std::fs::write(path, report.to_string())?;
    }
    let (passed, failed) = report.counts();
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}
