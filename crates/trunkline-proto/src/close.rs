//! Why a connection ends (RFC 6455 §7.4).

use std::fmt;

/// The code in a close frame: one that may stand on the wire, never a reserved one.
///
/// `1004`, `1005`, `1006`, `1015` and everything outside `1000..=4999` or between `1016` and `2999`
/// cannot be made, so whoever holds a `CloseCode` may send it (RFC 6455 §7.4.1, §7.4.2).
///
/// ```
/// use trunkline_proto::CloseCode;
///
/// /// 4000 to 4999 are for applications.
/// const SESSION_OVER: CloseCode = CloseCode::new(4001).expect("may be sent");
///
/// assert_eq!(SESSION_OVER.get(), 4001);
/// assert_eq!(CloseCode::new(1006), None); // stands for a connection that was not closed
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke a rule of the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the data of a message did not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: the peer broke a rule of this endpoint.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: a client expected an extension that the server did not agree to.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// 1011: the endpoint met a condition that keeps it from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded, come back later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an unusable answer from behind it (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code as a type, or `None` where it must not appear in a close frame.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number as it stands on the wire.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}
