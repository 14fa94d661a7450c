//! What `connect`, `check` and `bench` share: where to connect to, and how.

use std::path::PathBuf;
use std::time::Duration;

use trunkline::handshake::Headers;

use super::duration::duration;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connecting")]
pub(crate) struct Dial {
    /// Header to send with the request, such as 'Authorization: Bearer …'; can be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<Header>,

    /// Page to speak for, such as `https://example.com`, with servers that ask
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,

    /// Subprotocol to offer; repeated, the best first
    #[arg(long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,

    /// Take any certificate in wss://, for any name: whoever is on the way can read and change everything
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// File of root certificates (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) cacert: Option<PathBuf>,

    /// File with the client's certificate and its chain (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// File with the private key (PEM) for --cert [default: the same file]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Proxy to go through: http://, https://, socks5:// or socks5h://, with user:password@ if need be;
    /// `none` for no proxy [default: what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say]
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// How long connecting may take, the answer to the handshake included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// A header that can be sent as it is.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    let value = value.trim();
    Headers::new().push(name, value).map_err(|error| error.to_string())?;
    Ok(Header { name: name.to_owned(), value: value.to_owned() })
}
