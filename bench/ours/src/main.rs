//! An echo on `trunkline::Server`, with TLS, or with compression in each of its ways to use memory.
//!
//! ```text
//! echo-ours --addr IP:PORT [--tls] [--deflate stateless|hibernating|dedicated] [--window-bits 15]
//! ```

use std::error::Error;

use trunkline::deflate::{DeflateConfig, Memory, WindowBits};
use trunkline::tls::ServerTls;
use trunkline::{Acceptor, Limit, Server, WebSocket};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

struct Args {
    addr: String,
    tls: bool,
    memory: Option<Memory>,
    window_bits: u8,
}

fn args() -> Result<Args> {
    let mut args =
        Args { addr: "127.0.0.1:9001".into(), tls: false, memory: None, window_bits: 15 };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--addr" => args.addr = value()?,
            "--tls" => args.tls = true,
            "--window-bits" => args.window_bits = value()?.parse()?,
            "--deflate" => {
                args.memory = Some(match value()?.as_str() {
                    "stateless" => Memory::Stateless,
                    "hibernating" => Memory::Hibernating,
                    "dedicated" => Memory::Dedicated,
                    other => return Err(format!("no memory is called {other}").into()),
                });
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(args)
}

async fn echo(mut ws: WebSocket) -> Result<()> {
    ws.answer(|message, answers| answers.feed(message)).await?;
    Ok(())
}

fn acceptor(args: &Args) -> Result<Acceptor> {
    let acceptor = Acceptor::new();
    let Some(memory) = args.memory else { return Ok(acceptor) };
    let bits = WindowBits::new(args.window_bits).ok_or("a window has 8 to 15 bits")?;
    let config = DeflateConfig::new().context_takeover(true).memory(memory);
    Ok(acceptor.with_compression(config.window_bits(bits).peer_window_bits(bits)))
}

async fn serve(args: Args) -> Result<()> {
    // All clients come from a few addresses of the loopback, and there are more than most servers have.
    let no_limit = Limit::unbounded();
    let mut server = Server::bind(&args.addr).await?.with_acceptor(acceptor(&args)?);
    server = server.with_connections(no_limit).with_connections_per_address(no_limit);
    if args.tls {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        server =
            server.with_tls(ServerTls::from_pem(own.cert.pem(), own.signing_key.serialize_pem())?);
    }
    server.serve(|ws, _| echo(ws)).await;
    Ok(())
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args()?))
}
