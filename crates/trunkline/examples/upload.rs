//! A file in one message: sent while it is read, stored while it comes in, compared at the end. Neither
//! end has more of it in memory than the connection buffers.
//!
//! `cargo run --example upload -- serve FOLDER`, then `cargo run --example upload -- send FILE`.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, ReadBuf, copy_buf};
use trunkline::{CloseCode, MessageKind, Server, WebSocket};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A message in chunks may be of any length, so the server says how much it wants.
const FILE_BYTES_MAX: u64 = 16 << 30;

/// Bytes on their way from one side of a copy to the other: a frame of a message in parts.
const COPY_BYTES: usize = 64 << 10;

/// Takes a file from each client, and stores it in `folder` under the number of its connection.
pub async fn serve(server: Server, folder: PathBuf) {
    let numbers = AtomicU64::new(1);
    let handler = move |ws, _| {
        let path = folder.join(format!("{}.upload", numbers.fetch_add(1, Ordering::Relaxed)));
        async move {
            let received = receive(ws, &path).await;
            if let Err(error) = &received {
                eprintln!("{}: {error}", path.display());
            }
            received // after an error, the client is told 1011
        }
    };
    server.serve(handler).await;
}

async fn receive(mut ws: WebSocket, path: &Path) -> Result<(), Error> {
    let Some(message) = ws.recv_streamed().await? else { return Ok(()) };
    // Under another name until it is whole: half a file must not pass for one.
    let part = path.with_extension("part");
    match store(message, &part).await {
        Ok(receipt) if receipt.bytes <= FILE_BYTES_MAX => {
            fs::rename(&part, path).await?;
            ws.send(receipt.to_string()).await?;
            while ws.recv().await?.is_some() {}
            Ok(())
        }
        Ok(_) => {
            fs::remove_file(&part).await?;
            Ok(ws.close(CloseCode::MESSAGE_TOO_BIG, "file is too large").await?)
        }
        Err(error) => {
            fs::remove_file(&part).await?;
            Err(error.into())
        }
    }
}

async fn store(message: impl AsyncRead + Unpin, path: &Path) -> io::Result<Receipt> {
    // One byte more than is wanted tells that it is too much.
    let mut message = Checked::new(message.take(FILE_BYTES_MAX + 1), |_| ());
    let mut file = File::create(path).await?;
    copy_buf(&mut BufReader::with_capacity(COPY_BYTES, &mut message), &mut file).await?;
    file.sync_all().await?;
    Ok(message.receipt())
}

/// Sends a file to the server at `address`, and tells `progress` how many bytes of it have been read.
pub async fn send(
    address: &str,
    path: &Path,
    progress: impl FnMut(u64) + Unpin,
) -> Result<Receipt, Error> {
    let mut file = Checked::new(File::open(path).await?, progress);
    let mut ws = trunkline::connect(&format!("ws://{address}/")).await?;
    let mut message = ws.send_streamed(MessageKind::Binary)?;
    // Should this fail half-way, `message` is dropped and the server learns that it was not all.
    copy_buf(&mut BufReader::with_capacity(COPY_BYTES, &mut file), &mut message).await?;
    message.shutdown().await?;
    drop(message);
    let answer = ws.recv().await?.ok_or("server closed without a receipt")?;
    ws.close(CloseCode::NORMAL, "").await?;
    let receipt = file.receipt();
    if answer.as_text() != Some(&receipt.to_string()) {
        return Err(format!("sent {receipt}, and the server got {:?}", answer.as_text()).into());
    }
    Ok(receipt)
}

/// What both ends say of a file, to see that it is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    pub bytes: u64,
    /// CRC-32, which finds accidents. Against somebody who wants to deceive it takes TLS.
    pub checksum: u32,
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, CRC-32 {:08x}", self.bytes, self.checksum)
    }
}

/// Reads, and takes note of what has been read.
struct Checked<R, P> {
    inner: R,
    bytes: u64,
    remainder: u32,
    progress: P,
}

impl<R, P> Checked<R, P> {
    fn new(inner: R, progress: P) -> Self {
        Self { inner, bytes: 0, remainder: !0, progress }
    }

    fn receipt(&self) -> Receipt {
        Receipt { bytes: self.bytes, checksum: !self.remainder }
    }
}

impl<R: AsyncRead + Unpin, P: FnMut(u64) + Unpin> AsyncRead for Checked<R, P> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        for byte in read {
            let index = (self.remainder as u8 ^ byte) as usize;
            self.remainder = CRC_32[index] ^ (self.remainder >> 8);
        }
        self.bytes += read.len() as u64;
        let bytes = self.bytes;
        (self.progress)(bytes);
        Poll::Ready(Ok(()))
    }
}

/// What each byte does to the remainder of CRC-32 (IEEE 802.3).
const CRC_32: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut remainder, mut bit) = (byte as u32, 0);
        while bit < 8 {
            let divides = remainder & 1 == 1;
            remainder = (remainder >> 1) ^ if divides { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = "127.0.0.1:9008";
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", folder] => {
            serve(Server::bind(address).await?, folder.into()).await;
            Ok(())
        }
        ["send", file] => {
            let size = fs::metadata(file).await?.len().max(1);
            let progress = |bytes: u64| eprint!("\r{:3} %", bytes * 100 / size);
            let receipt = send(address, file.as_ref(), progress).await?;
            eprintln!("\r{receipt}");
            Ok(())
        }
        _ => Err("usage: upload serve FOLDER | upload send FILE".into()),
    }
}
