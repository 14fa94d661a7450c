//! What goes wrong in a handshake, told apart by whose fault it is.
//!
//! A server answers the faults of its client with a [`Refusal`](super::Refusal). What a server
//! does wrong ends the client's handshake with a [`HandshakeError`]. What the caller asks for and
//! cannot have is an error of its own, named for the thing: [`InvalidHeader`](super::InvalidHeader),
//! [`InvalidUrl`](super::InvalidUrl), [`AcceptError`](super::AcceptError) and so on.

use std::error::Error;
use std::fmt;

use super::extensions::MalformedExtensions;
use super::response::Response;
use crate::Limit;

/// A head that is not HTTP/1.1 as RFC 9112 has it, or larger than its limits: the peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HeadError {
    /// A line ended with LF alone (RFC 9112 §2.2).
    BareLf,
    /// A CR was not followed by LF (§2.2).
    BareCr,
    /// A control such as NUL stood in the head (§5, RFC 9110 §5.5).
    Control,
    /// More than two empty lines stood before the request (§2.2).
    EmptyLines,
    /// The first line is not `method SP target SP version` (§3).
    RequestLine,
    /// The request target holds something other than visible ASCII, or a fragment (§3.2).
    Target,
    /// The first line is not `version SP status SP reason` (§4).
    StatusLine,
    /// The version of HTTP is not 1.1 (§2.3). RFC 6455 §4.2.1 would allow later ones in this
    /// spelling, but there are none.
    Version,
    /// A header line began with white space, the obsolete way of going on with the last (§5.2).
    FoldedLine,
    /// A header line had no colon (§5).
    NoColon,
    /// White space stood before the colon of a header (§5.1).
    SpaceBeforeColon,
    /// A header name was empty or no token (§5.1).
    Name,
    /// The request target was longer than [`HeadLimits::target`](super::HeadLimits::target).
    TargetTooLong(Limit),
    /// There were more header fields than [`HeadLimits::headers`](super::HeadLimits::headers).
    TooManyHeaders(Limit),
    /// The head was longer than [`HeadLimits::bytes`](super::HeadLimits::bytes).
    TooLong(Limit),
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLf => "a line ends with LF alone: end lines with CRLF",
            Self::BareCr => "a CR is not followed by LF: end lines with CRLF",
            Self::Control => "the head holds a control character, so this is not HTTP/1.1",
            Self::EmptyLines => "too many empty lines before the request",
            Self::RequestLine => "the request line is not of the form `GET /path HTTP/1.1`",
            Self::Target => "the request target holds a character that must be percent-encoded",
            Self::StatusLine => "the status line is not of the form `HTTP/1.1 101 reason`",
            Self::Version => "the version of HTTP is not 1.1",
            Self::FoldedLine => "a header is folded over two lines: send it as one",
            Self::NoColon => "a header line has no colon",
            Self::SpaceBeforeColon => "white space stands between a header name and its colon",
            Self::Name => "a header name is not a token",
            Self::TargetTooLong(limit) => {
                return write!(
                    f,
                    "the request target is longer than {} bytes (HeadLimits::target)",
                    limit.max()
                );
            }
            Self::TooManyHeaders(limit) => {
                return write!(
                    f,
                    "there are more than {} header fields (HeadLimits::headers)",
                    limit.max()
                );
            }
            Self::TooLong(limit) => {
                return write!(
                    f,
                    "the head is longer than {} bytes (HeadLimits::bytes)",
                    limit.max()
                );
            }
        })
    }
}

impl Error for HeadError {}

/// Why a client has no connection: the server's doing in every variant. No frame may be sent; the
/// transport is to be closed (RFC 6455 §4.1).
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The answer is not HTTP/1.1, or its head is over the limits.
    Head(HeadError),
    /// The server answered with a status other than 101. It may ask for credentials (401), point
    /// elsewhere (3xx, see [`Response::location`]), or say what it did not like.
    Refused(Box<Response>),
    /// More interim answers (1xx) than anyone needs.
    TooManyInterim,
    /// The server closed before its answer was whole.
    UnexpectedEnd,
    /// A 101 in HTTP/1.0, which has none.
    Version,
    /// `Upgrade` of the answer is not `websocket` (§4.1 point 2).
    Upgrade,
    /// `Connection` of the answer does not hold `upgrade` (§4.1 point 3).
    Connection,
    /// `Sec-WebSocket-Accept` is missing, there twice, or does not go with the key (§4.1 point 4).
    Accept,
    /// `Sec-WebSocket-Extensions` of the answer cannot be read.
    MalformedExtensions(MalformedExtensions),
    /// The server chose an extension that was not offered, or one of them twice (§4.1 point 5).
    ExtensionNotOffered {
        /// Its name.
        name: String,
    },
    /// The server chose permessage-deflate with parameters that do not go with the offer.
    #[cfg(feature = "deflate")]
    Deflate(crate::deflate::DeflateRefused),
    /// The server chose a subprotocol that was not offered, or more than one (§4.1 point 6).
    SubprotocolNotOffered,
    /// The server chose no subprotocol although the configuration requires one.
    SubprotocolMissing,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(_) => "the server's answer is not HTTP/1.1 that can be read",
            Self::Refused(response) => {
                return write!(
                    f,
                    "the server refused the upgrade with status {}",
                    response.status()
                );
            }
            Self::TooManyInterim => "the server sent too many interim (1xx) answers",
            Self::UnexpectedEnd => "the server closed before its answer was whole",
            Self::Version => "the server switched protocols in HTTP/1.0",
            Self::Upgrade => "the server switched, but not to `websocket`",
            Self::Connection => "the server's `Connection` header does not say `upgrade`",
            Self::Accept => {
                "the server's `Sec-WebSocket-Accept` does not go with the key: \
                 is a cache or a proxy in between?"
            }
            Self::MalformedExtensions(_) => "the server's extensions cannot be read",
            Self::ExtensionNotOffered { name } => {
                return write!(f, "the server chose extension {name:?}, which was not offered");
            }
            #[cfg(feature = "deflate")]
            Self::Deflate(_) => "the server's parameters for permessage-deflate are not acceptable",
            Self::SubprotocolNotOffered => "the server chose a subprotocol that was not offered",
            Self::SubprotocolMissing => "the server speaks none of the subprotocols offered",
        })
    }
}

impl Error for HandshakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Head(source) => Some(source),
            Self::MalformedExtensions(source) => Some(source),
            #[cfg(feature = "deflate")]
            Self::Deflate(source) => Some(source),
            _ => None,
        }
    }
}

impl From<HeadError> for HandshakeError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<MalformedExtensions> for HandshakeError {
    fn from(error: MalformedExtensions) -> Self {
        Self::MalformedExtensions(error)
    }
}
