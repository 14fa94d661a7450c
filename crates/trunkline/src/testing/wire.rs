//! Frames by hand, also such as no library would send.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};
use trunkline_proto::Role;
use trunkline_proto::frame::{FrameHeader, MaskKey, OpCode};

/// A frame as `from` sends it: `first` is FIN, RSV and opcode, the length stands in its shortest form,
/// and a client masks. Nothing is checked, so it can be one that breaks the rules.
///
/// ```
/// use trunkline::{Role, testing::frame};
///
/// assert_eq!(frame(Role::Server, 0x81, b"hi"), [0x81, 2, b'h', b'i']);
/// ```
pub fn frame(from: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if from == Role::Client { 0x80 } else { 0 };
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => frame.push(mask | len),
        (_, Ok(len)) => {
            frame.push(mask | 126);
            frame.extend(len.to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    if from == Role::Server {
        frame.extend(payload);
        return frame;
    }
    // A key that is the same each time, so that a test sends the same bytes each time.
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    frame.extend(KEY);
    MaskKey::new(KEY).apply_to_copy(payload, &mut frame);
    frame
}

/// A frame that came in.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: OpCode,
    pub(super) payload: Vec<u8>,
}

/// What the other end sends, cut into frames.
#[derive(Default)]
pub(super) struct FrameReader {
    bytes: Vec<u8>,
}

/// A frame of this size in a test is a mistake.
const PAYLOAD_BYTES_MAX: u64 = 256 << 20;

impl FrameReader {
    /// Begins with bytes that were read with something else.
    pub(super) fn after(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    /// The next frame that `from` sends, or `None` at the end of the stream.
    ///
    /// # Errors
    /// What is wrong with it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next<S: AsyncRead + Unpin>(
        &mut self,
        from: Role,
        stream: &mut S,
    ) -> Result<Option<Frame>, String> {
        loop {
            if let Some(frame) = self.take(from)? {
                return Ok(Some(frame));
            }
            match stream.read_buf(&mut self.bytes).await {
                Ok(0) if self.bytes.is_empty() => return Ok(None),
                Ok(0) => return Err("the end of the stream inside a frame".to_owned()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(format!("an error of the stream: {error}")),
            }
        }
    }

    fn take(&mut self, from: Role) -> Result<Option<Frame>, String> {
        let Some((header, header_len)) = FrameHeader::parse(&self.bytes)
            .map_err(|error| format!("a frame against the rules: {error}"))?
        else {
            return Ok(None);
        };
        if header.mask.is_some() != (from == Role::Client) || header.rsv1 {
            return Err(format!("a frame that a {from:?} must not send: {header:?}"));
        }
        if header.payload_len > PAYLOAD_BYTES_MAX {
            return Err(format!("a frame that is larger than a test should need: {header:?}"));
        }
        let end = header_len + usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        if self.bytes.len() < end {
            return Ok(None);
        }
        let mut payload = self.bytes.drain(..end).skip(header_len).collect::<Vec<_>>();
        if let Some(mask) = header.mask {
            mask.apply(&mut payload);
        }
        Ok(Some(Frame { fin: header.fin, opcode: header.opcode, payload }))
    }
}
