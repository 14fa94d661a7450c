//! What makes a proxy pass bytes on: a machine for each protocol, and the loop that moves its bytes.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use trunkline_proto::handshake::Progress;

use super::error::TunnelError;

/// Asks a proxy for a tunnel. It is fed with bytes, however they are cut, and gives bytes to write.
pub(super) trait Tunnel {
    /// What is to be written before anything more is read; what was given once is not given again.
    fn transmit(&mut self) -> Vec<u8>;

    /// Takes bytes of the proxy until there is a tunnel. Those behind `taken` came through it.
    fn handle_input(&mut self, input: &[u8]) -> Result<Progress<()>, TunnelError>;
}

/// Bytes that are read at once: more than any answer of a proxy has.
const READ_BYTES: usize = 2048;

/// Asks for a tunnel over `stream`, and gives what has come through it already.
pub(super) async fn dig<S>(mut tunnel: impl Tunnel, stream: &mut S) -> Result<Vec<u8>, TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = [0; READ_BYTES];
    let mut early = None;
    loop {
        let request = tunnel.transmit();
        if !request.is_empty() {
            stream.write_all(&request).await?;
            stream.flush().await?;
        }
        // Only now: a proxy that answers before it was asked gets its request all the same.
        if let Some(early) = early {
            return Ok(early);
        }
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            return Err(TunnelError::UnexpectedEnd);
        }
        let progress = tunnel.handle_input(&bytes[..read])?;
        early = progress.done.map(|()| bytes[progress.taken..read].to_vec());
    }
}

/// Feeds `input` cut at every place to a fresh machine each time, and gives what they all agree on: what was
/// written, and the end, with the bytes that are left.
#[cfg(test)]
#[track_caller]
pub(super) fn at_every_cut<T: Tunnel>(
    machine: impl Fn() -> T,
    input: &[u8],
) -> (Vec<u8>, Result<Option<Vec<u8>>, String>) {
    let run = |parts: &[&[u8]]| {
        let mut tunnel = machine();
        let mut written = tunnel.transmit();
        let mut left = None;
        for part in parts {
            if let Some(left) = &mut left {
                Vec::extend_from_slice(left, part);
                continue;
            }
            match tunnel.handle_input(part) {
                Err(error) => {
                    written.extend(tunnel.transmit());
                    return (written, Err(error.to_string()));
                }
                Ok(progress) if progress.done.is_some() => {
                    left = Some(part[progress.taken..].to_vec())
                }
                Ok(progress) => assert_eq!(progress.taken, part.len()),
            }
            written.extend(tunnel.transmit());
        }
        (written, Ok(left))
    };
    let whole = run(&[input]);
    for cut in 0..=input.len() {
        assert_eq!(run(&[&input[..cut], &input[cut..]]), whole, "cut at {cut}");
    }
    let bytes: Vec<_> = input.chunks(1).collect();
    assert_eq!(run(&bytes), whole, "byte by byte");
    whole
}
