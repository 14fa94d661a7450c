//! `trunkline echo`: the smallest server that the library makes, and the fastest.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use trunkline::deflate::DeflateConfig;
use trunkline::{Acceptor, WebSocket};

use crate::args::Echo;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::page;

/// How long to wait when the system has no descriptor left for a connection: those that end in the
/// meantime make room, and trying at once would only burn the processor.
const OUT_OF_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &Echo) -> Result<Exit, Failure> {
    let runtime =
        runtime(args.threads).map_err(|error| Failure::failed("cannot start threads", error))?;
    runtime.block_on(async {
        let listener = trunkline::listen(args.listen).map_err(|error| {
            let text =
                format!("cannot listen on {}: {error} (another --listen, or port 0?)", args.listen);
            Failure::new(Exit::Failed, text)
        })?;
        let address =
            listener.local_addr().map_err(|error| Failure::failed("cannot listen", error))?;
        output::print(&format!("listening on ws://{address}\n"))?;
        if args.page {
            output::print(&format!("try it at    http://{address}/\n"))?;
        }
        tokio::select! {
            () = serve(listener, acceptor(args), args.page) => Ok(Exit::Clean),
            stopped = tokio::signal::ctrl_c() => match stopped {
                Ok(()) => Ok(Exit::Clean),
                Err(error) => Err(Failure::failed("cannot hear Ctrl-C", error)),
            },
        }
    })
}

pub(crate) fn runtime(threads: Option<NonZeroUsize>) -> io::Result<Runtime> {
    let threads = match threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?,
    };
    match threads.get() {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

fn acceptor(args: &Echo) -> Acceptor {
    let acceptor = Acceptor::new().with_message_bytes(args.max_message.get());
    if args.compression { acceptor.with_compression(DeflateConfig::default()) } else { acceptor }
}

async fn serve(listener: TcpListener, acceptor: Acceptor, page: bool) {
    let acceptor = Arc::new(acceptor);
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                tokio::spawn(connection(Arc::clone(&acceptor), tcp, page));
            }
            // The peer may be gone again already; or this process has all the descriptors it can have.
            Err(error) => {
                eprintln!("trunkline: cannot accept a connection: {error}");
                tokio::time::sleep(OUT_OF_DESCRIPTORS_PAUSE).await;
            }
        }
    }
}

/// One connection. A peer that breaks the rules has been told so by the library, and is no error of
/// this process.
///
/// The handshake is on the heap, so that the task does not keep room for it ever after.
fn connection(acceptor: Arc<Acceptor>, tcp: TcpStream, page: bool) -> impl Future<Output = ()> {
    let handshake = Box::pin(accept(acceptor, tcp, page));
    async move {
        let Some(mut ws) = handshake.await else { return };
        // How it ended is told by the library, to whoever asks for it.
        ws.answer(|message, answers| answers.feed(message)).await.ok();
    }
}

async fn accept(
    acceptor: Arc<Acceptor>,
    tcp: TcpStream,
    page: bool,
) -> Option<WebSocket<TcpStream>> {
    tcp.set_nodelay(true).ok()?;
    match page {
        true => page::serve_or_accept(&acceptor, tcp).await.ok()?,
        false => acceptor.accept(tcp).await.ok(),
    }
}
