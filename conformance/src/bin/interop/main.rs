//! Our library against a peer: starts the peer, asks it every case, and says what came of it.
//!
//! `conformance/interop.sh` runs it; `conformance/interop/README.md` says what a peer has to do.

mod cases;
mod link;
mod noise;
mod peer;
mod proxy;
mod run;
mod site;
mod wire;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::io::AsyncReadExt;

use proxy::{Kind, Place, Proxy};
use run::{Plan, Role};

type Failure = Box<dyn Error + Send + Sync>;

const USAGE: &str = "usage:
  interop server RESULTS COMMAND...                the peer is a server
  interop client RESULTS COMMAND...                the peer is a client
  interop through nginx|haproxy DIR RESULTS COMMAND...
                                                   the peer is a client, with a proxy in between
  interop proxy nginx|haproxy DIR SERVER           a proxy alone, until standard input ends

RESULTS is a file that a line for each case is added to; DIR has the certificate of the proxy, see
conformance/interop.sh.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match command(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("interop: {error}");
            ExitCode::from(2)
        }
    }
}

/// Gives whether all cases passed. An error is that they could not be asked.
async fn command(args: &[String]) -> Result<bool, Failure> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let plan = |role, results: &str, rest: usize| Plan {
        role,
        results: PathBuf::from(results),
        command: args[rest..].to_vec(),
    };
    match words[..] {
        ["server", results, _, ..] => plan(Role::Server, results, 2).run().await,
        ["client", results, _, ..] => plan(Role::Client, results, 2).run().await,
        ["through", kind, dir, results, _, ..] => {
            let role = Role::ClientThrough(Kind::parse(kind)?, PathBuf::from(dir));
            plan(role, results, 4).run().await
        }
        ["proxy", kind, dir, server] => {
            let server: SocketAddr = server.parse()?;
            let place = Place { server, dir: PathBuf::from(dir), forgets_after: None };
            let proxy = Proxy::start(Kind::parse(kind)?, &place).await?;
            println!("listening\t{}", proxy.url("https"));
            tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
            Ok(true)
        }
        _ => Err(USAGE.into()),
    }
}
