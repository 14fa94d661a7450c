//! [`Encoding`]: how commands and replies become bytes.

use super::decode::Requests;

/// How commands and replies become bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Encoding {
    /// Objects of JSON in text messages, a line each.
    #[default]
    Json,
    /// Messages of Protobuf in binary messages, each behind its length.
    Protobuf,
}

impl Encoding {
    /// The subprotocols that a server offers.
    pub const SUBPROTOCOLS: [&str; 2] = ["centrifuge-json", "centrifuge-protobuf"];

    /// What was agreed on: by the subprotocol, or by `format=protobuf` or `cf_protocol=protobuf` in the
    /// query of the URL. JSON if by neither.
    ///
    /// ```
    /// use trunkline_server::dialect::centrifugo::Encoding;
    ///
    /// assert_eq!(Encoding::negotiate(None, ""), Encoding::Json);
    /// assert_eq!(Encoding::negotiate(Some("centrifuge-protobuf"), ""), Encoding::Protobuf);
    /// assert_eq!(Encoding::negotiate(None, "a=b&format=protobuf"), Encoding::Protobuf);
    /// ```
    pub fn negotiate(subprotocol: Option<&str>, query: &str) -> Self {
        let by_query =
            query.split('&').any(|it| matches!(it, "format=protobuf" | "cf_protocol=protobuf"));
        if by_query || subprotocol == Some(Self::Protobuf.subprotocol()) {
            Self::Protobuf
        } else {
            Self::Json
        }
    }

    /// The encoding that the name of a subprotocol stands for.
    pub fn of_subprotocol(name: &str) -> Option<Self> {
        [Self::Json, Self::Protobuf].into_iter().find(|it| it.subprotocol() == name)
    }

    /// The subprotocol that stands for it.
    pub const fn subprotocol(self) -> &'static str {
        let [json, protobuf] = Self::SUBPROTOCOLS;
        match self {
            Self::Json => json,
            Self::Protobuf => protobuf,
        }
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Protobuf => "protobuf",
        }
    }

    /// Whether frames go out as text messages; as binary ones if not.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Json)
    }

    /// The commands of a frame, which is the payload of one message, text or binary.
    pub const fn decode(self, frame: &[u8]) -> Requests<'_> {
        Requests::new(self, frame)
    }
}
