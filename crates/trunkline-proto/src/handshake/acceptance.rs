//! What the application decides about a request that may be accepted.

use std::error::Error;
use std::fmt;

use super::RESERVED;
use super::headers::{Headers, InvalidHeader};
use super::refusal::Refusal;

/// How the application accepts a request. The default leaves all to the configuration.
///
/// ```
/// use trunkline_proto::handshake::Acceptance;
///
/// let acceptance = Acceptance::new()
///     .with_subprotocol("chat.v1") // one that the client offered
///     .with_header("Set-Cookie", "seen=1")?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct Acceptance {
    pub(super) subprotocol: Choice,
    pub(super) headers: Headers,
}

#[derive(Clone, Default, Debug)]
pub(super) enum Choice {
    #[default]
    Configured,
    None,
    Named(String),
}

impl Acceptance {
    /// Leaves all to the configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses this subprotocol, which the client must have offered.
    pub fn with_subprotocol(self, name: impl Into<String>) -> Self {
        Self { subprotocol: Choice::Named(name.into()), ..self }
    }

    /// Chooses no subprotocol, whatever was offered.
    pub fn without_subprotocol(self) -> Self {
        Self { subprotocol: Choice::None, ..self }
    }

    /// Adds a header to the answer, such as `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// If it is malformed, or one that the handshake writes itself.
    pub fn with_header(
        mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, InvalidHeader> {
        let added = Headers::new().with(name, &value)?;
        added.check_reserved(RESERVED)?;
        self.headers.push(name, value)?;
        Ok(self)
    }
}

/// An acceptance that cannot be sent: the server application's fault.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The subprotocol is not one of those that the client offered (RFC 6455 §4.2.2 point 5).
    SubprotocolNotOffered {
        /// The name as it was given.
        name: String,
    },
    /// A header cannot be sent.
    Header(InvalidHeader),
    /// The request was not an upgrade of HTTP/1.1, so a 101 does not answer it.
    NoKey,
}

impl AcceptError {
    /// 500, which tells the client that it is not its fault.
    pub fn refusal(&self) -> Refusal {
        Refusal::text(
            500,
            "the server could not settle what to speak: this is a fault of the server",
        )
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubprotocolNotOffered { name } => {
                write!(f, "the client did not offer subprotocol {name:?}: choose one that it did")
            }
            Self::Header(_) => f.write_str("a header of the answer cannot be sent"),
            Self::NoKey => f.write_str("the request is no upgrade of HTTP/1.1: it has no key"),
        }
    }
}

impl Error for AcceptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Header(source) => Some(source),
            Self::SubprotocolNotOffered { .. } | Self::NoKey => None,
        }
    }
}

impl From<InvalidHeader> for AcceptError {
    fn from(error: InvalidHeader) -> Self {
        Self::Header(error)
    }
}
