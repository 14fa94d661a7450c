//! What one frame of a client may hold. Beyond, the connection is closed with 3501: no SDK comes near.
//!
//! The frame itself is bounded by the transport, to 64 KiB by default, and with it what is handed on as it is:
//! payloads, and tokens, whose length is for [`auth`](crate::auth::TOKEN_BYTES_MAX) to judge.

/// Commands in a frame: 256. A first frame has a `connect` and a `subscribe` for each channel, of which
/// there are 128 at most by default; and without a bound `{}`, a pong, fits 21 845 times into 64 KiB.
pub const COMMANDS_MAX: usize = 256;

/// Bytes of the name of a method, of the client and of its version: 255, as in the name of a channel.
/// The protocol suggests 16 for the client and 64 for its version, but Centrifugo does not insist.
pub const NAME_BYTES_MAX: usize = 255;

/// Channels whose position a client gives when it connects: 128, the subscriptions that it may have.
pub const RECOVERED_MAX: usize = 128;

/// Headers that a client gives when it connects: 64. Browsers send some twenty.
pub const HEADERS_MAX: usize = 64;
