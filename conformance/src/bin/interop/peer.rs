//! [`Peer`]: the program at the other end of the connections, and the lines it speaks.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Failure;

/// For an interpreter or a browser to start on a machine that is busy with other things.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// For a peer to say how a connection ended that is closed already. curl_cffi waits up to 3 s.
const SAY_TIMEOUT: Duration = Duration::from_secs(10);

/// For a browser to take its processes down once its input has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection ended, as the peer saw it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Closed { code: u16, reason: String },
    Refused(String),
}

#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Name and version.
    pub(crate) name: String,
    /// What it can, in the words of `conformance/interop/README.md`.
    can: BTreeSet<String>,
    /// The URLs of its servers, by whether they compress.
    servers: BTreeMap<String, String>,
}

impl Peer {
    /// Starts the program and hears what it is.
    pub(crate) async fn start(command: &[String]) -> Result<Self, Failure> {
        let (program, args) = command.split_first().ok_or("there is no command for the peer")?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {program}: {error}"))?;
        let input = child.stdin.take().ok_or("the peer has no input")?;
        let output = child.stdout.take().ok_or("the peer has no output")?;
        let mut peer = Self {
            child,
            input,
            lines: BufReader::new(output).lines(),
            name: String::new(),
            can: BTreeSet::new(),
            servers: BTreeMap::new(),
        };
        let words = timeout(START_TIMEOUT, peer.words()).await;
        let words = words.map_err(|_| format!("{program} did not say what it is"))??;
        let [_, name, can] = &words[..] else {
            return Err(format!("{program} does not begin with 'peer'").into());
        };
        peer.name.clone_from(name);
        peer.can = can.split(',').map(str::to_owned).collect();
        Ok(peer)
    }

    pub(crate) fn can(&self, what: &str) -> bool {
        self.can.contains(what)
    }

    /// The URL of its server that has compression "on", or "off".
    pub(crate) async fn listening(&mut self, compression: &str) -> Result<String, Failure> {
        let said = async {
            while !self.servers.contains_key(compression) {
                self.words().await?;
            }
            Ok(self.servers[compression].clone())
        };
        timeout(START_TIMEOUT, said).await.map_err(|_| "the peer did not say where it listens")?
    }

    /// Tells it to connect. `page` is where a browser does so from.
    pub(crate) async fn connect(
        &mut self,
        url: &str,
        subprotocols: &[&str],
        compression: &str,
        page: &str,
    ) -> Result<(), Failure> {
        let line = format!("connect\t{url}\t{}\t{compression}\t{page}\n", subprotocols.join(","));
        Ok(self.input.write_all(line.as_bytes()).await?)
    }

    /// How its connection to `path` ended.
    pub(crate) async fn ended(&mut self, path: &str) -> Result<Ended, Failure> {
        let said = async {
            loop {
                let words = self.words().await?;
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                match words[..] {
                    ["closed", at, code, ref reason @ ..] if at == path => {
                        let code = code.parse()?;
                        return Ok(Ended::Closed { code, reason: reason.concat() });
                    }
                    ["failed", at, why] if at == path => return Ok(Ended::Refused(why.to_owned())),
                    ["complaint", what] => return Err(format!("complains: {what}").into()),
                    _ => {}
                }
            }
        };
        timeout(SAY_TIMEOUT, said).await.map_err(|_| "peer did not notice the end")?
    }

    /// The words of the next line. Where a server listens may stand between any others.
    async fn words(&mut self) -> Result<Vec<String>, Failure> {
        let line = self.lines.next_line().await?.ok_or("the peer has exited")?;
        let words: Vec<String> = line.split('\t').map(str::to_owned).collect();
        if let [first, compression, url] = &words[..]
            && first == "listening"
        {
            self.servers.insert(compression.clone(), url.clone());
        }
        Ok(words)
    }

    /// Ends its input, which a client takes as the end; whoever goes on after that is killed.
    pub(crate) async fn stop(mut self, at_once: bool) {
        drop(self.input);
        if at_once || timeout(EXIT_TIMEOUT, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}
