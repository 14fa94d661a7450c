//! [`Proxy`]: nginx or HAProxy as `docs/deploy` configures them, on a free port.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Failure;

const NGINX: &str = include_str!("../../../../docs/deploy/nginx.conf");
const HAPROXY: &str = include_str!("../../../../docs/deploy/haproxy.cfg");

const START_TIMEOUT: Duration = Duration::from_secs(20);
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Neither of the two can be asked to take a free port and tell which: one is picked for it, and
/// another if someone was faster.
const TRIES: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Nginx,
    HaProxy,
}

/// What differs from the file in `docs/deploy`.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) server: SocketAddr,
    /// Has `cert.pem`, `key.pem`, and `both.pem`; takes what else the proxy writes.
    pub(crate) dir: PathBuf,
    /// Silence after which it cuts a connection, if not the 60 s of the file.
    pub(crate) forgets_after: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    // Killed when it is dropped.
    _child: Child,
    port: u16,
}

impl Proxy {
    pub(crate) async fn start(kind: Kind, place: &Place) -> Result<Self, Failure> {
        for _ in 0..TRIES {
            let [port, plain_port] = free_ports()?;
            let config = kind.config(place, port, plain_port)?;
            let file = place.dir.join(format!("proxy-{port}.conf"));
            std::fs::write(&file, config)?;
            let mut child = kind.command(&file, place).kill_on_drop(true).spawn()?;
            let until = Instant::now() + START_TIMEOUT;
            while child.try_wait()?.is_none() && Instant::now() < until {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                    return Ok(Self { _child: child, port });
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
        Err(format!("{kind:?} does not start: see what it says above").into())
    }

    /// Where a client reaches the server behind it.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "nginx" => Ok(Self::Nginx),
            "haproxy" => Ok(Self::HaProxy),
            _ => Err(format!("no such proxy: {name}").into()),
        }
    }

    fn config(self, place: &Place, port: u16, plain_port: u16) -> Result<String, Failure> {
        let dir = place.dir.display();
        let server = place.server.to_string();
        let mut config = match self {
            Self::Nginx => NGINX.to_owned(),
            Self::HaProxy => HAPROXY.to_owned(),
        };
        let changes = match self {
            Self::Nginx => vec![
                ("listen 443", format!("listen 127.0.0.1:{port}")),
                ("listen 80", format!("listen 127.0.0.1:{plain_port}")),
                ("/etc/ssl/certs/example.pem", format!("{dir}/cert.pem")),
                ("/etc/ssl/private/example.key", format!("{dir}/key.pem")),
                // What Debian's build writes to /var otherwise.
                ("http {", nginx_paths(&place.dir)),
            ],
            Self::HaProxy => vec![
                (":443", format!("127.0.0.1:{port}")),
                (":80", format!("127.0.0.1:{plain_port}")),
                ("/etc/haproxy/certs/example.pem", format!("{dir}/both.pem")),
            ],
        };
        for (from, to) in changes {
            config = replaced(&config, from, &to)?;
        }
        config = replaced(&config, "127.0.0.1:9001", &server)?;
        if let Some(after) = place.forgets_after {
            let setting = match self {
                Self::Nginx => "proxy_read_timeout",
                Self::HaProxy => "timeout tunnel",
            };
            let from = format!("{setting} 60s");
            config = replaced(&config, &from, &format!("{setting} {}s", after.as_secs()))?;
        }
        Ok(config)
    }

    fn command(self, config: &Path, place: &Place) -> Command {
        let mut command = match self {
            Self::Nginx => {
                let mut command = Command::new("nginx");
                let pid = config.with_extension("pid");
                let main = format!("daemon off; master_process off; pid {};", pid.display());
                command.arg("-p").arg(&place.dir).arg("-c").arg(config);
                command.args(["-e", "stderr", "-g", &main]);
                command
            }
            Self::HaProxy => {
                let mut command = Command::new("haproxy");
                command.arg("-db").arg("-f").arg(config);
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

fn nginx_paths(dir: &Path) -> String {
    let mut paths = "http {\n    access_log off;".to_owned();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        paths += &format!("\n    {kind}_temp_path {}/{kind};", dir.display());
    }
    paths
}

/// What is replaced must be there: a file in docs/ that has moved on is noticed.
fn replaced(config: &str, from: &str, to: &str) -> Result<String, Failure> {
    match config.matches(from).count() {
        1 => Ok(config.replacen(from, to, 1)),
        n => Err(format!("docs/deploy has {from:?} {n} times, not once").into()),
    }
}

fn free_ports() -> Result<[u16; 2], Failure> {
    let picked = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0"));
    let [one, two] = picked;
    Ok([one?.local_addr()?.port(), two?.local_addr()?.port()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every port and path of the two files is replaced, and no other.
    #[test]
    fn configurations_of_the_docs_can_be_moved() {
        let dir = PathBuf::from("/tmp/elsewhere");
        let server = "127.0.0.1:4711".parse().unwrap();
        let place = Place { server, dir, forgets_after: Some(Duration::from_secs(2)) };
        for kind in [Kind::Nginx, Kind::HaProxy] {
            let config = kind.config(&place, 4443, 4080).unwrap();
            for part in
                ["127.0.0.1:4711", "127.0.0.1:4443", "127.0.0.1:4080", "/tmp/elsewhere/", " 2s"]
            {
                assert!(config.contains(part), "{kind:?} without {part}");
            }
            assert!(!config.contains("9001") && !config.contains("/etc/"));
        }
    }
}
