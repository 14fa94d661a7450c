//! The flags of `trunkline echo`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

/// Send every message back to where it came from
///
/// A server to try a client, a proxy or a network with. It answers text with text and binary with
/// binary, and sees to pings and closing as RFC 6455 asks.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Echo {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    pub(crate) listen: SocketAddr,

    /// Threads to serve connections with [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Compress messages with clients that offer permessage-deflate
    #[arg(long)]
    pub(crate) compression: bool,

    /// Bytes that a message may have; a longer one closes its connection with 1009
    #[arg(long, value_name = "BYTES", default_value = "1048576")]
    pub(crate) max_message: NonZeroUsize,

    /// Serve a page on the same port to try the echo from a browser
    #[arg(long)]
    pub(crate) page: bool,
}

const EXAMPLES: &str = "\
Examples:
  trunkline echo --page
  trunkline echo --listen 0.0.0.0:9001 --compression --max-message 65536

It ends with Ctrl-C.";
