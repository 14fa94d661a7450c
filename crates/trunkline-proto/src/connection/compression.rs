//! The compression of one connection, or proof that there is none.

#[cfg(feature = "deflate")]
pub(super) use on::Compression;

#[cfg(not(feature = "deflate"))]
pub(super) use off::Compression;

/// The message does not inflate.
#[derive(Debug)]
pub(super) struct Corrupt;

#[cfg(feature = "deflate")]
mod on {
    use bytes::Bytes;

    use super::Corrupt;
    use crate::Role;
    use crate::deflate::{Compressor, Decompressor, DeflateConfig, DeflateParams};
    use crate::message::Prepared;

    /// Inflated at a time: the caps on a message are checked between two such steps.
    const INFLATE_STEP: usize = 16 << 10;

    #[derive(Debug)]
    pub(in crate::connection) struct Compression {
        compressor: Compressor,
        decompressor: Decompressor,
        inflated: Vec<u8>,
    }

    impl Compression {
        pub(in crate::connection) fn new(
            config: &DeflateConfig,
            params: DeflateParams,
            role: Role,
        ) -> Self {
            Self {
                compressor: Compressor::new(config, params, role),
                decompressor: Decompressor::new(config, params, role),
                inflated: Vec::new(),
            }
        }

        pub(in crate::connection) fn wants(&self, payload_len: usize) -> bool {
            self.compressor.wants(payload_len)
        }

        pub(in crate::connection) fn compress(&mut self, payload: &[u8]) -> Vec<u8> {
            let mut compressed = Vec::new();
            self.compressor.compress(payload, &mut compressed);
            compressed
        }

        pub(in crate::connection) fn compress_chunk(
            &mut self,
            chunk: &[u8],
            last: bool,
        ) -> Vec<u8> {
            let mut compressed = Vec::new();
            self.compressor.compress_chunk(chunk, last, &mut compressed);
            compressed
        }

        /// The frame of a message that was compressed apart from this connection. The peer's window
        /// moves on without ours, so what follows must not refer to what came before.
        pub(in crate::connection) fn prepared_frame(&mut self, prepared: &Prepared) -> Bytes {
            self.compressor.reset();
            prepared.compressed_frame(self.compressor.encoding_key())
        }

        /// Inflates the next step of `input` and gives how much of it was used up.
        pub(in crate::connection) fn inflate(&mut self, input: &[u8]) -> Result<usize, Corrupt> {
            let mut rest = input;
            self.inflated.clear();
            self.decompressor
                .decompress(&mut rest, &mut self.inflated, INFLATE_STEP)
                .map_err(|_| Corrupt)?;
            Ok(input.len() - rest.len())
        }

        /// Inflates the next step of what the end of a message brings out, and tells whether that was all.
        pub(in crate::connection) fn finish(&mut self) -> Result<bool, Corrupt> {
            self.inflated.clear();
            self.decompressor.finish(&mut self.inflated, INFLATE_STEP).map_err(|_| Corrupt)
        }

        /// What the last step brought out.
        pub(in crate::connection) fn inflated(&self) -> &[u8] {
            &self.inflated
        }

        /// Whether the last step had room for no more, so that the next brings something out of no input.
        pub(in crate::connection) fn may_hold_more(&self) -> bool {
            self.inflated.len() == INFLATE_STEP
        }

        /// Lets go of the buffer between two messages.
        pub(in crate::connection) fn release(&mut self) {
            self.inflated = Vec::new();
        }

        pub(in crate::connection) fn memory_bytes(&self) -> usize {
            self.compressor.memory_bytes()
                + self.decompressor.memory_bytes()
                + self.inflated.capacity()
        }
    }
}

#[cfg(not(feature = "deflate"))]
mod off {
    use bytes::Bytes;

    use super::Corrupt;
    use crate::message::Prepared;

    /// Without the feature there is no value of this type, and nothing to do with it.
    #[derive(Debug)]
    pub(in crate::connection) enum Compression {}

    #[expect(clippy::needless_pass_by_ref_mut, reason = "the same signatures as with the feature")]
    impl Compression {
        pub(in crate::connection) fn wants(&self, _payload_len: usize) -> bool {
            match *self {}
        }

        pub(in crate::connection) fn compress(&mut self, _payload: &[u8]) -> Vec<u8> {
            match *self {}
        }

        pub(in crate::connection) fn compress_chunk(
            &mut self,
            _chunk: &[u8],
            _last: bool,
        ) -> Vec<u8> {
            match *self {}
        }

        pub(in crate::connection) fn prepared_frame(&mut self, _prepared: &Prepared) -> Bytes {
            match *self {}
        }

        pub(in crate::connection) fn inflate(&mut self, _input: &[u8]) -> Result<usize, Corrupt> {
            match *self {}
        }

        pub(in crate::connection) fn finish(&mut self) -> Result<bool, Corrupt> {
            match *self {}
        }

        pub(in crate::connection) fn inflated(&self) -> &[u8] {
            match *self {}
        }

        pub(in crate::connection) fn may_hold_more(&self) -> bool {
            match *self {}
        }

        pub(in crate::connection) fn release(&mut self) {
            match *self {}
        }

        pub(in crate::connection) fn memory_bytes(&self) -> usize {
            match *self {}
        }
    }
}
