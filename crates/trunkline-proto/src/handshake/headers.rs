//! Header fields: those of a head that was read, and those that are to be written.

use std::error::Error;
use std::fmt;

use super::syntax;

/// Header fields in the order they came, kept in one buffer.
///
/// Names are tokens and compared without regard to case; values are bytes without controls, so
/// nothing in here can break out of its line (RFC 9110 §5.1, §5.5).
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::Headers;
///
/// let headers = Headers::new().with("Server", "trunkline")?.with("Vary", "Origin")?;
/// assert_eq!(headers.get("server"), Some(&b"trunkline"[..]));
/// assert!(headers.with("X-Evil", "1\r\nSet-Cookie: a=b").is_err());
/// # Ok::<_, trunkline_proto::handshake::InvalidHeader>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    /// For a head that was read, the whole of it; otherwise names and values back to back.
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Vec<Field>,
}

/// Where one field stands in the buffer.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// A part of a buffer of less than 4 GiB: half the size of a `Range`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Headers {
    /// No fields yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), fields: Vec::new() }
    }

    /// Adds a field behind the others; one of the same name may already be there.
    ///
    /// White space around the value is dropped.
    ///
    /// # Errors
    ///
    /// If `name` is not a token or `value` holds a control such as CR, LF or NUL. Nothing is added.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        let value = syntax::trim(value.as_ref());
        if !syntax::is_token(name.as_bytes()) {
            return Err(InvalidHeader::Name { name: name.into() });
        }
        if value.iter().any(|&byte| syntax::is_control(byte)) {
            return Err(InvalidHeader::Value { name: name.into() });
        }
        let name = self.store(name.as_bytes());
        let value = self.store(value);
        self.fields.push(Field { name, value });
        Ok(())
    }

    /// The same in a chain.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidHeader> {
        self.push(name, value)?;
        Ok(self)
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// Every value of `name`, in order.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        self.fields
            .iter()
            .filter(move |field| field.name.of(&self.bytes).eq_ignore_ascii_case(name))
            .map(|field| field.value.of(&self.bytes))
    }

    /// The elements of the comma lists in all values of `name`, which HTTP takes for one list
    /// (RFC 9110 §5.3). They are trimmed, empty ones are passed over.
    pub fn list<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name).flat_map(syntax::list)
    }

    /// Whether a list holds `token`, compared without regard to case.
    pub fn list_contains(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Whether there is a field of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Name and value of every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|field| (syntax::ascii(field.name.of(&self.bytes)), field.value.of(&self.bytes)))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The only value of `name`: `Ok(None)` if there is none.
    pub(super) fn only(&self, name: &str) -> Result<Option<&[u8]>, Repeated> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value),
        }
    }

    /// Refuses the names that a machine writes itself.
    pub(super) fn check_reserved(&self, reserved: &[&str]) -> Result<(), InvalidHeader> {
        let found = self
            .iter()
            .map(|(name, _)| name)
            .find(|name| reserved.iter().any(|it| name.eq_ignore_ascii_case(it)));
        found.map_or(Ok(()), |name| Err(InvalidHeader::Reserved { name: name.into() }))
    }

    /// Appends the fields to `out`, a line each.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            encode_field(out, name, value);
        }
    }

    /// Bytes that are not a field but live in the same buffer.
    pub(super) fn store(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span::new(start, self.bytes.len())
    }
}

/// Appends one line. The value must hold no controls.
pub(super) fn encode_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(!value.iter().any(|&byte| syntax::is_control(byte)), "checked where it came in");
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

impl fmt::Debug for Headers {
    /// Shows names and sizes: cookies and credentials do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.iter().map(|(name, value)| (name, value.len()));
        f.debug_map().entries(sizes).finish()
    }
}

/// A field that should stand alone came twice.
#[derive(Debug)]
pub(super) struct Repeated;

impl Span {
    /// The largest buffer that spans reach into.
    pub(super) const BYTES_MAX: usize = u32::MAX as usize;

    pub(super) fn new(start: usize, end: usize) -> Self {
        let clamp = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    /// The part of `bytes` that is meant.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A header field that the caller may not send.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is not a token (RFC 9110 §5.1).
    Name {
        /// What was given.
        name: String,
    },
    /// The value holds a control: CR and LF would start another field (RFC 9110 §5.5).
    Value {
        /// Of which field; the value itself may be a secret.
        name: String,
    },
    /// The handshake writes this field itself.
    Reserved {
        /// Which one.
        name: String,
    },
    /// A field that must stand alone was given twice.
    Repeated {
        /// Which one.
        name: String,
    },
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(f, "header name {name:?} is not a token"),
            Self::Value { name } => {
                write!(f, "the value of header {name:?} is not allowed: check it for line breaks")
            }
            Self::Reserved { name } => {
                write!(f, "header {name:?} is written by the handshake itself: leave it out")
            }
            Self::Repeated { name } => write!(f, "header {name:?} may be given only once"),
        }
    }
}

impl Error for InvalidHeader {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_values_keep_their_order() {
        let headers = Headers::new()
            .with("Accept", "a, b")
            .and_then(|it| it.with("Host", " x\t"))
            .and_then(|it| it.with("ACCEPT", ",c"))
            .expect("these are headers");
        assert_eq!(headers.values("accept").collect::<Vec<_>>(), [&b"a, b"[..], b",c"]);
        assert_eq!(headers.list("accept").collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert!(headers.list_contains("Accept", "B"));
        assert_eq!(headers.get("host"), Some(&b"x"[..]));
        assert_eq!((headers.len(), headers.contains("Hos")), (3, false));
        assert!(headers.only("accept").is_err());
        assert!(matches!(headers.only("cookie"), Ok(None)));
    }

    #[test]
    fn a_header_cannot_leave_its_line() {
        let mut headers = Headers::new();
        for name in ["", "a b", "a:", "a\r\nb", "ä", "a\0"] {
            let refused = InvalidHeader::Name { name: name.into() };
            assert_eq!(headers.push(name, "x"), Err(refused));
        }
        for value in [&b"a\r\nb"[..], b"\n", b"a\0", b"\x7f", b"a\x0bb"] {
            let refused = InvalidHeader::Value { name: "x".into() };
            assert_eq!(headers.push("x", value), Err(refused), "{}", value.escape_ascii());
        }
        assert!(headers.is_empty() && headers.bytes.is_empty());
        assert_eq!(headers.push("x", b"tabs\tand \xff are fine"), Ok(()));
    }

    #[test]
    fn debug_shows_no_values() {
        let headers = Headers::new().with("Cookie", "secret").expect("a header");
        assert_eq!(format!("{headers:?}"), r#"{"Cookie": 6}"#);
    }
}
