//! Subprotocols: what the messages of a connection mean (RFC 6455 §1.9).

use std::error::Error;
use std::fmt;

use super::headers::Headers;
use super::refusal::Refusal;
use super::syntax;

/// How many a client may offer. Each needs a name that the server knows, and comparing them with
/// one another, as §4.1 wants them unique, takes time that grows with the square.
const OFFERS_MAX: usize = 64;

/// Subprotocols by name, in order of preference.
///
/// ```
/// use trunkline_proto::handshake::Subprotocols;
///
/// let spoken = Subprotocols::new(["chat.v2", "chat.v1"])?;
/// assert_eq!(spoken.iter().next(), Some("chat.v2"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Subprotocols(Vec<String>);

impl Subprotocols {
    /// Takes names that are tokens, each once.
    ///
    /// # Errors
    ///
    /// If a name is not a token, as it could not stand in the header, or is there twice.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidSubprotocol> {
        let mut known: Vec<String> = Vec::new();
        for name in names {
            if !syntax::is_token(name.as_bytes()) {
                return Err(InvalidSubprotocol::NotAToken { name: name.into() });
            }
            if known.iter().any(|it| it == name) {
                return Err(InvalidSubprotocol::Repeated { name: name.into() });
            }
            known.push(name.into());
        }
        Ok(Self(known))
    }

    /// The names, the most preferred first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is one of them; case counts.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.0.iter().any(|it| it.as_bytes() == name)
    }

    /// The value of the header that offers them.
    pub(super) fn offer(&self) -> String {
        self.0.join(", ")
    }
}

/// Looks at what a client offers (§4.1 point 10): tokens, each of them once.
///
/// A header without any is as good as none, though a client should leave it out: some that people use send it, and
/// RFC 9110 §5.6.1 has a list be read without its empty elements.
pub(super) fn check_offers(headers: &Headers) -> Result<(), Refusal> {
    let mut seen: Vec<&[u8]> = Vec::new();
    for name in offers(headers) {
        if !syntax::is_token(name) {
            return Err(Refusal::bad_request(
                "Sec-WebSocket-Protocol holds a name that is no token",
            ));
        }
        if seen.contains(&name) {
            return Err(Refusal::bad_request("Sec-WebSocket-Protocol holds the same name twice"));
        }
        if seen.len() == OFFERS_MAX {
            return Err(Refusal::bad_request("Sec-WebSocket-Protocol holds more than 64 names"));
        }
        seen.push(name);
    }
    Ok(())
}

/// What a client offers, in its order.
pub(super) fn offers(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    headers.list(HEADER)
}

/// Where subprotocols stand, in both directions.
pub(super) const HEADER: &str = "Sec-WebSocket-Protocol";

/// A name that cannot be offered or accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidSubprotocol {
    /// It is empty or holds a space, a comma or another separator (RFC 9110 §5.6.2).
    NotAToken {
        /// The name as it was given.
        name: String,
    },
    /// It is there already (RFC 6455 §4.1 point 10).
    Repeated {
        /// The name.
        name: String,
    },
}

impl fmt::Display for InvalidSubprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAToken { name } => write!(
                f,
                "subprotocol {name:?} is not a token: use letters, digits and any of !#$%&'*+-.^_`|~"
            ),
            Self::Repeated { name } => write!(f, "subprotocol {name:?} is listed twice"),
        }
    }
}

impl Error for InvalidSubprotocol {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&[u8]], expect: Result<usize, &str>) {
        let mut headers = Headers::new();
        for value in values {
            headers.push("sec-websocket-protocol", value).expect("a header");
        }
        let got = check_offers(&headers).map(|()| offers(&headers).count());
        let got = got.map_err(|it| String::from_utf8_lossy(it.body()).into_owned());
        match expect {
            Ok(count) => assert_eq!(got, Ok(count)),
            Err(part) => assert!(got.clone().is_err_and(|it| it.contains(part)), "{got:?}"),
        }
    }

    #[test]
    fn s4_1_offers_are_unique_tokens() {
        check(&[], Ok(0));
        check(&[b"chat"], Ok(1));
        check(&[b"chat, superchat", b"v1.chat"], Ok(3));
        check(&[b"chat,,Chat"], Ok(2));
        check(&[b""], Ok(0));
        check(&[b" , "], Ok(0));
        check(&[b"chat chat2"], Err("token"));
        check(&[b"\x80\xff"], Err("token"));
        check(&[b"chat", b"chat"], Err("twice"));
    }

    #[test]
    fn there_is_a_bound_on_offers() {
        let names = |n: usize| (0..n).map(|i| format!("p{i}")).collect::<Vec<_>>().join(",");
        check(&[names(64).as_bytes()], Ok(64));
        check(&[names(65).as_bytes()], Err("64"));
    }

    #[test]
    fn names_are_checked_when_they_are_given() {
        for name in ["", "a b", "a,b", "a\r\nb", "ä"] {
            let error = InvalidSubprotocol::NotAToken { name: name.into() };
            assert_eq!(Subprotocols::new(["ok", name]), Err(error));
        }
        let error = InvalidSubprotocol::Repeated { name: "a".into() };
        assert_eq!(Subprotocols::new(["a", "b", "a"]), Err(error));
        assert!(Subprotocols::new(["a", "A"]).is_ok_and(|it| it.offer() == "a, A"));
    }
}
